"""The hub's database on PostgreSQL: lanes of threads, each thread with a connection of its own.

A unit of work crosses to a thread once and runs there as a whole. Withdrawals have a lane and so
connections of their own: they never wait behind disclosures and are never turned away. So has
the log, whose batches no request waits for; its one connection is made when it is needed.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from exchange.database import Unit, fail, tell
from exchange.errors import Misconfigured, Unavailable
from exchange.hub.storage.postgres_session import (
    PATIENT,
    RACES,
    READ,
    WRITE,
    Failover,
    Met,
    Session,
    connect,
    make_engine,
)

P = ParamSpec("P")
T = TypeVar("T")

RUN_S = 10.0
"""Seconds a unit may run; then the server or the way to it hangs, and its connection is cut."""
WATCH_S = 0.25
"""Seconds between two looks at what waits and what runs."""
CROWDED = "too much waits for the database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """How many connections one process keeps, and how long a unit waits for one."""

    connections: int = 6
    """For units of work."""
    urgent: int = 2
    """For `write_first` alone."""
    readers: int = 4
    queue: int = 512
    """Units that may wait; urgent ones are exempt."""
    wait_s: float = 2.0
    """Seconds a unit waits for a connection."""


class PostgresDatabase:
    """`Database` on PostgreSQL. Any number of processes may use the same one."""

    failed = False
    """Never: a commit whose outcome is unknown says nothing about the next one."""

    def __init__(
        self,
        url: str,
        check: Callable[[Connection], None],
        *,
        pools: Pools,
        failover: Failover = "manual",
    ) -> None:
        """Look at the server once, then start the threads; they connect when they are needed.

        Args:
            url: `postgresql+psycopg://...`.
            check: refuses a database whose tables this program does not know.
            pools: figures.
            failover: who promotes a standby.

        Raises:
            Misconfigured: the server does not answer, can forget what it acknowledged, or holds
                another schema.
        """
        self._engine, self._reading = make_engine(url), make_engine(url, locks=False)
        self._failover: Failover = failover
        self._away = False
        self._turn = threading.Lock()
        try:
            # Both: the library asks the server more over the first connection of each.
            for engine in (self._engine, self._reading):
                with connect(engine, failover=failover) as connection:
                    check(connection)
        except SQLAlchemyError as error:
            told = str(getattr(error, "orig", "")).strip().partition("\n")[0]
            raise Misconfigured(f"the database cannot be reached: {told}") from None
        to_write, to_read = (partial(self._connected, one) for one in (self._engine, self._reading))
        self._writers = _Lane("write", to_write, WRITE, pools.connections, pools)
        self._urgent = _Lane("urgent", to_write, WRITE, pools.urgent, None)
        self._behind = _Lane("behind", to_write, WRITE, 1, None)
        self._readers = _Lane("read", to_read, READ, pools.readers, pools)
        self._lanes = (self._writers, self._urgent, self._behind, self._readers)
        self._over = threading.Event()
        self._watch = _thread("watch", self._look_after)

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write`."""
        return await self._writers.run(lambda conn: work(conn, *args, **kwargs))

    async def write_first(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write_first`."""
        return await self._urgent.run(lambda conn: work(conn, *args, **kwargs))

    async def write_behind(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write_behind`."""
        return await self._behind.run(lambda conn: work(conn, *args, **kwargs))

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.read`."""
        return await self._readers.run(lambda conn: work(conn, *args, **kwargs))

    async def look(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.look`; here a thread as well: the loop must not wait for a network."""
        return await self._readers.run(lambda conn: work(conn, *args, **kwargs))

    def waiting(self) -> Mapping[str, int]:
        """Return how many units of work wait for a connection now, by lane."""
        return {lane.name: lane.waiting for lane in self._lanes}

    async def erase_from_wal(self) -> bool:
        """Say that there is nothing to do: when the server's WAL forgets is up to its operator."""
        return True

    async def close(self) -> None:
        """Finish what waits, then give up the connections."""
        for lane in self._lanes:
            await lane.close()
        self._over.set()
        await asyncio.to_thread(self._watch.join)
        self._engine.dispose()
        self._reading.dispose()

    def _look_after(self) -> None:
        while not self._over.wait(WATCH_S):
            for lane in self._lanes:
                lane.look_after(time.monotonic())

    def _connected(self, engine: Engine, met: Met) -> Connection:
        """Return a fresh connection, and log when the database goes and when it comes back."""
        log = structlog.get_logger("exchange.hub.database")
        try:
            connection = connect(engine, failover=self._failover, met=met)
        except (SQLAlchemyError, Misconfigured) as error:
            if self._changed(away=True):
                # Misconfigured: it answers, and can forget what it acknowledges. Starting a hub
                # says in words what is wrong.
                log.error("database-away", code=type(error).__qualname__)
            raise Unavailable("the database does not answer") from None
        if self._changed(away=False):
            log.warning("database-back")
        return connection

    def _changed(self, *, away: bool) -> bool:
        """Note whether the server is away; True to the one thread that found it changed."""
        with self._turn:
            before, self._away = self._away, away
        return before is not away


class _Lane:
    """Threads that take units from one queue, each with a session of its own."""

    def __init__(
        self,
        name: str,
        connect: Callable[[Met], Connection],
        begin: bytes,
        size: int,
        bounds: Pools | None,
    ) -> None:
        """Start the threads.

        Args:
            name: of the lane, and of its threads.
            connect: returns a fresh connection.
            begin: the command that begins each transaction.
            size: threads, and so connections.
            bounds: how many may wait, and how long; None: whoever comes is served, if it takes
                several turns.
        """
        self.name = name
        self._bounds = bounds
        self._units: deque[tuple[float, Unit]] = deque()
        """What waits, each with the monotonic second since when."""
        self._turn = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._closing = False
        races = PATIENT if bounds is None else RACES
        self._sessions = [Session(connect, begin, races) for _ in range(size)]
        self._threads = [
            _thread(f"{name}-{at}", self._serve, session)
            for at, session in enumerate(self._sessions)
        ]

    @property
    def waiting(self) -> int:
        """How many units no thread has taken yet."""
        return len(self._units)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returned, once its transaction has ended."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._turn:
            if self._closing:
                raise Unavailable("the database is closed")
            if self._bounds is not None and len(self._units) >= self._bounds.queue:
                raise Unavailable(CROWDED)
            self._units.append((time.monotonic(), Unit(work, done, loop)))
        self._wake.put(None)
        return await done

    def look_after(self, now: float) -> None:
        """Refuse what has waited too long, and cut connections whose unit takes too long."""
        late = []
        with self._turn:
            while self._bounds and self._units and self._units[0][0] < now - self._bounds.wait_s:
                late.append(self._units.popleft()[1])
        fail(late, Unavailable(CROWDED))
        for session in self._sessions:
            session.cut(before=now - RUN_S)

    async def close(self) -> None:
        """Finish what waits and end the threads."""
        with self._turn:
            self._closing = True
        for _ in self._threads:
            self._wake.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self, session: Session) -> None:
        while True:
            self._wake.get()  # one for every unit: those refused meanwhile end in empty turns
            with self._turn:
                unit = self._units.popleft()[1] if self._units else None
                over = self._closing
            if unit is not None:
                session.run(unit)
                tell([unit])
            elif over:
                session.close()
                return


def _thread(name: str, run: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=run, args=args, name=f"postgres-{name}", daemon=True)
    thread.start()
    return thread
