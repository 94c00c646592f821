"""The rows of a vault in one SQLite file, in a directory and with locks of its own.

Several hubs of one machine may share the file where their records lie on a server. They take
turns: of two that write or checkpoint at the same moment one can damage the file (fixed in SQLite
3.51.3).
"""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from exchange.errors import Conflict, Misconfigured, Unavailable
from exchange.hub.storage.vault import Epoch, Made, Sealed
from exchange.sqlite_file import connect, erase_from_wal, lock_file, transaction

T = TypeVar("T")

VERSION = 2
"""Schema of the file."""
PATIENCE_S = 5.0
"""Seconds a turn is waited for: a process that was stopped in its own must not stop the others."""

_SELECT = "SELECT chain, epoch, sealed FROM chain_key"
_TABLE = """
CREATE TABLE chain_key (
    chain TEXT PRIMARY KEY NOT NULL,
    epoch INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    key_id BLOB NOT NULL UNIQUE,
    made_at TEXT NOT NULL
) WITHOUT ROWID
"""
_EPOCHS = """
CREATE TABLE vault_epoch (
    epoch INTEGER PRIMARY KEY NOT NULL,
    mark BLOB NOT NULL,
    began_at TEXT NOT NULL
)
"""


class FileRows:
    """`Rows` in one SQLite file."""

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        """Open the file at `path`, or make it.

        Args:
            path: of the file; its directory exists.
            shared: whether other processes of this machine may use it at the same time.

        Raises:
            Misconfigured: another process has it and does not share it, another schema, or a
                build of SQLite that does not erase.
        """
        self._lock = lock_file(path, shared=shared)
        self._turns = os.open(
            path.with_name(path.name + ".turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        # Writes have a thread of their own. Reads are some 20 microseconds on a small file and
        # stay in the caller's thread: a hop would cost ten times as much.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vault")
        self._connections: list[sqlite3.Connection] = []
        try:
            with self._turn():
                # SQLite does not wait where two make a new file at once: one would be refused.
                self._writer = self._connected(path)
                self._reader = self._connected(path)
                _prepare(self._writer)
            self._reader.execute("PRAGMA query_only=ON")
        except TimeoutError:
            self._give_up()
            raise Misconfigured(f"another process does not let go of {path}") from None
        except (Misconfigured, sqlite3.Error):
            self._give_up()
            raise
        path.chmod(0o600)

    async def find(self, chains: Sequence[str]) -> Mapping[str, Sealed]:
        """See `Rows.find`."""
        found = {}
        for chain in chains:
            for row in self._ask(f"{_SELECT} WHERE chain = ?", chain):
                found[chain] = Sealed(*row)
        return found

    async def some(self) -> Sealed | None:
        """See `Rows.some`."""
        rows = self._ask(f"{_SELECT} LIMIT 1")
        return Sealed(*rows[0]) if rows else None

    async def keep(self, made: Sequence[Made]) -> bool:
        """See `Rows.keep`."""
        return await self._write(self._keep, made)

    async def made(self, *, before: datetime, limit: int, after: str) -> Sequence[str]:
        """See `Rows.made`."""
        query = "SELECT chain FROM chain_key WHERE made_at < ? AND chain > ? ORDER BY chain LIMIT ?"
        return [chain for (chain,) in self._ask(query, _stamp(before), after, limit)]

    async def erase(self, chains: Sequence[str]) -> bool:
        """See `Rows.erase`. Until it was True the keys may still be read from the WAL."""
        return await self._write(self._erase, chains)

    async def epochs(self) -> Mapping[int, Epoch]:
        """See `Rows.epochs`."""
        rows = self._ask("SELECT epoch, mark, began_at FROM vault_epoch")
        return {
            number: Epoch(mark, datetime.fromisoformat(began_at)) for number, mark, began_at in rows
        }

    async def open_epoch(self, number: int, epoch: Epoch) -> None:
        """See `Rows.open_epoch`."""
        await self._write(self._begin, [(number, epoch)])

    async def count_older(self, epoch: int) -> int:
        """See `Rows.count_older`."""
        ((count,),) = self._ask("SELECT count(*) FROM chain_key WHERE epoch < ?", epoch)
        return int(count)

    async def older(self, epoch: int, *, after: str, limit: int) -> Sequence[Sealed]:
        """See `Rows.older`."""
        query = f"{_SELECT} WHERE chain > ? AND epoch < ? ORDER BY chain LIMIT ?"
        return [Sealed(*row) for row in self._ask(query, after, epoch, limit)]

    async def reseal(self, rows: Sequence[tuple[Sealed, Sealed]]) -> None:
        """See `Rows.reseal`."""
        await self._write(self._reseal, rows)

    async def settled(self, epoch: int) -> bool:
        """See `Rows.settled`."""
        return await self._write(self._settled, [epoch])

    async def close(self) -> None:
        """See `Rows.close`."""
        self._give_up()

    def _give_up(self) -> None:
        self._thread.shutdown()
        # Whoever closes last moves the WAL into the file. Without a turn somebody else is there.
        with suppress(TimeoutError), self._turn():
            self._close()
        self._close()
        os.close(self._turns)
        os.close(self._lock)

    def _connected(self, path: Path) -> sqlite3.Connection:
        connection = connect(path)
        self._connections.append(connection)
        return connection

    def _close(self) -> None:
        for connection in reversed(self._connections):
            connection.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        end = time.monotonic() + PATIENCE_S
        while not self._took_turn():
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.002)
        try:
            yield
        finally:
            fcntl.flock(self._turns, fcntl.LOCK_UN)

    def _took_turn(self) -> bool:
        try:
            fcntl.flock(self._turns, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _ask(self, query: str, *given: object) -> list[Any]:
        try:
            return self._reader.execute(query, given).fetchall()
        except sqlite3.Error as error:
            raise _away(error) from None

    async def _write(self, work: Callable[[Sequence[T]], bool], what: Sequence[T]) -> bool:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, what)
        except (sqlite3.Error, RuntimeError, OSError) as error:
            raise _away(error) from None

    def _keep(self, made: Sequence[Made]) -> bool:
        with self._turn(), transaction(self._writer) as connection:
            # Asked inside: beside us somebody may begin another epoch.
            (newest,) = connection.execute("SELECT max(epoch) FROM vault_epoch").fetchone()
            if any(one.row.epoch != newest for one in made):
                return False
            for one in made:
                _keep_one(connection, one)
        return True

    def _begin(self, begun: Sequence[tuple[int, Epoch]]) -> bool:
        with self._turn(), transaction(self._writer) as connection:
            for number, epoch in begun:
                connection.execute(
                    "INSERT INTO vault_epoch VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    (number, epoch.mark, _stamp(epoch.began_at)),
                )
                query = "SELECT mark FROM vault_epoch WHERE epoch = ?"
                if connection.execute(query, (number,)).fetchone() != (epoch.mark,):
                    raise Conflict("another vault key has begun")
        return True

    def _reseal(self, rows: Sequence[tuple[Sealed, Sealed]]) -> bool:
        with self._turn(), transaction(self._writer) as connection:
            connection.executemany(
                "UPDATE chain_key SET epoch = ?, sealed = ? WHERE chain = ? AND epoch = ?",
                [(new.epoch, new.sealed, old.chain, old.epoch) for old, new in rows],
            )
        return True

    def _settled(self, epochs: Sequence[int]) -> bool:
        with self._turn():
            with transaction(self._writer) as connection:
                query = "SELECT 1 FROM chain_key WHERE epoch < ? LIMIT 1"
                if connection.execute(query, epochs).fetchone():
                    return False
                connection.execute("DELETE FROM vault_epoch WHERE epoch < ?", epochs)
            return erase_from_wal(self._writer)

    def _erase(self, chains: Sequence[str]) -> bool:
        with self._turn():
            with transaction(self._writer) as connection:
                connection.executemany(
                    "DELETE FROM chain_key WHERE chain = ?", [(chain,) for chain in chains]
                )
            return erase_from_wal(self._writer)


def _keep_one(connection: sqlite3.Connection, made: Made) -> None:
    row = made.row
    seen = connection.execute(
        "SELECT chain, key_id FROM chain_key WHERE chain = ? OR key_id = ?",
        (row.chain, made.key_id),
    ).fetchall()
    if seen == [(row.chain, made.key_id)]:
        return
    if seen:
        raise Conflict("this log key was used before")
    connection.execute(
        "INSERT INTO chain_key VALUES (?, ?, ?, ?, ?)",
        (row.chain, row.epoch, row.sealed, made.key_id, _stamp(made.made_at)),
    )


def _prepare(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        if version > VERSION:
            raise Misconfigured(f"the vault has schema {version}, this program knows {VERSION}")
        if version == 0:
            connection.execute(_TABLE)
        connection.execute(_EPOCHS)
        connection.execute(f"PRAGMA user_version={VERSION:d}")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _away(error: Exception) -> Unavailable:
    return Unavailable(f"the vault does not answer: {type(error).__qualname__}")
