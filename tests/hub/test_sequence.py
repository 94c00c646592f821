"""Leaves become a tree, and its head is signed: in order, each once, and only what is durable."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from exchange.audit.leaf import document_leaf
from exchange.audit.merkle import consistency_path, verify_consistency
from exchange.database import Database
from exchange.errors import ExchangeError, OutcomeUnknown, Unavailable
from exchange.hub import high_water, sequence
from exchange.hub.open_database import open_database
from exchange.hub.recompute import recompute
from exchange.hub.storage import checkpoints, tree
from tests.ledgers import TOPIC, Ledger, ledger, recorded


@pytest.fixture
async def log(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Ledger]:
    """Return a hub whose log begins, with batches of 100 leaves."""
    one = ledger(tmp_path, log={"batch": 100}, **stored_in)
    async with one.open():
        yield one


async def test_a_log_begins_with_its_name_and_its_policy(log: Ledger) -> None:
    await log.record(2, mark="first")
    assert await log.tick() == 4
    opened, policy, *rest = await log.whole()
    assert opened == document_leaf("opened", b'{"origin":"127.0.0.1:8700/log"}')
    assert policy == document_leaf("policy", log.hub.signer.policy_text)
    assert rest == [document_leaf(TOPIC, b"first0"), document_leaf(TOPIC, b"first1")]


async def test_what_waited_before_there_was_a_log_comes_behind_its_first_entry(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    one = ledger(tmp_path, **stored_in)
    async with one.open(resumed=False):
        await one.record(1, mark="early")
    async with one.open():
        await one.tick()
        opened, early, *_ = await one.whole()
    assert opened[1:17] != early[1:17]
    assert early == document_leaf(TOPIC, b"early0")


async def test_leaves_stand_in_the_order_of_their_events_however_batches_fall(log: Ledger) -> None:
    await log.tick()
    for count in (253, 1, 1, 1, 255, 300):  # across the borders of bundles and tiles
        await log.record(count, mark=f"{count}-")
    while await log.tick():
        continue
    leaves = await log.whole()
    expected = [f"{count}-{n}" for count in (253, 1, 1, 1, 255, 300) for n in range(count)]
    assert leaves[2:] == [document_leaf(TOPIC, one.encode()) for one in expected]
    assert await log.rows("SELECT 1 FROM log_pending") == []


async def test_every_head_continues_every_older_one(log: Ledger) -> None:
    sizes = [await log.grow(count) for count in (1, 2, 120, 135, 1)]

    def proven(conn: Connection) -> int:
        heads = [head for size in sizes if (head := checkpoints.at_size(conn, size)) is not None]
        for old, new in combinations_with_replacement(heads, 2):
            path = consistency_path(tree.reader(conn), old.size, new.size)
            verify_consistency(old.size, new.size, path, old.root, new.root)
        return len(heads)

    assert await log.hub.db.read(proven) == 5


async def test_a_leaf_that_waits_for_the_vault_holds_up_no_other(log: Ledger) -> None:
    await log.tick()
    (late,) = await log.record(1, mark="late")
    await log.change("UPDATE log_pending SET leaf = NULL")
    assert await log.grow(3) == 5
    assert await log.hub.db.read(tree.index_of, late) is None
    assert await log.rows("SELECT rid FROM log_pending") == [(late,)]


async def test_an_index_is_found_by_the_name_of_its_receipt(log: Ledger) -> None:
    await log.grow(10)
    (rid,) = await log.record(1, mark="this")
    await log.tick()
    index = await log.hub.db.read(tree.index_of, rid)
    assert index == 12
    assert await log.hub.db.read(tree.leaves, index, 5) == [document_leaf(TOPIC, b"this0")]


async def test_what_a_crash_left_unsigned_is_signed_by_the_next_tick(log: Ledger) -> None:
    await log.grow(3)
    await log.record(4)
    await log.database.write_behind(
        tree.append,
        lock=tree.lock_of(log.hub.signer.origin),
        opened=b"",
        batch=100,
        at=log.now,
    )
    assert log.size == 5
    await log.tick()
    assert log.size == 9
    await log.whole()


async def test_the_same_head_is_signed_with_the_same_bytes(log: Ledger) -> None:
    size = await log.grow(5)
    before = await log.rows("SELECT note FROM log_checkpoint WHERE size = :size", size=size)
    await log.change(f"DELETE FROM log_checkpoint WHERE size = {size}")  # noqa: S608 - a number
    await log.tick()
    assert before == await log.rows("SELECT note FROM log_checkpoint WHERE size = :size", size=size)


async def test_a_commit_that_fails_never_leads_to_a_signature(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        size = await one.grow(3)
        await one.record(5)
        await one.change(*REFUSE_AT_COMMIT["postgres" if "database_url" in stored_in else "sqlite"])
        with pytest.raises((OutcomeUnknown, Unavailable)):
            await one.tick()
        heads = await one.rows("SELECT max(size) FROM log_checkpoint")
        assert heads == [(size,)]
        assert one.size == size
    if "database_url" not in stored_in:
        assert one.failures == 1  # the process must start anew; it does so here
    async with one.open():
        await one.change(*ALLOW_COMMIT["postgres" if "database_url" in stored_in else "sqlite"])
        await one.tick()
        assert one.size == size + 5
        await one.whole()


REFUSE_AT_COMMIT = {
    "sqlite": (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER refuse AFTER UPDATE ON log_tree BEGIN INSERT INTO child VALUES (1); END",
    ),
    "postgres": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no'; END $$",
        "CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON log_tree DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION refuse()",
    ),
}
"""Lets a tick run to its end and fail at COMMIT."""
ALLOW_COMMIT = {
    "sqlite": ("DROP TRIGGER refuse",),
    "postgres": ("DROP TRIGGER refuse ON log_tree",),
}


async def test_a_commit_out_of_the_order_of_numbers_loses_nothing(
    tmp_path: Path, postgres_url: str
) -> None:
    one = ledger(tmp_path, database_url=postgres_url)
    engine = create_engine(postgres_url, poolclass=NullPool)
    async with one.open():
        await one.tick()
        with engine.connect() as slow:
            (first,) = recorded(slow, 1, "slow", one.now)  # has the smaller number
            (second,) = await one.record(1, mark="fast")
            await one.tick()
            assert await one.hub.db.read(tree.index_of, second) == 2
            slow.commit()
        await one.tick()
        assert await one.hub.db.read(tree.index_of, first) == 3
        assert len(await one.whole()) == 4
    engine.dispose()


async def test_two_sequencers_that_do_not_know_of_each_other_leave_one_log(
    tmp_path: Path, postgres_url: str
) -> None:
    one = ledger(tmp_path, database_url=postgres_url)
    async with one.open():
        await one.tick()
        rids = [rid for _ in range(20) for rid in await one.record(20)]
        beside = open_database(one.settings, on_failure=lambda: None)
        try:
            # Each under a lock of its own, as no two replicas are: the rows decide.
            await asyncio.gather(*(drain(db, n) for n, db in enumerate((one.database, beside))))
        finally:
            await beside.close()
        await one.tick()
        assert len(await one.whole()) == 402
        placed = {await one.hub.db.read(tree.index_of, rid) for rid in rids}
        assert placed == set(range(2, 402))


async def drain(database: Any, lock: int) -> None:
    while True:
        try:
            if not await database.write_behind(
                tree.append, lock=lock, opened=b"", batch=7, at=None
            ):
                return
        except Unavailable:  # the other one was faster
            continue


async def test_while_another_replica_sequences_this_one_does_not(
    tmp_path: Path, postgres_url: str
) -> None:
    one = ledger(tmp_path, database_url=postgres_url)
    engine = create_engine(postgres_url, poolclass=NullPool)
    async with one.open():
        await one.tick()
        await one.record(2)
        with engine.connect() as other:
            assert tree.locked(other, tree.lock_of(one.hub.signer.origin))
            assert await one.tick() is None
        assert await one.tick() == 2
    engine.dispose()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE log_tile SET hashes = :changed WHERE level = 0 AND n = 0",
        "UPDATE log_tile SET hashes = :cut WHERE level = 0 AND n = 0",
        "UPDATE log_checkpoint SET root = :root",
        "UPDATE log_tree SET range = :range",
    ],
)
async def test_one_flipped_bit_stops_the_signer_before_anything_is_built_on_it(
    log: Ledger, damage: str
) -> None:
    size = await log.grow(9)
    ((row,),) = await log.rows("SELECT hashes FROM log_tile WHERE level = 0 AND n = 0")
    ((compact,),) = await log.rows("SELECT range FROM log_tree")
    values = {
        "changed": flipped(row),
        "cut": row[:-32],
        "root": bytes(32),
        "range": flipped(compact),
    }

    def work(conn: Connection) -> None:
        named = {name: value for name, value in values.items() if f":{name}" in damage}
        conn.execute(text(damage), named)

    await log.database.write_behind(work)
    await log.record(1)
    try:
        await log.tick()
    except ExchangeError:
        await sequence.sign(log.hub)
    assert log.hub.heads.stopped == "damaged"
    assert log.size == size
    assert await log.tick() == 0  # and it stays so
    with pytest.raises(Unavailable):
        log.hub.heads.check_room()


def flipped(row: bytes) -> bytes:
    return bytes([row[0] ^ 1]) + row[1:]


async def test_a_changed_entry_is_found_and_named_by_the_nightly_pass(log: Ledger) -> None:
    await log.grow(300)
    assert await recompute(log.hub, asyncio.Event()) == 302
    sqlite = "database_url" not in log.settings.model_fields_set
    await log.change(
        "DROP TRIGGER log_entry_never_changes" + ("" if sqlite else " ON log_entry"),
        "UPDATE log_entry SET leaf = (SELECT leaf FROM log_entry WHERE idx = 7) WHERE idx = 261",
    )
    with pytest.raises(ExchangeError) as refused:
        await recompute(log.hub, asyncio.Event())
    assert refused.value.span == (261, 261)  # type: ignore[attr-defined]


async def test_a_clock_that_went_back_stops_the_signer_until_it_is_right(log: Ledger) -> None:
    size = await log.grow(2)
    log.later(minutes=-5)
    await log.record(1)
    await log.tick()
    assert (log.hub.heads.stopped, log.size) == ("clock", size)
    log.later(minutes=5)
    await log.tick()
    assert (log.hub.heads.stopped, log.size) == (None, size + 1)


async def test_clocks_that_differ_a_little_are_waited_for(log: Ledger) -> None:
    size = await log.grow(2)
    log.later(seconds=-1)
    await log.record(1)
    await log.tick()
    assert (log.hub.heads.stopped, log.size) == (None, size)


async def test_a_head_that_cannot_be_kept_outside_the_database_is_not_signed(log: Ledger) -> None:
    size = await log.grow(2)
    (log.hub.home / high_water.FILE).unlink()
    (log.hub.home / high_water.FILE).mkdir()
    await log.record(1)
    with pytest.raises(OSError, match="directory"):
        await log.tick()
    assert await log.rows("SELECT max(size) FROM log_checkpoint") == [(size,)]


async def test_a_head_that_a_worker_of_the_same_home_signs_meanwhile_stops_nobody(
    log: Ledger,
) -> None:
    size = await log.grow(2)
    slow: Any = Slow(log.hub.db, log.grow)
    await sequence.sign(replace(log.hub, db=slow))
    assert (log.hub.heads.stopped, log.size) == (None, size + 1)


class Slow:
    """A database in which something else happens between a snapshot and what is read from it."""

    def __init__(self, db: Database, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._db, self._meanwhile = db, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        begun, over = threading.Event(), threading.Event()

        def late(conn: Connection) -> Any:
            tree.tree(conn)  # what is read first begins the snapshot
            begun.set()
            assert over.wait(20)
            return work(conn, *args)

        reading = asyncio.create_task(self._db.read(late))
        assert await asyncio.to_thread(begun.wait, 20)
        await self._meanwhile()
        over.set()
        return await reading


async def test_a_new_policy_is_an_entry_of_its_own_and_the_same_one_is_not(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        await one.tick()
        text = one.hub.signer.policy_text
    (tmp_path / "policy").write_bytes(b"# a comment makes another file\n" + text)
    changed = ledger(tmp_path, log={"policy": tmp_path / "policy"}, **stored_in)
    leaves: list[bytes] = []
    for _ in range(2):
        async with changed.open():
            await changed.tick()
            leaves = await changed.whole()
    assert leaves[1:] == [
        document_leaf("policy", text),
        document_leaf("policy", b"# a comment makes another file\n" + text),
    ]
