"""Entries of the log that an agency may open, for the questions that rest on them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from exchange.hub.may_open import may_open
from exchange.hub.storage import answers_entries, openings
from exchange.hub.storage.reading import Place


@dataclass(frozen=True, slots=True)
class Opened:
    """An event that the agency may open."""

    place: Place
    kind: str
    event: Mapping[str, Any]


def opened(  # noqa: PLR0913 - a range, and a page of it
    conn: Connection,
    agency: str,
    kinds: Collection[str],
    *,
    since: datetime,
    until: datetime,
    behind: Place | None,
    limit: int,
) -> tuple[tuple[Place, ...], tuple[Opened, ...]]:
    """Return where the next entries stand that concern an agency, and those it may open.

    Judged by the same function as everything that opens entries: what is hidden elsewhere is
    hidden here.
    """
    found = answers_entries.concerning(
        conn,
        agency,
        kinds,
        since=since,
        until=until,
        behind=None if behind is None else (behind.at, behind.index),
        limit=limit,
    )
    standing = openings.standing(conn, agency, [event for _, _, event in found])
    looked = tuple(Place(at, index) for at, index, _ in found)
    mine = tuple(
        Opened(place, event.kind, event.event())
        for place, (_, _, event) in zip(looked, found, strict=True)
        if may_open(agency, event, standing).opening
    )
    return looked, mine
