"""exchange.sqlite: one writer with group commit, readers, lock file, erasure from the WAL."""

import asyncio
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    func,
    insert,
    select,
)
from sqlalchemy.exc import OperationalError, StatementError

from exchange import database, sqlite_file
from exchange.database import Moment
from exchange.errors import Misconfigured, OutcomeUnknown, Unavailable
from exchange.sqlite import Schema, SqliteDatabase
from exchange.sqlite_file import connect, erase_from_wal

metadata = MetaData(naming_convention=database.NAMES)
numbers = Table(
    "numbers",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("word", Text),
    Column("at", Moment),
    Column("octets", LargeBinary),
)
SCHEMA = Schema(metadata=metadata, version=3)
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


class Failures:
    """Counts how often the database said that it failed."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self) -> None:
        self.seen += 1


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
async def db(tmp_path: Path, failures: Failures) -> Any:
    opened = SqliteDatabase(tmp_path / "some.sqlite", SCHEMA.prepare, on_failure=failures)
    yield opened
    await opened.close()


def add_next(conn: Connection, word: str = "") -> int:
    """Read the highest number and insert the next one: two that overlap would collide."""
    highest = conn.execute(select(func.coalesce(func.max(numbers.c.number) + 1, 0))).scalar_one()
    conn.execute(insert(numbers), {"number": highest, "word": word})
    return int(highest)


def count(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(numbers)).scalar_one()


def put(conn: Connection, row: dict[str, Any]) -> None:
    conn.execute(insert(numbers), row)


def clear(conn: Connection) -> None:
    conn.execute(numbers.delete())


def impatient(conn: Connection) -> None:
    conn.exec_driver_sql("PRAGMA busy_timeout=1")


class Broken(Exception):
    """What a unit raises."""


def add_and_break(conn: Connection) -> None:
    add_next(conn, "broken")
    raise Broken


@asynccontextmanager
async def held(db: SqliteDatabase) -> AsyncIterator[None]:
    """Keep the writer busy in a group of one unit, so that the next group gathers behind it."""
    begun, free = threading.Event(), threading.Event()

    def block(_conn: Connection) -> None:
        begun.set()
        free.wait(10)

    task = asyncio.ensure_future(db.write(block))
    await asyncio.to_thread(begun.wait, 10)
    try:
        yield
    finally:
        free.set()
        await task


async def test_units_that_read_then_insert_at_once_leave_no_gap(db: SqliteDatabase) -> None:
    given = await asyncio.gather(*(db.write(add_next) for _ in range(60)))
    assert sorted(given) == list(range(60))
    assert await db.read(count) == 60


async def test_an_error_in_one_unit_undoes_that_unit_and_leaves_the_others_of_its_group(
    db: SqliteDatabase,
) -> None:
    async with held(db):
        results = asyncio.gather(
            db.write(add_next), db.write(add_and_break), db.write(add_next), return_exceptions=True
        )
        await asyncio.sleep(0)
    first, error, second = await results
    assert isinstance(error, Broken)
    assert (first, second) == (0, 1)
    assert await db.read(count) == 2


async def test_a_failing_commit_tells_the_whole_group_and_stops_the_database(
    db: SqliteDatabase, failures: Failures
) -> None:
    def break_the_commit(conn: Connection) -> None:
        conn.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        conn.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        conn.exec_driver_sql(
            "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        conn.exec_driver_sql("INSERT INTO child VALUES (1)")

    async with held(db):
        results = asyncio.gather(
            db.write(add_next),
            db.write(break_the_commit),
            db.write(add_next),
            return_exceptions=True,
        )
        await asyncio.sleep(0)
    assert [type(result) for result in await results] == [OutcomeUnknown] * 3
    assert db.failed
    assert failures.seen == 1
    with pytest.raises(Unavailable):
        await db.write(add_next)
    with pytest.raises(Unavailable):
        await db.write_first(add_next)
    assert failures.seen == 1


async def test_nobody_is_answered_before_the_commit(db: SqliteDatabase, tmp_path: Path) -> None:
    answered = await db.write(add_next)
    other = sqlite3.connect(tmp_path / "some.sqlite")
    assert other.execute("SELECT max(number) FROM numbers").fetchone() == (answered,)
    other.close()


async def test_urgent_units_go_before_everything_that_waits(db: SqliteDatabase) -> None:
    async with held(db):
        ordinary = [asyncio.ensure_future(db.write(add_next)) for _ in range(100)]
        await asyncio.sleep(0)
        urgent = asyncio.ensure_future(db.write_first(add_next))
        await asyncio.sleep(0)
    assert await urgent == 0
    assert min(await asyncio.gather(*ordinary)) == 1


async def test_a_full_queue_refuses_ordinary_units_and_takes_urgent_ones(
    tmp_path: Path, failures: Failures
) -> None:
    db = SqliteDatabase(tmp_path / "small.sqlite", SCHEMA.prepare, on_failure=failures, queue=2)
    async with held(db):
        waiting = [asyncio.ensure_future(db.write(add_next)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await db.write(add_next)
        urgent = asyncio.ensure_future(db.write_first(add_next))
        await asyncio.sleep(0)
    assert await urgent == 0
    assert sorted(await asyncio.gather(*waiting)) == [1, 2]
    await db.close()


async def test_cancelled_callers_do_not_stop_their_units_nor_the_next_one(
    db: SqliteDatabase,
) -> None:
    tasks = []
    for turn in range(300):
        tasks.append(asyncio.ensure_future(db.write(add_next)))
        await asyncio.sleep(0)
        if turn % 3 == 0:
            await asyncio.sleep(secrets.randbelow(3) / 1000)
        tasks[secrets.randbelow(len(tasks))].cancel()
    async with asyncio.timeout(30):  # 50 ms on a quiet machine
        last = await db.write(add_next)
    await asyncio.gather(*tasks, return_exceptions=True)
    # Every unit that was begun happened, cancelled or not, and each exactly once.
    assert last + 1 == await db.read(count)


async def test_a_reader_cannot_write(db: SqliteDatabase) -> None:
    with pytest.raises(Unavailable) as refused:
        await db.read(add_next)
    assert isinstance(refused.value.__cause__, OperationalError)
    assert await db.read(count) == 0


async def test_a_reader_sees_one_snapshot(db: SqliteDatabase) -> None:
    await db.write(add_next)
    read_once, written = threading.Event(), threading.Event()

    def twice(conn: Connection) -> tuple[int, int]:
        before = count(conn)
        read_once.set()
        written.wait(60)
        return before, count(conn)

    reading = asyncio.ensure_future(db.read(twice))
    assert await asyncio.to_thread(read_once.wait, 60)
    await db.write(add_next)
    written.set()
    assert await reading == (1, 1)
    assert await db.read(count) == 2


async def test_deleted_bytes_leave_file_and_wal_once_no_reader_holds_a_snapshot(
    db: SqliteDatabase, tmp_path: Path
) -> None:
    secret = secrets.token_bytes(1600)
    row = {"number": 1, "octets": secret}
    await db.write(put, row)
    begun, free = threading.Event(), threading.Event()

    def hold(conn: Connection) -> int:
        seen = count(conn)
        begun.set()
        free.wait(60)
        return seen

    reading = asyncio.ensure_future(db.read(hold))
    assert await asyncio.to_thread(begun.wait, 60)
    await db.write(clear)
    assert await db.erase_from_wal() is False
    assert not reading.done()  # it does not wait for the reader
    free.set()
    await reading
    assert await db.erase_from_wal() is True
    for file in tmp_path.iterdir():
        assert secret[:64] not in file.read_bytes(), file.name


async def test_without_truncation_the_deleted_bytes_are_still_there(
    db: SqliteDatabase, tmp_path: Path
) -> None:
    secret = secrets.token_bytes(1600)
    row = {"number": 1, "octets": secret}
    await db.write(put, row)
    await db.write(clear)
    assert any(secret[:64] in file.read_bytes() for file in tmp_path.iterdir())


async def test_a_second_process_is_refused_in_one_line(
    db: SqliteDatabase, tmp_path: Path, failures: Failures
) -> None:
    with pytest.raises(Misconfigured, match="another process uses"):
        SqliteDatabase(tmp_path / "some.sqlite", SCHEMA.prepare, on_failure=failures)
    assert await db.write(add_next) == 0


async def test_the_lock_is_free_again_after_closing(tmp_path: Path, failures: Failures) -> None:
    for turn in range(2):
        db = SqliteDatabase(tmp_path / "again.sqlite", SCHEMA.prepare, on_failure=failures)
        assert await db.write(add_next) == turn
        await db.close()
        with pytest.raises(Unavailable):
            await db.write(add_next)


@pytest.mark.parametrize("version", [2, 4])
async def test_an_unknown_schema_is_refused_and_the_lock_given_back(
    tmp_path: Path, failures: Failures, version: int
) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version={version}")
    other.close()
    for _ in range(2):
        with pytest.raises(Misconfigured, match=f"schema {version}"):
            SqliteDatabase(path, SCHEMA.prepare, on_failure=failures)


async def test_a_file_of_an_earlier_version_is_brought_up_to_date_with_its_rows(
    tmp_path: Path, failures: Failures
) -> None:
    path = tmp_path / "older.sqlite"
    with closing(sqlite3.connect(path)) as older:
        older.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
        older.execute("INSERT INTO numbers VALUES (7)")
        older.execute("PRAGMA user_version=1")
        older.commit()
    steps = (
        ("ALTER TABLE numbers ADD word TEXT", "ALTER TABLE numbers ADD at DATETIME"),
        ("ALTER TABLE numbers ADD octets BLOB",),
    )
    later = Schema(metadata=metadata, version=3, steps=steps)
    for turn in range(2):
        db = SqliteDatabase(path, later.prepare, on_failure=failures)
        assert await db.write(add_next) == 8 + turn
        await db.close()


async def test_a_step_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, failures: Failures
) -> None:
    path = tmp_path / "older.sqlite"
    with closing(sqlite3.connect(path)) as older:
        older.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
        older.execute("PRAGMA user_version=1")
    broken = Schema(
        metadata=metadata,
        version=2,
        steps=(("ALTER TABLE numbers ADD word TEXT", "ALTER TABLE nobody ADD word TEXT"),),
    )
    with pytest.raises(OperationalError):
        SqliteDatabase(path, broken.prepare, on_failure=failures)
    with closing(sqlite3.connect(path)) as older:
        assert older.execute("PRAGMA user_version").fetchone() == (1,)
        assert len(older.execute("PRAGMA table_info(numbers)").fetchall()) == 1


async def test_a_foreign_file_without_version_is_refused(
    tmp_path: Path, failures: Failures
) -> None:
    path = tmp_path / "foreign.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(Misconfigured):
        SqliteDatabase(path, SCHEMA.prepare, on_failure=failures)


async def test_the_file_is_readable_by_its_owner_only(db: SqliteDatabase, tmp_path: Path) -> None:
    await db.write(add_next)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} <= {0, 0o044}
    assert (tmp_path / "some.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "pragma", ["secure_delete=OFF", "synchronous=NORMAL", "foreign_keys=OFF", "temp_store=FILE"]
)
def test_a_connection_that_does_not_keep_its_pragmas_is_refused(
    tmp_path: Path, pragma: str
) -> None:
    connection = connect(tmp_path / "some.sqlite")
    sqlite_file.check_pragmas(connection)
    connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(Misconfigured):
        sqlite_file.check_pragmas(connection)
    connection.close()


@pytest.mark.parametrize("engine", [sqlite_file.writer_engine, sqlite_file.reader_engine])
def test_every_connection_of_an_engine_keeps_the_pragmas(
    tmp_path: Path, engine: Callable[[Path], Any]
) -> None:
    made = engine(tmp_path / "some.sqlite")
    with made.connect() as connection:
        for pragma, expected in (
            ("secure_delete", 1),
            ("synchronous", 2),
            ("journal_mode", "wal"),
            ("foreign_keys", 1),
            ("trusted_schema", 0),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == expected
    made.dispose()


def test_a_writing_transaction_holds_the_lock_before_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "some.sqlite"
    engine = sqlite_file.writer_engine(path)
    other = sqlite3.connect(path, timeout=0)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.close()
    engine.dispose()


def test_erasure_reports_a_reader_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "some.sqlite"
    writer = connect(path)
    writer.execute("PRAGMA busy_timeout=0")
    writer.execute("CREATE TABLE t (x)")
    reader = connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchone()
    writer.execute("INSERT INTO t VALUES (1)")
    assert erase_from_wal(writer) is False
    reader.execute("COMMIT")
    assert erase_from_wal(writer) is True
    reader.close()
    writer.close()


def test_moments_come_back_aware_in_utc_and_naive_ones_are_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'moments.sqlite'}", hide_parameters=True)
    metadata.create_all(engine)
    east = datetime(2026, 4, 1, 9, 0, 0, 123, tzinfo=timezone(timedelta(hours=2)))
    with engine.begin() as connection:
        connection.execute(insert(numbers), {"number": 1, "at": east})
        back = connection.execute(select(numbers.c.at)).scalar_one()
        assert back == east
        assert back.utcoffset() == timedelta(0)
        with pytest.raises(StatementError):
            connection.execute(insert(numbers), {"number": 2, "at": NOW.replace(tzinfo=None)})
        connection.execute(insert(numbers), {"number": 3, "at": None})
    engine.dispose()


async def test_the_text_of_a_database_error_is_not_told(db: SqliteDatabase) -> None:
    await db.write(put, {"number": 1})
    with pytest.raises(Unavailable) as refused:
        await db.write(put, {"number": 1, "word": "canary"})
    assert "canary" not in str(refused.value)
    assert "canary" not in str(refused.value.__cause__)
    assert await db.write(add_next) == 2


async def test_a_transaction_that_sqlite_itself_gave_up_is_told_to_everybody_in_it(
    db: SqliteDatabase,
) -> None:
    def give_up(conn: Connection) -> None:
        conn.exec_driver_sql("ROLLBACK")  # what a full disk does behind our back
        raise Broken

    async with held(db):
        results = asyncio.gather(
            db.write(add_next), db.write(give_up), db.write(add_next), return_exceptions=True
        )
        await asyncio.sleep(0)
    assert [type(result) for result in await results] == [Unavailable] * 3
    assert await db.read(count) == 0
    assert await db.write(add_next) == 0
    assert not db.failed


async def test_a_locked_file_is_unavailable_and_nothing_has_happened(
    db: SqliteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.write(impatient)
    other = sqlite3.connect(tmp_path / "some.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await db.write(add_next)
    other.execute("ROLLBACK")
    other.close()
    assert await db.write(add_next) == 0


async def test_closing_finishes_what_waits(tmp_path: Path, failures: Failures) -> None:
    db = SqliteDatabase(tmp_path / "closing.sqlite", SCHEMA.prepare, on_failure=failures)
    waiting = [asyncio.ensure_future(db.write(add_next)) for _ in range(200)]
    await asyncio.sleep(0)
    await db.close()
    assert sorted(await asyncio.gather(*waiting)) == list(range(200))


async def test_the_writer_outruns_a_pool_of_connections(tmp_path: Path, failures: Failures) -> None:
    """Group commit against 15 connections that fight for the lock of the file, in one run."""
    path = tmp_path / "raced.sqlite"
    db = SqliteDatabase(path, SCHEMA.prepare, on_failure=failures)
    engine = create_engine(f"sqlite:///{path}", pool_size=15, max_overflow=0)
    sqlite_file.tune(engine, begin="BEGIN IMMEDIATE")

    def fight() -> None:
        for _ in range(20):
            with engine.begin() as connection:
                add_next(connection)

    writer, pool = list[float](), list[float]()
    for _ in range(3):
        begun = time.perf_counter()
        await asyncio.gather(*(_in_turn(db) for _ in range(10)))
        writer.append(200 / (time.perf_counter() - begun))
        begun = time.perf_counter()
        await asyncio.gather(*(asyncio.to_thread(fight) for _ in range(10)))
        pool.append(200 / (time.perf_counter() - begun))
    await db.close()
    engine.dispose()
    print(f"writer {max(writer):.0f}/s, pool of 15 {max(pool):.0f}/s")
    # 5 times on a quiet machine; beside other tests only the direction of the best is certain.
    assert max(writer) > max(pool)


async def _in_turn(db: SqliteDatabase) -> None:
    for _ in range(20):
        await db.write(add_next)
