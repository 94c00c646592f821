"""What a database is to both sides: units of work, moments, names of constraints.

Work on a database is a plain function of a SQLAlchemy `Connection`, run as a whole in one
thread; whoever implements `Database` begins, commits and rolls back, and nobody else. Nothing
that decides may rest on what a reader saw.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, DateTime, Dialect, TypeDecorator
from sqlalchemy.exc import SQLAlchemyError

from exchange.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

DRIVER: Final = "exchange_driver"
"""Execution option of a connection that is always in a transaction: what runs its statements."""
UNBOUND: Final = "exchange_unbound"
"""Execution option of a connection whose units are cut after a while: call it, and this one is not.
"""
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


def written(value: datetime) -> str:
    """Return `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, as SQLite's dialect spells it: sorts as text."""
    return _in_utc(value).isoformat(" ", "microseconds").removesuffix("+00:00")


def _written(value: datetime | None) -> str | None:
    return None if value is None else written(value)


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

    async def write_behind(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do as `write` does for a loop of the hub's own: never refused for what waits.

        For what requests do not wait for and must not wait behind, such as a batch of the log.
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


class Unit:
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
        self.error = unavailable(error) if isinstance(error, SQLAlchemyError) else error

    def resolve(self) -> None:
        """Tell the caller, unless it has gone; runs in the caller's loop."""
        if self.done.cancelled():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


def tell(group: Sequence[Unit]) -> None:
    """Resolve the callers with one wake-up per loop; called in the thread that ran the units."""
    loops: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in group:
        loops.setdefault(unit.loop, []).append(unit)
    for loop, units in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, units)
        except RuntimeError:  # the loop has closed: nobody waits any more
            continue


def _resolve(units: Sequence[Unit]) -> None:
    for unit in units:
        unit.resolve()


def fail(group: Sequence[Unit], error: Exception) -> None:
    """Tell every caller the same error."""
    for unit in group:
        unit.error = error
    tell(group)


def unavailable(error: Exception) -> Unavailable:
    """Return what is said of a database error: its class, never its text."""
    refused = Unavailable(f"the database refused: {type(error).__qualname__}")
    refused.__cause__ = error
    return refused


def take_time(conn: Connection) -> None:
    """Let this unit of work take as long as it takes: nobody else works with the database.

    SQLite puts no bounds to a unit; there this does nothing.
    """
    unbound: Callable[[], None] | None = conn.get_execution_options().get(UNBOUND)
    if unbound is None:
        return
    unbound()
    for bound in ("statement_timeout", "idle_in_transaction_session_timeout"):
        conn.exec_driver_sql(f"SET LOCAL {bound} = 0")
