"""The vault: the keys of the log's chains, sealed, in a small database that really forgets.

Once a key is erased here, the leaves made from it open to nobody. Keys are never cached, never
logged and never written anywhere else. The key that seals them lies outside that database and
outside its backups. Where the rows lie is `vault_file` or `vault_server`.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.audit.leaf import KEY_SIZE, key_id
from exchange.durable import write_bytes_durably
from exchange.errors import Misconfigured, Unavailable
from exchange.hub.storage.log import Chain

VAULT_KEY_SIZE = 32
"""Bytes of the key that seals the rows: AES-256-GCM."""
NONCE_SIZE = 12
"""Bytes of a random nonce; a vault key seals far fewer than 2^32 rows before it is changed."""
EPOCH = 1
"""Number of the vault key; another one comes with re-keying."""
POOL = 256
"""Keys made in advance for refusals that belong to no consent."""
FRESH = timedelta(hours=12)
"""How long keys made in advance may wait: another process takes them for orphans after a day."""


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


@dataclass(frozen=True, slots=True)
class Sealed:
    """The key of a chain as the vault stores it."""

    chain: str
    epoch: int
    sealed: bytes = field(repr=False)
    """Nonce and key, sealed under the vault key of the epoch, bound to the chain."""
    key_id: bytes
    made_at: datetime


class Rows(Protocol):
    """Where a vault keeps sealed keys. Whatever fails is `Unavailable`."""

    async def find(self, chains: Sequence[str]) -> Mapping[str, bytes]:
        """Return what is sealed for those of `chains` that are there."""
        ...

    async def some(self) -> tuple[str, bytes] | None:
        """Return any chain with what is sealed for it; None if there is none."""
        ...

    async def keep(self, rows: Sequence[Sealed]) -> None:
        """Keep new keys, all or none; durable when it returns. A repetition is no error.

        Raises:
            Conflict: a key was seen before, or its chain has another one.
        """
        ...

    async def made(self, *, before: datetime, limit: int, after: str) -> Sequence[str]:
        """Return chains behind `after` whose keys were made before a moment, in their order."""
        ...

    async def erase(self, chains: Sequence[str]) -> bool:
        """Erase keys; True when they are in no file any more that a backup or a disk shows."""
        ...

    async def close(self) -> None:
        """Finish what is being written and give everything up."""
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


class SealedVault:
    """`Vault` over any place for its rows, which never sees a key."""

    def __init__(self, rows: Rows, key: bytes, *, clock: Callable[[], datetime]) -> None:
        """Take over `rows`, which are closed with the vault.

        Args:
            rows: where sealed keys lie.
            key: the vault key (`read_vault_key`).
            clock: for the age of keys.
        """
        self._rows = rows
        self._seal = AESGCM(key)
        self._clock = clock
        self._singles: deque[str] = deque()
        self._stale_at: datetime | None = None
        self._refilling: asyncio.Task[None] | None = None

    async def check_key(self) -> None:
        """Refuse a vault that was sealed under another key.

        Raises:
            Misconfigured: the vault key is not this vault's.
            Unavailable: the vault is away.
        """
        row = await self._rows.some()
        if row is not None:
            try:
                self._open(*row)
            except Unavailable:
                raise Misconfigured("the vault key is not the one of this vault") from None

    async def add(self, chain: str, key: bytes) -> Chain:
        """See `Vault.add`. Committed before the main transaction: an orphan is swept."""
        await self._rows.keep((self._sealed(chain, key, self._clock()),))
        return Chain(chain, key)

    async def draw(self, chain: str) -> Chain:
        """See `Vault.draw`."""
        found = await self.chains((chain,))
        if chain in found:
            return found[chain]
        return await self.add(chain, secrets.token_bytes(KEY_SIZE))

    async def chain(self, chain: str) -> Chain:
        """See `Vault.chain`."""
        found = await self._rows.find((chain,))
        if chain not in found:
            raise Unavailable("the vault does not have this key")
        return Chain(chain, self._open(chain, found[chain]))

    async def chains(self, chains: Collection[str]) -> Mapping[str, Chain]:
        """See `Vault.chains`."""
        opened: dict[str, Chain] = {}
        try:
            for chain, sealed in (await self._rows.find(tuple(chains))).items():
                opened[chain] = Chain(chain, self._open(chain, sealed))
        except Unavailable:
            return opened
        return opened

    async def single(self) -> Chain:
        """See `Vault.single`. One read and no write, exactly as for a chain that exists.

        Which of the keys were used is known to this process only; those left from another one
        are never used again and swept as orphans.
        """
        if self._stale_at is not None and self._clock() >= self._stale_at:
            self._singles.clear()
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
        found = await self._rows.made(before=before, limit=limit, after=after)
        waiting = set(self._singles)
        return tuple(chain for chain in found if chain not in waiting)

    async def forget(self, chains: Collection[str]) -> bool:
        """See `Vault.forget`."""
        return await self._rows.erase(tuple(chains))

    async def close(self) -> None:
        """Finish what is being written and give the rows up."""
        if self._refilling is not None:
            await asyncio.wait({self._refilling})
        await self._rows.close()

    async def _refill(self) -> None:
        now = self._clock()
        fresh = [
            self._sealed(str(uuid4()), secrets.token_bytes(KEY_SIZE), now) for _ in range(POOL)
        ]
        await self._rows.keep(fresh)
        if not self._singles:
            self._stale_at = now + FRESH
        self._singles.extend(row.chain for row in fresh)

    def _refilled(self, task: "asyncio.Task[None]") -> None:
        self._refilling = None
        if not task.cancelled():
            task.exception()  # the next refusal that finds no key tries again, and fails closed

    def _sealed(self, chain: str, key: bytes, now: datetime) -> Sealed:
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = nonce + self._seal.encrypt(nonce, key, chain.encode("ascii"))
        return Sealed(chain, EPOCH, sealed, key_id(key), now)

    def _open(self, chain: str, sealed: bytes) -> bytes:
        nonce, rest = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        try:
            return self._seal.decrypt(nonce, rest, chain.encode("ascii"))
        except (InvalidTag, ValueError):
            raise Unavailable("a key in the vault does not open") from None
