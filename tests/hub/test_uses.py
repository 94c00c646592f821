"""A use of a consent: counted when stored, given back when nobody can have read the document."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.hub import sweep
from exchange.keyring.ceremony import new_document_key
from exchange.statement import seconds
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY
from tests.several import BOTH, Several
from tests.simulator import RECIPIENT, SENDER, Answer, Given, Letter

MICROSECOND = timedelta(microseconds=1)
YEAR_END = datetime(2026, 12, 31, 23, tzinfo=UTC)

End = Callable[[Several, Given, Letter], Awaitable[object]]


async def used(several: Several, given: Given) -> int:
    found = await several.call(COLLECTOR, routes.GET_CONSENT, id=given.id)
    count: int = found.json["used"]
    return count


async def recalled(several: Several, _: Given, letter: Letter) -> None:
    assert (await several.call(SENDER, routes.RECALL, id=letter.id, json={})).status == 200


async def expired(several: Several, _: Given, __: Letter) -> None:
    several.later(days=2)
    await sweep.sweep(several.hub, leftovers=False)


async def withdrawn(several: Several, given: Given, _: Letter) -> None:
    assert (await several.withdraw(given, COLLECTOR)).status == 200


async def ended_by_collector(several: Several, given: Given, _: Letter) -> None:
    members = {"by": "agency", "reason": "purpose-reached"}
    assert (await several.withdraw(given, COLLECTOR, **members)).status == 200


async def on_the_last_day(several: Several, **members: Any) -> Given:
    """Give notice, go to the last day of the agreement and record a consent that outlasts it."""
    assert (await several.give_notice("2026-12-31T23:00:00Z")).status == 201
    several.now = YEAR_END - timedelta(days=1)
    await several.publish(RECIPIENT)
    return await several.consent(valid_until="2027-02-28T23:00:00Z", **members)


async def ended_with_agreement(several: Several, _: Given, __: Letter) -> None:
    several.now = YEAR_END
    await sweep.sweep(several.hub, leftovers=False)


async def key_revoked(several: Several, _: Given, __: Letter) -> None:
    old = several.offices[RECIPIENT].key.recipient.fingerprint
    published = await several.publish(RECIPIENT, new_document_key(), frozenset({old}))
    assert published.status == 200, published.body


def answered(result: str, **reason: str) -> End:
    async def answer(several: Several, _: Given, letter: Letter) -> None:
        assert (await several.acknowledge(letter, result=result, **reason)).status == 200

    return answer


ENDS: dict[str, tuple[bool, End, int]] = {
    "recalled": (False, recalled, 0),
    "expired before collection": (False, expired, 0),
    "expired after collection": (True, expired, 1),
    "withdrawn before collection": (False, withdrawn, 0),
    "withdrawn after collection": (True, withdrawn, 1),
    "ended by the collector before collection": (False, ended_by_collector, 0),
    "ended by the collector after collection": (True, ended_by_collector, 1),
    "ended with the agreement before collection": (False, ended_with_agreement, 0),
    "ended with the agreement after collection": (True, ended_with_agreement, 1),
    "key revoked before collection": (False, key_revoked, 0),
    "key revoked after collection": (True, key_revoked, 1),
    "rejected before collection": (False, answered("rejected", reason="not-permitted"), 0),
    "key lost before collection": (False, answered("rejected", reason="key-lost"), 0),
    "key lost after collection": (True, answered("rejected", reason="key-lost"), 0),
    "unreadable": (True, answered("rejected", reason="unreadable"), 0),
    "rejected after reading": (True, answered("rejected", reason="not-permitted"), 1),
    "quarantined": (True, answered("quarantined", reason="intake"), 1),
    "accepted": (True, answered("accepted"), 1),
}
"""By end: whether it was collected before, what happens, and the uses that stay counted."""
OVER = ("withdrawn", "ended", "key")
"""Ends after which no second attempt is possible, for another reason than the count."""


@pytest.mark.parametrize("name", ENDS)
async def test_a_use_stays_counted_exactly_when_somebody_may_have_read(
    several: Several, name: str
) -> None:
    collected, end, left = ENDS[name]
    with_agreement = end is ended_with_agreement
    consent = await (on_the_last_day if with_agreement else Several.consent)(several, uses="once")
    letter = several.letter(consent.digest, exp=seconds(several.now + timedelta(days=2)))
    assert (await several.send(letter)).status == 201
    assert await used(several, consent) == 1
    if collected:
        assert (await several.collect(letter)).status == 200

    await end(several, consent, letter)

    assert await used(several, consent) == left
    assert (await several.collect(letter)).status == 404
    if not name.startswith(OVER):
        again = await several.send(several.letter(consent.digest))
        assert again.status == (403 if left else 201), again.body


async def test_an_upload_that_is_never_complete_is_no_use(several: Several) -> None:
    consent = await several.consent(uses="once")
    letter = several.letter(consent.digest)

    assert (await several.announce(letter)).status == 201

    assert await used(several, consent) == 0
    assert (await several.send(several.letter(consent.digest))).status == 201


async def test_what_one_of_two_has_read_stays_counted(several: Several) -> None:
    consent = await several.consent(uses=2, recipients=list(BOTH))
    read, unread = several.joint_letter(consent.digest), several.joint_letter(consent.digest)
    for letter in (read, unread):
        assert (await several.send(letter)).status == 201
    assert (await several.collect(read, PARTY)).status == 200

    await expired(several, consent, read)

    assert await used(several, consent) == 1


# Half open, to the microsecond, at every gate


BEFORE, AT = -MICROSECOND, timedelta(0)


@pytest.mark.parametrize(("off", "holds"), [(BEFORE, False), (AT, True)])
async def test_a_consent_begins_at_its_moment_at_every_gate(
    several: Several, off: timedelta, holds: bool
) -> None:
    begins = several.now + timedelta(hours=1)
    consent = await several.consent(valid_from=begins.strftime("%Y-%m-%dT%H:%M:%SZ"))
    several.now = begins + off

    asked = await several.ask(SENDER, consent.digest)
    announced = await several.announce(several.letter(consent.digest))
    stored = await several.send(several.letter(consent.digest))

    statuses = (asked.status, announced.status, stored.status)
    assert statuses == ((200, 201, 201) if holds else (403, 403, 403))


@pytest.mark.parametrize(("off", "holds"), [(BEFORE, True), (AT, False)])
async def test_a_consent_ends_at_its_moment_at_every_gate(
    several: Several, off: timedelta, holds: bool
) -> None:
    ends = several.now + timedelta(hours=1)
    consent = await several.consent(valid_until=ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    exp = seconds(ends)
    waiting, fresh, begun = (several.letter(consent.digest, exp=exp) for _ in range(3))
    assert (await several.send(waiting)).status == 201
    assert (await several.announce(begun)).status == 201
    several.now = ends + off

    asked = await several.ask(SENDER, consent.digest, exp=exp)
    stored = await several.send(fresh)
    completed = await several.patch(begun, 0, begun.sealed)
    collected = await several.collect(waiting)

    statuses = (asked.status, stored.status == 201, completed.status == 204, collected.status)
    assert statuses == ((200, True, True, 200) if holds else (403, False, False, 404))


@pytest.mark.parametrize(("off", "holds"), [(BEFORE, True), (AT, False)])
async def test_a_document_ends_at_its_own_moment(
    several: Several, off: timedelta, holds: bool
) -> None:
    consent = await several.consent()
    exp = several.now + timedelta(hours=1)
    letter = await several.sent(consent, exp=seconds(exp))
    several.now = exp + off

    assert (await several.collect(letter)).status == (200 if holds else 404)


@pytest.mark.parametrize(("off", "holds"), [(BEFORE, True), (AT, False)])
async def test_an_agreement_ends_at_its_moment_at_every_gate(
    several: Several, off: timedelta, holds: bool
) -> None:
    consent = await on_the_last_day(several)
    fresh, waiting = (
        several.letter(consent.digest, exp=seconds(YEAR_END + timedelta(days=1))) for _ in range(2)
    )
    assert (await several.send(waiting)).status == 201
    several.now = YEAR_END + off

    asked = await several.ask(SENDER, consent.digest)
    answers: list[Answer] = [await several.send(fresh), await several.collect(waiting)]

    assert asked.status == (200 if holds else 403)
    assert [answer.status for answer in answers] == ([201, 200] if holds else [403, 404])
