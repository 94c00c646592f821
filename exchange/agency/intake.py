"""Converts documents in processes of their own, and trusts nothing that comes back.

A worker (`exchange.agency.worker`) runs foreign code over hostile documents. Here it is staffed,
fed one document at a time, and replaced after anything but success. Whatever goes wrong costs
this one document a visit to quarantine, with a reason, and nothing else.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from exchange.agency import rooms
from exchange.agency.leash import Adapter, Leash, Limits, Reason, Started
from exchange.errors import Misconfigured, Quarantined, Unavailable
from exchange.hookspecs import DocumentPackage, IntakeFile


def folder_name(package: DocumentPackage) -> str:
    """Return the name of a document's folder; see `folder_named`."""
    return folder_named(package.collected_at, package.disclosure_id)


def folder_named(collected_at: datetime, disclosure_id: str) -> str:
    """Return the name of a document's folder: it sorts by time and says nothing of the content."""
    return f"{collected_at.astimezone(UTC):%Y-%m-%d_%H%M%S}_{disclosure_id[:8]}"


class Intake:
    """The workers of one adapter. Use as `async with Intake(adapter, root) as intake`."""

    def __init__(self, adapter: Adapter, root: Path, *, limits: Limits | None = None) -> None:
        """Remember what to run; nothing starts yet.

        Args:
            adapter: the one intake format to use.
            root: existing folder of the gateway, mode 0700, on the file system of the documents;
                everything in it is removed at start and at the end.
            limits: what one conversion may cost.
        """
        self._adapter = adapter
        self._root = root
        self._limits = limits or Limits()
        self._free = asyncio.Semaphore(self._limits.parallel)
        self._waiting = 0
        self._idle: list[Leash] = []

    async def start(self) -> Started:
        """Start the first worker and return what it says of itself.

        Raises:
            Misconfigured: the plugin cannot be loaded, or does not read the profile.
            Unavailable: the machine cannot start a process now.
        """
        # A crash left rooms behind: copies of documents that are still in quarantine.
        for leftover in await rooms.in_thread(lambda: list(self._root.iterdir())):
            await rooms.in_thread(rooms.remove, leftover)
        leash = await self._employ()
        self._idle.append(leash)
        return leash.started

    async def convert(self, package: DocumentPackage, target: Path) -> tuple[IntakeFile, ...]:
        """Convert `package` and put the files, durably, into `target`.

        The caller renames `target` into place afterwards. May be repeated after any failure
        with an emptied target; cancelling kills the worker.

        Args:
            package: verified; its files lie in a folder of the gateway.
            target: existing empty folder.

        Returns:
            The files now in `target`, in the order of import: each a regular file of our own
            making with mode 0600, written and synced, as are the folder and its name.

        Raises:
            Quarantined: with the reason, one of `Reason`; `target` may hold leftovers.
            Unavailable: too many wait already, or no process can be started now.
        """
        if self._waiting >= self._limits.waiting:
            raise Unavailable("too many documents wait for their conversion")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._convert_next(package, target)
        finally:
            self._free.release()

    async def _convert_next(self, package: DocumentPackage, target: Path) -> tuple[IntakeFile, ...]:
        leash = await self._pick()
        first = leash.documents == 0
        try:
            return await self._convert_with(leash, package, target)
        except Quarantined as cause:
            if first or cause.reason == Reason.MALFORMED:
                raise
        # What an earlier document left in the worker may be to blame: the verdict is that of a
        # worker that has seen nothing else.
        await rooms.in_thread(rooms.empty, target)
        return await self._convert_with(await self._hire(), package, target)

    async def _convert_with(
        self, leash: Leash, package: DocumentPackage, target: Path
    ) -> tuple[IntakeFile, ...]:
        goes_on = False
        try:
            files = await self._convert(leash, package, target)
            goes_on = True
        except Quarantined as cause:
            goes_on = cause.reason == Reason.MALFORMED
            raise
        finally:
            if goes_on and leash.documents < self._limits.documents:
                await rooms.briefly(_size(package), rooms.clear, leash.room)
                self._idle.append(leash)
            else:
                await rooms.whole(self._dismiss(leash))
        return files

    async def _convert(
        self, leash: Leash, package: DocumentPackage, target: Path
    ) -> tuple[IntakeFile, ...]:
        capabilities = leash.started.capabilities
        size = _size(package)
        most = size * self._limits.growth + self._limits.allowance
        walled = "landlock" not in leash.started.missing
        await rooms.briefly(size, rooms.furnish, leash.room, package.files, copy=not walled)
        names = await leash.ask(package, most=most)
        return await rooms.in_thread(
            rooms.take,
            leash.room,
            names,
            target,
            alphabet=capabilities.name_alphabet,
            most_files=self._limits.files,
            most=most,
        )

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
            leash = await Leash.start(self._adapter, room, self._limits)
            undo.pop_all()
        return leash

    async def _dismiss(self, leash: Leash) -> None:
        await leash.kill()
        await rooms.in_thread(rooms.remove, leash.room)

    async def close(self) -> None:
        """End all workers that wait; none is left when this returns.

        Conversions still running end their own worker when they are cancelled.
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


def _size(package: DocumentPackage) -> int:
    return sum(file.size for file in package.files)
