"""Reads what back offices export, and looks at evidence of consents: in walled workers.

Foreign code over files from outside, like intake: whatever goes wrong there refuses this one
export or this one piece of evidence, with a reason, and nothing else.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from exchange.agency import job_values, rooms
from exchange.agency.hired import hired
from exchange.agency.job import Kind, Reads
from exchange.agency.leash import Leash, Limits, Reason
from exchange.agency.parts import Gateway
from exchange.agency.staff import Errand, Staff
from exchange.envelope.names import distinct
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed, Misconfigured, NotFound, Quarantined, TooLarge, Unavailable
from exchange.hookspecs import (
    EVERY_CHARACTER,
    EvidenceFound,
    ExportedFile,
    OutgoingPackage,
    Verdict,
)

LIMITS: Final = Limits(parallel=1)
"""One export, one piece of evidence at a time: people wait for it."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an export holds, to be sealed while it is open."""

    package: OutgoingPackage
    files: tuple[Outgoing, ...]
    """Of `package.files`, in their order; each `source` lies where it goes when this is closed."""


class Readers:
    """Outgoing formats and evidence verifiers; their workers start when they are first asked."""

    def __init__(
        self, root: Path, *, outgoing: Mapping[str, Staff], evidence: Mapping[str, Staff]
    ) -> None:
        """Remember who reads; nothing starts yet.

        Args:
            root: existing folder of the gateway, mode 0700, for what is being read.
            outgoing: workers for outgoing formats, by plugin.
            evidence: workers for evidence verifiers, by plugin.
        """
        self._root = root
        self._outgoing = outgoing
        self._evidence = evidence
        self._asking = defaultdict[Staff, asyncio.Lock](asyncio.Lock)
        self._known: dict[Staff, Mapping[str, Reads]] = {}
        """What the adapters of a plugin take, by key, once one of its workers has said so."""

    async def formats(self) -> Mapping[str, Reads]:
        """Return which exports can be read, by key of the format.

        A plugin that cannot be loaded offers nothing; the log names it.
        """
        found: dict[str, Reads] = {}
        for plugin, staff in self._outgoing.items():
            try:
                found |= await self._offers(staff)
            except (Misconfigured, Unavailable):
                log.error("plugin_failed", plugin=plugin)
        return found

    @asynccontextmanager
    async def read(self, key: str, exported: Sequence[ExportedFile]) -> AsyncIterator[Export]:
        """Read an export; its files are there until the context ends.

        Args:
            key: of an outgoing format that a plugin of the settings provides.
            exported: at least one file; `path` may be anything that can be opened, such as
                /proc/self/fd/<n> of an unnamed file.

        Raises:
            NotFound: no plugin of `[outgoing]` provides this format.
            Malformed: it is no such export, or its format failed on it; nothing is to be sent.
            TooLarge: more than the format reads.
            Unavailable: no worker can be had now.
        """
        staff, format_ = await self._format(key)
        errand = _errand(key, exported)
        if errand.size > format_.max_size:
            raise TooLarge("the export is larger than its format reads")
        # A crash leaves it where every start of a gateway cleans up.
        target = self._root / secrets.token_hex(8)
        target.mkdir(mode=0o700)
        try:
            package = await self._read(staff, errand, target)
            yield Export(package=package, files=_files(package, target))
        finally:
            await rooms.in_thread(rooms.remove, target)

    async def _read(self, staff: Staff, errand: Errand, target: Path) -> OutgoingPackage:
        async def take(leash: Leash, result: Mapping[str, Any], most: int) -> OutgoingPackage:
            package = _understood(job_values.read_export, result)
            await rooms.in_thread(
                rooms.take,
                leash.room,
                [file.name for file in package.files],
                target,
                alphabet=EVERY_CHARACTER,
                most_files=staff.limits.files,
                most=most,
            )
            return package

        try:
            return await staff.send(errand, take)
        except Quarantined as failed:
            log.warning("export_refused", code=failed.reason)
            raise Malformed(f"the export could not be read: {failed.reason}") from None

    async def verify(self, evidence: ExportedFile) -> EvidenceFound | None:
        """Say what evidence of a consent shows; None when no verifier looks at its media type.

        Raises:
            Malformed: it is broken or forged, or a verifier failed on it: no consent is to be
                recorded on it.
            Unavailable: no worker can be had now, or a verifier cannot be loaded.
        """
        found = None
        for plugin, staff in self._evidence.items():
            try:
                offers = await self._offers(staff)
            except Misconfigured:  # nobody can say what it would have found
                log.error("plugin_failed", plugin=plugin)
                raise Unavailable("a verifier of evidence cannot be loaded") from None
            for key, offer in offers.items():
                if evidence.media_type in offer.media_types:
                    shown = await self._verify(staff, _errand(key, [evidence]))
                    if found is None or shown.verdict is Verdict.SIGNED:
                        found = shown
        return found

    async def _verify(self, staff: Staff, errand: Errand) -> EvidenceFound:
        async def take(_leash: Leash, result: Mapping[str, Any], _most: int) -> EvidenceFound:
            return _understood(job_values.read_evidence, result)

        try:
            return await staff.send(errand, take)
        except Quarantined as failed:
            log.warning("evidence_refused", code=failed.reason)
            if failed.reason == Reason.MALFORMED:
                raise Malformed(
                    "evidence: it is broken or forged, or nobody you trust has signed it"
                ) from None
            raise Malformed(f"evidence: it cannot be looked at, {failed.reason}") from None

    async def _format(self, key: str) -> tuple[Staff, Reads]:
        for plugin, staff in self._outgoing.items():
            try:
                offers = await self._offers(staff)
            except Misconfigured:
                log.error("plugin_failed", plugin=plugin)
                continue
            if key in offers:
                return staff, offers[key]
        raise NotFound("no plugin of [outgoing] reads this kind of export")

    async def _offers(self, staff: Staff) -> Mapping[str, Reads]:
        async with self._asking[staff]:  # who asks at the same time waits for the one worker
            if staff not in self._known:
                leash = await staff.start()
                self._known[staff] = {
                    key: offer for key, offer in leash.offers.items() if isinstance(offer, Reads)
                }
        return self._known[staff]


@asynccontextmanager
async def open_readers(gateway: Gateway) -> AsyncIterator[Readers]:
    """Yield the readers that the settings name; end their workers afterwards.

    Raises:
        Misconfigured: the table of one of their plugins is wrong.
    """
    settings, root = gateway.settings, gateway.home.workers
    named = {Kind.OUTGOING: settings.outgoing.plugins, Kind.EVIDENCE: settings.evidence.plugins}
    staff: dict[Kind, dict[str, Staff]] = {kind: {} for kind in named}
    async with AsyncExitStack() as parts:
        for kind, plugins in named.items():
            for plugin in plugins:
                adapter = hired(settings, gateway.home, plugin, kind)
                opened = await parts.enter_async_context(Staff(adapter, root, limits=LIMITS))
                staff[kind][plugin] = opened
        yield Readers(root, outgoing=staff[Kind.OUTGOING], evidence=staff[Kind.EVIDENCE])


def _errand(key: str, exported: Sequence[ExportedFile]) -> Errand:
    """Return the call for files from outside, under names that a folder can hold."""
    names = distinct(file.name for file in exported)
    files = [
        ExportedFile(name=name, media_type=file.media_type, size=file.size, path=file.path)
        for name, file in zip(names, exported, strict=True)
    ]
    return Errand(
        adapter=key,
        asked=job_values.exported_json(*files),
        files=[(file.name, file.path) for file in files],
        size=sum(file.size for file in files),
    )


def _files(package: OutgoingPackage, target: Path) -> tuple[Outgoing, ...]:
    return tuple(
        Outgoing(file.name, file.media_type, target / file.name, third_party=file.third_party)
        for file in package.files
    )


def _understood(read: Callable[[Mapping[str, Any]], T], result: Mapping[str, Any]) -> T:
    try:
        return read(result)
    except Malformed:
        raise Quarantined(Reason.PROTOCOL) from None
