"""The workers of one plugin: hired, fed one call at a time, replaced after anything but an answer.

A worker (`exchange.agency.worker`) runs foreign code over hostile documents. Whatever goes wrong
costs the one call, with a reason, and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from exchange.agency import rooms
from exchange.agency.leash import ANSWERS, Adapter, Leash, Limits, Reason
from exchange.canonical import Json
from exchange.errors import Misconfigured, Quarantined, Unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One call of an adapter."""

    adapter: str
    """Its key; of an intake format the profile."""
    asked: Mapping[str, Json] = field(repr=False)
    files: Sequence[tuple[str, Path]] = field(repr=False)
    """What is put into the worker's room: flat, unique names and where the content lies."""
    size: int
    """Bytes of all files together."""


Take: TypeAlias = Callable[[Leash, Mapping[str, Any], int], Awaitable[T]]
"""Reads a worker's answer as hostile: what lies in its room, what it says, at most so many bytes.

Raises Quarantined for what is none. May be called again, for a second worker.
"""


class Staff:
    """The workers of one adapter. Use as `async with Staff(adapter, root) as staff`."""

    def __init__(self, adapter: Adapter, root: Path, *, limits: Limits | None = None) -> None:
        """Remember what to run; nothing starts yet.

        Args:
            adapter: what the workers run.
            root: existing folder of the gateway, mode 0700, on the file system of the documents.
            limits: what one call may cost.
        """
        self.limits = limits or Limits()
        self._adapter = adapter
        self._answers = ANSWERS[adapter.kind]
        self._root = root
        self._free = asyncio.Semaphore(self.limits.parallel)
        self._waiting = 0
        self._idle: list[Leash] = []

    async def start(self) -> Leash:
        """Have a worker at hand, and return it for what it says of itself.

        Raises:
            Misconfigured: the plugin cannot be loaded.
            Unavailable: the machine cannot start a process now.
        """
        leash = await self._employ()
        self._idle.append(leash)
        return leash

    async def send(self, errand: Errand, take: Take[T]) -> T:
        """Have one call made and return what `take` makes of the answer.

        Cancelling kills the worker.

        Raises:
            Quarantined: with the reason, one of `Reason`.
            Unavailable: too many wait already, or no process can be started now.
        """
        if self._waiting >= self.limits.waiting:
            raise Unavailable("too many documents wait for a worker")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._send(errand, take)
        finally:
            self._free.release()

    async def _send(self, errand: Errand, take: Take[T]) -> T:
        leash = await self._pick()
        first = leash.documents == 0
        try:
            return await self._send_with(leash, errand, take)
        except Quarantined as cause:
            if first or cause.reason in self._answers:
                raise
        # What an earlier document left in the worker may be to blame: the verdict is that of a
        # worker that has seen nothing else.
        return await self._send_with(await self._hire(), errand, take)

    async def _send_with(self, leash: Leash, errand: Errand, take: Take[T]) -> T:
        goes_on = False
        try:
            taken = await self._call(leash, errand, take)
            goes_on = True
        except Quarantined as cause:
            goes_on = cause.reason in self._answers
            raise
        finally:
            if goes_on and leash.documents < self.limits.documents:
                await self._keep(leash, errand.size)
            else:
                await rooms.whole(self._dismiss(leash))
        return taken

    async def _keep(self, leash: Leash, size: int) -> None:
        """Let a worker wait for the next call; one whose room cannot be cleared ends."""
        cleared = False
        try:
            await rooms.briefly(size, rooms.clear, leash.room)
            cleared = True
        finally:
            if cleared:
                self._idle.append(leash)
            else:
                await rooms.whole(self._dismiss(leash))

    async def _call(self, leash: Leash, errand: Errand, take: Take[T]) -> T:
        if errand.adapter not in leash.offers:  # another worker of the plugin offered it
            raise Quarantined(Reason.START)
        most = errand.size * self.limits.growth + self.limits.allowance
        walled = "landlock" not in leash.missing
        await rooms.briefly(errand.size, rooms.furnish, leash.room, errand.files, copy=not walled)
        result = await leash.ask(errand.adapter, errand.asked, most=most)
        return await take(leash, result, most)

    async def _pick(self) -> Leash:
        """Return an idle worker that lives, or a new one."""
        while self._idle:
            leash = self._idle.pop()
            if leash.alive:
                return leash
            await self._dismiss(leash)
        return await self._hire()

    async def _hire(self) -> Leash:
        try:
            return await self._employ()
        except Misconfigured:
            raise Quarantined(Reason.START) from None

    async def _employ(self) -> Leash:
        async with AsyncExitStack() as undo:
            room = await rooms.in_thread(rooms.make, self._root)
            undo.push_async_callback(rooms.in_thread, rooms.remove, room)
            leash = await Leash.start(self._adapter, room, self.limits)
            undo.pop_all()
        return leash

    async def _dismiss(self, leash: Leash) -> None:
        await leash.kill()
        await rooms.in_thread(rooms.remove, leash.room)

    async def close(self) -> None:
        """End all workers that wait; none is left when this returns.

        Calls still running end their own worker when they are cancelled.
        """
        while self._idle:
            await self._dismiss(self._idle.pop())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
