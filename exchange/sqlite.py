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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import SQLAlchemyError

from exchange.database import DRIVER, Unit, fail, tell, unavailable
from exchange.errors import Misconfigured, OutcomeUnknown, Unavailable
from exchange.prepared import SqliteDriver
from exchange.sqlite_file import READERS, erase_from_wal, lock_file, reader_engine, writer_engine
from exchange.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 64
"""Units that share one COMMIT at most; a unit stays under 10 ms."""
QUEUE = 512
"""Units that may wait; urgent ones are exempt."""

Prepare = Callable[[Connection], None]
"""Makes the tables in an empty database, or refuses one that this program does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The tables of a file, and which version of them this program knows."""

    metadata: MetaData
    version: int
    """`PRAGMA user_version`, from 1."""
    extra: tuple[str, ...] = ()
    """Statements run once after the tables were made, such as triggers."""
    steps: tuple[tuple[str, ...], ...] = ()
    """Statements that lead from one version to the next, the first of them from version 1."""

    def prepare(self, connection: Connection) -> None:
        """Make the tables in a new file, bring older ones up to date, or refuse the file.

        The caller has begun a transaction: after a crash in here the file is as it was.

        Raises:
            Misconfigured: a later version, one without steps, or a file that is not ours.
        """
        version = _version(connection)
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()
        if not tables and not version:
            self.metadata.create_all(connection)
            statements = self.extra
        elif 0 < version <= len(self.steps):
            statements = tuple(one for step in self.steps[version - 1 :] for one in step)
        else:
            self.check(connection)
            return
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA user_version={self.version:d}")

    def check(self, connection: Connection) -> None:
        """Refuse a file whose tables this program does not know.

        Raises:
            Misconfigured: another version, or a file that is not ours.
        """
        version = _version(connection)
        if version == self.version:
            return
        told = f"the database has schema {version}, this program knows schema {self.version}"
        if 0 < version <= len(self.steps):
            raise Misconfigured(f"{told}: it is brought up to date at the next start")
        raise Misconfigured(f"{told}: run the version that made it, or begin with a new home")


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


class SqliteDatabase:
    """`Database` on one SQLite file: units one after the other, what queues up shares a COMMIT."""

    def __init__(
        self,
        path: Path,
        prepare: Prepare,
        *,
        on_failure: Callable[[], None],
        batch: int = BATCH,
        queue: int = QUEUE,
    ) -> None:
        """Open the file, make its tables if it is new, and start the threads.

        Args:
            path: of the database; its directory exists.
            prepare: makes the tables if the file is new, or refuses it; in one transaction.
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
        self._urgent: deque[Unit] = deque()
        self._units: deque[Unit] = deque()
        self._erasing: list[Unit] = []
        self._turn = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._closing = False
        self._lock = lock_file(path)
        self._writer, self._reader = writer_engine(path), reader_engine(path)
        try:
            with self._writer.begin() as connection:
                prepare(connection)
        except (Misconfigured, SQLAlchemyError):
            self._writer.dispose()
            os.close(self._lock)
            raise
        path.chmod(0o600)
        self._near = _standing(self._reader)
        self._far = [_standing(self._reader) for _ in range(READERS)]
        self._readers = Threads(READERS, name="sqlite-read")
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

    async def write_behind(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write_behind`."""
        return await self._queued(self._units, lambda conn: work(conn, *args, **kwargs))

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.read`."""

        def snapshot() -> T:
            connection = self._far.pop()  # one for each thread
            try:
                return _seen(connection, lambda conn: work(conn, *args, **kwargs))
            finally:
                self._far.append(connection)

        try:
            return await self._readers.ask(snapshot)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise unavailable(error) from error

    async def look(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.look`."""
        try:
            # One connection for all looks: nothing is awaited here, so none meets another.
            return _seen(self._near, lambda conn: work(conn, *args, **kwargs))
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise unavailable(error) from error

    def waiting(self) -> Mapping[str, int]:
        """Return how many units of work wait for the writer now, by their urgency."""
        return {"urgent": len(self._urgent), "write": len(self._units)}

    async def erase_from_wal(self) -> bool:
        """Truncate the WAL between two groups; False while a reader prevents it: try again."""
        return bool(await self._queued(self._erasing, lambda _: None))

    async def close(self) -> None:
        """Finish what waits, then close the file and give up its lock."""
        with self._turn:
            self._closing = True
        self._wake.put(None)
        await asyncio.to_thread(self._thread.join)
        self._readers.close()
        for connection in (self._near, *self._far):
            connection.close()
        self._reader.dispose()
        self._writer.dispose()
        os.close(self._lock)

    async def _queued(
        self, queue: "deque[Unit] | list[Unit]", work: Callable[[Connection], T]
    ) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._turn:
            if self.failed or self._closing:
                raise Unavailable("the database is closed")
            queue.append(Unit(work, done, loop))
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

    def _next_group(self) -> list[Unit]:
        group: list[Unit] = []
        while len(group) < self._batch and (self._urgent or self._units):
            group.append((self._urgent or self._units).popleft())
        return group

    def _erase(self, connection: Connection, erasing: list[Unit]) -> None:
        try:
            erased = erase_from_wal(_driver(connection))
        except sqlite3.Error:
            erased = False
        for unit in erasing:
            unit.result = erased
        tell(erasing)

    def _commit(self, connection: Connection, group: list[Unit]) -> None:
        """Run a group in one transaction and answer everybody after its COMMIT, never before."""
        if self.failed:
            fail(group, Unavailable("the database is closed"))
            return
        driver = _driver(connection)
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # no lock, or no file: nothing has happened
            fail(group, unavailable(error))
            return
        if len(group) == 1:
            done = _run_alone(connection, driver, group[0])
        else:
            done = _run_units(connection, driver, group)
        if not done:
            tell(group)
            return
        try:
            driver.execute("COMMIT")
        except Exception:  # noqa: BLE001 - whatever it is, the outcome is unknown
            # A crash or error here: the group is there as a whole after a restart, or it is not
            # there at all. Nobody can tell now, so nothing more is written by this process.
            self.failed = True
            self._on_failure()
            fail(group, OutcomeUnknown())
            return
        tell(group)


def _run_alone(connection: Connection, driver: sqlite3.Connection, unit: Unit) -> bool:
    """Run the only unit of a transaction; False if there is nothing to commit."""
    try:
        unit.result = unit.work(connection)
    except Exception as error:  # noqa: BLE001 - handed to the caller as it is
        unit.refuse(error)
        if driver.in_transaction:
            driver.execute("ROLLBACK")
        return False
    return True


def _run_units(connection: Connection, driver: sqlite3.Connection, group: Sequence[Unit]) -> bool:
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


def _seen(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Run what only reads in one snapshot, on a standing connection."""
    driver = _driver(connection)
    driver.execute("BEGIN")
    try:
        return work(connection)
    finally:
        if driver.in_transaction:  # not where SQLite has undone it for an error of the disk
            driver.execute("ROLLBACK")


def _standing(engine: Engine) -> Connection:
    """Return a connection that is in a transaction as far as the library knows.

    Each real one is begun and ended by the driver: the library takes ten times as long for both.
    """
    connection = engine.connect()
    connection.begin()
    driver = _driver(connection)
    driver.execute("COMMIT")
    return connection.execution_options(**{DRIVER: SqliteDriver(driver)})


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)
