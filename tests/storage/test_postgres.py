"""The hub's database on PostgreSQL: what it promises, and what it does when the server does not."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from exchange.database import Moment, take_time
from exchange.errors import Misconfigured, OutcomeUnknown, Unavailable
from exchange.hub.open_database import open_database
from exchange.hub.settings import HubSettings
from exchange.hub.storage import consents, ending, headers, postgres, schema
from exchange.hub.storage.postgres import Pools, PostgresDatabase
from exchange.hub.storage.postgres_session import Found, check_server, connect, make_engine
from exchange.prepared import Prepared
from tests.postgres import Absent, PrivateServer, Server, private_server
from tests.storage import rows

SOUND = Found(
    version=15,
    standby=False,
    encoding="UTF8",
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
    synchronous_standby_names="",
    data_sync_retry="off",
    default_transaction_read_only="off",
)
things = Table(
    "things",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("octets", LargeBinary),
    Column("at", Moment),
    Column("count", Integer),
    Column("size", BigInteger),
    Column("is_so", Boolean),
)
ADD = Prepared(insert(things))
FIND = Prepared(select(things).where(things.c.id == bindparam("of")))
TWO = Pools(connections=2, urgent=1, readers=1, wait_s=30)


@asynccontextmanager
async def opened(
    url: str, pools: Pools = TWO, check: Callable[[Connection], None] = things.metadata.create_all
) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(url, check, pools=pools)
    yield database
    await database.close()


@pytest.fixture
def empty(postgres_server: Server) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@pytest.fixture
async def db(empty: str) -> AsyncIterator[PostgresDatabase]:
    async with opened(empty) as database:
        yield database


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateServer]:
    """A server that tests stop, start and set as they like."""
    try:
        with private_server() as server:
            yield server
    except Absent as error:
        pytest.skip(str(error))


class Held:
    """A unit of work that keeps its connection until it is told to end."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._begun = threading.Semaphore(0)

    def __call__(self, _conn: Connection) -> None:
        self._begun.release()
        assert self.over.wait(60)

    async def begun(self) -> None:
        """Wait until one more connection is taken."""
        assert await asyncio.to_thread(self._begun.acquire, timeout=30)


def add(conn: Connection, name: str, /, **other: Any) -> None:
    blank = {"octets": None, "at": None, "count": None, "size": None, "is_so": None}
    ADD.changed(conn, {"id": name, **blank, **other})


def names(conn: Connection) -> list[str]:
    return list(conn.execute(select(things.c.id).order_by(things.c.id)).scalars())


def pid(conn: Connection) -> int:
    return int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())


def terminate(url: str, backend: int) -> None:
    """End a session from outside, and wait until it is gone."""
    dsn = url.replace("+psycopg", "")
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


# What every database promises


async def test_a_unit_is_kept_as_a_whole_or_not_at_all(db: PostgresDatabase) -> None:
    def fail(conn: Connection) -> None:
        add(conn, "lost")
        raise LookupError

    await db.write(add, "kept")
    with pytest.raises(LookupError):
        await db.write(fail)
    assert await db.read(names) == ["kept"]
    assert await db.look(names) == ["kept"]


async def test_a_unit_whose_connection_is_lost_before_its_commit_runs_again_and_happens_once(
    db: PostgresDatabase, empty: str
) -> None:
    sessions: list[int] = []

    def interrupted(conn: Connection) -> None:
        add(conn, f"turn {len(sessions)}")
        sessions.append(pid(conn))
        if len(sessions) == 1:
            terminate(empty, sessions[0])
        add(conn, "both")

    await db.write(interrupted)

    assert len(set(sessions)) == 2
    assert await db.read(names) == ["both", "turn 1"]


async def test_values_come_back_as_they_were_through_prepared_statements(
    db: PostgresDatabase,
) -> None:
    at = datetime(2026, 3, 3, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    given = {"octets": b"\0\xff'\\", "at": at, "count": -7, "size": 2**40, "is_so": True}
    await db.write(add, "Ä'; --", **given)

    (row,) = await db.read(lambda conn: FIND.all(conn, {"of": "Ä'; --"}))
    assert (row.id, row.octets, row.count, row.size, row.is_so) == (
        *("Ä'; --", b"\0\xff'\\", -7, 2**40),
        True,
    )
    assert row.at == at
    assert row.at.tzinfo is UTC
    (same,) = await db.read(lambda conn: conn.execute(select(things)).all())
    assert tuple(same) == tuple(row)


async def test_what_is_absent_comes_back_as_none(db: PostgresDatabase) -> None:
    await db.write(add, "bare")
    row = await db.read(lambda conn: FIND.one(conn, {"of": "bare"}))
    assert tuple(row or ()) == ("bare", None, None, None, None, None)
    assert await db.read(lambda conn: FIND.one(conn, {"of": "nothing"})) is None


async def test_a_text_with_a_nul_is_refused_and_not_cut_short(db: PostgresDatabase) -> None:
    with pytest.raises(Unavailable):
        await db.write(add, "a\0b")
    with pytest.raises(Unavailable):
        await db.write(lambda conn: conn.execute(insert(things), {"id": "a\0b"}))
    assert await db.read(names) == []


async def test_a_reader_cannot_write_and_sees_one_snapshot(empty: str) -> None:
    meanwhile, seen = threading.Event(), threading.Event()

    def look(conn: Connection) -> tuple[list[str], list[str]]:
        before = names(conn)
        seen.set()
        assert meanwhile.wait(30)
        return before, names(conn)

    async with opened(empty) as db:
        with pytest.raises(Unavailable):
            await db.read(add, "never")
        looking = asyncio.create_task(db.read(look))
        await asyncio.to_thread(seen.wait, 30)
        await db.write(add, "late")
        meanwhile.set()
        assert await looking == ([], [])


async def test_nothing_of_a_value_is_in_an_error_of_the_database(
    db: PostgresDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    def twice(conn: Connection) -> None:
        conn.execute(insert(things), {"id": "CANARY"})
        conn.execute(insert(things), {"id": "CANARY"})

    def twice_prepared(conn: Connection) -> None:
        add(conn, "CANARY")
        add(conn, "CANARY")

    for work in (twice, twice_prepared):
        with pytest.raises(Unavailable) as refused:
            await db.write(work)
        assert refused.value.__cause__ is None
        assert "CANARY" not in str(refused.value)
    told = capsys.readouterr()
    assert "CANARY" not in told.out + told.err


async def test_a_statement_that_fails_inside_a_unit_undoes_the_unit(db: PostgresDatabase) -> None:
    def swallow(conn: Connection) -> None:
        add(conn, "first")
        with pytest.raises(IntegrityError):
            add(conn, "first")  # PostgreSQL undoes all of it at COMMIT, without an error

    with pytest.raises(Unavailable):
        await db.write(swallow)
    assert await db.read(names) == []


async def test_a_unit_that_finds_its_row_taken_meanwhile_runs_again_and_sees_it(
    empty: str,
) -> None:
    looked = threading.Barrier(2, timeout=30)
    first = [True, True]

    def claim(conn: Connection, at: int) -> bool:
        if names(conn):
            return False
        if first[at]:
            first[at] = False
            looked.wait()  # both have seen that there is nothing
        add(conn, "one")
        return True

    async with opened(empty) as db:
        assert sorted(await asyncio.gather(db.write(claim, 0), db.write(claim, 1))) == [False, True]


# Connections


async def test_each_session_has_its_deadlines(db: PostgresDatabase) -> None:
    wanted = {
        "statement_timeout": "5s",
        "lock_timeout": "4s",
        "idle_in_transaction_session_timeout": "3s",
        "TimeZone": "UTC",
        "transaction_isolation": "read committed",
    }

    def settings(conn: Connection) -> dict[str, str]:
        return {name: conn.execute(text(f"SHOW {name}")).scalar_one() for name in wanted}

    assert await db.write(settings) == wanted
    assert await db.write_first(settings) == wanted
    assert await db.read(settings) == {**wanted, "transaction_isolation": "repeatable read"}


async def test_a_withdrawal_waits_for_no_connection_of_others(empty: str) -> None:
    held = Held()
    async with opened(empty, replace(TWO, queue=1, wait_s=60)) as db:
        busy = []
        for _ in range(TWO.connections):
            busy.append(asyncio.create_task(db.write(held)))
            await held.begun()
        waits = asyncio.create_task(db.write(add, "waits"))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await db.write(add, "one too many")
        await asyncio.gather(*(db.write_first(add, str(number)) for number in range(20)))
        held.over.set()
        await asyncio.gather(*busy, waits)
        assert len(await db.read(names)) == 21


async def test_a_unit_that_gets_no_connection_in_time_is_refused_and_does_not_happen(
    empty: str,
) -> None:
    held = Held()
    async with opened(empty, replace(TWO, connections=1)) as db:
        busy = asyncio.create_task(db.write(held))
        await held.begun()
        db._writers._bounds = replace(TWO, wait_s=0.3)  # from here on: that one was to be served
        with pytest.raises(Unavailable):
            await db.write(add, "late")
        held.over.set()
        await busy
        assert await db.read(names) == []


async def test_a_unit_that_the_server_leaves_hanging_is_cut(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "RUN_S", 0.3)
    async with opened(empty) as db:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await db.write(lambda conn: conn.execute(text("SELECT pg_sleep(60)")))
        assert time.monotonic() - began < 50
        await db.write(add, "after")


async def test_a_unit_may_ask_for_all_the_time_it_takes(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "RUN_S", 0.3)
    bounds = text(
        "SELECT current_setting('statement_timeout'), "
        "current_setting('idle_in_transaction_session_timeout')"
    )

    def long(conn: Connection) -> tuple[Any, ...]:
        take_time(conn)
        conn.execute(text("SELECT pg_sleep(1.2)"))
        return tuple(conn.execute(bounds).one())

    async with opened(empty, replace(TWO, connections=1)) as db:
        assert await db.write(long) == ("0", "0")
        # The next one has its bounds again.
        assert await db.write(lambda conn: tuple(conn.execute(bounds).one())) == ("5s", "3s")
        with pytest.raises(Unavailable):
            await db.write(lambda conn: conn.execute(text("SELECT pg_sleep(4.5)")))


async def test_a_session_that_was_ended_between_two_units_is_replaced_unnoticed(
    empty: str,
) -> None:
    async with opened(empty, replace(TWO, connections=1)) as db:
        await asyncio.to_thread(terminate, empty, await db.write(pid))
        await db.write(add, "after")
        assert await db.read(names) == ["after"]


async def test_a_session_that_is_ended_during_a_unit_leaves_nothing_of_it(
    db: PostgresDatabase, empty: str
) -> None:
    def work(conn: Connection) -> None:
        add(conn, "lost")
        terminate(empty, pid(conn))
        add(conn, "lost too")

    with pytest.raises(Unavailable) as refused:
        await db.write(work)
    assert not isinstance(refused.value, OutcomeUnknown)
    assert await db.read(names) == []


async def test_a_unit_that_goes_on_after_its_connection_was_lost_does_not_happen(
    empty: str,
) -> None:
    def swallow(conn: Connection) -> None:
        add(conn, "lost")
        terminate(empty, pid(conn))
        with pytest.raises(DBAPIError):
            add(conn, "lost too")

    async with opened(empty, replace(TWO, connections=1)) as db:
        with pytest.raises(Unavailable):
            await db.write(swallow)
        await db.write(add, "after")
        assert await db.read(names) == ["after"]


async def test_a_commit_without_an_answer_is_an_unknown_outcome(
    db: PostgresDatabase, empty: str
) -> None:
    def work(conn: Connection) -> None:
        add(conn, "perhaps")
        terminate(empty, pid(conn))

    with pytest.raises(OutcomeUnknown):
        await db.write(work)
    assert not db.failed  # the next commit can be as good as any
    await db.write(add, "next")


async def test_a_commit_that_no_standby_confirmed_is_an_unknown_outcome(
    own_server: PrivateServer,
) -> None:
    def work(conn: Connection) -> None:
        add(conn, "here only")
        conn.execute(text("SET LOCAL statement_timeout = '300ms'"))  # else it waits for 5 s

    with own_server.database() as url:
        async with opened(url) as db:
            await db.write(add, "before")
            own_server.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            own_server.execute("SELECT pg_reload_conf()")
            try:
                await until(
                    lambda: own_server.execute("SHOW synchronous_standby_names") == [("nobody",)]
                )
                with pytest.raises(OutcomeUnknown):
                    await db.write(work)
            finally:
                own_server.execute("ALTER SYSTEM RESET synchronous_standby_names")
                own_server.execute("SELECT pg_reload_conf()")


async def test_a_server_that_stops_and_starts_is_noticed_and_met_again(
    own_server: PrivateServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with own_server.database() as url:
        async with opened(url) as db:
            await db.write(add, "before")
            await asyncio.to_thread(own_server.stop)
            for ask in (db.write, db.write_first, db.read):
                began = time.monotonic()
                with pytest.raises(Unavailable):
                    await ask(names)
                assert time.monotonic() - began < TWO.wait_s
            await asyncio.to_thread(own_server.start)
            await db.write(add, "after")
            assert await db.read(names) == ["after", "before"]
    told = capsys.readouterr().out
    assert told.count("database-away") == 1
    assert told.count("database-back") == 1


async def test_units_that_wait_when_the_database_is_closed_are_still_done(empty: str) -> None:
    async with opened(empty) as db:
        waiting = [asyncio.create_task(db.write(add, str(number))) for number in range(20)]
        await asyncio.sleep(0)
        await db.close()
        await asyncio.gather(*waiting)
        with pytest.raises(Unavailable):
            await db.write(add, "too late")


# Start


@pytest.mark.parametrize(
    ("changed", "failover", "word"),
    [
        ({"version": 14}, "manual", "older"),
        ({"standby": True}, "manual", "standby"),
        ({"encoding": "LATIN1"}, "manual", "UTF8"),
        ({"fsync": "off"}, "manual", "fsync"),
        ({"full_page_writes": "off"}, "manual", "full_page_writes"),
        ({"synchronous_commit": "off"}, "manual", "synchronous_commit"),
        (
            {"synchronous_commit": "local", "synchronous_standby_names": "s"},
            "manual",
            "synchronous_commit",
        ),
        (
            {"synchronous_commit": "remote_write", "synchronous_standby_names": "s"},
            "automatic",
            "synchronous_commit",
        ),
        ({"data_sync_retry": "on"}, "manual", "data_sync_retry"),
        ({"default_transaction_read_only": "on"}, "manual", "closed for writing"),
        ({}, "automatic", "synchronous_standby_names"),
    ],
)
def test_a_server_that_can_forget_is_refused(
    changed: dict[str, Any], failover: Any, word: str
) -> None:
    with pytest.raises(Misconfigured, match=word):
        check_server(replace(SOUND, **changed), failover=failover)


def test_a_sound_server_is_taken() -> None:
    check_server(SOUND, failover="manual")
    check_server(replace(SOUND, synchronous_commit="local"), failover="manual")
    check_server(replace(SOUND, synchronous_standby_names="s"), failover="automatic")


def test_what_the_server_says_of_itself_is_asked_at_the_start(
    postgres_server: Server, empty: str
) -> None:
    name = empty.rpartition("/")[2].partition("?")[0]
    postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(Misconfigured, match="synchronous_commit"):
        PostgresDatabase(empty, schema.check, pools=TWO)


async def test_a_server_that_became_weak_is_refused_when_it_is_met_again(
    postgres_server: Server, empty: str
) -> None:
    name = empty.rpartition("/")[2].partition("?")[0]
    async with opened(empty, replace(TWO, connections=1)) as db:
        backend = await db.write(pid)
        postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        await asyncio.to_thread(terminate, empty, backend)
        with pytest.raises(Unavailable):
            await db.write(add, "never")


def test_an_empty_database_is_refused_with_what_to_do(empty: str) -> None:
    with pytest.raises(Misconfigured, match="exchange hub migrate"):
        PostgresDatabase(empty, schema.check, pools=TWO)


@pytest.mark.parametrize(
    "url",
    ["postgresql://h/d", "postgresql+asyncpg://h/d", "mysql+psycopg://h/d", "sqlite:///x", "", "x"],
)
def test_another_url_than_one_of_postgresql_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="database_url"):
        PostgresDatabase(url, schema.check, pools=TWO)


def test_a_server_that_does_not_answer_is_named_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://hub:CANARY@/hub?host={tmp_path}"
    with pytest.raises(Misconfigured, match="cannot be reached") as refused:
        PostgresDatabase(url, schema.check, pools=TWO)
    assert "CANARY" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_driver_is_named_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "exchange.hub.storage.postgres", None)
    url = SecretStr("postgresql+psycopg://h/d")
    with pytest.raises(Misconfigured, match=r"consent-exchange\[postgres\]"):
        open_database(HubSettings(home=tmp_path, database_url=url), on_failure=lambda: None)


def test_the_settings_never_show_the_password(tmp_path: Path) -> None:
    url = SecretStr("postgresql+psycopg://hub:CANARY@h/d")
    settings = HubSettings(home=tmp_path, database_url=url)
    assert "CANARY" not in repr(settings)
    assert "CANARY" not in settings.model_dump_json()


# The lock that orders a release and a withdrawal


@pytest.mark.parametrize("locks", [True, False])
def test_a_withdrawal_overtakes_a_release_only_where_the_lock_is_left_out(
    postgres_url: str, locks: bool
) -> None:
    """The second half is the control: this test can see the fault that it is here for."""
    engine = make_engine(postgres_url)
    with engine.begin() as conn:
        rows.add_agencies(conn)
        rows.add_agreement(conn)
        rows.add_consent(conn, "c")
        new = rows.store(conn, "d", "c")
    withdrawn = threading.Event()

    def withdraw() -> None:
        with engine.connect() as conn:
            conn.exec_driver_sql("BEGIN")
            locked = consents.find(conn, rows.digest("consent", "c"))
            assert locked is not None
            chain = rows.chain("c")
            ending.withdraw(conn, locked, rows.withdrawal(), chain, at=rows.NOW)
            conn.exec_driver_sql("COMMIT")
        withdrawn.set()

    with connect(make_engine(postgres_url, locks=locks), failover="manual") as conn:
        conn.exec_driver_sql("BEGIN")
        granted = rows.granted(conn, "c", counted=1)  # the lock, or none
        assert headers.release(conn, granted, new.id) is not None
        acknowledging = threading.Thread(target=withdraw)
        acknowledging.start()
        overtook = withdrawn.wait(1 if locks else 30)
        conn.exec_driver_sql("COMMIT")  # from here on the header is out
    acknowledging.join(30)
    engine.dispose()
    assert withdrawn.is_set()
    assert overtook is not locks


def test_the_error_of_a_prepared_statement_is_that_of_the_library(empty: str) -> None:
    engine = make_engine(empty)
    with engine.begin() as conn:
        things.metadata.create_all(conn)
    with connect(engine, failover="manual") as conn:
        add(conn, "one")
        with pytest.raises(IntegrityError):
            add(conn, "one")
        with pytest.raises(DBAPIError):
            add(conn, "two", count=2**40)
    engine.dispose()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what changes it knows nothing of this loop
            await asyncio.sleep(0.01)
