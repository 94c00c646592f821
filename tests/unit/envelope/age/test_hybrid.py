"""exchange.envelope.age.hybrid"""

import pytest

from exchange.envelope.age.encoding import b64, unb64
from exchange.envelope.age.header import Stanza
from exchange.envelope.age.hybrid import TYPE, HybridIdentity, HybridRecipient, parts
from exchange.errors import HeaderMalformed
from exchange.keyring.decryption import DocumentKey

KEY = DocumentKey(b"\x03" * 32)
FILE_KEY = b"YELLOW SUBMARINE"
STANZA = HybridRecipient(KEY.recipient).wrap(FILE_KEY)
FOREIGN = Stanza((b"grease", b"x"), b"whatever")
OTHERS = HybridRecipient(DocumentKey(b"\x04" * 32).recipient).wrap(FILE_KEY)


def test_a_stanza_names_its_type_and_the_encapsulation() -> None:
    kind, enc = STANZA.arguments
    assert kind == b"mlkem768x25519"
    assert len(unb64(enc)) == 1120
    assert len(STANZA.body) == 32
    assert len(STANZA.encode()) == 1557


def test_the_first_stanza_that_opens_gives_the_file_key() -> None:
    assert HybridIdentity(KEY).unwrap([FOREIGN, OTHERS, STANZA]) == FILE_KEY


def test_stanzas_of_others_give_nothing() -> None:
    assert HybridIdentity(KEY).unwrap([FOREIGN, OTHERS]) is None


ENC = unb64(STANZA.arguments[1])


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza((TYPE,), STANZA.body),
        Stanza((*STANZA.arguments, b"more"), STANZA.body),
        Stanza((TYPE, b64(ENC[:-1])), STANZA.body),
        Stanza((TYPE, b64(ENC + b"\0")), STANZA.body),
        Stanza((TYPE, STANZA.arguments[1] + b"="), STANZA.body),
        Stanza(STANZA.arguments, STANZA.body[:-1]),
        Stanza(STANZA.arguments, STANZA.body + b"\0"),
        Stanza((TYPE, b64(ENC[:-32] + bytes(32))), STANZA.body),
    ],
    ids=[
        "no encapsulation",
        "an argument too many",
        "short encapsulation",
        "long encapsulation",
        "padded",
        "short body",
        "long body",
        "low order",
    ],
)
def test_a_hybrid_stanza_of_another_form_is_malformed(stanza: Stanza) -> None:
    with pytest.raises(HeaderMalformed):
        HybridIdentity(KEY).unwrap([stanza])


def test_the_form_is_checked_before_any_decryption() -> None:
    class Untouched:
        def open(self, enc: bytes, body: bytes) -> bytes | None:
            raise AssertionError

    with pytest.raises(HeaderMalformed):
        HybridIdentity(Untouched()).unwrap([Stanza(STANZA.arguments, bytes(48))])


def test_another_type_has_no_parts() -> None:
    with pytest.raises(HeaderMalformed):
        parts(Stanza((b"X25519", STANZA.arguments[1]), STANZA.body))
