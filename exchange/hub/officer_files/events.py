"""The log of an agency as a file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from exchange.audit.event import MEMBERS, seconds
from exchange.canonical import Json
from exchange.hub.export_events import export_events
from exchange.hub.list_events import Listed, Wanted, note_look
from exchange.hub.officer_files.file import Ending, File, Listing, Row, list_file
from exchange.hub.officer_files.head import head_of
from exchange.hub.officer_files.noted import Source, ahead, in_stretches
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub

FIRST: Final = ("entry", "at", "kind", "by", "to", "purpose", "category", "result", "state", "why")
LAST: Final = ("consent_id", "receipt")
COLUMNS: Final = (
    *FIRST,
    *sorted({name for names in MEMBERS.values() for name in names} - {*FIRST, "detail"}),
    *LAST,
)


async def events_file(
    hub: Hub, asker: Officer, wanted: Wanted, asked: Mapping[str, Json], ending: Ending
) -> File:
    """Return the events of a list, the newest first; noted in the log before they go out.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        wanted: what the list is narrowed to.
        asked: the same, as it was asked.
        ending: how it is written.

    Raises:
        NotFound: the asker reads no content.
        Unavailable: the vault is away, and with it the trace.
    """
    head = head_of(hub, "events", asker.agency, asked)
    # Read first: the notes of this file are behind what is in it.
    first = await ahead(events_source(hub, asker, wanted))
    await note_look(hub, asker, wanted)
    pages = await in_stretches(hub, asker, first)
    listing = Listing(head=head, columns=COLUMNS, pages=_described(pages), flat=lambda row: (row,))
    return list_file(listing, ending)


def events_source(hub: Hub, asker: Officer, wanted: Wanted) -> Source[Listed]:
    """Return the events of a list, as often as somebody wants to go through them."""
    return Source(lambda: export_events(hub, asker, wanted), lambda one: one.index)


async def _described(
    pages: AsyncGenerator[Sequence[Listed], None],
) -> AsyncGenerator[Sequence[Row], None]:
    async with aclosing(pages):
        async for page in pages:
            yield [described(one) for one in page]


def described(one: Listed) -> dict[str, Json]:
    """Return an event as JSON: what is in it, and what the hub knows of it now."""
    return {
        "entry": one.index,
        "at": seconds(one.at),
        "kind": one.kind,
        "by": one.by,
        **one.members,
        "state": one.state,
        "why": one.why,
        "consent_id": one.consent,
        "receipt": one.rid,
    }
