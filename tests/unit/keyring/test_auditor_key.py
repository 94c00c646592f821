"""The key of an auditor's own tool, and its public half as a file."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from joserfc import jwk, jwt

from exchange.canonical import b64u, labelled
from exchange.errors import Malformed
from exchange.keyid import auditor_kid
from exchange.keyring.ceremony import new_auditor_key
from exchange.keyring.public_key import read_public_key, write_public_key
from exchange.keyring.signing import AuditorKey

KEY = AuditorKey(b"\x07" * 32)


def test_a_key_is_named_by_its_public_half() -> None:
    assert KEY.kid == auditor_kid(KEY.public) == b64u(labelled("xch-auditor-key-v1", KEY.public))
    assert KEY.kid in repr(KEY)
    assert b64u(b"\x07" * 32) not in repr(KEY)
    assert new_auditor_key().kid != new_auditor_key().kid


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_size_makes_no_key(size: int) -> None:
    with pytest.raises(Malformed):
        AuditorKey(bytes(size))


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes([1, *31 * [0]])])
def test_a_key_of_another_size_or_a_weak_one_has_no_name(public: bytes) -> None:
    with pytest.raises(Malformed):
        auditor_kid(public)


def test_a_library_verifies_its_assertion() -> None:
    text = KEY.client_assertion(
        "0c1d2e3f-0000-4000-8000-000000000001",
        issuer="https://hub.example",
        now=1_767_225_600,
        jti="x" * 16,
    )

    public = jwk.OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u(KEY.public)})
    found = jwt.decode(text, public, algorithms=["Ed25519"])
    assert found.header["kid"] == KEY.kid
    assert found.claims["iss"] == found.claims["sub"] == "0c1d2e3f-0000-4000-8000-000000000001"
    assert found.claims["aud"] == "https://hub.example"


def test_its_files_hold_one_half_each() -> None:
    private = load_pem_private_key(KEY.secret_pem(), password=None)
    file = write_public_key(KEY.public)

    assert (
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) == file
    )
    assert read_public_key(file) == KEY.public


OTHER = (
    generate_private_key(SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (KEY.secret_pem(), "private key"),
        (2 * write_public_key(KEY.public), "exactly one"),
        (b"", "exactly one"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        (OTHER, "another kind"),
    ],
    ids=["private", "two", "none", "damaged", "another kind"],
)
def test_another_file_is_refused(pem: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        read_public_key(pem)
