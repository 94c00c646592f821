"""A21: assertions and tokens signed by something that anybody can compute."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from exchange import canonical
from exchange.canonical import b64u
from tests.attacks import clients
from tests.attacks.served import Served
from tests.simulator import SENDER

pytestmark = pytest.mark.auth


def signed(hub: Served, alg: str) -> bytes:
    head = canonical.encode(clients.header(hub, alg=alg))
    return f"{b64u(head)}.{b64u(canonical.encode(clients.claims(hub)))}".encode("ascii")


def test_the_same_assertion_in_order_gets_a_token(hub: Served) -> None:
    assert clients.asked(hub, clients.good(hub)).status == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AA", "bm9uZQ"])
def test_no_signature_is_no_signature(hub: Served, alg: str, signature: str) -> None:
    clients.refused(hub, signed(hub, alg).decode() + "." + signature)


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(hub: Served, alg: str) -> None:
    card = hub.sim.offices[SENDER].identity.card
    text = signed(hub, alg)
    for secret in (card.ed25519, b64u(card.ed25519).encode(), card.kid.encode(), b""):
        digest = hmac.new(secret, text, getattr(hashlib, "sha" + alg[2:])).digest()
        clients.refused(hub, text.decode() + "." + b64u(digest))


@pytest.mark.parametrize("alg", ["EdDSA", "Ed448", "ed25519", "ED25519", "ML-DSA-65", "HS256"])
def test_our_own_signature_under_another_name_is_refused(hub: Served, alg: str) -> None:
    clients.refused(hub, clients.assertion(hub, clients.header(hub, alg=alg), clients.claims(hub)))


def test_the_post_quantum_half_signs_no_assertion(hub: Served) -> None:
    text = signed(hub, "ML-DSA-65")
    signature = hub.sim.offices[SENDER].identity.sign("ML-DSA-65", text)

    clients.refused(hub, (text.decode() + "." + b64u(signature))[:4096])


def test_es256_is_refused(hub: Served) -> None:
    text = signed(hub, "ES256")
    r, s = decode_dss_signature(
        ec.generate_private_key(ec.SECP256R1()).sign(text, ec.ECDSA(hashes.SHA256()))
    )
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")

    clients.refused(hub, text.decode() + "." + b64u(signature))


def test_rs256_is_refused(hub: Served) -> None:
    text = signed(hub, "RS256")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    clients.refused(
        hub, text.decode() + "." + b64u(key.sign(text, padding.PKCS1v15(), hashes.SHA256()))
    )


@pytest.mark.parametrize(
    "signature", [b"", bytes(64), b"\x01" + bytes(63), bytes(63), bytes(65)], ids=range(5)
)
def test_a_signature_of_nothing_is_refused(hub: Served, signature: bytes) -> None:
    clients.refused(hub, signed(hub, "Ed25519").decode() + "." + b64u(signature))


def test_another_key_of_the_same_kind_is_refused(hub: Served) -> None:
    text = signed(hub, "Ed25519")
    signature = ed25519.Ed25519PrivateKey.generate().sign(text)

    clients.refused(hub, text.decode() + "." + b64u(signature))


def test_a_signature_with_its_order_added_is_refused(hub: Served) -> None:
    """S + L verifies where S is not reduced: the same assertion in a second form."""
    text = signed(hub, "Ed25519")
    signature = hub.sim.offices[SENDER].identity.sign("Ed25519", text)
    order = 2**252 + 27742317777372353535851937790883648493
    second = int.from_bytes(signature[32:], "little") + order

    clients.refused(hub, text.decode() + "." + b64u(signature[:32] + second.to_bytes(32, "little")))


@pytest.mark.parametrize("change", ["first", "last", "payload", "header"])
def test_one_changed_bit_is_refused(hub: Served, change: str) -> None:
    head, payload, signature = clients.good(hub).split(".")
    flipped = {
        "first": (head, payload, _flip(signature, 0)),
        "last": (head, payload, _flip(signature, len(signature) - 2)),
        "payload": (head, _flip(payload, 20), signature),
        "header": (_flip(head, 20), payload, signature),
    }

    clients.refused(hub, ".".join(flipped[change]))


def _flip(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + ".",
        lambda text: text + "=",
        lambda text: text.rpartition(".")[0],
        lambda text: text.replace(".", ".."),
        lambda text: " " + text,
        lambda text: text + "\n",
        lambda text: text.replace(".", ".\n", 1),
        lambda text: text + "\xe4",
        lambda text: "Bearer " + text,
        lambda text: f'{{"payload":"{text}"}}',
    ],
    ids=range(10),
)
def test_another_spelling_of_the_same_assertion_is_refused(hub: Served, change: object) -> None:
    assert callable(change)

    clients.refused(hub, change(clients.good(hub)))


@pytest.mark.parametrize("alg", ["none", "HS384", "HS512", "Ed25519", "EdDSA"])
def test_an_access_token_of_another_algorithm_is_refused(hub: Served, alg: str) -> None:
    _, payload, signature = hub.sim.token(SENDER).split(".")
    head = b64u(canonical.encode({"alg": alg, "typ": "at+jwt"}))
    for forged in (signature, ""):
        token = f"Authorization: Bearer {head}.{payload}.{forged}"
        hub.refused(hub.head("GET /v1/inbox HTTP/1.1", token), 401)
