"""What was set aside: people look at it, and let it into the spool or remove it.

The signed answer to the sender, `quarantined`, stays the one answer. What is released goes to the
spool as it was opened: no plugin has converted it, and a note beside the files says so.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.agency import arrivals, handed, spool
from exchange.agency.events import EventKind, happened
from exchange.agency.hand_over import handed_on
from exchange.agency.handed import Delivery
from exchange.agency.intake import folder_named
from exchange.agency.packaged import outlined
from exchange.agency.parts import Gateway
from exchange.agency.state import Delivered, Received, Receiving
from exchange.durable import move_durably, write_bytes_durably
from exchange.envelope.contents import Contents, read_contents
from exchange.errors import Conflict, NotFound

FORBIDDEN: Final = frozenset({"onward", "purpose-binding"})
"""Reasons with which nobody may use a document: it can be removed, and never released."""
NOTE: Final = "00-AUS-DER-QUARANTAENE.txt"
"""Name of the note in the folder of a released document: it sorts first."""
_NOTE: Final = """\
Diese Unterlagen lagen in der Quarantäne, Grund: {reason}
Eine Person dieser Stelle hat sie angesehen und freigegeben. Sie sind nicht umgewandelt: Die Dateien
im Ordner "document" sind genau die, die ankamen.

These documents were in quarantine, reason: {reason}
Somebody at this office has looked at them and released them. They are not converted: the files in
the folder "document" are exactly those that came.
"""

_DECIDED: Final = "no document with this id lies in quarantine"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A document that lies in quarantine."""

    received: Received
    reason: str
    """Codes of why, with `, ` between them."""
    words: str = field(repr=False)
    """What the plugin said of it, fit to be shown to people; it may quote the document."""
    until: datetime
    """When it is removed if nobody does anything."""
    contents: Contents
    """What the sender says is in it; signed by the sender, and nothing but that."""

    @property
    def id(self) -> str:
        """Id of the disclosure."""
        return self.received.id

    @property
    def may_be_released(self) -> bool:
        """Whether somebody may let it in: its answer is sent, and it may be used at all."""
        return self.received.state is Receiving.DONE and self.reason not in FORBIDDEN


async def list_quarantine(gateway: Gateway) -> list[Aside]:
    """Return the documents that lie in quarantine, oldest first."""
    found = await gateway.state.read(_listed, gateway.clock())
    looked = [await asyncio.to_thread(_looked_at, gateway, received) for received in found]
    return [aside for aside in looked if aside is not None]


async def find_aside(gateway: Gateway, disclosure_id: str) -> Aside:
    """Return one document that lies in quarantine.

    Raises:
        NotFound: there is none of this id, or somebody has decided about it.
    """
    for aside in await list_quarantine(gateway):
        if aside.id == disclosure_id:
            return aside
    raise NotFound(_DECIDED)


def file_of(gateway: Gateway, aside: Aside, place: int) -> Path:
    """Return where a file of a document in quarantine lies.

    Args:
        gateway: the parts.
        aside: the document.
        place: in its contents list, from 0.

    Raises:
        NotFound: it has fewer files.
    """
    if not 0 <= place < len(aside.contents.files):
        raise NotFound("the document has fewer files")
    name = aside.contents.files[place].name
    return spool.aside(gateway.home, aside.id) / "document" / name


async def release(gateway: Gateway, disclosure_id: str) -> str:
    """Let a document into the spool as it is, and return the name of its folder there.

    The systems of the settings get it like any other, once.

    Raises:
        NotFound: as `find_aside`.
        Conflict: nobody may use it, or its answer to the sender is not sent yet.
    """
    aside = await find_aside(gateway, disclosure_id)
    if not aside.may_be_released:
        raise Conflict("nobody may use this document, or its answer is still on its way")
    place = spool.aside(gateway.home, aside.id)
    note = _NOTE.format(reason=aside.reason).encode("utf-8")
    try:
        await asyncio.to_thread(write_bytes_durably, place / NOTE, note, replace=True)
    except FileNotFoundError:
        raise NotFound(_DECIDED) from None
    collected_at = aside.received.collected_at or gateway.clock()
    folder = folder_named(collected_at, aside.id)
    released = replace(aside.received, folder=folder)
    expected = await _handed_on(gateway, released, aside.contents)
    files = await gateway.state.write(_release, released, aside.contents, expected, gateway.clock())
    gateway.origins.note(files)
    # From here on it is released; a crash before the move leaves it to `finish`.
    await asyncio.to_thread(_move, gateway, released)
    log.info("released", disclosure_id=aside.id, code=aside.reason)
    return folder


async def _handed_on(
    gateway: Gateway, released: Received, contents: Contents
) -> tuple[Delivery, ...]:
    """Return which systems get a released document: those that get the accepted ones."""
    described = await outlined(gateway, released, released.folder or "")
    names = (NOTE, *(f"document/{file.name}" for file in contents.files))
    return handed_on(gateway, described, names)


async def reject(gateway: Gateway, disclosure_id: str) -> None:
    """Remove a document that lies in quarantine.

    Raises:
        NotFound: as `find_aside`.
        Conflict: its answer to the sender is not sent yet.
    """
    aside = await find_aside(gateway, disclosure_id)
    if aside.received.state is not Receiving.DONE:
        raise Conflict("the answer to the sender is still on its way")
    rejected = replace(aside.received, state=Receiving.ERASED)
    await gateway.state.write(_reject, rejected, gateway.clock(), aside.reason)
    # What a crash leaves of it is swept: it is no longer among what lies in quarantine.
    await asyncio.to_thread(spool.remove, gateway.home, aside.id, opened=True)
    log.info("removed", disclosure_id=aside.id, code=aside.reason)


async def finish(gateway: Gateway) -> None:
    """Move what was released before a crash; harmless when nothing was."""
    for released in await gateway.state.read(arrivals.list_released, gateway.clock()):
        await asyncio.to_thread(_move, gateway, released)


def _move(gateway: Gateway, released: Received) -> None:
    """Move a released document, once: its source is gone then."""
    source = spool.aside(gateway.home, released.id)
    if released.folder is not None and source.is_dir():
        move_durably(source, gateway.home.spool / released.folder)


def _listed(conn: Connection, now: datetime) -> list[Received]:
    return [arrivals.whole(conn, received) for received in arrivals.list_aside(conn, now)]


def _looked_at(gateway: Gateway, received: Received) -> Aside | None:
    """Return what is known of a document set aside; None when it does not lie there."""
    why = spool.why_aside(gateway.home, received.id)
    if why is None or received.contents is None:
        return None
    reason, words = why
    return Aside(
        received=received,
        reason=reason,
        words=words,
        until=received.seen_at + arrivals.KEPT_ASIDE,
        contents=read_contents(received.contents),
    )


def _release(
    conn: Connection,
    released: Received,
    contents: Contents,
    expected: Sequence[Delivery],
    now: datetime,
) -> tuple[Delivered, ...]:
    """Remember that a document was let in, which files came with it, and who is to get it."""
    context = arrivals.context_in(released.manifest or b"")
    files = tuple(
        Delivered(
            sha256=file.sha256,
            size=file.size,
            id=released.id,
            sender=released.sender,
            secrecy=context.secrecy.code,
        )
        for file in contents.files
    )
    _check_undecided(conn, released, now)
    arrivals.put_received(conn, released)
    arrivals.add_delivered(conn, files)
    handed.expect(conn, expected)
    happened(conn, EventKind.RELEASED, released.id, now, folder=released.folder)
    return files


def _reject(conn: Connection, rejected: Received, now: datetime, reason: str) -> None:
    _check_undecided(conn, rejected, now)
    arrivals.end_received(conn, rejected)
    happened(conn, EventKind.REJECTED, rejected.id, now, reason=reason)


def _check_undecided(conn: Connection, decided: Received, now: datetime) -> None:
    """Refuse a second decision: since somebody has looked, another may have decided or erased."""
    if decided.digest not in {aside.digest for aside in arrivals.list_aside(conn, now)}:
        raise NotFound(_DECIDED)
