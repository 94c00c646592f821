"""What two replicas do together happens once: uses, notices, deadlines, tokens, repetitions."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Connection

from exchange.errors import Unavailable
from exchange.hookspecs import Notice
from exchange.hub import sweep
from exchange.hub.relay import Relay
from exchange.hub.settings import Notices
from exchange.hub.storage import notices, tokens
from exchange.hub.storage.reaches import Destination, Reach
from exchange.statement import seconds
from tests.attacks.parties import COLLECTOR, PARTY
from tests.replicas.pair import Pair
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.xdist_group("replicas")
FIFTY = 50


async def test_of_fifty_disclosures_on_one_use_over_two_replicas_one_is_stored(two: Pair) -> None:
    consent = await two.consent(uses="once")
    letters = [two.letter(consent.digest) for _ in range(FIFTY)]

    answers = await asyncio.gather(
        *((two if number % 2 else two.beside).send(letter) for number, letter in enumerate(letters))
    )

    assert Counter(answer.status for answer in answers) == {201: 1, 403: FIFTY - 1}
    assert len(await two.log("disclosure-stored")) == 1
    assert await two.count("headers") == 1


async def test_a_repetition_at_the_other_replica_changes_nothing(two: Pair) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    consent = await two.consent()
    letter = two.letter(consent.digest)

    first = await two.send(letter, headers=key)
    again = await two.beside.send(letter, headers=key)
    other = await two.beside.send(two.letter(consent.digest), headers=key)

    assert (first.status, again.status, other.status) == (201, 201, 422)
    assert len(await two.log("disclosure-stored")) == 1


async def test_an_assertion_is_good_for_one_token_at_either_replica(two: Pair) -> None:
    databases = (two.hub.db, two.beside.hub.db)
    until = two.now + timedelta(minutes=2)

    first = await asyncio.gather(
        *(databases[n % 2].write(tokens.first_use, SENDER, "jti", until=until) for n in range(20))
    )

    assert Counter(first) == {True: 1, False: 19}


class Post:
    """A channel of both replicas that takes its time, or fails."""

    def __init__(self, key: str = "post", *, fails: bool = False) -> None:
        self.key = key
        self.fails = fails
        self.attempts: list[Notice] = []
        self.sent: list[Notice] = []

    async def send(self, notice: Notice) -> None:
        self.attempts.append(notice)
        if self.fails:
            raise Unavailable
        self.sent.append(notice)
        await asyncio.sleep(0.05)


async def test_two_relays_send_each_notice_once(two: Pair) -> None:
    post = Post()
    told = (RECIPIENT, SENDER, PARTY, COLLECTOR, OUTSIDER)
    for agency in told:
        await two.reach(agency)
        await two.hub.db.write(_two_notices, agency, two)
    relays = [
        (Relay(Notices()), replace(hub, channels={"post": post}))
        for hub in (two.hub, two.beside.hub)
    ]

    delivered = await asyncio.gather(*(relay.send_due(hub) for relay, hub in relays))

    assert sum(delivered) == len(post.sent) == len(told)  # merged, and never twice
    assert {row.state for row in await two.notices()} == {"sent"}


async def test_what_a_channel_did_not_take_for_one_relay_the_other_sends_by_the_next(
    two: Pair,
) -> None:
    first, second = Post("first", fails=True), Post("second")
    told = (Destination("first", "a"), Destination("second", "b"))
    await two.told(RECIPIENT, Reach(channels=told))
    await two.hub.db.write(_two_notices, RECIPIENT, two)
    channels = {"first": first, "second": second}
    one, other = (
        (Relay(Notices()), replace(hub, channels=channels)) for hub in (two.hub, two.beside.hub)
    )
    await one[0].send_due(one[1])
    two.later(minutes=5)

    delivered = await asyncio.gather(*(relay.send_due(hub) for relay, hub in (one, other)))

    assert sum(delivered) == len(second.sent) == 1
    assert {notice.id for notice in first.attempts} == {second.sent[0].id}
    assert len(first.attempts) == 2
    assert {row.state for row in await two.notices()} == {"sent"}


def _two_notices(conn: Connection, agency: str, two: Pair) -> None:
    for kind in ("request", "overdue"):
        notices.enqueue(conn, [agency], kind, consent=None, disclosure=None, at=two.now)


async def both_sweep(two: Pair) -> None:
    await asyncio.gather(*(sweep.sweep(hub, leftovers=False) for hub in (two.hub, two.beside.hub)))


async def test_two_sweepers_end_and_remind_once(two: Pair) -> None:
    await two.reach(RECIPIENT)
    far = seconds(two.now) + 13 * 86_400
    letters = [await two.sent(exp=far) for _ in range(12)]
    two.later(days=4)
    await both_sweep(two)
    kinds = Counter(row.kind for row in await two.notices())
    assert kinds == {"disclosure": len(letters), "reminder": len(letters)}

    two.later(days=11)
    await both_sweep(two)

    ended = [event["manifest"] for event in await two.log("disclosure-ended")]
    assert Counter(ended) == Counter(letter.digest for letter in letters)
    assert await two.count("headers") == 0
