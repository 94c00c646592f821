"""One consent as a file in the structure of ISO/IEC TS 27560, with its proofs from the log."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from exchange.canonical import Json, encode
from exchange.consent.export import MEDIA_TYPE, Became, became, export_record
from exchange.consent.withdrawal import EndReason
from exchange.errors import NotFound
from exchange.hub.answers.consent import ConsentSeen, EventSeen, show_consent
from exchange.hub.answers.frame import agency_of
from exchange.hub.officer_files.file import File
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.open_entries import give_receipt
from exchange.hub.parts import Hub
from exchange.hub.storage import consents
from exchange.hub.storage.consents import ConsentSeen as Stored
from exchange.hub.stored import said

ENDING: Final = "jsonld"


async def consent_file(hub: Hub, asker: Officer, consent: str) -> File:
    """Return a record, what became of it, and the receipts of all that happened under it.

    That it is taken away stands in the log before: as a look at it, and as an export.

    Raises:
        NotPermitted: the asker reads no records.
        NotFound: absent, or hidden from her agency.
        Unavailable: the vault is away.
    """
    agency = agency_of(asker)
    found = await show_consent(hub, asker, consent)
    stored = await hub.db.read(consents.seen, consent, agency)
    if stored is None:  # erased in between
        raise NotFound
    seen = found.answer
    receipts = await _receipts(hub, asker, seen.events)
    since = what_became(seen, stored)
    exported = export_record(seen.record, seen.scope, since, receipts=receipts)
    return File(name=f"consent-{consent}.{ENDING}", media=MEDIA_TYPE, chunks=_whole(exported))


def what_became(seen: ConsentSeen, stored: Stored) -> Became:
    """Return what became of a consent, as far as the agency may know.

    A consent that is used up counts as ended, as in the person's own export.
    """
    why, ended = seen.ended_why, seen.state == "ended"
    uses = seen.record.uses
    if not ended and uses != "recurring" and (seen.used or 0) >= uses:
        why, ended = "used-up", True
    elif ended and stored.ended_at is None and stored.role == "collector":
        why = "expired"
    reason = None
    if why == "agency" and stored.withdrawal is not None:
        reason = EndReason(said(stored.withdrawal)["reason"])
    return became(ended=ended, why=why, reason=reason, at=seen.ended_at)


async def _receipts(hub: Hub, asker: Officer, events: Sequence[EventSeen]) -> list[bytes]:
    """Return the receipts of events that have their place, oldest first; noted before."""
    placed = [(one.index, one.receipt) for one in events if one.index is not None]
    if not placed:
        await trace.record_export(hub, asker, first=0, until=0, count=0)
        return []
    indexes = [index for index, _ in placed]
    await trace.record_export(
        hub, asker, first=min(indexes), until=max(indexes) + 1, count=len(placed)
    )
    agency = agency_of(asker)
    found = [
        await give_receipt(hub, rid, agency, seconds=0, witnessed=False)
        for _, rid in sorted(placed)
    ]
    return [one for one in found if one is not None]


async def _whole(exported: dict[str, Json]) -> AsyncGenerator[bytes, None]:
    yield encode(exported)
