"""exchange.consent.decision: every reason, their order, the edges of time, and given-back uses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.consent.decision import (
    Asked,
    Deny,
    Fate,
    Onward,
    Permit,
    Reason,
    Standing,
    decide,
    gives_back,
)
from exchange.consent.record import ConsentRecord
from exchange.errors import Malformed
from exchange.vocabulary import Secrecy
from tests import samples

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NEW_YEAR = datetime(2025, 12, 31, tzinfo=UTC)

CONSENT = samples.consent(onward_from=["health-c"])

ASKED = Asked(
    consent=samples.CONSENT_DIGEST,
    sender="women-b",
    recipients=frozenset({"jobcentre-a"}),
    purpose="housing-loss",
    category="rent-arrears-letter",
    secrecy=Secrecy.PROFESSIONAL,
    exp=datetime(2026, 4, 15, tzinfo=UTC),
)

STANDING = Standing(
    recorded=True,
    used=0,
    ended_at=None,
    agreement_covers=True,
    without_undertaking=frozenset(),
    vetoed=False,
)

ONWARD = Onward(sender="health-c", secrecy=Secrecy.PROFESSIONAL, collected=True)
ENTRUSTED = replace(ONWARD, secrecy=Secrecy.ENTRUSTED, purpose="energy-debt")


def reasons(
    asked: Asked = ASKED,
    consent: ConsentRecord | None = CONSENT,
    standing: Standing = STANDING,
    *,
    now: datetime = NOW,
) -> tuple[Reason, ...]:
    decided = decide(asked, consent, standing, now=now)
    if isinstance(decided, Permit):
        assert decided == Permit(asked, now)
        return ()
    assert decided.reasons
    return decided.reasons


def test_what_the_consent_covers_is_permitted() -> None:
    assert decide(ASKED, CONSENT, STANDING, now=NOW) == Permit(ASKED, NOW)


ALONE: dict[str, tuple[Reason, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "another consent": (Reason.NO_CONSENT, {"consent": "D" * 42 + "A"}, {}, {}),
    "sender is no releaser": (Reason.NO_CONSENT, {"sender": "youth-d"}, {}, {}),
    "sender is the recipient": (Reason.NO_CONSENT, {"sender": "jobcentre-a"}, {}, {}),
    "withdrawn": (Reason.ENDED, {}, {}, {"ended_at": NOW - SECOND}),
    "withdrawn, says a clock ahead": (Reason.ENDED, {}, {}, {"ended_at": NOW + SECOND}),
    "not yet recorded": (Reason.NOT_YET, {}, {}, {"recorded": False}),
    "agreement": (Reason.AGREEMENT, {}, {}, {"agreement_covers": False}),
    "another recipient": (Reason.RECIPIENT, {"recipients": frozenset({"youth-d"})}, {}, {}),
    "one recipient too many": (
        Reason.RECIPIENT,
        {"recipients": frozenset({"jobcentre-a", "youth-d"})},
        {},
        {},
    ),
    "another purpose": (Reason.PURPOSE, {"purpose": "energy-debt"}, {}, {}),
    "another category": (Reason.CATEGORY, {"category": "energy-bill"}, {}, {}),
    "a higher class": (Reason.SECRECY, {"secrecy": Secrecy.ENTRUSTED}, {}, {}),
    "onward from another": (
        Reason.ONWARD,
        {"onward": (ONWARD, replace(ONWARD, sender="youth-d"))},
        {},
        {},
    ),
    "onward of a higher class": (
        Reason.ONWARD,
        {"onward": (replace(ONWARD, secrecy=Secrecy.ENTRUSTED),)},
        {},
        {},
    ),
    "onward of a higher class than the whole": (
        Reason.ONWARD,
        {"onward": (ONWARD,), "secrecy": Secrecy.SOCIAL},
        {},
        {},
    ),
    "onward, entrusted for something else": (
        Reason.ONWARD,
        {"onward": (ENTRUSTED,), "secrecy": Secrecy.ENTRUSTED},
        {"secrecy": Secrecy.ENTRUSTED},
        {},
    ),
    "onward, never collected": (
        Reason.ONWARD,
        {"onward": (replace(ONWARD, collected=False),)},
        {},
        {},
    ),
    "no undertaking": (
        Reason.UNDERTAKING,
        {},
        {},
        {"without_undertaking": frozenset({"jobcentre-a", "health-c"})},
    ),
    "once, used": (Reason.USED_UP, {}, {"uses": 1}, {"used": 1}),
    "five times, used": (Reason.USED_UP, {}, {"uses": 5}, {"used": 5}),
    "outlives the consent": (Reason.EXP, {"exp": CONSENT.valid_until + SECOND}, {}, {}),
    "vetoed": (Reason.VETO, {}, {}, {"vetoed": True}),
}


@pytest.mark.parametrize("case", ALONE)
def test_each_reason_denies_alone(case: str) -> None:
    reason, asked, consent, standing = ALONE[case]
    assert reasons(
        replace(ASKED, **asked), replace(CONSENT, **consent), replace(STANDING, **standing)
    ) == (reason,)


def test_every_reason_is_in_the_table_above() -> None:
    assert {reason for reason, *_ in ALONE.values()} == set(Reason)


JUST: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "a lower class": ({"secrecy": Secrecy.PERSONAL}, {}, {}),
    "onward as allowed": ({"onward": (ONWARD,)}, {}, {}),
    "onward, not entrusted, given for something else": (
        {"onward": (replace(ONWARD, purpose="energy-debt"),)},
        {},
        {},
    ),
    "onward, entrusted for the same": (
        {
            "onward": (replace(ENTRUSTED, purpose="housing-loss"),),
            "secrecy": Secrecy.ENTRUSTED,
        },
        {"secrecy": Secrecy.ENTRUSTED},
        {},
    ),
    "onward, entrusted for what only its sender knows": (
        {"onward": (replace(ENTRUSTED, purpose=None),), "secrecy": Secrecy.ENTRUSTED},
        {"secrecy": Secrecy.ENTRUSTED},
        {},
    ),
    "another without undertaking": ({}, {}, {"without_undertaking": frozenset({"health-c"})}),
    "once, not used": ({}, {"uses": 1}, {}),
    "five times, four used": ({}, {"uses": 5}, {"used": 4}),
    "recurring, often used": ({}, {}, {"used": 10_000}),
    "exp at the end": ({"exp": CONSENT.valid_until}, {}, {}),
}


@pytest.mark.parametrize("case", JUST)
def test_what_lies_just_inside_is_permitted(case: str) -> None:
    asked, consent, standing = JUST[case]
    assert (
        reasons(replace(ASKED, **asked), replace(CONSENT, **consent), replace(STANDING, **standing))
        == ()
    )


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (CONSENT.valid_from - SECOND, (Reason.NOT_YET,)),
        (CONSENT.valid_from, ()),
        (CONSENT.valid_until - SECOND, ()),
        (CONSENT.valid_until, (Reason.ENDED,)),
    ],
)
def test_validity_is_half_open(now: datetime, expected: tuple[Reason, ...]) -> None:
    assert reasons(now=now) == expected


def test_an_unknown_record_denies_with_no_consent_and_nothing_else() -> None:
    assert reasons(consent=None, standing=replace(STANDING, vetoed=True)) == (Reason.NO_CONSENT,)


def test_all_reasons_are_reported_in_their_order() -> None:
    asked = replace(
        ASKED,
        sender="youth-d",
        recipients=frozenset({"health-c"}),
        purpose="energy-debt",
        category="energy-bill",
        secrecy=Secrecy.ENTRUSTED,
        exp=CONSENT.valid_until + SECOND,
        onward=(replace(ONWARD, collected=False),),
    )
    standing = Standing(
        recorded=False,
        used=1,
        ended_at=NOW,
        agreement_covers=False,
        without_undertaking=frozenset({"health-c"}),
        vetoed=True,
    )
    assert reasons(asked, replace(CONSENT, uses=1), standing) == tuple(Reason)


def test_the_order_of_reasons_is_fixed() -> None:
    assert [str(reason) for reason in Reason] == [
        "no-consent",
        "ended",
        "not-yet",
        "agreement",
        "recipient",
        "purpose",
        "category",
        "secrecy",
        "onward",
        "undertaking",
        "used-up",
        "exp",
        "veto",
    ]


def test_nobody_can_ask_for_no_recipient() -> None:
    with pytest.raises(Malformed, match=r"^a disclosure names at least one recipient$"):
        replace(ASKED, recipients=frozenset())


def test_a_naive_moment_fails_closed() -> None:
    with pytest.raises(TypeError):
        reasons(now=datetime(2026, 4, 1, 12))  # noqa: DTZ001  # the point


AGENCIES = ("women-b", "jobcentre-a", "health-c", "youth-d")
CATEGORIES = ("rent-arrears-letter", "tenancy-termination", "energy-bill")
SOME = st.frozensets(st.sampled_from(AGENCIES), min_size=1)
MOMENTS = st.integers(0, 365 * 24).map(lambda hours: NEW_YEAR + timedelta(hours=hours))
CONSENTS = st.builds(
    lambda releasers, recipients, onward, categories, secrecy, purpose, uses, times: replace(
        CONSENT,
        releasers=releasers,
        recipients=recipients,
        onward_from=onward,
        categories=categories,
        secrecy=secrecy,
        purpose=replace(CONSENT.purpose, code=purpose),
        uses=uses,
        valid_from=min(times),
        valid_until=max(times),
    ),
    SOME,
    SOME,
    SOME,
    st.frozensets(st.sampled_from(CATEGORIES), min_size=1),
    st.sampled_from(Secrecy),
    st.sampled_from(["housing-loss", "energy-debt"]),
    st.one_of(st.integers(1, 3), st.just("recurring")),
    st.tuples(MOMENTS, MOMENTS),
)
ASKINGS = st.builds(
    Asked,
    consent=st.just(samples.CONSENT_DIGEST),
    sender=st.sampled_from(AGENCIES),
    recipients=SOME,
    purpose=st.sampled_from(["housing-loss", "energy-debt"]),
    category=st.sampled_from(CATEGORIES),
    secrecy=st.sampled_from(Secrecy),
    exp=MOMENTS,
    onward=st.lists(
        st.builds(
            Onward,
            sender=st.sampled_from(AGENCIES),
            secrecy=st.sampled_from(Secrecy),
            collected=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
)
STANDINGS = st.builds(
    Standing,
    recorded=st.booleans(),
    used=st.integers(0, 4),
    ended_at=st.none() | MOMENTS,
    agreement_covers=st.booleans(),
    without_undertaking=st.frozensets(st.sampled_from(AGENCIES)),
    vetoed=st.booleans(),
)


@given(ASKINGS, CONSENTS, STANDINGS, MOMENTS)
def test_decide_never_permits_withdrawn_expired_used_up_or_unnamed(
    asked: Asked, consent: ConsentRecord, standing: Standing, now: datetime
) -> None:
    decided = decide(asked, consent, standing, now=now)
    if isinstance(decided, Deny):
        assert decided.reasons == tuple(reason for reason in Reason if reason in decided.reasons)
        return
    assert standing.ended_at is None
    assert consent.valid_from <= now < consent.valid_until
    assert asked.exp <= consent.valid_until
    assert consent.uses == "recurring" or standing.used < consent.uses
    assert asked.sender in consent.releasers
    assert asked.recipients <= consent.recipients
    assert asked.recipients.isdisjoint(standing.without_undertaking)
    assert (asked.category, asked.purpose) in {
        (category, consent.purpose.code) for category in consent.categories
    }
    assert max([asked.secrecy, *(onward.secrecy for onward in asked.onward)]) <= consent.secrecy
    assert all(onward.collected for onward in asked.onward)
    assert {onward.sender for onward in asked.onward} <= consent.onward_from
    assert standing.recorded
    assert standing.agreement_covers
    assert not standing.vetoed


@given(ASKINGS, CONSENTS, STANDINGS, MOMENTS, st.data())
def test_narrowing_a_consent_never_turns_a_no_into_a_yes(
    asked: Asked, consent: ConsentRecord, standing: Standing, now: datetime, data: st.DataObject
) -> None:
    part = st.sampled_from
    narrower = replace(
        consent,
        releasers=consent.releasers - {data.draw(part(AGENCIES))},
        recipients=consent.recipients - {data.draw(part(AGENCIES))},
        onward_from=consent.onward_from - {data.draw(part(AGENCIES))},
        categories=consent.categories - {data.draw(part(CATEGORIES))},
        secrecy=min(consent.secrecy, data.draw(part(Secrecy))),
        uses=data.draw(st.integers(1, 3)) if consent.uses == "recurring" else 1,
        valid_from=max(consent.valid_from, data.draw(MOMENTS)),
        valid_until=min(consent.valid_until, data.draw(MOMENTS)),
    )
    before = decide(asked, consent, standing, now=now)
    after = decide(asked, narrower, standing, now=now)
    if isinstance(before, Deny):
        assert isinstance(after, Deny)
        assert set(before.reasons) <= set(after.reasons)


@pytest.mark.parametrize(
    ("fates", "given_back"),
    [
        ([Fate(collected=False)], True),
        ([Fate(collected=False, rejected_for="not-permitted")], True),
        ([Fate(collected=True)], False),
        ([Fate(collected=True, rejected_for="key-lost")], True),
        ([Fate(collected=True, rejected_for="unreadable")], True),
        ([Fate(collected=True, rejected_for="not-permitted")], False),
        ([Fate(collected=False), Fate(collected=True)], False),
        ([Fate(collected=False), Fate(collected=True, rejected_for="unreadable")], True),
    ],
)
def test_a_use_is_given_back_only_when_nobody_can_have_read(
    fates: list[Fate], given_back: bool
) -> None:
    assert gives_back(fates) is given_back
