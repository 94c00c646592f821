"""The vault: the keys of the log's chains, sealed, in a small database that really forgets.

Once a key is erased here, the leaves made from it open to nobody. Keys are never cached, never
logged and never written anywhere else. The key that seals them lies outside this file and outside
its backups.
"""

import asyncio
import os
import secrets
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.audit.leaf import KEY_SIZE, key_id
from exchange.durable import write_bytes_durably
from exchange.errors import Conflict, Misconfigured, Unavailable
from exchange.hub.storage.log import Chain
from exchange.sqlite_file import connect, erase_from_wal, lock_file, transaction

T = TypeVar("T")

VAULT_KEY_SIZE = 32
"""Bytes of the key that seals the rows: AES-256-GCM."""
NONCE_SIZE = 12
"""Bytes of a random nonce; a vault key seals far fewer than 2^32 rows before it is changed."""
EPOCH = 1
"""Number of the vault key; another one comes with re-keying."""
VERSION = 1
"""Schema of the file."""
POOL = 256
"""Keys made in advance for refusals that belong to no consent."""

_TABLE = """
CREATE TABLE chain_key (
    chain TEXT PRIMARY KEY NOT NULL,
    epoch INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    key_id BLOB NOT NULL UNIQUE,
    made_at TEXT NOT NULL
) WITHOUT ROWID
"""


class Vault(Protocol):
    """Keeps the keys of chains. Whatever fails here is `Unavailable`: nothing is disclosed."""

    async def add(self, chain: str, key: bytes) -> Chain:
        """Keep the key of a new chain; durable when it returns. A repetition is no error.

        Raises:
            Conflict: this key was seen before, or the chain has another one.
        """
        ...

    async def draw(self, chain: str) -> Chain:
        """Return a chain with its key, which is drawn now if the chain is new."""
        ...

    async def chain(self, chain: str) -> Chain:
        """Return a chain with its key.

        Raises:
            Unavailable: the vault is away, or the key is not there.
        """
        ...

    async def chains(self, chains: Collection[str]) -> Mapping[str, Chain]:
        """Return as many of these chains with their keys as the vault can give; never raises.

        For what may not wait for the vault: leaves of the others are deferred.
        """
        ...

    async def single(self) -> Chain:
        """Return a fresh chain for one refusal, from keys that were made in advance."""
        ...

    async def orphans(self, *, before: datetime, limit: int, after: str = "") -> tuple[str, ...]:
        """Return chains whose keys were made before a moment, for comparison with the log."""
        ...

    async def forget(self, chains: Collection[str]) -> bool:
        """Erase keys; True when they are in no file of the vault any more, else try again."""
        ...


def make_vault_key(path: Path) -> None:
    """Make a new vault key at `path`; durable when it returns, and never overwrites one."""
    write_bytes_durably(path, secrets.token_bytes(VAULT_KEY_SIZE), mode=0o600)


def read_vault_key(path: Path) -> bytes:
    """Return the vault key at `path`, 32 bytes.

    Raises:
        Misconfigured: it is missing, of another size, or readable by others.
    """
    try:
        key, mode = path.read_bytes(), path.stat().st_mode
    except OSError:
        raise Misconfigured(f"the vault key {path} cannot be read") from None
    if len(key) != VAULT_KEY_SIZE:
        raise Misconfigured(f"the vault key {path} has another size")
    if mode & 0o077:
        raise Misconfigured(f"the vault key {path} is readable by others: chmod 600")
    return key


class SqliteVault:
    """`Vault` in one SQLite file, in a directory and with a lock of its own."""

    def __init__(self, path: Path, key: bytes, *, clock: Callable[[], datetime]) -> None:
        """Open the vault at `path`, or make it.

        Args:
            path: of the file; its directory exists.
            key: the vault key (`read_vault_key`).
            clock: for the age of keys.

        Raises:
            Misconfigured: another process uses it, another schema, another key, or a build of
                SQLite that does not erase.
        """
        self._seal = AESGCM(key)
        self._clock = clock
        self._lock = lock_file(path)
        # Writes have a thread of their own. Reads are some 20 microseconds on a small file and
        # stay in the caller's thread: a hop would cost ten times as much.
        self._writer = connect(path)
        self._reader = connect(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vault")
        self._singles: deque[str] = deque()
        self._refilling: asyncio.Task[None] | None = None
        try:
            _prepare(self._writer)
            self._reader.execute("PRAGMA query_only=ON")
            self._check_key()
        except (Misconfigured, sqlite3.Error):
            self._give_up()
            raise
        path.chmod(0o600)

    async def add(self, chain: str, key: bytes) -> Chain:
        """See `Vault.add`. Committed before the main transaction: an orphan is swept."""
        await self._write(self._keep, ((chain, key),))
        return Chain(chain, key)

    async def draw(self, chain: str) -> Chain:
        """See `Vault.draw`."""
        found = await self.chains((chain,))
        if chain in found:
            return found[chain]
        return await self.add(chain, secrets.token_bytes(KEY_SIZE))

    async def chain(self, chain: str) -> Chain:
        """See `Vault.chain`."""
        key = self._read(chain)
        if key is None:
            raise Unavailable("the vault does not have this key")
        return Chain(chain, key)

    async def chains(self, chains: Collection[str]) -> Mapping[str, Chain]:
        """See `Vault.chains`."""
        found: dict[str, Chain] = {}
        for chain in chains:
            try:
                key = self._read(chain)
            except Unavailable:
                return found
            if key is not None:
                found[chain] = Chain(chain, key)
        return found

    async def single(self) -> Chain:
        """See `Vault.single`. One read and no write, exactly as for a chain that exists.

        Which of the keys were used is known to this process only; those left from another one
        are never used again and swept as orphans.
        """
        if not self._singles:
            await self._refill()
        chain = self._singles.popleft()
        if len(self._singles) < POOL // 2 and self._refilling is None:
            self._refilling = asyncio.create_task(self._refill())
            self._refilling.add_done_callback(self._refilled)
        found = await self.chain(chain)
        return Chain(found.uuid, found.key, single=True)

    async def orphans(self, *, before: datetime, limit: int, after: str = "") -> tuple[str, ...]:
        """See `Vault.orphans`."""
        query = "SELECT chain FROM chain_key WHERE made_at < ? AND chain > ? ORDER BY chain LIMIT ?"
        asked = (_stamp(before), after, limit)
        try:
            rows = self._reader.execute(query, asked).fetchall()
        except sqlite3.Error as error:
            raise _away(error) from None
        waiting = set(self._singles)
        return tuple(chain for (chain,) in rows if chain not in waiting)

    async def forget(self, chains: Collection[str]) -> bool:
        """See `Vault.forget`. Until it was True the keys may still be read from the WAL."""
        return await self._write(self._erase, tuple(chains))

    async def close(self) -> None:
        """Finish what is being written and give up the file."""
        if self._refilling is not None:
            await asyncio.wait({self._refilling})
        self._give_up()

    def _give_up(self) -> None:
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()
        os.close(self._lock)

    async def _refill(self) -> None:
        fresh = tuple((str(uuid4()), secrets.token_bytes(KEY_SIZE)) for _ in range(POOL))
        await self._write(self._keep, fresh)
        self._singles.extend(chain for chain, _ in fresh)

    def _refilled(self, task: "asyncio.Task[None]") -> None:
        self._refilling = None
        if not task.cancelled():
            task.exception()  # the next refusal that finds no key tries again, and fails closed

    async def _write(self, work: Callable[[T], bool], what: T) -> bool:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, what)
        except (sqlite3.Error, RuntimeError) as error:
            raise _away(error) from None

    def _keep(self, keys: tuple[tuple[str, bytes], ...]) -> bool:
        made_at = _stamp(self._clock())
        with transaction(self._writer) as connection:
            for chain, key in keys:
                self._keep_one(connection, chain, key, made_at)
        return True

    def _keep_one(
        self, connection: sqlite3.Connection, chain: str, key: bytes, made_at: str
    ) -> None:
        name = key_id(key)
        seen = connection.execute(
            "SELECT chain, key_id FROM chain_key WHERE chain = ? OR key_id = ?", (chain, name)
        ).fetchall()
        if seen == [(chain, name)]:
            return
        if seen:
            raise Conflict("this log key was used before")
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = nonce + self._seal.encrypt(nonce, key, chain.encode("ascii"))
        connection.execute(
            "INSERT INTO chain_key VALUES (?, ?, ?, ?, ?)", (chain, EPOCH, sealed, name, made_at)
        )

    def _erase(self, chains: tuple[str, ...]) -> bool:
        with transaction(self._writer) as connection:
            connection.executemany(
                "DELETE FROM chain_key WHERE chain = ?", [(chain,) for chain in chains]
            )
        return erase_from_wal(self._writer)

    def _read(self, chain: str) -> bytes | None:
        try:
            row = self._reader.execute(
                "SELECT sealed FROM chain_key WHERE chain = ?", (chain,)
            ).fetchone()
        except sqlite3.Error as error:
            raise _away(error) from None
        return None if row is None else self._open(chain, row[0])

    def _open(self, chain: str, sealed: bytes) -> bytes:
        nonce, rest = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        try:
            return self._seal.decrypt(nonce, rest, chain.encode("ascii"))
        except (InvalidTag, ValueError):
            raise Unavailable("a key in the vault does not open") from None

    def _check_key(self) -> None:
        row = self._reader.execute("SELECT chain, sealed FROM chain_key LIMIT 1").fetchone()
        if row is not None:
            try:
                self._open(*row)
            except Unavailable:
                raise Misconfigured("the vault key is not the one of this vault") from None


def _prepare(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        if version:
            raise Misconfigured(f"the vault has schema {version}, this program knows {VERSION}")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA user_version={VERSION:d}")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _away(error: Exception) -> Unavailable:
    return Unavailable(f"the vault does not answer: {type(error).__qualname__}")
