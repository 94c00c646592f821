"""The entries that a question goes through, one window of them in memory."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from exchange.hub.answers.entries import Opened, opened
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_breach
from exchange.hub.storage.answers_breach import ConsentRow
from exchange.hub.storage.reading import Place

WINDOW: Final = 200
"""Rows looked at in one unit of work."""


async def entries(  # noqa: PLR0913 - a range, and where to go on
    hub: Hub,
    agency: str,
    kinds: frozenset[str],
    within: tuple[datetime, datetime],
    behind: Place | None,
    *,
    first: int = 0,
    end: int | None = None,
) -> AsyncIterator[tuple[Sequence[Place], dict[Place, Opened]]]:
    """Yield windows: where entries stand that concern an agency, and those it may open.

    Args:
        hub: the parts.
        agency: whom they concern.
        kinds: of events.
        within: the first moment, and the first that does not count.
        behind: where to go on.
        first: entries before this one are left out.
        end: entries from this one on are left out; None leaves out none.
    """
    full = True
    while full:
        looked, mine = await hub.db.read(
            opened,
            agency,
            kinds,
            since=within[0],
            until=within[1],
            behind=behind,
            limit=WINDOW,
            first=first,
            end=end,
        )
        yield looked, by_place(mine)
        full = len(looked) == WINDOW
        behind = looked[-1] if looked else behind


def by_place(found: Iterable[Opened]) -> dict[Place, Opened]:
    """Return entries by where they stand."""
    return {one.place: one for one in found}


async def consents_of(hub: Hub, found: dict[Place, Opened]) -> dict[Place, ConsentRow]:
    """Return the consents that entries are about: which they name, or on whose chain they stand."""
    return await hub.db.read(_consents_of, found)


def _consents_of(conn: Connection, found: dict[Place, Opened]) -> dict[Place, ConsentRow]:
    on = answers_breach.consents_on(conn, {one.chain for one in found.values() if one.chain})
    about = {
        place: digest
        for place, one in found.items()
        if (digest := one.event.get("consent") or on.get(one.chain or ""))
    }
    named = answers_breach.consents_named(conn, set(about.values()))
    return {place: named[digest] for place, digest in about.items() if digest in named}
