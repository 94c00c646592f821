"""The log and all that an agency may open of it, as one file that is verified offline.

It is the bundle of `exchange log export`, as far as the hub can make it: every entry, the agency's
openings with the signed statements behind them. What only its gateway has, heads it has kept and
notes on its own disclosures, is in the one that `exchange log export` makes beside it.

Everything is audited while it is copied, before a byte goes out. Memory holds a page of openings
and the names of statements; the rest lies in files without a name.
"""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from typing import BinaryIO, Final

from sqlalchemy import Connection

from exchange.audit.event import seconds
from exchange.audit.opening import event_of, read_opening
from exchange.audit.policy import Head, judge
from exchange.audit.tiles import Bundle, Tile
from exchange.canonical import b64u, digest
from exchange.errors import Unavailable
from exchange.hub.answers.frame import agency_of
from exchange.hub.officer_files.file import File
from exchange.hub.officers.accounts import Officer
from exchange.hub.open_entries import WINDOW, OpenedEntry, list_openings
from exchange.hub.parts import Hub
from exchange.hub.read_log import LogFiles
from exchange.hub.record_export import record_export
from exchange.hub.show_tombstones import show_tombstone, show_tombstones
from exchange.hub.storage import agencies, answers_partners, statements
from exchange.hub.storage.statements import Happened
from exchange.keyid import IdentityCard
from exchange.verifier.export import Belongings, export
from exchange.verifier.opened import Opened
from exchange.verifier.openings import statements_of
from exchange.verifier.pack import packing_into

TAR: Final = "application/x-tar"
PAGE: Final = WINDOW
"""Openings held in memory at once, and noted together: no entry is judged twice."""
PIECE: Final = 64 * 1024
"""Bytes that go out at once."""
PARTNERS: Final = 200
"""Agencies asked for their identities at once."""


class _Kept(Mapping[str, bytes]):
    """Statements by their digests, in a file without a name."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}

    def keep(self, data: bytes) -> None:
        self._places[digest(data)] = self._file.seek(0, 2), len(data)
        self._file.write(data)

    def __getitem__(self, name: str) -> bytes:
        start, size = self._places[name]
        self._file.seek(start)
        return self._file.read(size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class _Log:
    """The log as this process hands it out to those it knows."""

    def __init__(self, hub: Hub) -> None:
        self._files = LogFiles(hub, room=0)

    async def tile(self, tile: Tile) -> bytes:
        return await self._files.tile(tile, known=True)

    async def bundle(self, bundle: Bundle) -> bytes:
        return await self._files.bundle(bundle, known=True)

    async def document(self, sha256: str) -> bytes:
        return await self._files.document(b64u(bytes.fromhex(sha256)))


async def bundle_file(hub: Hub, asker: Officer) -> File:
    """Return the log as it is published now, with what the asker's agency may open.

    Raises:
        NotPermitted: the asker reads no records.
        NotFound: nothing is published yet.
        Unavailable: too few witnesses have signed the newest head so far, or the vault is away.
        LogInvalid: the log does not hold.
    """
    agency = agency_of(asker)
    log = _Log(hub)
    head = judge(hub.signer.policy, await LogFiles(hub, room=0).checkpoint())
    if not head.quorum:
        raise Unavailable("too few witnesses have signed the newest head")
    with ExitStack() as stack:
        target = stack.enter_context(tempfile.TemporaryFile())
        kept = _Kept(stack.enter_context(tempfile.TemporaryFile()))
        belongings = Belongings(
            agency=agency,
            policy=hub.signer.policy_text,
            known=kept,
            tombstones=[data async for data in _tombstones(hub)],
            cards=await _cards(hub, agency),
        )
        async with aclosing(_openings(hub, asker, head, kept)) as opened:
            with packing_into(target) as pack:
                await export(log, head, opened, belongings, pack, lambda _done, _all: None)
        # From here on the file belongs to whoever takes it.
        files = stack.pop_all()
    day = seconds(hub.clock()).partition("T")[0]
    return File(
        name=f"log-{agency}-{day}.tar",
        media=TAR,
        chunks=_pieces(files, target),
        size=target.seek(0, 2),
    )


async def _pieces(files: ExitStack, target: BinaryIO) -> AsyncGenerator[bytes, None]:
    with files:
        target.seek(0)
        while piece := target.read(PIECE):
            yield piece


async def _openings(
    hub: Hub, asker: Officer, head: Head, kept: _Kept
) -> AsyncGenerator[Opened, None]:
    """Yield what the agency may open below a head, and keep the statements behind it.

    Each page is noted in the log before: what is noted lies behind the head.
    """
    agency = agency_of(asker)
    after: int | None = None
    while True:
        page = await list_openings(hub, agency, after=after, limit=PAGE)
        entries = [one for one in page.entries if one.index < head.checkpoint.size]
        await record_export(hub, asker, entries)
        async for one in _opened(hub, agency, entries, kept):
            yield one
        after = page.next
        if after is None or after + 1 >= head.checkpoint.size:
            return


async def _opened(
    hub: Hub, agency: str, entries: Sequence[OpenedEntry], kept: _Kept
) -> AsyncIterator[Opened]:
    found = [Opened(one.index, read_opening(one.opening), one.detail) for one in entries]
    happened = [
        (entry.chain, event_of(one.opening)) for entry, one in zip(entries, found, strict=True)
    ]
    named = {name for _, event in happened for name in statements_of(event)} - kept.keys()
    for data in await hub.db.read(_behind, agency, happened):
        if digest(data) in named:
            named.discard(digest(data))
            kept.keep(data)
    for one in found:
        yield one


def _behind(conn: Connection, agency: str, happened: Happened) -> list[bytes]:
    return [*statements.behind(conn, agency, happened)]


async def _tombstones(hub: Hub) -> AsyncIterator[bytes]:
    after: str | None = None
    while True:
        page = await show_tombstones(hub, after=after, limit=PAGE)
        for one in page.listed:
            yield await show_tombstone(hub, one.digest)
        if len(page.listed) < PAGE:
            return
        after = page.listed[-1].digest


async def _cards(hub: Hub, agency: str) -> list[IdentityCard]:
    """Return every identity of the agency and its partners: of who has signed the statements."""
    return await hub.db.read(_identities, agency)


def _identities(conn: Connection, agency: str) -> list[IdentityCard]:
    found = list[IdentityCard]()
    after: str | None = None
    while True:
        page = answers_partners.partners(conn, agency, after=after, limit=PARTNERS)
        for one in page:
            found += [identity.card for identity in agencies.identities_of(conn, one.agency)]
        if len(page) < PARTNERS:
            return found
        after = page[-1].agency
