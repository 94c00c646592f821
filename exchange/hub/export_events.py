"""Go through all that the log says to an agency, page by page, so that memory stays small.

For what is taken away as a whole. It is noted before (`exchange.hub.officer_files.noted`): a page
notes nothing.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from exchange.hub.list_events import Listed, Wanted, find_events
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub

PAGE: Final = 2000
"""Events held in memory at once."""


async def export_events(
    hub: Hub, asker: Officer, wanted: Wanted
) -> AsyncGenerator[Sequence[Listed], None]:
    """Yield the pages of a list, the newest first; see `exchange.hub.list_events`.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        wanted: what the list is narrowed to.

    Raises:
        NotFound: the asker reads no content.
    """
    after: str | None = None
    while True:
        page = await find_events(hub, asker, wanted, after=after, limit=PAGE)
        yield page.events
        after = page.next
        if after is None:
            return
