"""exchange.keyid: names of keys, and the refusal of weak ones."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from exchange.canonical import b64u
from exchange.errors import Malformed
from exchange.keyid import (
    IdentityCard,
    agency_id,
    document_fingerprint,
    identity_card,
    person_key,
    person_kid,
)
from exchange.keyring.signing import IdentityKey, PersonKey

P = 2**255 - 19
KEY = IdentityKey("agency-a", b"\x01" * 32, b"\x02" * 32)

WEAK = {
    "identity": (1).to_bytes(32, "little"),
    "identity, other sign": (1 | 1 << 255).to_bytes(32, "little"),
    "identity, y + p": (P + 1).to_bytes(32, "little"),
    "order 2": (P - 1).to_bytes(32, "little"),
    "order 2, other sign": (P - 1 | 1 << 255).to_bytes(32, "little"),
    "order 4": bytes(32),
    "order 4, other sign": bytes(31) + b"\x80",
    "order 4, y + p": P.to_bytes(32, "little"),
    "order 8": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    "order 8, other sign": bytes.fromhex(
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"
    ),
    "order 8, second": bytes.fromhex(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
    ),
    "order 8, second, other sign": bytes.fromhex(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
    ),
    "largest": b"\xff" * 32,
}


def test_the_kid_of_the_published_vector_is_exact() -> None:
    assert KEY.card.ed25519.hex() == (
        "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
    )
    assert hashlib.sha256(KEY.card.ml_dsa_65).hexdigest() == (
        "fda6ad37a2ab2ae563455cc73b3d263e13fc889914d975127dfbb3a07f274a1d"
    )
    assert KEY.card.kid == "1t6wBLcASBT8AoOjyfvAxgw3QRVuRtxToeIVZUvY4gw"


def test_the_kid_covers_both_halves() -> None:
    other = IdentityKey("agency-a", b"\x01" * 32, b"\x03" * 32)
    another = IdentityKey("agency-a", b"\x03" * 32, b"\x02" * 32)
    assert len({KEY.card.kid, other.card.kid, another.card.kid}) == 3


def test_the_kid_of_a_person_of_the_published_vector_is_exact() -> None:
    public = PersonKey(b"\x04" * 32).public
    assert person_kid(public) == "kW6bKlnhgHFBhrE7eWiRl6Nl3RvbjwDmp0nBud2_T9E"


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_key_of_a_person_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        person_key(WEAK[name])
    with pytest.raises(Malformed):
        person_kid(WEAK[name])


def test_the_library_itself_would_load_and_believe_a_weak_key() -> None:
    # The reason for the check above: R = the identity, S = 0 verifies under it for any text.
    point = WEAK["identity"]
    Ed25519PublicKey.from_public_bytes(point).verify(point + bytes(32), b"anything")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_a_person_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(Malformed):
        person_key(b"\x04" * size)


@given(st.binary(min_size=32, max_size=32))
def test_a_real_key_of_a_person_is_taken_as_it_is(seed: bytes) -> None:
    public = PersonKey(seed).public
    assert person_key(public) == public


def test_a_card_is_written_and_read_member_by_member() -> None:
    payload = KEY.card.payload()
    assert payload == {
        "agency": "agency-a",
        "ed25519": b64u(KEY.card.ed25519),
        "ml-dsa-65": b64u(KEY.card.ml_dsa_65),
    }
    assert identity_card(payload) == KEY.card


@pytest.mark.parametrize(
    "changed",
    [
        {"agency": "A"},
        {"agency": 1},
        {"ed25519": b64u(b"x" * 31)},
        {"ed25519": None},
        {"ml-dsa-65": b64u(b"x" * 1951)},
        {"more": "x"},
    ],
)
def test_a_card_of_another_shape_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        identity_card({**KEY.card.payload(), **changed})


@pytest.mark.parametrize("payload", [None, [], "x", {}], ids=["null", "list", "text", "empty"])
def test_what_is_no_card_is_refused(payload: object) -> None:
    with pytest.raises(Malformed):
        identity_card(payload)


@pytest.mark.parametrize(("ed25519", "ml_dsa"), [(31, 1952), (32, 1951), (0, 0)])
def test_a_card_with_keys_of_another_size_cannot_be_made(ed25519: int, ml_dsa: int) -> None:
    with pytest.raises(Malformed):
        IdentityCard("agency-a", bytes(ed25519), bytes(ml_dsa))


@pytest.mark.parametrize("name", ["ab", "a-b", "0a", "a" * 63, "a--"])
def test_an_agency_id_has_2_to_63_plain_characters(name: str) -> None:
    assert agency_id(name) == name


@pytest.mark.parametrize(
    "name", ["", "a", "a" * 64, "-ab", "Ab", "a_b", "ab\n", "äb", None, 12], ids=repr
)
def test_anything_else_is_no_agency_id(name: object) -> None:
    with pytest.raises(Malformed):
        agency_id(name)


def test_a_document_key_of_another_size_has_no_fingerprint() -> None:
    assert len(document_fingerprint(bytes(1216))) == 43
    with pytest.raises(Malformed):
        document_fingerprint(bytes(1215))
