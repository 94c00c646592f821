"""What entries of the log are about: purpose and categories of a document, or of a consent.

Only the event that stores a document says so itself. Of the later ones the stored manifest tells,
of the others on the chain of a consent its record: each is read for a window of entries at once.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from exchange.hub.storage import concerns
from exchange.hub.storage.reading import Entry
from exchange.hub.stored import context_of, data_of


@dataclass(frozen=True, slots=True)
class About:
    """What one entry is about."""

    purpose: str
    """Code."""
    categories: frozenset[str]
    """Codes: of a document its one, of a consent all that it admits."""
    recorded: bool
    """Whether that stands in the record of the consent alone: for whoever may read it."""


def read_about(conn: Connection, entries: Collection[Entry]) -> dict[int, About]:
    """Return what these entries are about, by index; of agreements and looks at none, nothing.

    Args:
        conn: of a reader.
        entries: so many as a page looks at.

    Raises:
        Unavailable: the database no longer holds what was stored.
    """
    later = [one for one in entries if "manifest" in one.event and "purpose" not in one.event]
    others = [one for one in entries if "manifest" not in one.event]
    manifests = {
        pair: context_of(manifest) for pair, manifest in concerns.manifests(conn, later).items()
    }
    records = {
        chain: data_of(statement) for chain, statement in concerns.records(conn, others).items()
    }
    found = dict[int, About]()
    for entry in entries:
        event, chain = entry.event, entry.found.chain or ""
        if "purpose" in event:
            categories = frozenset((event["category"],))
            found[entry.place.index] = About(event["purpose"], categories, recorded=False)
        elif context := manifests.get((chain, event.get("manifest", ""))):
            categories = frozenset((context.category,))
            found[entry.place.index] = About(context.purpose, categories, recorded=False)
        elif chain in records and "manifest" not in event:
            found[entry.place.index] = About(*records[chain], recorded=True)
    return found
