"""What looks may have shown: an upper bound, each entry of it once.

Of a consent that was looked at by name what stood on its chain by then; of a list all entries of
the agency between those it was made from. Judged as the agency may open them now: what was erased
or has closed to it since is not told any more.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import Connection

from exchange.audit.event import MEMBERS
from exchange.hub.answers.lost.described import openable
from exchange.hub.answers.lost.looks import Looks
from exchange.hub.answers.lost.mark import WHOLE_LOG, Mark
from exchange.hub.answers.lost.rows import PerhapsSeen
from exchange.hub.answers.lost.windows import WINDOW
from exchange.hub.may_open import NOBODY, may_open
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_breach, answers_disclosures, answers_entries, openings
from exchange.hub.storage import consents as consent_rows
from exchange.hub.storage.openings import Recorded
from exchange.hub.storage.reading import Place, of_chain
from exchange.hub.stored import subject_of
from exchange.members import read_time

OF_PERSONS: Final = frozenset(MEMBERS) - {
    *("agreement-signed", "agreement-notice", "agreement-ended", "officer-export", "erased"),
}
"""Kinds of events that are about a person."""
SLICE: Final = 500
"""Entries of the log, whosever they are, that are gone through in one unit of work."""
_ANY: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Within a chain the place is the entry alone."""


async def perhaps_seen(
    hub: Hub, agency: str, looks: Looks, behind: Mark, *, cut: int
) -> AsyncGenerator[tuple[Mark, PerhapsSeen | None]]:
    """Yield what these looks may have shown: of consents, then of lists.

    Args:
        hub: the parts.
        agency: whose looks they are.
        looks: at what they were made.
        behind: where to go on.
        cut: how long the log was.
    """
    look, come = behind.seen or (looks.reads[0][0] if looks.reads else WHOLE_LOG, None)
    if look != WHOLE_LOG:
        for at, digest in looks.reads:
            if at >= look:
                last = come if at == look and come is not None else at
                async for index, row in _of_consent(hub, agency, digest, last):
                    yield Mark(cut=cut, seen=(at, index)), row
        come = None
    async for index, row in _of_lists(hub, agency, looks, -1 if come is None else come, cut):
        yield Mark(cut=cut, seen=(WHOLE_LOG, index)), row


async def _of_consent(
    hub: Hub, agency: str, digest: str, last: int
) -> AsyncGenerator[tuple[int, PerhapsSeen | None]]:
    """Yield what stands on the chain of a consent before an entry, the newest first."""
    full = True
    while full:
        found = await hub.db.read(_on_chain, hub, agency, digest, last)
        for index, row in found:
            yield index, row
        full = len(found) == WINDOW
        last = found[-1][0] if found else last


def _on_chain(
    conn: Connection, hub: Hub, agency: str, digest: str, last: int
) -> list[tuple[int, PerhapsSeen | None]]:
    chain = consent_rows.chain(conn, digest)
    if chain is None:  # erased since
        return []
    found = of_chain(conn, chain, behind=Place(_ANY, last), limit=WINDOW)
    rows = _rows(conn, hub, agency, [(one.place.index, one.found) for one in found], "consent")
    return [(one.place.index, rows.get(one.place.index)) for one in found]


async def _of_lists(
    hub: Hub, agency: str, looks: Looks, behind: int, cut: int
) -> AsyncGenerator[tuple[int, PerhapsSeen | None]]:
    """Yield what lists were made from, but for what a look at its consent has told already."""
    told = {digest: index for index, digest in looks.reads}
    for first, end in looks.lists.slices(behind, SLICE):
        for index, row in await hub.db.read(_between, hub, agency, first, min(end, cut), told):
            yield index, row if looks.lists.holds(index) else None
        # Also where nothing is the agency's: whoever goes on must come further.
        yield end - 1, None


def _between(
    conn: Connection, hub: Hub, agency: str, first: int, end: int, told: Mapping[str, int]
) -> list[tuple[int, PerhapsSeen | None]]:
    found = answers_entries.between(conn, agency, OF_PERSONS, first=first, end=end)
    named = answers_breach.consents_on(conn, {one.chain or "" for _, _, one in found})
    left = [
        (index, one)
        for _, index, one in found
        if index >= told.get(named.get(one.chain or "", ""), 0)
    ]
    rows = _rows(conn, hub, agency, left, "list")
    return [(index, rows.get(index)) for index, _ in left]


def _rows(
    conn: Connection,
    hub: Hub,
    agency: str,
    found: Sequence[tuple[int, Recorded]],
    how: Literal["consent", "list"],
) -> dict[int, PerhapsSeen]:
    """Return what the agency may open of these entries, by where they stand."""
    standing = openings.standing(conn, agency, [one for _, one in found])
    mine = [
        (index, one)
        for index, one in found
        if one.kind in OF_PERSONS and may_open(agency, one, standing).opening
    ]
    # What is on the chain of a consent that the agency may not read must not name it.
    read = {
        one.chain or "" for _, one in mine if standing.consents.get(one.chain or "", NOBODY).reads
    }
    digests = answers_breach.consents_on(conn, read)
    consents = answers_breach.consents_named(conn, digests.values())
    pairs = {
        (digests[one.chain or ""], one.event()["manifest"])
        for _, one in mine
        if "manifest" in one.event() and one.chain in digests
    }
    sent = answers_disclosures.named(conn, agency, pairs) if pairs else {}
    rows = {}
    for index, one in mine:
        event, digest = one.event(), digests.get(one.chain or "", "")
        consent = consents.get(digest)
        disclosed = sent.get((digest, event.get("manifest", "")))
        rows[index] = PerhapsSeen(
            index=index,
            kind=one.kind,
            at=read_time(event["at"]),
            by=event["by"],
            how=how,
            consent=None if consent is None else consent.id,
            subject_ref=None if consent is None else subject_of(consent.statement),
            sent=None if disclosed is None else openable(conn, hub, disclosed),
        )
    return rows
