"""Let an officer take the log of her agency away: page by page, so that memory stays small.

Each page is noted in the log before it goes out: whoever stops in the middle leaves a trace of
what she has. What happens meanwhile, the traces too, is newer than all of it and not in it.
"""

from collections.abc import AsyncGenerator
from typing import Final

from exchange.hub.list_events import Events, Wanted, list_events
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub

PAGE: Final = 2000
"""Events held in memory at once, and noted together."""


async def export_events(hub: Hub, asker: Officer, wanted: Wanted) -> AsyncGenerator[Events, None]:
    """Yield the pages of a list, the newest first; see `exchange.hub.list_events`.

    Args:
        hub: the parts.
        asker: an officer of an agency, who has just proved who she is.
        wanted: what the list is narrowed to.

    Raises:
        NotFound: the asker reads no content.
        Unavailable: the vault is away, and with it the trace: nothing more may go out.
    """
    after: str | None = None
    while True:
        page = await list_events(hub, asker, wanted, after=after, limit=PAGE)
        yield page
        after = page.next
        if after is None:
            return
