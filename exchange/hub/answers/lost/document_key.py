"""What was sealed to a document key."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from exchange.hub.answers.lost.described import openable
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import TICK
from exchange.hub.answers.lost.rows import Affected, Openable, SealedBlock
from exchange.hub.answers.lost.windows import WINDOW, consents_of, entries
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_breach, answers_disclosures
from exchange.hub.storage.answers_breach import ConsentRow
from exchange.hub.storage.keys import GRACE, SKEW
from exchange.hub.stored import subject_of

RECORDED: Final = frozenset({"consent-recorded"})


async def by_document_key(
    hub: Hub, agency: str, key: str, behind: Mark, now: datetime
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield the disclosures that were sealed to a key, then the consents of its time."""
    if behind.place is None:
        async for row in _sealed_to(hub, agency, key, behind.disclosure):
            yield Mark(disclosure=row.disclosure), row
    used = await hub.db.read(answers_breach.time_of, key)
    if used is None:
        return
    until = now + TICK if used.until is None else used.until + GRACE
    windows = entries(hub, agency, RECORDED, (used.since - SKEW, until), behind.place)
    async for looked, mine in windows:
        named = await consents_of(hub, mine)
        for place in looked:
            consent = named.get(place)
            sealed = consent is not None and used.agency in consent.parties
            yield Mark(place=place), _block(consent) if consent is not None and sealed else None


async def _sealed_to(hub: Hub, agency: str, key: str, behind: str) -> AsyncIterator[Openable]:
    full = True
    while full:
        page = await hub.db.read(_window, hub, agency, key, behind)
        for one in page:
            yield one
        full = len(page) == WINDOW
        behind = page[-1].disclosure if page else behind


def _window(conn: Connection, hub: Hub, agency: str, key: str, behind: str) -> list[Openable]:
    rows = answers_disclosures.sealed_to(conn, agency, key, behind=behind, limit=WINDOW)
    return [openable(conn, hub, row) for row in rows]


def _block(row: ConsentRow) -> SealedBlock:
    return SealedBlock(row.id, subject_of(row.statement))
