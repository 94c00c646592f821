"""A22: a header of an assertion that brings its own key, or another meaning."""

from typing import Any

import pytest

from exchange import canonical
from exchange.canonical import b64u
from exchange.keyring.ceremony import new_identity
from tests.attacks import clients
from tests.attacks.served import CANARY, Served
from tests.simulator import SENDER

pytestmark = pytest.mark.auth

KEY = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}


@pytest.mark.parametrize(
    "members",
    [
        {"jwk": KEY},
        {"jku": f"https://evil.example/{CANARY}"},
        {"x5u": f"https://evil.example/{CANARY}"},
        {"x5c": ["AA"]},
        {"x5t": "AA"},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"b64": True},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"typ": clients.DROPPED},
        {"typ": "JWT"},
        {"typ": "jwt"},
        {"typ": "at+jwt"},
        {"typ": "Client-Authentication+JWT"},
        {"typ": "application/client-authentication+jwt"},
        {"typ": "client-authentication+jwt "},
        {"typ": ["client-authentication+jwt"]},
        {"typ": None},
        {"kid": clients.DROPPED},
        {"kid": None},
        {"kid": 1},
        {"kid": ["a"]},
        {"kid": {"a": "b"}},
        {"kid": ""},
        {"kid": "../../token.key"},
        {"kid": "' OR 1=1 --"},
        {"kid": "A" * 43},
        {"alg": clients.DROPPED},
        {"alg": None},
        {"alg": ["Ed25519"]},
        {CANARY: CANARY},
    ],
    ids=str,
)
def test_a_header_other_than_ours_is_refused(hub: Served, members: dict[str, Any]) -> None:
    text = clients.assertion(hub, clients.header(hub, **members), clients.claims(hub))

    clients.refused(hub, text)


@pytest.mark.parametrize("case", [str.upper, str.lower, str.swapcase], ids=lambda one: one.__name__)
def test_a_kid_has_one_spelling(hub: Served, case: Any) -> None:
    kid = hub.sim.offices[SENDER].identity.kid

    clients.refused(
        hub, clients.assertion(hub, clients.header(hub, kid=case(kid)), clients.claims(hub))
    )


def test_a_key_sent_along_signs_for_nobody(hub: Served) -> None:
    stranger = new_identity(SENDER)
    head = clients.header(hub, jwk={**KEY, "x": b64u(stranger.card.ed25519)})
    signed = f"{b64u(canonical.encode(head))}.{b64u(canonical.encode(clients.claims(hub)))}"
    signature = stranger.sign("Ed25519", signed.encode("ascii"))

    clients.refused(hub, f"{signed}.{b64u(signature)}")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"Ed25519"',
        b"[" * 3000,
        b'{"alg":"none","alg":"Ed25519"}',
        b'{"alg":"Ed25519","typ":"client-authentication+jwt","kid":NaN}',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
    ],
    ids=range(10),
)
def test_a_header_that_is_no_object_is_refused(hub: Served, head: bytes) -> None:
    clients.refused(hub, clients.compact(hub, head, canonical.encode(clients.claims(hub)))[:4096])


def test_a_member_twice_in_the_header_is_refused(hub: Served) -> None:
    head = canonical.encode(clients.header(hub))
    doubled = head[:-1] + b',"kid":"' + hub.sim.offices[SENDER].identity.kid.encode() + b'"}'

    clients.refused(hub, clients.compact(hub, doubled, canonical.encode(clients.claims(hub))))


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"1", b"{", b"[" * 2500, b"\xff"])
def test_claims_that_are_no_object_are_refused(hub: Served, payload: bytes) -> None:
    clients.refused(hub, clients.compact(hub, canonical.encode(clients.header(hub)), payload))


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "HS256"},
        {"alg": "HS256", "typ": "JWT"},
        {"alg": "HS256", "typ": "AT+JWT"},
        {"alg": "HS256", "typ": "application/at+jwt"},
        {"alg": "HS256", "typ": "at+jwt", "crit": ["exp"]},
        {"alg": "HS256", "typ": "at+jwt", "jwk": {"kty": "oct", "k": "AA"}},
    ],
    ids=str,
)
def test_an_access_token_with_another_header_is_refused(hub: Served, head: dict[str, Any]) -> None:
    _, payload, signature = hub.sim.token(SENDER).split(".")
    token = f"Authorization: Bearer {b64u(canonical.encode(head))}.{payload}.{signature}"

    hub.refused(hub.head("GET /v1/inbox HTTP/1.1", token), 401)
