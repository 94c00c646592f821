"""What a person signs with her own key, and how it becomes part of a statement."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.canonical import b64u, encode, loads, unb64u
from exchange.consent.own_key import OwnSignature, payload_of, to_sign
from exchange.errors import Malformed, StatementNotAcceptable, TooLarge
from exchange.keyid import person_kid
from exchange.keyring.ceremony import new_identity
from exchange.statement import LARGEST_RECORD, Kind, sign, verify

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = PRIVATE.public_key().public_bytes_raw()
PAYLOAD: dict[str, Any] = {
    "id": "0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
    "iat": 1_775_035_200,
    "consent": "C" * 42 + "A",
}
SAID = to_sign(Kind.WITHDRAWAL_ELECTRONIC, PAYLOAD, KEY)


def own(said: str = SAID) -> OwnSignature:
    return OwnSignature(KEY, said, PRIVATE.sign(said.encode()))


def test_what_is_signed_is_header_and_payload_of_a_jws() -> None:
    protected, payload = SAID.split(".")

    assert loads(unb64u(protected), limit=500) == {
        "alg": "Ed25519",
        "kid": person_kid(KEY),
        "typ": "xch-withdrawal-electronic-v1+jws",
    }
    assert unb64u(payload) == encode(PAYLOAD)
    assert payload_of(SAID) == PAYLOAD


def test_a_weak_key_gets_nothing_to_sign() -> None:
    with pytest.raises(Malformed):
        to_sign(Kind.WITHDRAWAL_ELECTRONIC, PAYLOAD, bytes(32))


@pytest.mark.parametrize("text", ["", "e30", "e30.", "e30.W10", "e30.e3", "e30.é", "e30.e30.e30"])
def test_a_text_without_a_payload_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        payload_of(text)


def test_a_payload_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        payload_of("e30." + b64u(b"{" + b" " * LARGEST_RECORD + b"}"))


def test_her_signature_alone_makes_her_withdrawal() -> None:
    statement = own().statement(Kind.WITHDRAWAL_ELECTRONIC)

    verified = verify(statement, (Kind.WITHDRAWAL_ELECTRONIC,), {}, now=PAYLOAD["iat"], person=KEY)

    assert verified.payload == PAYLOAD


@pytest.mark.parametrize(
    "said",
    [
        to_sign(Kind.CONSENT_ELECTRONIC, PAYLOAD, KEY),
        SAID.replace(".", '","x":"', 1),
        SAID + ".e30",
        "." + SAID.partition(".")[2],
    ],
)
def test_what_is_not_exactly_such_a_statement_becomes_none(said: str) -> None:
    with pytest.raises((StatementNotAcceptable, Malformed)):
        own(said).statement(Kind.WITHDRAWAL_ELECTRONIC)


def test_her_signature_beside_an_agencys_makes_a_consent() -> None:
    identity = new_identity("women-b")
    payload = {
        "id": PAYLOAD["id"],
        "iat": PAYLOAD["iat"],
        "collected_by": "women-b",
        "person_key": b64u(KEY),
    }
    hers = own(to_sign(Kind.CONSENT_ELECTRONIC, payload, KEY))

    statement = sign(Kind.CONSENT_ELECTRONIC, payload, identity, hers)

    known = {identity.kid: identity.card}
    found = verify(statement, (Kind.CONSENT_ELECTRONIC,), known, now=PAYLOAD["iat"])
    assert found.payload == payload


def test_her_signature_stands_under_nothing_else() -> None:
    identity = new_identity("women-b")
    payload = {"id": PAYLOAD["id"], "iat": 1, "collected_by": "women-b", "person_key": b64u(KEY)}
    hers = own(to_sign(Kind.CONSENT_ELECTRONIC, payload, KEY))

    with pytest.raises(StatementNotAcceptable):
        sign(Kind.CONSENT_ELECTRONIC, {**payload, "iat": 2}, identity, hers)


def test_only_her_key_over_this_very_text_verifies() -> None:
    signature = PRIVATE.sign(SAID.encode())
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()

    assert OwnSignature(KEY, SAID, signature).verifies()
    assert not OwnSignature(KEY, SAID + "x", signature).verifies()
    assert not OwnSignature(other, SAID, signature).verifies()
    assert not OwnSignature(KEY, SAID, bytes(64)).verifies()
    assert not OwnSignature(bytes(32), SAID, bytes(64)).verifies()
    assert not OwnSignature(KEY, "é", signature).verifies()
    assert "signature" not in repr(own())
