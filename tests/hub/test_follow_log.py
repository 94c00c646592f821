"""Each agency's list of the log: what it may open is in it, and what never was open is not."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, text

from exchange.errors import Unavailable
from exchange.hub import follow_log, keep_up
from exchange.hub.follow_log import catch_up, follow
from exchange.hub.may_open import may_open
from exchange.hub.parts import Hub
from exchange.hub.storage import openings, reading, tree
from exchange.hub.storage.reading import Concern
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY
from tests.hub.erasable import OVER, ended, erased_indexes, grow, swept, used
from tests.several import BOTH, Several
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given, Simulator

AGENCIES = (COLLECTOR, OUTSIDER, PARTY, RECIPIENT, SENDER)


async def rows(sim: Simulator) -> set[tuple[str, int, str]]:
    """Return every row: agency, entry and kind."""
    found = await sim.rows("SELECT agency, idx, kind FROM log_reader")
    return {(row.agency, row.idx, row.kind) for row in found}


async def open_now(sim: Simulator) -> set[tuple[str, int, str]]:
    """Return what each agency may open, entry by entry, by the table that opens it."""

    def work(conn: Connection) -> set[tuple[str, int, str]]:
        found = openings.window(conn, 0, tree.tree(conn).size)
        return {
            (agency, index, one.kind)
            for agency in AGENCIES
            for index, one in found.items()
            if may_open(agency, one, openings.standing(conn, agency, [one])).opening
        }

    return await sim.hub.db.read(work)


async def live(sim: Several) -> Given:
    """Let everything happen under a consent for two recipients; return one that nobody uses."""
    consent = await sim.consent(recipients=list(BOTH), uses="recurring")
    for agency in BOTH:
        letter = await sim.sent(consent, recipient=agency)
        assert (await sim.collect(letter, agency)).status == 200
        assert (await sim.acknowledge(letter, agency)).status == 200
    assert (await sim.send(sim.joint_letter(consent.digest))).status == 201
    recalled = await sim.sent(consent)
    assert (await sim.call(SENDER, routes.RECALL, id=recalled.id)).status == 200
    for agency in (SENDER, OUTSIDER):
        refused = sim.letter(consent.digest, purpose="employment", sender=agency)
        assert (await sim.send(refused, agency)).status == 403
    assert (await sim.withdraw(consent, COLLECTOR)).status == 200
    erasures = (await sim.call(RECIPIENT, routes.ERASURES, query="?role=asked")).json["erasures"]
    assert (await sim.confirm(erasures[0])).status == 200
    unread = await sim.consent(recipients=list(BOTH))
    await sim.sent(unread)
    assert (await sim.withdraw(unread, COLLECTOR)).status == 200
    return await sim.consent(recipients=list(BOTH))


async def test_a_list_holds_all_that_may_be_opened_and_nothing_that_never_could(
    several: Several,
) -> None:
    unused = await live(several)
    await grow(several)
    await catch_up(several.hub)

    found, opens = await rows(several), await open_now(several)

    assert opens - found == set()
    assert {"agreement-signed", "consent-withdrawn", "erasure-confirmed"} <= {
        kind for _, _, kind in opens
    }
    # Documents that ended before they were collected, and the records that came with them.
    closed = found - opens
    assert {agency for agency, _, _ in closed} == {PARTY, RECIPIENT}
    assert {kind for _, _, kind in closed} == {"consent-recorded", "disclosure-stored"}
    # A recipient does not learn of a consent before something is stored for it, not by a count.
    (row,) = await several.rows(
        f"SELECT l.idx FROM log_entry l JOIN consents c ON c.receipt = l.rid WHERE c.id = '{unused.id}'"  # noqa: S608, E501 - our own
    )
    assert {agency for agency, index, _ in found if index == row.idx} == {COLLECTOR, SENDER}
    # An attempt concerns who made it, and who collected the consent.
    refused = [agency for agency, _, kind in found if kind == "disclosure-refused"]
    assert sorted(refused) == [COLLECTOR, COLLECTOR, SENDER, OUTSIDER]


async def test_windows_leave_nothing_out_and_nothing_is_in_a_list_twice(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(several)
    size = await grow(several)
    monkeypatch.setattr(follow_log, "WINDOW", 3)
    await catch_up(several.hub)
    small = await rows(several)
    assert await several.hub.db.read(reading.followed) == size
    assert not await follow(several.hub)

    # As a hub finds its log that was made before there were lists.
    await several.hub.db.write(_without_lists)
    monkeypatch.setattr(follow_log, "WINDOW", 500)
    await catch_up(several.hub)

    assert await rows(several) == small


async def test_of_two_replicas_at_one_window_the_slower_changes_nothing(sim: Simulator) -> None:
    size = await grow(sim)
    late = [Concern(OUTSIDER, 1, sim.now, "agreement-signed")]
    await catch_up(sim.hub)
    before = await rows(sim)

    assert not await sim.hub.db.write(reading.keep, late, first=0, end=size)

    assert await rows(sim) == before
    assert await sim.hub.db.read(reading.followed) == size


async def test_after_an_erasure_no_list_names_its_entries(sim: Simulator) -> None:
    consent = await sim.consent()
    await used(sim, consent)
    await grow(sim)
    await catch_up(sim.hub)
    theirs = {index for _, index, _ in await rows(sim)}
    sim.now = OVER

    await swept(sim)

    erased = set(await erased_indexes(sim))
    assert erased
    assert erased <= theirs
    assert erased & {index for _, index, _ in await rows(sim)} == set()


@pytest.mark.parametrize("stored_in", [{}])
async def test_nothing_is_erased_before_its_rows_are_there_to_be_deleted(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended(sim)
    await grow(sim)
    sim.now = OVER

    async def away(_: Any) -> None:
        """Another replica is at it."""

    monkeypatch.setattr("exchange.hub.erase_consents.catch_up", away)
    await swept(sim)
    assert await erased_indexes(sim) == []
    assert await sim.count("consents") == 1

    monkeypatch.undo()
    await swept(sim)
    assert await sim.count("consents") == 0
    assert await erased_indexes(sim) != []


@pytest.mark.parametrize("stored_in", [{}])
async def test_the_loop_follows_by_itself_and_goes_on_after_the_database_was_away(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([Unavailable("away")])

    async def follow_later(hub: Hub) -> int:
        for failure in failures:
            raise failure
        return await follow(hub)

    monkeypatch.setattr(keep_up, "follow", follow_later)
    monkeypatch.setattr(keep_up, "LOOK_S", 0.01)
    size = await grow(sim)
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(keep_up.run(sim.hub, stop))
        while await sim.hub.db.read(reading.followed) < size:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        stop.set()
    assert await rows(sim) != set()


def _without_lists(conn: Connection) -> None:
    for table in ("log_reader", "log_reader_size"):
        conn.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - a constant
