"""Export a consent this agency may read, in the structure of ISO/IEC TS 27560."""

import asyncio
from uuid import uuid4

from sqlalchemy import Connection, select

from exchange.agency import tables
from exchange.agency.evidence import KEPT_AS
from exchange.agency.log_points import RECORDED, STORED, WITHDRAWN
from exchange.agency.parts import Gateway
from exchange.agency.prove import kept_receipts
from exchange.agency.records import KnownAgreement
from exchange.audit.proof import read_receipt
from exchange.canonical import encode
from exchange.consent.export import became, export_receipt, export_record
from exchange.consent.record import ConsentRecord
from exchange.consent.withdrawal import EndReason, read_withdrawal
from exchange.errors import HubMisbehaves, NotFound
from exchange.statement import Kind
from exchange.wire import shapes


async def export_consent(gateway: Gateway, consent_id: str, *, receipt: bool) -> bytes:
    """Return the record, or the receipt about it, as JSON-LD, with what became of it so far.

    Raises:
        NotFound: absent, hidden from this agency, or under an agreement it has not signed.
        Held: a statement is signed by nobody it is expected from.
    """
    now = gateway.clock()
    known = await gateway.records.consent(now=now, consent_id=consent_id)
    agreement = await gateway.records.agreement(known.record.agreement, now=now)
    if agreement is None:
        raise NotFound("this agency has not signed the agreement")
    given = await gateway.client.consent(consent_id)
    ended, why = _over(given, known.record)
    since = became(
        ended=ended,
        why=why,
        reason=await _reason(gateway, agreement, given),
        at=given.ended_at,
    )
    if not receipt:
        receipts = await receipts_of(gateway, known.record)
        return encode(export_record(known.record, agreement.scope, since, receipts=receipts))
    made = export_receipt(
        known.record, agreement.scope, since, receipt_id=str(uuid4()), created=now
    )
    return encode(made)


async def receipts_of(gateway: Gateway, record: ConsentRecord) -> list[bytes]:
    """Return every log receipt held here about a consent and what happened under it, in order."""
    sent, evidence = await gateway.state.read(_under, record.digest)
    acts = [(RECORDED, record.id), (WITHDRAWN, record.id), *((STORED, one) for one in sent)]
    own = await asyncio.to_thread(kept_receipts, gateway.home, acts)
    return sorted({*own, *evidence}, key=lambda one: read_receipt(one).index)


def _under(conn: Connection, consent: str) -> tuple[list[str], list[bytes]]:
    """Return what was sent under a consent, and the receipts about it and what was received."""
    sent, received, evidence = tables.sent.c, tables.received.c, tables.evidence.c
    gave = conn.execute(select(sent.id).where(sent.consent == consent)).scalars().all()
    came = select(received.digest).where(received.consent == consent)
    about = evidence.digest.in_(came) | (evidence.digest == consent)
    kinds = sorted(set(KEPT_AS.values()))
    kept = select(evidence.data).where(about, evidence.kind.in_(kinds))
    return list(gave), list(conn.execute(kept).scalars())


def _over(given: shapes.Consent, record: ConsentRecord) -> tuple[bool, str | None]:
    """Return whether the consent is over, and why as far as this agency may know.

    Of what is used up the hub says that it holds, since a use may come back; an export says
    what the person's own says.
    """
    if given.state == "ended":
        return True, given.reason
    spent = record.uses != "recurring" and (given.used or 0) >= record.uses
    return spent, "used-up" if spent else None


async def _reason(
    gateway: Gateway, agreement: KnownAgreement, given: shapes.Consent
) -> EndReason | None:
    """Return why the collecting agency ended the consent, from its own signed words."""
    if given.reason != "agency" or given.withdrawal is None:
        return None
    data = given.withdrawal.encode("utf-8")
    verified = await gateway.records.by_party(
        agreement.agreement, data, {Kind.WITHDRAWAL}, now=gateway.clock()
    )
    withdrawal = read_withdrawal(verified)
    if withdrawal.consent != given.consent:
        raise HubMisbehaves("the hub delivered the withdrawal of another consent")
    return withdrawal.reason
