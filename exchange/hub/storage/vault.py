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
from typing import Protocol
from uuid import uuid4

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.audit.leaf import KEY_SIZE, key_id
from exchange.errors import Misconfigured, Unavailable
from exchange.hub.storage.log import Chain

NONCE_SIZE = 12
"""Bytes of a random nonce; a vault key seals far fewer than 2^32 rows before it is changed."""
FIRST = 1
"""Number of the first vault key; each later one is an epoch of its own."""
POOL = 256
"""Keys made in advance for refusals that belong to no consent."""
FRESH = timedelta(hours=12)
"""How long keys made in advance may wait: another process takes them for orphans after a day."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Resealed:
    """A batch of rows that are now sealed under the new vault key."""

    count: int
    last: str | None
    """The chain behind which the next batch begins; None: there is none."""


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

    async def key_since(self) -> datetime:
        """Return since when the present vault key is in use."""
        ...

    async def begin_rekeying(self, *, prepared: bool) -> int:
        """Change to a new vault key, or go on with that; return how many rows wait for it.

        Args:
            prepared: whether the new key must be there already, as on several machines.

        Raises:
            Misconfigured: it is not there.
        """
        ...

    async def reseal(self, *, after: str, limit: int) -> Resealed:
        """Seal the next rows behind the chain `after` under the newest vault key."""
        ...

    async def settle(self) -> bool:
        """Destroy the old vault key if nothing is sealed under it any more.

        Returns:
            False while something is: seal what is left, or try again when no reader holds it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """The key of a chain as the vault stores it."""

    chain: str
    epoch: int
    """Number of the vault key under which it is sealed."""
    sealed: bytes = field(repr=False)
    """Nonce and key, sealed under the vault key of the epoch, bound to the chain."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new key for the vault."""

    row: Sealed
    key_id: bytes
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Epoch:
    """The time of one vault key."""

    mark: bytes
    """Which key it is (`exchange.hub.storage.vault_keys.mark`)."""
    began_at: datetime


class Keys(Protocol):
    """Where vault keys lie: never in the vault."""

    def read(self) -> Mapping[bytes, bytes]:
        """Return the vault keys by their marks, that in use first.

        Raises:
            Misconfigured: the one in use is missing, or one is damaged or readable by others.
        """
        ...

    def waiting(self) -> bool:
        """Tell whether there is a next key."""
        ...

    def prepare(self) -> bytes:
        """Make the next vault key, durable when it returns, if there is none; return its mark."""
        ...

    def settle(self, settled: bytes) -> bool:
        """Put the next key in the place of the one in use, which is destroyed.

        Args:
            settled: mark of the key under which everything is sealed.

        Returns:
            False if the next key is not this one, or there is none: nothing was changed then.
        """
        ...


class Rows(Protocol):
    """Where a vault keeps sealed keys. Whatever fails is `Unavailable`."""

    async def find(self, chains: Sequence[str]) -> Mapping[str, Sealed]:
        """Return what is sealed for those of `chains` that are there."""
        ...

    async def some(self) -> Sealed | None:
        """Return any row; None if there is none."""
        ...

    async def keep(self, made: Sequence[Made]) -> bool:
        """Keep new keys, all or none; durable when it returns. A repetition is no error.

        Returns:
            False, and nothing is kept, if they are not sealed under the newest vault key.

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

    async def epochs(self) -> Mapping[int, Epoch]:
        """Return the vault keys under which something may be sealed, by their numbers."""
        ...

    async def open_epoch(self, number: int, epoch: Epoch) -> None:
        """Begin an epoch: from now on nothing is kept under an earlier one.

        A repetition changes nothing.

        Raises:
            Conflict: this number belongs to another key.
        """
        ...

    async def count_older(self, epoch: int) -> int:
        """Return how many rows are sealed under an earlier vault key."""
        ...

    async def older(self, epoch: int, *, after: str, limit: int) -> Sequence[Sealed]:
        """Return rows of chains behind `after` that are sealed under an earlier vault key."""
        ...

    async def reseal(self, rows: Sequence[tuple[Sealed, Sealed]]) -> None:
        """Put the second of each pair in the place of the first, where that still lies there."""
        ...

    async def settled(self, epoch: int) -> bool:
        """Forget the epochs before this one if nothing is sealed under their keys any more.

        Returns:
            False while a row, or a file of the database, still shows something of them.
        """
        ...

    async def close(self) -> None:
        """Finish what is being written and give everything up."""
        ...


class SealedVault:
    """`Vault` over any place for its rows, which never sees a key."""

    def __init__(self, rows: Rows, keys: Keys, *, clock: Callable[[], datetime]) -> None:
        """Take over `rows`, which are closed with the vault.

        Args:
            rows: where sealed keys lie.
            keys: the vault keys (`exchange.hub.storage.vault_keys`).
            clock: for the age of keys.
        """
        self._rows = rows
        self._keys = keys
        self._seals: Mapping[int, AESGCM] = {}
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
        await self._unlock()

    async def add(self, chain: str, key: bytes) -> Chain:
        """See `Vault.add`. Committed before the main transaction: an orphan is swept."""
        await self._keep({chain: key})
        return Chain(chain, key)

    async def draw(self, chain: str) -> Chain:
        """See `Vault.draw`."""
        found = await self.chains((chain,))
        if chain in found:
            return found[chain]
        return await self.add(chain, secrets.token_bytes(KEY_SIZE))

    async def chain(self, chain: str) -> Chain:
        """See `Vault.chain`."""
        found = await self._find((chain,))
        if chain not in found:
            raise Unavailable("the vault does not have this key")
        return Chain(chain, self._open(chain, found[chain]))

    async def chains(self, chains: Collection[str]) -> Mapping[str, Chain]:
        """See `Vault.chains`."""
        opened: dict[str, Chain] = {}
        try:
            for chain, sealed in (await self._find(tuple(chains))).items():
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

    async def key_since(self) -> datetime:
        """See `Vault.key_since`."""
        epochs = await self._rows.epochs()
        return epochs[max(epochs)].began_at

    async def begin_rekeying(self, *, prepared: bool) -> int:
        """See `Vault.begin_rekeying`."""
        epochs = await self._rows.epochs()
        newest = max(epochs)
        if prepared and not self._keys.waiting():
            raise Misconfigured("the next vault key is not on this machine: --prepare makes it")
        following = self._keys.prepare()  # durable before a row is sealed under it
        if epochs[newest].mark != following:
            newest += 1
            await self._rows.open_epoch(newest, Epoch(following, self._clock()))
        await self._unlock()
        return await self._rows.count_older(newest)

    async def reseal(self, *, after: str, limit: int) -> Resealed:
        """See `Vault.reseal`. A row that is erased meanwhile stays erased."""
        epoch = await self._epoch()
        older = await self._rows.older(epoch, after=after, limit=limit)
        await self._rows.reseal(
            [(row, self._seal(row.chain, self._open(row.chain, row), epoch)) for row in older]
        )
        return Resealed(len(older), older[-1].chain if len(older) == limit else None)

    async def settle(self) -> bool:
        """See `Vault.settle`. A crash before the file is replaced leaves that to the next call."""
        if not self._keys.waiting():
            return True
        epochs = await self._rows.epochs()
        newest = max(epochs)
        if not await self._rows.settled(newest):
            return False
        # From here on nothing lies under the old key. Where the next one has not begun it stays.
        self._keys.settle(epochs[newest].mark)
        return True

    async def close(self) -> None:
        """Finish what is being written and give the rows up."""
        if self._refilling is not None:
            await asyncio.wait({self._refilling})
        await self._rows.close()

    async def _refill(self) -> None:
        now = self._clock()
        fresh = {str(uuid4()): secrets.token_bytes(KEY_SIZE) for _ in range(POOL)}
        await self._keep(fresh)
        if not self._singles:
            self._stale_at = now + FRESH
        self._singles.extend(fresh)

    def _refilled(self, task: "asyncio.Task[None]") -> None:
        self._refilling = None
        if not task.cancelled():
            task.exception()  # the next refusal that finds no key tries again, and fails closed

    async def _find(self, chains: Sequence[str]) -> Mapping[str, Sealed]:
        found = await self._rows.find(chains)
        if not {row.epoch for row in found.values()} <= self._seals.keys():
            await self._unlock_again()  # the vault has changed its key, or this is the first row
        return found

    async def _keep(self, keys: Mapping[str, bytes]) -> None:
        """Keep keys under the newest vault key, also if that began a moment ago."""
        now = self._clock()
        for _ in range(2):
            epoch = await self._epoch()
            made = [
                Made(self._seal(chain, key, epoch), key_id(key), now) for chain, key in keys.items()
            ]
            if await self._rows.keep(made):
                return
            await self._unlock_again()
        raise Unavailable("the vault changes its key just now")

    async def _epoch(self) -> int:
        if not self._seals:
            await self._unlock_again()
        return max(self._seals)

    async def _unlock_again(self) -> None:
        """Do as `_unlock` does while serving, where a missing key is a vault that is away."""
        try:
            await self._unlock()
        except Misconfigured:
            log.error("vault-key-missing")
            raise Unavailable("the vault key is not here") from None

    async def _unlock(self) -> None:
        """Read the vault keys for the epochs there are; without the newest nothing is done.

        Raises:
            Misconfigured: the key of the newest epoch is not here.
            Unavailable: the vault is away.
        """
        epochs = await self._rows.epochs()
        keys = self._keys.read()
        if not epochs:
            await self._adopt(*next(iter(keys.items())))
            epochs = await self._rows.epochs()
        if epochs[max(epochs)].mark not in keys:
            raise Misconfigured("the vault key is not the one of this vault")
        self._seals = {
            number: AESGCM(keys[epoch.mark])
            for number, epoch in epochs.items()
            if epoch.mark in keys
        }

    async def _adopt(self, mark: bytes, key: bytes) -> None:
        """Begin the first epoch: of a new vault, or of one from before there were epochs.

        Raises:
            Misconfigured: its rows are sealed under another key.
        """
        row = await self._rows.some()
        if row is not None:
            self._seals = {row.epoch: AESGCM(key)}
            try:
                self._open(row.chain, row)
            except Unavailable:
                self._seals = {}
                raise Misconfigured("the vault key is not the one of this vault") from None
        await self._rows.open_epoch(FIRST, Epoch(mark, self._clock()))

    def _seal(self, chain: str, key: bytes, epoch: int) -> Sealed:
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = nonce + self._seals[epoch].encrypt(nonce, key, chain.encode("ascii"))
        return Sealed(chain, epoch, sealed)

    def _open(self, chain: str, row: Sealed) -> bytes:
        nonce, rest = row.sealed[:NONCE_SIZE], row.sealed[NONCE_SIZE:]
        try:
            return self._seals[row.epoch].decrypt(nonce, rest, chain.encode("ascii"))
        except (InvalidTag, ValueError, KeyError):
            raise Unavailable("a key in the vault does not open") from None
