"""Converts documents in processes of their own, and trusts nothing that comes back.

Whatever goes wrong costs this one document a visit to quarantine, with a reason, and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exchange.agency import job_values, rooms
from exchange.agency.leash import Adapter, Leash, Limits, Reason
from exchange.agency.staff import Errand, Staff
from exchange.errors import Malformed, Misconfigured, Quarantined
from exchange.hookspecs import Capabilities, Declaration, DocumentPackage, IntakeFile


@dataclass(frozen=True, slots=True)
class Started:
    """What the first worker said of itself."""

    formats: Mapping[str, Capabilities]
    """By profile."""
    missing: tuple[str, ...]
    """Walls this machine's kernel does not offer, such as `landlock`; to be told at start-up."""
    declared: Declaration | None
    """What the plugin says of itself; None: nothing that can be told."""


def _names(result: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return job_values.read_converted(result)
    except Malformed:
        raise Quarantined(Reason.PROTOCOL) from None


def folder_name(package: DocumentPackage) -> str:
    """Return the name of a document's folder; see `folder_named`."""
    return folder_named(package.collected_at, package.disclosure_id)


def folder_named(collected_at: datetime, disclosure_id: str) -> str:
    """Return the name of a document's folder: it sorts by time and says nothing of the content."""
    return f"{collected_at.astimezone(UTC):%Y-%m-%d_%H%M%S}_{disclosure_id[:8]}"


class Intake:
    """The intake formats of one plugin. Use as `async with Intake(adapter, root) as intake`."""

    def __init__(self, adapter: Adapter, root: Path, *, limits: Limits | None = None) -> None:
        """Remember what to run; nothing starts yet. Arguments as `Staff`."""
        self._plugin = adapter.plugin
        self._staff = Staff(adapter, root, limits=limits)

    async def start(self) -> Started:
        """Start the first worker and return what it says of itself.

        Raises:
            Misconfigured: the plugin cannot be loaded.
            Unavailable: the machine cannot start a process now.
        """
        leash = await self._staff.start()
        formats = {
            profile: offer
            for profile, offer in leash.offers.items()
            if isinstance(offer, Capabilities)
        }
        if len(formats) != len(leash.offers):
            raise Misconfigured(f"plugin {self._plugin}: its formats cannot be understood")
        return Started(formats, leash.missing, leash.declared)

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
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

        async def take(leash: Leash, result: Mapping[str, Any], most: int) -> Sequence[IntakeFile]:
            names = _names(result)
            offer = leash.offers[package.profile]
            await rooms.in_thread(
                rooms.take,
                leash.room,
                names,
                target,
                alphabet=offer.name_alphabet if isinstance(offer, Capabilities) else "",
                most_files=self._staff.limits.files,
                most=most,
            )
            return tuple(IntakeFile(name) for name in names)

        errand = Errand(
            adapter=package.profile,
            asked=job_values.package_json(package),
            files=[(file.name, file.path) for file in package.files],
            size=sum(file.size for file in package.files),
        )
        return await self._staff.send(errand, take)

    async def close(self) -> None:
        """End all workers that wait; see `Staff.close`."""
        await self._staff.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
