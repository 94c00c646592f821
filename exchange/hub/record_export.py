"""Note in the log that an agency has taken openings away: reading leaves a trace, as writing does.

One event for each page, on the agency's own chain, before the page goes out: whoever stops in the
middle leaves a trace all the same. A page of nothing but such traces leaves none, so that an
export comes to an end.
"""

from collections.abc import Sequence

from exchange.audit.opening import event_of, read_opening
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.open_entries import OpenedEntry
from exchange.hub.parts import Hub

TRACE = "officer-export"


async def record_export(hub: Hub, asker: Officer, opened: Sequence[OpenedEntry]) -> None:
    """Record that an officer is handed what opens these entries.

    Args:
        hub: the parts.
        asker: who takes them, for her agency.
        opened: one page, ascending.

    Raises:
        Unavailable: the vault is away; the page must not go out.
    """
    if all(event_of(read_opening(one.opening))["kind"] == TRACE for one in opened):
        return
    await trace.record_export(
        hub,
        asker,
        first=opened[0].index,
        until=opened[-1].index + 1,
        count=len(opened),
    )
