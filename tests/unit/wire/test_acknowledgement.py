"""exchange.wire.acknowledgement: what a recipient answers, member by member."""

from typing import Any

import pytest

from exchange.canonical import b64u
from exchange.errors import Malformed
from exchange.statement import Kind, Verified
from exchange.wire.acknowledgement import (
    Acknowledgement,
    Reason,
    Result,
    read_acknowledgement,
)

DIGEST = b64u(b"\x05" * 32)
PAYLOAD: dict[str, Any] = {
    "id": "06060606-0606-4606-8606-060606060606",
    "iat": 1_790_000_000,
    "agency": "agency-a",
    "manifest": DIGEST,
    "result": "rejected",
    "reason": "key-lost",
}


def verified(payload: dict[str, Any], kind: Kind = Kind.ACKNOWLEDGEMENT) -> Verified:
    """Return a verified statement with this payload."""
    return Verified(kind, payload, "agency-a", DIGEST, DIGEST, b"x")


def without(name: str) -> dict[str, Any]:
    """Return the payload without one member."""
    return {key: value for key, value in PAYLOAD.items() if key != name}


def test_an_acknowledgement_is_read_and_written_member_by_member() -> None:
    found = read_acknowledgement(verified(PAYLOAD))
    assert found == Acknowledgement(
        id="06060606-0606-4606-8606-060606060606",
        iat=1_790_000_000,
        agency="agency-a",
        manifest=DIGEST,
        result=Result.REJECTED,
        reason=Reason.KEY_LOST,
    )
    assert found.payload() == PAYLOAD


def test_an_accepted_disclosure_needs_no_reason() -> None:
    payload = without("reason") | {"result": "accepted"}
    found = read_acknowledgement(verified(payload))
    assert found.payload() == payload
    assert not found.gives_use_back


def test_who_accepts_confirms_the_notice_and_nobody_else() -> None:
    accepted = without("reason") | {"result": "accepted", "purpose_binding": "ab" * 32}
    found = read_acknowledgement(verified(accepted))
    assert found.purpose_binding == "ab" * 32
    assert found.payload() == accepted
    for other in (PAYLOAD | {"purpose_binding": "ab" * 32}, accepted | {"purpose_binding": "ab"}):
        with pytest.raises(Malformed):
            read_acknowledgement(verified(other))


@pytest.mark.parametrize(
    ("result", "reasons"),
    [
        ("accepted", set()),
        (
            "rejected",
            {"malformed", "key-lost", "not-for-us", "expired", "replay", "not-permitted"}
            | {"unreadable"},
        ),
        ("quarantined", {"malformed", "not-accepted", "intake"}),
    ],
)
def test_each_result_has_its_reasons_and_no_others(result: str, reasons: set[str]) -> None:
    for reason in Reason:
        payload = PAYLOAD | {"result": result, "reason": reason.value}
        if reason.value in reasons:
            assert read_acknowledgement(verified(payload)).payload() == payload
        else:
            with pytest.raises(Malformed):
                read_acknowledgement(verified(payload))


@pytest.mark.parametrize("result", ["rejected", "quarantined"])
def test_whatever_is_not_accepted_has_a_reason(result: str) -> None:
    with pytest.raises(Malformed):
        read_acknowledgement(verified(without("reason") | {"result": result}))


def test_only_what_nobody_read_gives_the_use_back() -> None:
    found = {
        reason.value
        for reason in Reason
        for result in (Result.REJECTED, Result.QUARANTINED)
        if gives_back(result, reason)
    }
    assert found == {"key-lost", "unreadable"}


def gives_back(result: Result, reason: Reason) -> bool:
    """Tell whether this answer gives a use back; an impossible one gives nothing."""
    try:
        found = read_acknowledgement(verified(PAYLOAD | {"result": result, "reason": reason}))
    except Malformed:
        return False
    return found.gives_use_back


@pytest.mark.parametrize(
    "changed", [{"more": 1}, {"id": "x"}, {"manifest": "x"}, {"result": "read"}, {"reason": "x"}]
)
def test_another_shape_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_acknowledgement(verified(PAYLOAD | changed))


@pytest.mark.parametrize("name", ["id", "iat", "agency", "manifest", "result"])
def test_a_missing_member_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        read_acknowledgement(verified(without(name)))


def test_another_kind_of_statement_is_no_acknowledgement() -> None:
    with pytest.raises(Malformed):
        read_acknowledgement(verified(PAYLOAD, Kind.ERASURE))
