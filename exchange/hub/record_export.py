"""Note in the log that an agency has taken openings away: reading leaves a trace, as writing does.

One event for each page, on the agency's own chain, before the page goes out: whoever stops in the
middle leaves a trace all the same. A page of nothing but such traces leaves none, so that an
export comes to an end.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from exchange.audit import event
from exchange.audit.event import GATEWAY, Event
from exchange.audit.opening import event_of, read_opening
from exchange.errors import Unavailable
from exchange.hub.open_entries import OpenedEntry
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies, log
from exchange.hub.storage.log import Chain

TRACE = "officer-export"


async def record_export(hub: Hub, agency: str, opened: Sequence[OpenedEntry]) -> None:
    """Record that an agency is handed what opens these entries.

    Args:
        hub: the parts.
        agency: the caller.
        opened: one page, ascending.

    Raises:
        Unavailable: the vault is away; the page must not go out.
    """
    if all(event_of(read_opening(one.opening))["kind"] == TRACE for one in opened):
        return
    taken = event.officer_export(
        at=hub.clock(),
        by=agency,
        officer=GATEWAY,
        entries=(opened[0].index, opened[-1].index + 1),
        count=len(opened),
    )
    chain = await hub.vault.chain(await hub.db.read(_chain, agency))
    await hub.db.write(_record, chain, taken)


def _chain(conn: Connection, agency: str) -> str:
    found = agencies.find(conn, agency)
    if found is None:
        raise Unavailable("an agency is not there any more")
    return found.chain


def _record(conn: Connection, chain: Chain, taken: Event) -> None:
    log.record(conn, chain, taken)
