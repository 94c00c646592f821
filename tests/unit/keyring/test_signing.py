"""exchange.keyring.signing and .fingerprint: private keys do not show, spoken names do."""

import pickle
import traceback

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from exchange.canonical import b64u
from exchange.errors import Malformed
from exchange.keyring.fingerprint import heard, qr_text, spoken
from exchange.keyring.signing import IdentityKey, PersonKey

SEEDS = (b"\x01" * 32, b"\x02" * 32)
KEY = IdentityKey("agency-a", *SEEDS)
KID = "1t6wBLcASBT8AoOjyfvAxgw3QRVuRtxToeIVZUvY4gw"
SPOKEN = "23pl abfx abeb j7ac qor4 t66a yygd oqiv nzdn yu5b 4ikw ks6y 4iga"


def test_a_pair_knows_its_name_and_its_algorithms() -> None:
    assert (KEY.kid, KEY.agency, KEY.algorithms) == (KID, "agency-a", ("Ed25519", "ML-DSA-65"))


def test_representations_show_names_and_no_secret() -> None:
    assert repr(KEY) == f"IdentityKey(agency-a, {KID})"
    person = PersonKey(b"\x04" * 32)
    assert repr(person) == f"PersonKey({person.kid})"
    for key, seed in ((KEY, SEEDS[0]), (KEY, SEEDS[1]), (person, b"\x04" * 32)):
        shown = f"{key} {key!r} {vars(key)!r}"
        assert seed.hex() not in shown
        assert repr(seed)[2:-1] not in shown


def test_keys_cannot_be_pickled_away() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(KEY)


def test_a_traceback_through_a_key_shows_no_secret() -> None:
    secret = b"marker-of-a-secret-of-31-bytes!"
    with pytest.raises(Malformed) as caught:
        IdentityKey("agency-a", secret, SEEDS[1])
    shown = "".join(traceback.TracebackException.from_exception(caught.value).format())
    assert "marker" not in shown


@pytest.mark.parametrize("seeds", [(b"", SEEDS[1]), (SEEDS[0], b""), (b"1" * 33, SEEDS[1])])
def test_seeds_of_another_size_are_refused(seeds: tuple[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        IdentityKey("agency-a", *seeds)
    with pytest.raises(Malformed):
        PersonKey(b"\x04" * 31)


def test_key_files_hold_one_half_each_in_seed_form() -> None:
    first, second = (KEY.secret_pem(algorithm) for algorithm in KEY.algorithms)
    ed25519, ml_dsa_65 = load_pem_private_key(first, None), load_pem_private_key(second, None)
    assert isinstance(ed25519, Ed25519PrivateKey)
    assert isinstance(ml_dsa_65, MLDSA65PrivateKey)
    assert (ed25519.private_bytes_raw(), ml_dsa_65.private_bytes_raw()) == SEEDS
    assert len(second) < 200  # the seed, not the 4 kB of the expanded key


def test_the_spoken_form_of_the_published_vector_is_exact() -> None:
    assert spoken(KID) == SPOKEN


@given(st.binary(min_size=32, max_size=32))
def test_what_is_spoken_is_heard(digest: bytes) -> None:
    kid = b64u(digest)
    assert heard(spoken(kid)) == kid
    assert heard(spoken(kid).upper().replace(" ", "-\n")) == kid


@pytest.mark.parametrize(
    "text",
    ["", SPOKEN[:-5], SPOKEN + " aaaa", SPOKEN[:-1] + "b", SPOKEN.replace("2", "1"), "ä" * 52],
)
def test_what_is_misheard_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        heard(text)


def test_only_a_whole_fingerprint_is_spoken() -> None:
    for short in ("", KID[:-1], KID + "A", "!" * 43):
        with pytest.raises(Malformed):
            spoken(short)


def test_the_qr_code_names_agency_and_key() -> None:
    assert qr_text("agency-a", KID) == f"xch:agency-a:{KID}"
