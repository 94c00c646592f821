"""Tombstones: an audit can tell erased from hidden, and cannot tell whose entries they were."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Update, insert

from exchange.audit.tombstone import read_tombstone
from exchange.canonical import b64u
from exchange.errors import NotFound
from exchange.hub.erase_consents import make_tombstones
from exchange.hub.show_tombstones import show_tombstone, show_tombstones
from exchange.hub.storage import log, tombstones, tree
from exchange.hub.storage.log_tables import log_erased
from exchange.hub.storage.tombstones import FEWEST, HUB_CHAIN
from exchange.wire import log_routes
from tests.hub.erasable import OVER, ended, erased_indexes, grow, swept
from tests.simulator import OUTSIDER, Simulator


async def erased(sim: Simulator, count: int) -> list[int]:
    """Erase so many consents; return their entries."""
    for _ in range(count):
        await ended(sim)
    await grow(sim)
    sim.now = OVER
    await swept(sim)
    return await erased_indexes(sim)


def in_month(month: int) -> datetime:
    return datetime(2030, month, 1, 12, tzinfo=UTC)


async def documents(sim: Simulator) -> list[bytes]:
    found = await show_tombstones(sim.hub, after=None, limit=100)
    return [await show_tombstone(sim.hub, one.digest) for one in found.listed]


def named(documents: list[bytes]) -> list[int]:
    spans = [span for one in documents for span in read_tombstone(one).spans]
    return sorted(index for first, last in spans for index in range(first, last + 1))


async def hub_events(sim: Simulator) -> list[Any]:
    return await sim.rows(
        f"SELECT kind, n, body FROM log_event WHERE chain = '{HUB_CHAIN}' ORDER BY n"  # noqa: S608
    )


async def test_what_was_erased_in_a_month_is_told_in_the_next(sim: Simulator) -> None:
    indexes = await erased(sim, FEWEST)
    assert (await show_tombstones(sim.hub, after=None, limit=10)).pending == len(indexes)
    sim.now = in_month(1) + timedelta(days=29)
    await make_tombstones(sim.hub)
    assert await documents(sim) == []

    sim.now = in_month(2)
    await make_tombstones(sim.hub)
    await make_tombstones(sim.hub)

    (document,) = await documents(sim)
    assert named([document]) == indexes
    shown = await show_tombstones(sim.hub, after=None, limit=10)
    assert (shown.pending, shown.listed[0].made_at) == (0, sim.now)
    (event,) = await hub_events(sim)
    digest = b64u(hashlib.sha256(document).digest())
    assert f'"count":{len(indexes)},' in event.body.decode()
    assert f'"list":"{digest}"' in event.body.decode()
    assert digest == shown.listed[0].digest
    rows = await sim.rows("SELECT DISTINCT tombstone FROM log_erased")
    assert [row.tombstone for row in rows] == [digest]
    assert await sim.count("log_erasing") == 0


async def test_a_tombstone_of_fewer_than_ten_chains_waits_three_months_at_most(
    sim: Simulator,
) -> None:
    indexes = await erased(sim, FEWEST - 1)
    for month in (2, 3, 4):
        sim.now = in_month(month)
        await make_tombstones(sim.hub)
        assert await documents(sim) == []
    sim.now = in_month(5)
    await make_tombstones(sim.hub)
    assert named(await documents(sim)) == indexes


async def test_no_tombstone_names_what_the_vault_has_still_to_forget(sim: Simulator) -> None:
    await erased(sim, FEWEST)
    await sim.rows("SELECT 1")
    sim.now = in_month(2)

    def forget_that_it_is_gone(conn: Any) -> None:
        conn.exec_driver_sql(
            "UPDATE log_erasing SET erased_at = NULL WHERE chain = "
            "(SELECT min(chain) FROM log_erasing)"
        )

    await sim.hub.db.write(forget_that_it_is_gone)
    await make_tombstones(sim.hub)
    assert await documents(sim) == []
    await swept(sim)
    assert len(await documents(sim)) == 1


async def test_of_many_entries_the_documents_are_of_one_size_and_name_each_once(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = await erased(sim, FEWEST)
    monkeypatch.setattr(tombstones, "MOST_INDEXES", len(indexes) - 1)
    sim.now = in_month(2)
    await make_tombstones(sim.hub)
    made = await documents(sim)
    assert named(made) == indexes
    assert sorted(len(named([one])) for one in made) == [len(indexes) // 2] * 2
    assert [event.n for event in await hub_events(sim)] == [0, 1]


async def test_a_tombstone_does_not_tell_which_entries_were_of_one_chain(sim: Simulator) -> None:
    await erased(sim, FEWEST)
    sim.now = in_month(2)
    await make_tombstones(sim.hub)
    tables = await sim.table_names()
    columns = {table: await sim.rows(f"SELECT * FROM {table}") for table in tables}  # noqa: S608
    names = {tuple(row._mapping) for row in columns["log_erased"]}
    assert names == {("idx", "tombstone")}
    assert columns["log_erasing"] == []


async def test_what_is_erased_later_waits_for_a_tombstone_of_its_own(sim: Simulator) -> None:
    first = await erased(sim, FEWEST)
    sim.now = in_month(2)
    await make_tombstones(sim.hub)
    assert await hub_events(sim)
    assert await sim.hub.db.read(tombstones.is_due, in_month(12)) is False
    assert named(await documents(sim)) == first


async def test_an_agency_gets_tombstones_and_a_stranger_none(sim: Simulator) -> None:
    indexes = await erased(sim, FEWEST)
    shown = await sim.call(OUTSIDER, log_routes.LOG_TOMBSTONES)
    assert shown.json == {"tombstones": [], "pending": len(indexes), "next": None}
    sim.now = in_month(2)
    await make_tombstones(sim.hub)

    (listed,) = (await sim.call(OUTSIDER, log_routes.LOG_TOMBSTONES)).json["tombstones"]
    found = await sim.call(OUTSIDER, log_routes.LOG_TOMBSTONE, digest=listed["digest"])
    assert named([found.body]) == indexes
    assert found.headers["Cache-Control"] == "no-store"
    for operation in (log_routes.LOG_TOMBSTONES, log_routes.LOG_TOMBSTONE):
        assert (await sim.call(None, operation, digest=listed["digest"])).status == 401


async def test_an_unknown_tombstone_is_not_found(sim: Simulator) -> None:
    with pytest.raises(NotFound):
        await show_tombstone(sim.hub, "A" * 43)
    assert (await sim.call(OUTSIDER, log_routes.LOG_TOMBSTONE, digest="A" * 43)).status == 404


async def test_tombstones_are_fetched_page_by_page(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await erased(sim, FEWEST)
    monkeypatch.setattr(tombstones, "MOST_INDEXES", 7)
    sim.now = in_month(2)
    await make_tombstones(sim.hub)
    whole = (await sim.call(OUTSIDER, log_routes.LOG_TOMBSTONES)).json["tombstones"]
    found, query = list[Any](), "?limit=2"
    while True:
        page = (await sim.call(OUTSIDER, log_routes.LOG_TOMBSTONES, query=query)).json
        found += page["tombstones"]
        if page["next"] is None:
            break
        query = f"?limit=2&after={page['next']}"
    assert found == whole
    assert len(whole) > 2


async def test_an_entry_that_is_erased_while_a_tombstone_is_made_waits_for_the_next(
    sim: Simulator,
) -> None:
    """Marked as named by a document that does not name it, it would be a finding for ever."""
    await ended(sim)
    await sim.hub.db.write(log.record_document, tree.POLICY, b"between", sim.now)
    indexes = await erased(sim, FEWEST)
    between = next(one for one in range(indexes[0], indexes[-1]) if one not in indexes)
    sim.now = in_month(2)
    chain = await sim.hub.vault.draw(HUB_CHAIN)

    def work(conn: Connection) -> None:
        tombstones.make(Meanwhile(conn, between), chain, at=sim.now)  # type: ignore[arg-type]

    await sim.hub.db.write(work)

    assert named(await documents(sim)) == indexes
    rows = await sim.rows("SELECT idx FROM log_erased WHERE tombstone IS NULL")
    assert [row.idx for row in rows] == [between]


class Meanwhile:
    """A connection beside which an entry is erased once the indexes were read."""

    def __init__(self, conn: Connection, index: int) -> None:
        self._conn = conn
        self._index = index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    def execute(self, statement: Any, *given: Any) -> Any:
        if isinstance(statement, Update) and statement.table is log_erased:
            self._conn.execute(insert(log_erased), {"idx": self._index})
        return self._conn.execute(statement, *given)
