"""Traps of time that consent registers have fallen into, each as a test.

True before the first consent; wrong order on one day; the date of the signature ignored; expiry
computed wrongly; dates before 1970; a status that reads the scans.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.consent.decision import Asked, Deny, Permit, Reason, Standing, decide
from exchange.consent.lint import lint
from exchange.consent.majority import age, representation_ends
from exchange.consent.record import ConsentRecord, Evidence, read_consent
from exchange.consent.words import EvidenceKind
from exchange.days import begin_of, days_after, end_of, last_day
from exchange.members import FIRST_YEAR, read_time, write_time
from exchange.statement import Kind
from exchange.vocabulary import Secrecy
from tests import samples

MICROSECOND = timedelta(microseconds=1)
CONSENT = samples.consent()
SCOPE = samples.agreement().scope()
STANDING = Standing(
    recorded=True,
    used=0,
    ended_at=None,
    agreement_covers=True,
    without_undertaking=frozenset(),
    vetoed=False,
)
ASKED = Asked(
    consent=samples.CONSENT_DIGEST,
    sender="women-b",
    recipients=frozenset({"jobcentre-a"}),
    purpose="housing-loss",
    category="rent-arrears-letter",
    secrecy=Secrecy.PROFESSIONAL,
    exp=CONSENT.valid_until,
)


def decided(
    now: datetime, consent: ConsentRecord | None = CONSENT, **standing: Any
) -> Permit | Deny:
    return decide(ASKED, consent, replace(STANDING, **standing), now=now)


def rules(consent: ConsentRecord, now: datetime, *, agreement_held: bool = True) -> set[str]:
    found = lint(consent, SCOPE, agreement_held=agreement_held, now=now)
    return {finding.id for finding in found}


# True before the first consent


@given(st.integers(-(10**9), 10**9).map(lambda off: CONSENT.valid_from + timedelta(seconds=off)))
def test_without_a_consent_nothing_is_allowed_at_any_time(now: datetime) -> None:
    assert decided(now, None) == Deny((Reason.NO_CONSENT,))
    assert isinstance(decided(now, recorded=False), Deny)


@given(st.timedeltas(MICROSECOND, timedelta(days=40_000)))
def test_before_a_consent_was_given_nothing_is_allowed(earlier: timedelta) -> None:
    assert decided(CONSENT.valid_from - earlier) == Deny((Reason.NOT_YET,))


def test_a_consent_does_not_reach_back_before_its_signature() -> None:
    early = replace(CONSENT, valid_from=CONSENT.collected_at - timedelta(seconds=1))

    assert "L11" in rules(early, CONSENT.collected_at)


# Order on one day


@pytest.mark.parametrize("hours", [-24, -1, 0, 1, 24])
def test_a_recorded_withdrawal_ends_whatever_time_it_bears(hours: int) -> None:
    now = CONSENT.valid_from + timedelta(hours=2)

    ended = decided(now, ended_at=CONSENT.valid_from + timedelta(hours=hours))

    assert ended == Deny((Reason.ENDED,))


def test_given_and_withdrawn_in_the_same_moment_is_withdrawn() -> None:
    moment = CONSENT.valid_from

    assert decided(moment) == Permit(ASKED, moment)
    assert decided(moment, ended_at=moment) == Deny((Reason.ENDED,))


# The date of the signature


def test_the_age_of_a_paper_is_counted_from_its_signature() -> None:
    signed = CONSENT.collected_at

    def late(days: int) -> set[str]:
        return rules(CONSENT, signed + timedelta(days=days)) & {"L13", "L14"}

    assert [late(0), late(14), late(15), late(91)] == [set(), set(), {"L13"}, {"L13", "L14"}]


def test_the_agreement_must_have_held_when_the_person_signed() -> None:
    assert "L10" in rules(CONSENT, CONSENT.collected_at, agreement_held=False)


def test_a_record_is_dated_by_its_last_signature_and_nothing_else() -> None:
    earlier = write_time(CONSENT.collected_at - timedelta(days=1))
    signers = [{"role": "subject", "at": earlier, "identified": "in-person"}]

    assert "L46" in rules(samples.consent(signers=signers), CONSENT.collected_at)


# Expiry


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (date(2026, 12, 31), "2026-12-31T23:00:00Z"),  # German midnight, not that of UTC
        (date(2026, 8, 31), "2026-08-31T22:00:00Z"),  # in summer time
        (date(2026, 3, 29), "2026-03-29T22:00:00Z"),  # a day of 23 hours
        (date(2026, 10, 25), "2026-10-25T23:00:00Z"),  # a day of 25 hours
        (date(2028, 2, 29), "2028-02-29T23:00:00Z"),
    ],
)
def test_until_a_day_holds_to_its_last_moment_and_is_printed_as_that_day(
    day: date, until: str
) -> None:
    consent = replace(CONSENT, valid_until=read_time(until))
    asked = replace(ASKED, exp=consent.valid_until)

    def at(now: datetime) -> Permit | Deny:
        return decide(asked, consent, STANDING, now=now)

    assert write_time(end_of(day)) == until
    assert isinstance(at(consent.valid_until - MICROSECOND), Permit)
    assert at(consent.valid_until) == Deny((Reason.ENDED,))
    assert last_day(consent.valid_until) == day


@pytest.mark.parametrize("first", [date(2026, 3, 2), date(2027, 6, 1), date(2028, 2, 29)])
def test_a_year_of_validity_is_a_year_also_with_a_leap_day(first: date) -> None:
    begins = begin_of(first)
    longest = days_after(begins, 366)
    terms: dict[str, Any] = {"valid_from": begins, "collected_at": begins}
    signers = tuple(replace(signer, at=begins) for signer in CONSENT.signers)
    longest_one = replace(CONSENT, signers=signers, valid_until=longest, **terms)
    longer = replace(longest_one, valid_until=longest + timedelta(seconds=1))

    assert "L15" not in rules(longest_one, begins)
    assert "L15" in rules(longer, begins)
    assert last_day(longest) == first + timedelta(days=365)


@given(st.dates(date(1990, 1, 1), date(2080, 12, 31)))
def test_the_day_that_is_printed_is_the_last_on_which_it_holds(day: date) -> None:
    until = end_of(day)

    assert last_day(until) == day
    assert begin_of(day) <= until - MICROSECOND < until == begin_of(day + timedelta(days=1))


# Before 1970


@pytest.mark.parametrize(
    ("born", "years"),
    [
        (date(1969, 12, 31), 56),
        (date(1970, 1, 1), 56),
        (date(1930, 2, 28), 96),
        (date(1908, 2, 29), 118),
        (date(1900, 1, 1), 126),
    ],
)
def test_who_was_born_before_1970_has_an_age_and_no_guardian(born: date, years: int) -> None:
    today = date(2026, 3, 2)

    assert age(born, today) == years
    assert representation_ends(born) < begin_of(today)
    assert representation_ends(born) == begin_of(date(born.year + 18, born.month, 1))


@pytest.mark.parametrize("year", [FIRST_YEAR, 1945, 1969, 1970])
def test_times_before_1970_are_read_written_and_refused_for_their_age(year: int) -> None:
    written = f"{year}-12-31T23:59:59Z"
    old = samples.changed(
        samples.CONSENT,
        collected_at=written,
        valid_from=written,
        signers=[{"role": "subject", "at": written, "identified": "in-person"}],
    )
    record = read_consent(samples.verified(Kind.CONSENT, old, signer="women-b", kid=samples.KID_B))

    assert write_time(read_time(written)) == written
    assert record.collected_at.year == year
    assert "L14" in rules(record, CONSENT.collected_at)


# A status that reads the scans


def test_no_decision_depends_on_the_evidence_or_its_size() -> None:
    moment = CONSENT.valid_from
    thick = Evidence(sha256="ab" * 32, kind=EvidenceKind.SCAN, pages=999)

    for evidence in (None, thick):
        assert decided(moment, replace(CONSENT, evidence=evidence)) == Permit(ASKED, moment)
