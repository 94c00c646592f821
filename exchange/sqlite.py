"""SQLite as both sides use it: one writer thread with group commit, readers, a lock file.

Work on the database is a plain function of a SQLAlchemy `Connection`, run as a whole in one
thread. This is the only module that begins, commits or rolls back. Nothing that decides may
rest on what a reader saw.
"""

import asyncio
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    TypeDecorator,
)
from sqlalchemy.exc import SQLAlchemyError

from exchange.errors import Misconfigured, OutcomeUnknown, Unavailable
from exchange.sqlite_file import (
    DRIVER,
    READERS,
    erase_from_wal,
    lock_file,
    reader_engine,
    writer_engine,
)

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 64
"""Units that share one COMMIT at most; a unit stays under 10 ms."""
QUEUE = 512
"""Units that may wait; urgent ones are exempt."""

NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints, so that a later migration can name what it changes."""


class Moment(TypeDecorator[datetime]):
    """An aware moment, stored as UTC with microseconds.

    The driver's own type drops the offset without converting; this one refuses naive values.
    """

    impl = DateTime
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Return what writes a moment; on SQLite in one step: a disclosure writes a dozen."""
        return _written if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """Return what reads a moment; on SQLite in one step."""
        return _read if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what another database stores."""
        return None if value is None else _in_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware moment in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def _written(value: datetime | None) -> str | None:
    """Return `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, as the dialect spells it: it sorts as text."""
    if value is None:
        return None
    return _in_utc(value).isoformat(" ", "microseconds").removesuffix("+00:00")


def _read(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


class Database(Protocol):
    """Runs units of work: plain functions that get a connection and can wait for nothing else."""

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `work(connection, ...)` returned, after its transaction was committed.

        Cancelling the caller does not stop the work: it happens, or it does not.

        Raises:
            OutcomeUnknown: the commit failed; it may have happened. Look it up by its id.
            Unavailable: too much waits, or the database is gone; it has not happened.
            Exception: whatever `work` raised; its changes, and only its, are undone.
        """
        ...

    async def write_first(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do as `write` does, before everything that waits there, whatever the queue's length.

        For what must never wait behind disclosures: withdrawals, erasure confirmations and
        revocations of keys.
        """
        ...

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `work(connection, ...)` returned, from one snapshot that cannot write.

        Never decide on what it saw.
        """
        ...

    async def look(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do as `read` does, for a handful of rows by their keys: in the caller's own thread.

        A hop to another thread costs more than such a look. Never for lists.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The tables of a file, and which version of them this program knows."""

    metadata: MetaData
    version: int
    """`PRAGMA user_version`, from 1."""
    extra: tuple[str, ...] = ()
    """Statements run once after the tables were made, such as triggers."""


def prepare(engine: Engine, schema: Schema) -> None:
    """Make the tables in a new file, or check that the file has the version we know.

    Raises:
        Misconfigured: another version, or a file that is not ours.
    """
    with engine.begin() as connection:
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()
        if tables or _version(connection):
            check(connection, schema)
            return
        schema.metadata.create_all(connection)
        for statement in schema.extra:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA user_version={schema.version:d}")


def check(connection: Connection, schema: Schema) -> None:
    """Refuse a file whose tables this program does not know.

    Raises:
        Misconfigured: another version, or a file that is not ours.
    """
    version = _version(connection)
    if version != schema.version:
        raise Misconfigured(
            f"the database has schema {version}, this program knows schema {schema.version}: "
            "run the version that made it, or begin with a new home"
        )


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


class _Unit:
    """One unit of work that waits for the writer, and whom to tell."""

    __slots__ = ("done", "error", "loop", "result", "work")

    def __init__(
        self,
        work: Callable[[Connection], Any],
        done: "asyncio.Future[Any]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.work = work
        self.done = done
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None

    def refuse(self, error: Exception) -> None:
        """Note what the work raised; of the database's errors the class alone."""
        self.error = _unavailable(error) if isinstance(error, SQLAlchemyError) else error

    def resolve(self) -> None:
        """Tell the caller, unless it has gone; runs in the caller's loop."""
        if self.done.cancelled():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


class SqliteDatabase:
    """`Database` on one SQLite file: units one after the other, what queues up shares a COMMIT."""

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        on_failure: Callable[[], None],
        batch: int = BATCH,
        queue: int = QUEUE,
    ) -> None:
        """Open the file, make its tables if it is new, and start the threads.

        Args:
            path: of the database; its directory exists.
            schema: tables and version.
            on_failure: called once, in the writer's thread, after a COMMIT failed. The process
                must stop and come back through recovery; until then every unit is refused.
            batch: units that share one COMMIT at most.
            queue: units that may wait; urgent ones are exempt.

        Raises:
            Misconfigured: another process uses the file, or its schema is unknown.
        """
        self.failed = False
        self._on_failure = on_failure
        self._batch = batch
        self._limit = queue
        self._urgent: deque[_Unit] = deque()
        self._units: deque[_Unit] = deque()
        self._erasing: list[_Unit] = []
        self._turn = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._closing = False
        self._lock = lock_file(path)
        self._writer, self._reader = writer_engine(path), reader_engine(path)
        try:
            prepare(self._writer, schema)
        except (Misconfigured, SQLAlchemyError):
            self._writer.dispose()
            os.close(self._lock)
            raise
        path.chmod(0o600)
        self._near = _standing(self._reader)
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._thread = threading.Thread(target=self._run, name="sqlite-write", daemon=True)
        self._thread.start()

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write`."""
        if len(self._units) >= self._limit:
            raise Unavailable("too much waits for the database")
        return await self._queued(self._units, lambda conn: work(conn, *args, **kwargs))

    async def write_first(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write_first`."""
        return await self._queued(self._urgent, lambda conn: work(conn, *args, **kwargs))

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.read`."""

        def snapshot() -> T:
            with self._reader.begin() as connection:
                return work(connection, *args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, snapshot)
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    async def look(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.look`."""
        try:
            # One connection for all looks: nothing is awaited here, so none meets another.
            driver = _driver(self._near)
            driver.execute("BEGIN")
            try:
                return work(self._near, *args, **kwargs)
            finally:
                driver.execute("COMMIT")
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _unavailable(error) from error

    async def erase_from_wal(self) -> bool:
        """Truncate the WAL between two groups; False while a reader prevents it: try again."""
        return bool(await self._queued(self._erasing, lambda _: None))

    async def close(self) -> None:
        """Finish what waits, then close the file and give up its lock."""
        with self._turn:
            self._closing = True
        self._wake.put(None)
        await asyncio.to_thread(self._thread.join)
        self._pool.shutdown()
        self._near.close()
        self._reader.dispose()
        self._writer.dispose()
        os.close(self._lock)

    async def _queued(
        self, queue: "deque[_Unit] | list[_Unit]", work: Callable[[Connection], T]
    ) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._turn:
            if self.failed or self._closing:
                raise Unavailable("the database is closed")
            queue.append(_Unit(work, done, loop))
        self._wake.put(None)
        return await done

    def _run(self) -> None:
        with _standing(self._writer) as connection:
            while True:
                self._wake.get()  # one for every unit: what a group has taken ends in empty turns
                with self._turn:
                    erasing, self._erasing = self._erasing, []
                    group, over = self._next_group(), self._closing
                if erasing:
                    self._erase(connection, erasing)
                if group:
                    self._commit(connection, group)
                elif over:
                    return

    def _next_group(self) -> list[_Unit]:
        group: list[_Unit] = []
        while len(group) < self._batch and (self._urgent or self._units):
            group.append((self._urgent or self._units).popleft())
        return group

    def _erase(self, connection: Connection, erasing: list[_Unit]) -> None:
        try:
            erased = erase_from_wal(_driver(connection))
        except sqlite3.Error:
            erased = False
        for unit in erasing:
            unit.result = erased
        _tell(erasing)

    def _commit(self, connection: Connection, group: list[_Unit]) -> None:
        """Run a group in one transaction and answer everybody after its COMMIT, never before."""
        if self.failed:
            _fail(group, Unavailable("the database is closed"))
            return
        driver = _driver(connection)
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # no lock, or no file: nothing has happened
            _fail(group, _unavailable(error))
            return
        if len(group) == 1:
            done = _run_alone(connection, driver, group[0])
        else:
            done = _run_units(connection, driver, group)
        if not done:
            _tell(group)
            return
        try:
            driver.execute("COMMIT")
        except Exception:  # noqa: BLE001 - whatever it is, the outcome is unknown
            # A crash or error here: the group is there as a whole after a restart, or it is not
            # there at all. Nobody can tell now, so nothing more is written by this process.
            self.failed = True
            self._on_failure()
            _fail(group, OutcomeUnknown())
            return
        _tell(group)


def _run_alone(connection: Connection, driver: sqlite3.Connection, unit: _Unit) -> bool:
    """Run the only unit of a transaction; False if there is nothing to commit."""
    try:
        unit.result = unit.work(connection)
    except Exception as error:  # noqa: BLE001 - handed to the caller as it is
        unit.refuse(error)
        if driver.in_transaction:
            driver.execute("ROLLBACK")
        return False
    return True


def _run_units(connection: Connection, driver: sqlite3.Connection, group: Sequence[_Unit]) -> bool:
    """Run each unit under a savepoint of its own; False if the transaction itself is lost."""
    for unit in group:
        driver.execute("SAVEPOINT unit")
        try:
            unit.result = unit.work(connection)
        except Exception as error:  # noqa: BLE001 - handed to the caller as it is
            unit.refuse(error)
            if not driver.in_transaction:
                # SQLite itself has undone the whole transaction (disk full, out of memory).
                for lost in group:
                    lost.error = Unavailable("the database could not write")
                return False
            driver.execute("ROLLBACK TO unit")
        driver.execute("RELEASE unit")
    return True


def _tell(group: Sequence[_Unit]) -> None:
    """Resolve the callers with one wake-up per loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
    for unit in group:
        loops.setdefault(unit.loop, []).append(unit)
    for loop, units in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, units)
        except RuntimeError:  # the loop has closed: nobody waits any more
            continue


def _resolve(units: Sequence[_Unit]) -> None:
    for unit in units:
        unit.resolve()


def _fail(group: Sequence[_Unit], error: Exception) -> None:
    for unit in group:
        unit.error = error
    _tell(group)


def _standing(engine: Engine) -> Connection:
    """Return a connection that is in a transaction as far as the library knows.

    Each real one is begun and ended by the driver: the library takes ten times as long for both.
    """
    connection = engine.connect()
    connection.begin()
    driver = _driver(connection)
    driver.execute("COMMIT")
    return connection.execution_options(**{DRIVER: driver})


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _unavailable(error: Exception) -> Unavailable:
    """Return what is said of a database error: its class, never its text."""
    refused = Unavailable(f"the database refused: {type(error).__qualname__}")
    refused.__cause__ = error
    return refused
