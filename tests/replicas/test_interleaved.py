"""Two units of work of two replicas, one of them held half-way: what the other one does then.

Each case is an order of steps that SQLite, where one writes at a time, cannot produce.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from exchange.errors import Unavailable
from exchange.hub.admit import suspend
from exchange.hub.parts import Hub
from exchange.hub.storage import (
    agencies,
    agreements,
    consents,
    disclosures,
    erasures,
    notices,
)
from exchange.hub.storage.notices import Taken
from tests.asking import ask
from tests.hub.test_uploads import announce, patch
from tests.replicas.pair import SOON_S, Pair, until, until_found
from tests.several import Several
from tests.simulator import RECIPIENT, SENDER

pytestmark = pytest.mark.xdist_group("replicas")


def nothing(_conn: Connection) -> None:
    pass


@asynccontextmanager
async def held(
    hub: Hub, work: Callable[[Connection], object], then: Callable[[Connection], object] = nothing
) -> AsyncIterator[None]:
    """Do `work` and keep its locks while the block runs; `then` is done before the commit."""
    done, over = threading.Event(), threading.Event()

    def unit(conn: Connection) -> None:
        work(conn)
        done.set()
        while not over.wait(0.1):  # a silent one would lose its transaction
            conn.exec_driver_sql("SELECT 1")
        then(conn)

    running = asyncio.create_task(hub.db.write(unit))
    try:
        assert await asyncio.to_thread(done.wait, SOON_S)
        yield
    finally:
        over.set()
        await running


async def queued(two: Pair, count: int = 1) -> None:
    """Wait until so many units wait for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    await until_found(lambda: two.rows(waiting), [(count,)])


async def take(two: Several) -> Taken | None:
    """Take what is due in hand, as a relay of this replica."""
    lease = two.now + timedelta(minutes=1)
    return await two.hub.db.write(notices.take, now=two.now, quiet=timedelta(0), until=lease)


async def test_no_notice_is_taken_about_a_consent_that_is_ending(two: Pair) -> None:
    await two.reach(RECIPIENT)
    consent = await two.consent()
    await two.sent(consent)

    async with held(two.hub, lambda conn: notices.drop_under(conn, consent.digest)):
        taking = asyncio.create_task(take(two.beside))
        await asyncio.wait({taking}, timeout=0.5)

    assert not await taking
    assert await two.notices() == []


async def test_a_relay_that_is_done_waits_for_no_end_of_a_consent(two: Pair) -> None:
    await two.reach(RECIPIENT)
    consent = await two.consent()
    await two.sent(consent)
    await two.sent()
    taken = await take(two.beside)
    assert taken is not None
    ids = [waiting.id for waiting in taken.waiting]
    assert len(ids) == 2

    # It has locks of its own by then: the two would wait for each other.
    async with held(two.hub, lambda conn: notices.drop_under(conn, consent.digest)):
        await two.beside.hub.db.write(notices.sent, ids, at=two.now)

    assert [row.state for row in await two.notices()] == ["sent"]


async def test_no_consent_is_recorded_under_an_agreement_that_is_ending(two: Pair) -> None:
    given = two.signed_consent()
    ends = two.now + timedelta(seconds=5)

    async with held(two.hub, lambda conn: agreements.flag_ended(conn, two.agreement, at=ends)):
        recording = asyncio.create_task(two.beside.record(given))
        await queued(two)
        two.later(seconds=10)

    assert (await recording).status == 422
    assert await two.count("consents") == 0


async def test_a_reminder_and_an_answer_to_an_erasure_lock_in_one_order(two: Pair) -> None:
    consent = await two.consent()
    letter = await two.sent(consent)
    await two.collect(letter)
    await two.withdraw(consent)
    (erasure,) = await two.hub.db.read(erasures.listed, RECIPIENT, after=None, limit=9)
    asked = {
        "id": erasure.id,
        "consent": erasure.consent,
        "manifests": erasure.manifests,
    }

    def remind(conn: Connection) -> None:
        conn.exec_driver_sql("SET LOCAL lock_timeout = '500ms'")  # nobody has what it needs
        assert erasures.remind(conn, erasure.id, at=two.now)

    async with held(two.hub, lambda conn: consents.take(conn, [consent.digest]), remind):
        answering = asyncio.create_task(two.beside.confirm(asked))
        await queued(two)

    assert (await answering).status == 200


async def test_a_request_locks_the_consent_it_names_before_the_inbox_it_goes_to(two: Pair) -> None:
    consent = await two.consent()
    await two.sent(consent)

    def number(conn: Connection) -> None:
        conn.exec_driver_sql("SET LOCAL lock_timeout = '500ms'")  # nobody has what it needs
        disclosures.next_number(conn, SENDER)

    async with held(two.beside.hub, lambda conn: consents.find(conn, consent.digest), number):
        asking = asyncio.create_task(ask(two, consent=consent.digest))
        await queued(two)

    assert (await asking)["consent"] == consent.digest


@pytest.mark.parametrize("urgent", [True, False])
async def test_only_what_is_urgent_waits_once_more_for_a_lock(two: Pair, urgent: bool) -> None:
    consent = await two.consent()
    turns: list[int] = []

    def unit(conn: Connection) -> None:
        turns.append(1)
        if len(turns) == 1:
            conn.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        consents.find(conn, consent.digest)

    database = two.beside.hub.db
    async with held(two.hub, lambda conn: consents.find(conn, consent.digest)):
        locking = asyncio.create_task((database.write_first if urgent else database.write)(unit))
        await until(lambda: len(turns) == 2 or locking.done())

    if urgent:
        await locking
    else:
        with pytest.raises(Unavailable):
            await locking
    assert len(turns) == 1 + urgent


async def test_a_suspension_is_as_of_the_end_of_what_it_waited_for(two: Pair) -> None:
    async with held(two.hub, lambda conn: agencies.active(conn, [SENDER])):
        suspending = asyncio.create_task(suspend(two.beside.hub, SENDER))
        await queued(two)
        two.later(seconds=10)  # decided meanwhile: it must not look as if it came afterwards

    assert await suspending
    found = await two.hub.db.read(agencies.find, SENDER)
    assert found is not None
    assert found.suspended_at == two.now


async def test_an_upload_whose_consent_ends_at_its_last_piece_is_not_said_to_be_stored(
    two: Pair,
) -> None:
    consent = await two.consent()
    letter = two.letter(consent.digest)
    await announce(two, letter)

    async with held(two.hub, lambda conn: consents.find(conn, consent.digest)):
        withdrawing = asyncio.create_task(two.withdraw(consent))
        await queued(two)
        storing = asyncio.create_task(patch(two.beside, letter, 0, letter.sealed))
        await queued(two, 2)

    assert (await withdrawing).status == 200
    assert (await storing).status == 404
    assert await two.count("headers") == 0
