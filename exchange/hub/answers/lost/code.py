"""What a person's code has shown, and what was done with it."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from exchange.hub.answers.entries import Opened, of_consent
from exchange.hub.answers.lost.described import doubt, openable
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.answers.lost.rows import Affected, Doubtful, Openable, Shown
from exchange.hub.answers.lost.windows import WINDOW, by_place, consents_of
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_disclosures, consents
from exchange.hub.storage.answers_breach import ConsentRow
from exchange.hub.storage.reading import Place
from exchange.members import read_time

BY_CODE: Final = "page"
"""`via` of a withdrawal that needed nothing but the code."""


async def by_code(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield the consent's own events, the newest first, as its page shows them."""
    digest = await consent_of_code(hub, agency, wanted)
    if digest is None:
        return
    come, full = behind.place, True
    while full:
        looked, found = await hub.db.read(of_consent, agency, digest, behind=come, limit=WINDOW)
        mine = by_place(found)
        named = await consents_of(hub, mine)
        sent = await hub.db.read(_sent, hub, agency, digest, found)
        for place in looked:
            one = mine.get(place)
            happened = one is not None and read_time(one.event["at"]) < until
            row = _on_page(one, named, sent, wanted) if one is not None and happened else None
            yield Mark(place=place), row
        full = len(looked) == WINDOW
        come = looked[-1] if looked else come


async def consent_of_code(hub: Hub, agency: str, wanted: Wanted) -> str | None:
    """Return the digest of the consent a code opens, or None where the agency may not read it."""
    found = await hub.db.read(consents.seen, wanted.key, agency)
    return None if found is None else found.digest


def _on_page(
    one: Opened, named: dict[Place, ConsentRow], sent: dict[str, Openable], wanted: Wanted
) -> Doubtful | Shown:
    """Return what a code has brought about or shown."""
    at = read_time(one.event["at"])
    if one.kind == "consent-withdrawn" and one.event["via"] == BY_CODE and at >= wanted.since:
        return doubt(one, named.get(one.place))
    return Shown(
        index=one.place.index,
        kind=one.kind,
        at=at,
        by=one.event["by"],
        consent=wanted.key,
        sent=sent.get(one.event["manifest"]) if one.kind == "disclosure-stored" else None,
    )


def _sent(
    conn: Connection, hub: Hub, agency: str, consent: str, found: Iterable[Opened]
) -> dict[str, Openable]:
    manifests = [
        (consent, one.event["manifest"]) for one in found if one.kind == "disclosure-stored"
    ]
    rows = answers_disclosures.named(conn, agency, manifests) if manifests else {}
    return {manifest: openable(conn, hub, row) for (_, manifest), row in rows.items()}
