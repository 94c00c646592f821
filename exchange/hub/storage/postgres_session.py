"""One connection to PostgreSQL: how it is opened, what the server must be, how a unit runs on it.

READ COMMITTED throughout: every unit that decides locks first and reads afterwards. A
serializable transaction would not order a release before or after a withdrawal, and raises
nothing (docs/decisions/0016).
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from os import dup
from typing import Any, Final, Literal, TypeAlias, cast

import psycopg
import structlog
from psycopg import pq
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from exchange.database import DRIVER, UNBOUND, Unit
from exchange.errors import Misconfigured, OutcomeUnknown, Unavailable, positions
from exchange.hub.storage.postgres_statements import DONE, PostgresDriver, Unlocked

Failover = Literal["manual", "automatic"]
Met: TypeAlias = Callable[[pq.abc.PGconn | None], None]
"""Is told of a connection before the server is asked anything over it; None: it is given up."""

SCHEME: Final = "postgresql+psycopg"
OLDEST: Final = 15
"""Oldest major version of the server that the tests run on."""
WRITE: Final = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
READ: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""One snapshot that cannot write."""

# A statement waits at most 4 s for a lock, and the holder of a lock that has fallen silent, such
# as a stopped process, loses it after 3 s: so a withdrawal is never kept waiting.
_SETTINGS: Final = (
    "SET statement_timeout = '5s'; SET lock_timeout = '4s'; "
    "SET idle_in_transaction_session_timeout = '3s'; SET timezone = 'UTC'; "
    "SET client_encoding = 'UTF8'"
)
_LIVENESS: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "exchange-hub",
}
"""Of each connection unless the URL says otherwise: a server that has vanished is noticed."""
BRIEF_S: Final = 6.0
"""Seconds after which a lost connection is no reason to run a unit again: who asked has waited."""
TURNS: Final = 3
"""How often a unit runs that loses its races."""
RACES: Final = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
"""What is raised where two transactions want the same; the one that is told is undone."""
PATIENT: Final = (*RACES, psycopg.errors.LockNotAvailable)
"""The same for what is never refused. Several units of one stopped process can have queued up for a
lock: each of them loses it after 3 s only, and a withdrawal behind them waits for all of them."""
_FOUND: Final = """SELECT current_setting('server_version_num')::int / 10000 AS version,
 pg_is_in_recovery() AS standby, current_setting('server_encoding') AS encoding,
 current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
 current_setting('synchronous_commit') AS synchronous_commit,
 current_setting('synchronous_standby_names') AS synchronous_standby_names,
 current_setting('data_sync_retry') AS data_sync_retry,
 current_setting('default_transaction_read_only') AS default_transaction_read_only"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a server says of itself."""

    version: int
    standby: bool
    encoding: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    synchronous_standby_names: str
    data_sync_retry: str
    default_transaction_read_only: str


def check_server(found: Found, *, failover: Failover) -> None:
    """Refuse a server that can forget what it acknowledged, or that is not the primary.

    Raises:
        Misconfigured: which setting of the server, and why.
    """
    standbys = found.synchronous_standby_names.strip() != ""
    weak = {"off"} | ({"local", "remote_write"} if standbys else set())
    refused = {
        f"the server is a PostgreSQL older than {OLDEST}": found.version < OLDEST,
        "the server is a standby: no record may be read from it": found.standby,
        "the database's encoding is not UTF8": found.encoding != "UTF8",
        "fsync is off: a crash of the server would lose acknowledged withdrawals": (
            found.fsync == "off"
        ),
        "full_page_writes is off: a crash of the server could tear a page": (
            found.full_page_writes == "off"
        ),
        f"synchronous_commit is {found.synchronous_commit}: "
        "an acknowledged withdrawal could be forgotten": found.synchronous_commit in weak,
        "data_sync_retry is on: a failed fsync would be taken for a good one": (
            found.data_sync_retry == "on"
        ),
        # A unit of work could write all the same, and would go round whoever fenced it off.
        "default_transaction_read_only is on: the server was closed for writing": (
            found.default_transaction_read_only == "on"
        ),
        "postgres.failover is automatic and synchronous_standby_names is empty: "
        "a fail-over would forget acknowledged withdrawals": (
            failover == "automatic" and not standbys
        ),
    }
    for why, is_so in refused.items():
        if is_so:
            raise Misconfigured(f"the database cannot be used: {why}")


def make_engine(url: str, *, locks: bool = True) -> Engine:
    """Return the library's side of a server; it keeps no connections.

    Args:
        url: `postgresql+psycopg://...`.
        locks: False for connections that only read.

    Raises:
        Misconfigured: not a URL of PostgreSQL with psycopg.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured("database_url cannot be parsed") from None
    if parsed.drivername != SCHEME:
        raise Misconfigured(f"database_url must begin with {SCHEME}://")
    given = {name: value for name, value in _LIVENESS.items() if name not in parsed.query}
    engine = create_engine(
        parsed,
        connect_args=given,
        # Of an INSERT the library forgets how many rows it made, unless it is told to keep that.
        execution_options={"preserve_rowcount": True},
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT are ours
        poolclass=NullPool,
        use_native_hstore=False,
    )
    if not locks:
        engine.dialect.statement_compiler = Unlocked
    return engine


def connect(engine: Engine, *, failover: Failover, met: Met = lambda _pgconn: None) -> Connection:
    """Return a connection that is in a transaction as far as the library knows.

    Each real one is begun and ended by `Session`: the library takes ten times as long for both.

    Args:
        engine: from `make_engine`.
        failover: who promotes a standby.
        met: see `Met`; whoever is told can cut a connection to a server that fell silent.

    Raises:
        Misconfigured: what `check_server` refuses.
        SQLAlchemyError: the server does not answer.
    """
    connection = engine.connect()
    try:
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        met(driver.pgconn)
        connection.exec_driver_sql(_SETTINGS)
        row = connection.exec_driver_sql(_FOUND).one()
        check_server(Found(**row._mapping), failover=failover)  # noqa: SLF001 - its public name
    except BaseException:
        met(None)
        connection.close()
        raise
    locks = engine.dialect.statement_compiler is not Unlocked
    return connection.execution_options(**{DRIVER: PostgresDriver(driver.pgconn, locks=locks)})


class Session:
    """One connection, used by one thread, made anew after it was lost."""

    def __init__(
        self,
        connect: Callable[[Met], Connection],
        begin: bytes,
        races: tuple[type[psycopg.Error], ...] = RACES,
    ) -> None:
        """Connect at the first unit.

        Args:
            connect: returns a fresh connection, or raises Unavailable.
            begin: the command that begins each transaction.
            races: errors after which a unit runs again.
        """
        self._races = races
        self._connect = connect
        self._begin = begin
        self._connection: Connection | None = None
        self._pgconn: pq.abc.PGconn | None = None
        """What can be cut: known before `_connection` is, and closed only when it is not here."""
        self._warned = False
        self._began: float | None = None
        self._turn = threading.Lock()

    def run(self, unit: Unit) -> None:
        """Run a unit in a transaction of its own and note what became of it.

        A unit that loses a race, for the value of a unique column for instance, runs again: then
        it sees the winner's row, as the one that comes second on SQLite does. So does, once, a unit
        whose connection is lost before its COMMIT was sent, such as one that the server took for
        idle while this machine stood still: nothing of it can have happened.
        """
        for turn in range(TURNS):
            self._began = time.monotonic()
            try:
                if not self._lost(unit, again=turn == 0):
                    return
            finally:
                self._began = None
        if unit.error is not None:
            _told("LostEachTurn")

    def _lost(self, unit: Unit, *, again: bool) -> bool:
        """Run a unit once; True if nothing of it has happened, and it may run again.

        Args:
            unit: the work.
            again: whether a lost connection is a reason, beside a transaction that was faster.
        """
        unit.error = None
        try:
            connection = self._begun()
        except Unavailable as error:
            unit.error = error
            return False
        try:
            unit.result = unit.work(connection)
        except (SQLAlchemyError, psycopg.Error) as error:
            # Without its cause: the server's text quotes the row that it refused.
            unit.error = Unavailable(f"the database refused: {type(error).__qualname__}")
            self._roll_back()
            if isinstance(getattr(error, "orig", error), self._races):
                return True
            if again and self._connection is None and self._ran_s() < BRIEF_S:
                return True
            _tell(error)
        except Exception as error:  # noqa: BLE001 - handed to the caller as it is
            unit.error = error
            self._roll_back()
        else:
            unit.error = self._commit()
            if unit.error is not None:
                _told(type(unit.error).__qualname__)
        return False

    def _ran_s(self) -> float:
        """Return how long the unit has run; one that may take its time ran for ever."""
        return inf if self._began is None else time.monotonic() - self._began

    def cut(self, *, before: float) -> None:
        """End the connection if its unit began before a moment, in monotonic seconds.

        Called in another thread. What waits for the server then fails at once, as if the server
        had gone.
        """
        with self._turn, suppress(OSError, psycopg.Error):
            if self._began is not None and self._began < before and self._pgconn is not None:
                # A duplicate: closing it leaves the number of the original to its owner.
                with socket.socket(fileno=dup(self._pgconn.socket)) as line:
                    line.shutdown(socket.SHUT_RDWR)

    def _take_time(self) -> None:
        with self._turn:
            self._began = None

    def close(self) -> None:
        """Give the connection up."""
        self._meet(None)
        if self._connection is not None:
            with suppress(SQLAlchemyError, psycopg.Error):
                self._connection.invalidate()
                self._connection.close()
        self._connection = None

    def _meet(self, pgconn: pq.abc.PGconn | None) -> None:
        with self._turn:
            self._pgconn = pgconn

    def _driver(self) -> PostgresDriver:
        if self._connection is None:
            raise AssertionError("there is no connection")
        return cast("PostgresDriver", self._connection.get_execution_options()[DRIVER])

    def _begun(self) -> Connection:
        """Return the connection in a fresh transaction; one that was lost meanwhile is replaced.

        Nothing has happened before BEGIN was answered, so beginning again is no repetition.
        """
        if self._connection is not None:
            if self._done(self._begin):
                return self._connection
            self.close()
        self._connection = connection = self._connect(self._meet)
        connection.execution_options(**{UNBOUND: self._take_time})
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        driver.add_notice_handler(self._notice)
        if not self._done(self._begin):
            self.close()
            raise Unavailable("the database does not answer")
        return connection

    def _commit(self) -> Exception | None:
        """Commit; None if it is certain that the server keeps it."""
        pgconn = self._driver().pgconn
        self._warned = False
        try:
            result = self._driver().run(b"COMMIT")
        except psycopg.Error:  # not even sent: the connection was lost, and the work went on
            self.close()
            return Unavailable("the database is gone")
        if pgconn.status != pq.ConnStatus.OK:
            # Lost before the answer: a crash here may have happened on either side of the COMMIT.
            self.close()
            return OutcomeUnknown()
        if result.status not in DONE:
            self._roll_back()
            return Unavailable("the database refused to commit")
        if result.command_status != b"COMMIT":
            # A statement failed, and the work went on as if it had not.
            return Unavailable("the database rolled back")
        if self._warned:
            # Committed here, but no standby has confirmed it: a fail-over would forget it.
            return OutcomeUnknown()
        return None

    def _roll_back(self) -> None:
        driver = self._driver()
        if driver.pgconn.status != pq.ConnStatus.OK or not self._done(b"ROLLBACK"):
            self.close()

    def _done(self, command: bytes) -> bool:
        try:
            return self._driver().run(command).status in DONE
        except psycopg.Error:  # not even sent: the connection was lost before
            return False

    def _notice(self, _diagnostic: object) -> None:
        self._warned = True


def _tell(error: SQLAlchemyError | psycopg.Error) -> None:
    """Log what the database refused, and where: its class, never its text."""
    cause = getattr(error, "orig", error)
    _told(type(cause).__qualname__, positions(error))


def _told(code: str, where: list[str] | None = None) -> None:
    log = structlog.get_logger("exchange.hub.database")
    log.warning("database-refused", code=code, positions=where or [])
