"""exchange.wire.request: what is asked, of whom, until when; and what is sealed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from exchange.canonical import b64u
from exchange.consent.subject import SubjectFacts
from exchange.errors import LintRefused, Malformed
from exchange.statement import Kind, Verified
from exchange.wire.request import (
    LARGEST_SEALED,
    DocumentRequest,
    Wanted,
    check_request,
    read_request,
    read_wanted,
    wanted_block,
)
from tests import samples

ID = "06060606-0606-4606-8606-060606060606"
DIGEST = b64u(b"\x05" * 32)
IAT = 1_772_532_000
DEADLINE = datetime(2026, 3, 17, 10, 0, tzinfo=UTC)
SOUGHT: dict[str, Any] = {
    "id": ID,
    "iat": IAT,
    "agency": "jobcentre-a",
    "to": "women-b",
    "agreement": samples.AGREEMENT_DIGEST,
    "purpose": "housing-loss",
    "categories": ["rent-arrears-letter", "tenancy-termination"],
    "deadline": "2026-03-17T10:00:00Z",
    "sealed": b64u(b"sealed"),
}
UNDER = {**SOUGHT, "consent": samples.CONSENT_DIGEST}
WANTED = Wanted(
    subject=SubjectFacts(family_name="Name", given_name="Given", born=date(1990, 5, 17)),
    needed="the letter of the landlord\nand the notice",
    why="to take over the arrears",
)


def read(payload: dict[str, Any], kind: Kind = Kind.DOCUMENT_REQUEST) -> DocumentRequest:
    """Read a verified statement with this payload."""
    return read_request(Verified(kind, payload, "jobcentre-a", DIGEST, DIGEST, b"x"))


def broken(payload: dict[str, Any], *, under: bool = False, **options: Any) -> list[str]:
    """Return the rules that a request breaks."""
    consent = samples.consent(**options.pop("consent", {})) if under else None
    held = options.pop("in_force", True)
    try:
        check_request(read(payload), samples.agreement().scope(), consent, in_force=held)
    except LintRefused as refused:
        return [f"{finding.id} {finding.field}" for finding in refused.findings]
    return []


@pytest.mark.parametrize("payload", [SOUGHT, UNDER])
def test_a_request_is_read_and_written_member_by_member(payload: dict[str, Any]) -> None:
    found = read(payload)

    assert found == DocumentRequest(
        id=ID,
        iat=IAT,
        agency="jobcentre-a",
        to="women-b",
        agreement=samples.AGREEMENT_DIGEST,
        purpose="housing-loss",
        categories=frozenset({"rent-arrears-letter", "tenancy-termination"}),
        deadline=DEADLINE,
        sealed=b"sealed",
        consent=payload.get("consent"),
    )
    assert found.payload() == payload


@pytest.mark.parametrize(
    "changed",
    [
        {"note": "x"},
        {"to": "jobcentre-a"},
        {"to": samples.ABSENT},
        {"categories": []},
        {"categories": ["b", "a"]},
        {"purpose": "Housing"},
        {"consent": "short"},
        {"agreement": samples.ABSENT},
        {"deadline": "2026-03-03T10:00:00Z"},
        {"deadline": "2026-04-02T10:00:01Z"},
        {"sealed": ""},
        {"sealed": b64u(b"x" * (LARGEST_SEALED + 1))},
    ],
    ids=str,
)
def test_what_is_no_request_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read(samples.changed(SOUGHT, **changed))


def test_another_kind_of_statement_is_refused() -> None:
    with pytest.raises(Malformed, match="no document request"):
        read(SOUGHT, Kind.ERASURE)


def test_a_deadline_lies_within_thirty_days() -> None:
    last = datetime.fromtimestamp(IAT, UTC) + timedelta(days=30)
    at_most = samples.changed(SOUGHT, deadline=f"{last:%Y-%m-%dT%H:%M:%SZ}")
    at_least = samples.changed(SOUGHT, deadline="2026-03-03T10:00:01Z")

    assert read(at_most).deadline == last
    assert read(at_least).deadline == datetime(2026, 3, 3, 10, 0, 1, tzinfo=UTC)


def test_what_agreement_and_consent_cover_may_be_asked_for() -> None:
    assert broken(SOUGHT) == []
    assert broken(UNDER, under=True) == []


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"purpose": "never-heard"}, "L06 purpose"),
        ({"categories": ["never-heard"]}, "L09 categories"),
        ({"to": "debt-d"}, "L09 categories"),
    ],
    ids=str,
)
def test_what_the_agreement_does_not_admit_cannot_be_asked_for(
    changed: dict[str, Any], rule: str
) -> None:
    assert broken(samples.changed(SOUGHT, **changed)) == [rule]


def test_under_an_agreement_that_is_not_in_force_nothing_is_asked() -> None:
    assert broken(SOUGHT, in_force=False) == ["L10 agreement"]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"purpose": "energy-debt"}, "L06 purpose"),
        ({"categories": ["energy-bill"]}, "L09 categories"),
        ({"agreement": DIGEST}, "L10 agreement"),
    ],
    ids=str,
)
def test_a_request_is_no_wider_than_the_consent_it_names(
    changed: dict[str, Any], rule: str
) -> None:
    assert broken(samples.changed(UNDER, **changed), under=True) == [rule]


@pytest.mark.parametrize(
    "other",
    [
        {"releasers": ["debt-d"]},
        {"recipients": ["debt-d"]},
    ],
    ids=str,
)
def test_a_consent_of_others_is_not_one_to_ask_under(other: dict[str, Any]) -> None:
    assert broken(UNDER, under=True, consent=other) == ["L09 categories"]


def test_every_rule_that_is_broken_is_named() -> None:
    other = samples.changed(SOUGHT, purpose="never-heard", categories=["never-heard"])
    assert broken(other, in_force=False) == ["L06 purpose", "L09 categories", "L10 agreement"]


def test_the_sealed_part_is_read_and_written_member_by_member() -> None:
    block = wanted_block(ID, WANTED)

    assert block == {
        "request": ID,
        "subject": WANTED.subject.payload(),
        "needed": "the letter of the landlord\nand the notice",
        "why": "to take over the arrears",
    }
    assert read_wanted(block, ID) == WANTED
    assert "Name" not in repr(WANTED)


@pytest.mark.parametrize(
    "changed",
    [
        {"request": "07070707-0707-4707-8707-070707070707"},
        {"needed": ""},
        {"why": samples.ABSENT},
        {"subject": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_sealed_part_of_another_form_or_request_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_wanted(samples.changed(wanted_block(ID, WANTED), **changed), ID)
