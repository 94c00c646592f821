"""exchange.envelope.age.passphrase"""

import pytest

from exchange.envelope.age import passphrase
from exchange.envelope.age.armor import armor
from exchange.envelope.age.encoding import b64
from exchange.envelope.age.header import Stanza
from exchange.envelope.age.passphrase import PassphraseIdentity, PassphraseRecipient
from exchange.errors import HeaderMalformed, NoMatch
from tests.envelopes import RECIPIENT, parsed, pushed

FILE_KEY = b"YELLOW SUBMARINE"
STANZA = PassphraseRecipient("correct", work_factor=2).wrap(FILE_KEY)
SALT = STANZA.arguments[1]


def test_a_key_file_opens_with_its_passphrase_only() -> None:
    sealed = pushed(b"key", [PassphraseRecipient("correct", work_factor=2)])
    assert passphrase.open(sealed, "correct") == b"key"
    assert passphrase.open(armor(sealed), "correct") == b"key"
    with pytest.raises(NoMatch):
        passphrase.open(sealed, "wrong")


def test_a_key_file_costs_a_second_to_guess_at() -> None:
    assert parsed(passphrase.seal(b"key", "correct")).stanzas[0].arguments[2] == b"18"


def test_the_identity_ignores_other_stanzas() -> None:
    identity = PassphraseIdentity("correct")
    assert identity.unwrap([RECIPIENT.wrap(FILE_KEY)]) is None
    assert identity.unwrap([STANZA]) == FILE_KEY
    assert PassphraseIdentity("wrong").unwrap([STANZA]) is None


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza((b"scrypt", SALT), STANZA.body),
        Stanza((*STANZA.arguments, b"more"), STANZA.body),
        Stanza((b"scrypt", b64(bytes(15)), b"2"), STANZA.body),
        Stanza((b"scrypt", SALT + b"==", b"2"), STANZA.body),
        Stanza((b"scrypt", SALT, b"2"), STANZA.body + b"\0"),
        Stanza((b"scrypt", SALT, b"02"), STANZA.body),
        Stanza((b"scrypt", SALT, b"0"), STANZA.body),
        Stanza((b"scrypt", SALT, b"-2"), STANZA.body),
        Stanza((b"scrypt", SALT, b"2x"), STANZA.body),
        Stanza((b"scrypt", SALT, b"23"), STANZA.body),
        Stanza((b"scrypt", SALT, b"9" * 5000), STANZA.body),
    ],
    ids=[
        "no work factor",
        "an argument too many",
        "short salt",
        "padded salt",
        "long body",
        "leading zero",
        "zero",
        "negative",
        "not a number",
        "too much work",
        "a number as long as a novel",
    ],
)
def test_a_passphrase_stanza_of_another_form_is_malformed(stanza: Stanza) -> None:
    with pytest.raises(HeaderMalformed):
        PassphraseIdentity("correct").unwrap([stanza])
