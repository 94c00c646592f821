"""A44: times that would make something hold that does not hold."""

from datetime import timedelta

import pytest

from exchange.members import write_time
from exchange.statement import seconds
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, Parties
from tests.simulator import RECIPIENT, SENDER

pytestmark = pytest.mark.gate

DAY = 86_400


@pytest.mark.parametrize(
    ("iat", "exp", "status"),
    [
        (300, DAY, 201),
        (301, DAY, 422),
        (-300, DAY, 201),
        (-DAY, 1, 201),
        (-DAY, 0, 422),
        (-DAY, -1, 422),
        (0, 14 * DAY, 201),
        (0, 14 * DAY + 1, 422),
        (-1, 14 * DAY, 422),
    ],
)
async def test_a_manifest_holds_from_a_moment_ago_for_at_most_fourteen_days(
    parties: Parties, iat: int, exp: int, status: int
) -> None:
    consent = await parties.consent()
    now = seconds(parties.now)
    letter = parties.letter(consent.digest, iat=now + iat, exp=now + exp)

    assert (await parties.announce(letter)).status == status
    assert (await parties.send(letter)).status == status


async def test_a_disclosure_does_not_outlive_its_consent(parties: Parties) -> None:
    until = parties.now + timedelta(hours=2)
    consent = await parties.consent(valid_until=write_time(until))
    end = seconds(until)

    assert (await parties.send(parties.letter(consent.digest, exp=end))).status == 201
    assert (await parties.send(parties.letter(consent.digest, exp=end + 1))).status == 403


@pytest.mark.parametrize("minutes", [6, 60, 60 * 24 * 365])
async def test_a_consent_is_not_collected_in_the_future(parties: Parties, minutes: int) -> None:
    at = write_time(parties.now + timedelta(minutes=minutes))
    signers = [{"role": "subject", "at": at, "identified": "in-person"}]
    given = parties.signed_consent(
        collected_by=COLLECTOR, collected_at=at, valid_from=at, signers=signers
    )

    assert (await parties.record(given, COLLECTOR)).status == 422


async def test_a_consent_does_not_hold_before_it_was_given(parties: Parties) -> None:
    earlier = write_time(parties.now - timedelta(days=1))
    later = write_time(parties.now + timedelta(hours=1))
    backdated = parties.signed_consent(collected_by=COLLECTOR, valid_from=earlier)
    assert (await parties.record(backdated, COLLECTOR)).status == 422

    waiting = await parties.consent(valid_from=later)
    letter = parties.letter(waiting.digest)
    assert (await parties.send(letter)).status == 403
    parties.later(hours=1)
    assert (await parties.send(letter)).status == 201


async def test_validity_ends_at_its_moment_and_no_second_later(parties: Parties) -> None:
    until = parties.now + timedelta(hours=1)
    consent = await parties.consent(valid_until=write_time(until))
    letter = await parties.sent(consent, exp=seconds(until))
    parties.later(seconds=3599)
    assert (await parties.collect(letter)).status == 200
    parties.later(seconds=1)
    assert (await parties.collect(letter)).status == 404
    assert (await parties.payload(letter)).status == 404
    assert await parties.inbox() == []


@pytest.mark.parametrize("ahead", [301, 3600, 10**6])
async def test_no_statement_comes_from_the_future(parties: Parties, ahead: int) -> None:
    world = await parties.world("collected")
    iat = seconds(parties.now) + ahead

    assert (await parties.withdraw(world.consent, COLLECTOR, iat=iat)).status == 422
    assert (await parties.acknowledge(world.letter, iat=iat)).status == 422
    given = parties.signed_consent(collected_by=COLLECTOR, iat=iat)
    assert (await parties.record(given, COLLECTOR)).status == 422


async def test_a_withdrawal_counts_from_when_it_reaches_the_hub(parties: Parties) -> None:
    world = await parties.world("stored")
    told = write_time(parties.now + timedelta(minutes=5))
    parties.later(days=2)

    answer = await parties.withdraw(world.consent, SENDER, received_at=told)

    assert answer.status == 200  # late is no reason to refuse; the log says when it was recorded
    assert answer.json["ended_at"].startswith("2026-03-05T10:00:00")
    (event,) = await parties.log("consent-withdrawn")
    assert event["at"] == (await parties.log("disclosure-ended"))[0]["at"]


@pytest.mark.parametrize(
    "received",
    [
        "2026-03-03T10:05:01Z",
        "2027-01-01T00:00:00Z",
        "2026-03-03T09:54:59Z",
        "2020-01-01T00:00:00Z",
    ],
)
async def test_a_withdrawal_is_told_after_the_consent_and_not_in_the_future(
    parties: Parties, received: str
) -> None:
    world = await parties.world("stored")

    answer = await parties.withdraw(world.consent, SENDER, received_at=received)

    assert answer.status == 422
    assert (await parties.call(RECIPIENT, routes.COLLECT, id=world.letter.id)).status == 200
