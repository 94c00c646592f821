"""exchange.wire.erasure: what was erased and what is kept, member by member."""

from datetime import date
from typing import Any

import pytest

from exchange.canonical import b64u
from exchange.errors import Malformed
from exchange.statement import Kind, Verified
from exchange.wire.erasure import Erasure, Ground, Kept, Result, read_erasure

FIRST, SECOND = b64u(b"\x05" * 32), b64u(b"\x06" * 32)
ERASED: dict[str, Any] = {
    "id": "06060606-0606-4606-8606-060606060606",
    "iat": 1_790_000_000,
    "agency": "agency-a",
    "erasure": "07070707-0707-4707-8707-070707070707",
    "consent": FIRST,
    "manifests": [FIRST, SECOND],
    "result": "erased",
    "passed_on": ["agency-b"],
}
KEPT = ERASED | {
    "result": "kept",
    "ground": "legal-claims",
    "restricted": True,
    "until": "2029-12-31",
}


def read(payload: dict[str, Any], kind: Kind = Kind.ERASURE) -> Erasure:
    """Read a verified statement with this payload."""
    return read_erasure(Verified(kind, payload, "agency-a", FIRST, FIRST, b"x"))


def test_an_erasure_is_read_and_written_member_by_member() -> None:
    found = read(ERASED)
    assert found == Erasure(
        id="06060606-0606-4606-8606-060606060606",
        iat=1_790_000_000,
        agency="agency-a",
        erasure="07070707-0707-4707-8707-070707070707",
        consent=FIRST,
        manifests=(FIRST, SECOND),
        passed_on=frozenset({"agency-b"}),
    )
    assert found.result is Result.ERASED
    assert found.payload() == ERASED


def test_what_is_kept_names_ground_and_end() -> None:
    found = read(KEPT)
    assert found.kept == Kept(Ground.LEGAL_CLAIMS, date(2029, 12, 31))
    assert found.result is Result.KEPT
    assert found.payload() == KEPT


@pytest.mark.parametrize(
    "changed",
    [
        {"restricted": False},
        {"restricted": None},
        {"restricted": 1},
        {"ground": "convenience"},
        {"until": "2029-12-32"},
        {"until": "20291231"},
        {"until": 2029},
        {"more": 1},
        {"result": "erased"},
        {"manifests": []},
        {"manifests": [SECOND, FIRST]},
        {"manifests": [FIRST, FIRST]},
        {"manifests": FIRST},
        {"manifests": ["x"]},
        {"manifests": [FIRST] * 501},
        {"passed_on": ["B"]},
        {"erasure": "x"},
    ],
)
def test_another_shape_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read(KEPT | changed)


@pytest.mark.parametrize("name", ["ground", "restricted", "until", "passed_on", "manifests"])
def test_a_missing_member_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        read({key: value for key, value in KEPT.items() if key != name})


def test_another_kind_of_statement_is_no_erasure() -> None:
    with pytest.raises(Malformed):
        read(ERASED, Kind.ACKNOWLEDGEMENT)
