"""Converts one document at a time in a process of its own, and trusts nothing that comes back.

The worker (`exchange.agency.worker`) runs foreign code over hostile documents. Here are the
limits on it, its replacement, and the re-reading of what it wrote. Whatever goes wrong costs
this one document a visit to quarantine, with a reason, and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from exchange.canonical import Json
from exchange.hookspecs import FILES, Capabilities, DocumentPackage, IntakeFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one conversion may cost (docs/plugins.md, limits)."""

    start_s: float = 30.0
    """Seconds until the worker has imported the plugin."""
    wall_s: float = 120.0
    """Seconds until a conversion has answered."""
    cpu_s: int = 60
    """Seconds of processor time of one conversion."""
    memory: int = 1 << 30
    """Bytes of address space of the worker."""
    descriptors: int = 64
    files: int = 2_000
    """Largest number of files written."""
    growth: int = 4
    """Bytes written, in one file and in all: at most `growth` times the input plus `allowance`."""
    allowance: int = 64 << 20
    noise: int = 1 << 20
    """Bytes the plugin may print during one conversion; nobody reads them."""
    parallel: int = 2
    """Workers of one adapter at the same time."""
    waiting: int = 200
    """Conversions that may wait for a worker."""
    documents: int = 100
    """Conversions until a worker is replaced by a fresh one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Which intake format converts: a plugin, named as settings name it, and a profile."""

    plugin: str
    distribution: str = ""
    """Empty means `exchange-plugin-<plugin>`."""
    profile: str = FILES
    settings: Mapping[str, Json] = field(default_factory=dict, repr=False)
    """The plugin's own table."""


@dataclass(frozen=True, slots=True)
class Started:
    """What a worker said of itself when it started."""

    capabilities: Capabilities
    missing: tuple[str, ...]
    """Walls this machine's kernel does not offer, such as `landlock`; to be told at start-up."""


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
        raise NotImplementedError

    async def start(self) -> Started:
        """Start the first worker and return what it says of itself.

        Raises:
            Misconfigured: the plugin cannot be loaded, or does not read the profile.
        """
        raise NotImplementedError

    async def convert(self, package: DocumentPackage, target: Path) -> tuple[IntakeFile, ...]:
        """Convert `package` and put the files, durably, into `target`.

        The caller renames `target` into place afterwards. May be repeated after any failure
        with an emptied target; cancelling kills the worker.

        Args:
            package: verified; its files lie in a folder of the gateway.
            target: existing empty folder.

        Returns:
            The files now in `target`, in the order of import: each a regular file of our own
            making with mode 0600, written and synced, as is the folder.

        Raises:
            Quarantined: with the reason, one of `Reason`; `target` may hold leftovers.
            Unavailable: too many wait already, or no process can be started now.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """End all workers; none is left when this returns."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
