"""Entries of the log that an agency may open, for the questions that rest on them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from exchange.hub.may_open import NOBODY, may_open
from exchange.hub.storage import answers_entries, consents, openings, reading
from exchange.hub.storage.openings import Recorded, Standing
from exchange.hub.storage.reading import Place


@dataclass(frozen=True, slots=True)
class Opened:
    """An event that the agency may open."""

    place: Place
    kind: str
    event: Mapping[str, Any]
    chain: str | None
    """Where it stands on that of a consent which the agency may read."""


def opened(  # noqa: PLR0913 - a range, and a page of it
    conn: Connection,
    agency: str,
    kinds: Collection[str],
    *,
    since: datetime,
    until: datetime,
    behind: Place | None,
    limit: int,
    first: int = 0,
    end: int | None = None,
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
        first=first,
        end=end,
    )
    return _judged(conn, agency, [(Place(at, index), event) for at, index, event in found])


def of_consent(
    conn: Connection, agency: str, consent: str, *, behind: Place | None, limit: int
) -> tuple[tuple[Place, ...], tuple[Opened, ...]]:
    """Return where the next entries about a consent stand, the newest first, and those it may open.

    Args:
        conn: of a reader.
        agency: who asks; that it may read the consent was found out before.
        consent: digest.
        behind: the last place of the page before.
        limit: most entries.
    """
    chain = consents.chain(conn, consent)
    if chain is None:
        return (), ()
    found = reading.of_chain(conn, chain, behind=behind, limit=limit)
    return _judged(conn, agency, [(one.place, one.found) for one in found])


def _judged(
    conn: Connection, agency: str, found: Sequence[tuple[Place, Recorded]]
) -> tuple[tuple[Place, ...], tuple[Opened, ...]]:
    standing = openings.standing(conn, agency, [event for _, event in found])
    mine = tuple(
        Opened(place, event.kind, event.event(), _readable(event, standing))
        for place, event in found
        if may_open(agency, event, standing).opening
    )
    return tuple(place for place, _ in found), mine


def _readable(found: Recorded, standing: Standing) -> str | None:
    chain = found.chain or ""
    return chain if standing.consents.get(chain, NOBODY).reads else None
