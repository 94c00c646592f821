"""The log and all that an agency may open of it, as one file that is verified offline.

It is the export of `exchange log export`, as far as the hub can make it: every entry, the agency's
openings with the signed statements behind them. What only its gateway has, heads it has kept and
notes on its own disclosures, is in the one that `exchange log export` makes beside it.

It leaves while it is made, and is audited as it goes by. Nobody is handed the end of a file whose
log does not hold, and without its end a tar is none (docs/decisions/0034).
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.audit.event import seconds
from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.opening import event_of, read_opening
from exchange.audit.policy import Head, judge
from exchange.audit.tiles import Bundle, Tile
from exchange.canonical import b64u, digest
from exchange.errors import ExchangeError, LogInvalid, NotFound, Unavailable
from exchange.hub.answers.frame import agency_of
from exchange.hub.officer_files.file import File
from exchange.hub.officer_files.noted import Counted, Source, noted
from exchange.hub.officers.accounts import Officer
from exchange.hub.open_entries import WINDOW, OpenedEntry, list_openings, openable
from exchange.hub.parts import Hub
from exchange.hub.read_log import LogFiles
from exchange.hub.show_tombstones import show_tombstone
from exchange.hub.storage import agencies, answers_partners, statements
from exchange.keyid import IdentityCard
from exchange.verifier.export import Belongings, Export, Openings
from exchange.verifier.opened import Opened
from exchange.verifier.openings import statements_of
from exchange.verifier.pack import tar_of
from exchange.wire.officer_files import TAR

PAGE: Final = WINDOW
"""Openings held in memory at once: as many as a window of the log can have."""
STATED: Final = 100
"""Entries whose statements are held in memory at once."""
PARTNERS: Final = 200
"""Agencies asked for their identities at once."""


class _Log:
    """The log as this process hands it out; what an agency may open of it is counted on the way."""

    def __init__(self, hub: Hub, agency: str) -> None:
        self._hub = hub
        self._agency = agency
        self._files = LogFiles(hub, room=0)
        self.counted = Counted(rows=0)
        """What the agency may open of the bundles so far."""

    async def checkpoint(self) -> bytes:
        return await self._files.checkpoint()

    async def tile(self, tile: Tile) -> bytes:
        return await self._files.tile(tile, known=True)

    async def bundle(self, bundle: Bundle) -> bytes:
        first = bundle.n * TILE_WIDTH
        found = await openable(self._hub, self._agency, first, first + bundle.width)
        self.counted = _with(self.counted, found)
        return await self._files.bundle(bundle, known=True)

    async def document(self, sha256: str) -> bytes:
        return await self._files.document(b64u(bytes.fromhex(sha256)))


def _with(counted: Counted, indexes: Sequence[int]) -> Counted:
    if not indexes:
        return counted
    return Counted(
        rows=counted.rows + len(indexes),
        first=min(indexes) if not counted.rows else min(counted.first, *indexes),
        behind=max(counted.behind, max(indexes) + 1),
    )


async def bundle_file(hub: Hub, asker: Officer) -> File:
    """Return the log as it is published now, with what the asker's agency may open.

    That it is taken stands in the log once, before the first opening goes out.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: no head is published yet, too few witnesses have signed the newest one so
            far, or the vault is away.
    """
    agency = agency_of(asker)
    log = _Log(hub, agency)
    head = await _head(hub, log)
    # While the vault is away nothing can be opened or noted: refused before a byte goes out.
    await hub.vault.chain(await hub.db.read(_chain, agency))
    belongings = Belongings(
        agency=agency,
        policy=hub.signer.policy_text,
        tombstone=partial(_tombstone, hub),
        cards=await hub.db.read(_identities, agency),
    )
    members = Export(log, head, belongings).members(_openings(hub, asker, head, log), _unseen)
    day = seconds(hub.clock()).partition("T")[0]
    return File(name=f"log-{agency}-{day}.tar", media=TAR, chunks=_watched(tar_of(members)))


async def _head(hub: Hub, log: _Log) -> Head:
    try:
        head = judge(hub.signer.policy, await log.checkpoint())
    except NotFound:
        raise Unavailable("the log has no published head yet") from None
    if not head.quorum:
        raise Unavailable("too few witnesses have signed the newest head")
    return head


async def _watched(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield what is made, and note when it cannot go on: whoever takes it sees it break off."""
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    except LogInvalid as wrong:
        _tell(wrong.what)
        # A small log may have been read to its end before the first byte: this refuses it.
        raise Unavailable("the log does not hold") from None
    except ExchangeError as error:
        _tell(type(error).__name__)
        raise


def _tell(code: str) -> None:
    structlog.get_logger("exchange.hub.log").error("log-file-broke-off", code=code)


def _unseen(_done: int, _all: int) -> None:
    """Show nobody how far it is: whoever takes it counts the bytes."""


async def _openings(
    hub: Hub, asker: Officer, head: Head, log: _Log
) -> AsyncGenerator[Openings, None]:
    """Yield what the agency may open below a head, after the log has gone by."""
    agency = agency_of(asker)
    source = Source(partial(_pages, hub, agency, head), lambda one: one.index)
    async with aclosing(await noted(hub, asker, source, log.counted)) as pages:
        async for page in pages:
            for first in range(0, len(page), STATED):
                yield await _with_statements(hub, agency, page[first : first + STATED])


async def _pages(hub: Hub, agency: str, head: Head) -> AsyncGenerator[Sequence[OpenedEntry], None]:
    after: int | None = None
    while True:
        page = await list_openings(hub, agency, after=after, limit=PAGE)
        yield [one for one in page.entries if one.index < head.checkpoint.size]
        after = page.next
        if after is None or after + 1 >= head.checkpoint.size:
            return


async def _with_statements(hub: Hub, agency: str, entries: Sequence[OpenedEntry]) -> Openings:
    opened = [Opened(one.index, read_opening(one.opening), one.detail) for one in entries]
    events = [event_of(one.opening) for one in opened]
    happened = [(entry.chain, event) for entry, event in zip(entries, events, strict=True)]
    named = frozenset[str]().union(*map(statements_of, events))
    return Openings(opened, await hub.db.read(_behind, agency, happened, named))


def _chain(conn: Connection, agency: str) -> str:
    found = agencies.find(conn, agency)
    if found is None:
        raise NotFound
    return found.chain


def _behind(
    conn: Connection, agency: str, happened: statements.Happened, named: frozenset[str]
) -> Mapping[str, bytes]:
    found = ((digest(data), data) for data in statements.behind(conn, agency, happened))
    return {name: data for name, data in found if name in named}


async def _tombstone(hub: Hub, name: str) -> bytes | None:
    try:
        return await show_tombstone(hub, name)
    except NotFound:
        return None


def _identities(conn: Connection, agency: str) -> list[IdentityCard]:
    """Return every identity of the agency and its partners: of who has signed the statements."""
    found = list[IdentityCard]()
    after: str | None = None
    while True:
        page = answers_partners.partners(conn, agency, after=after, limit=PARTNERS)
        for one in page:
            found += [identity.card for identity in agencies.identities_of(conn, one.agency)]
        if len(page) < PARTNERS:
            return found
        after = page[-1].agency
