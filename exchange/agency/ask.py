"""Ask a partner for documents: seal about whom and why, sign once, store, send.

The answer is a document that names the request, or nothing. Nobody here or there can see that
somebody declined, because nothing says so.
"""

from dataclasses import dataclass, field
from datetime import datetime

from exchange.agency import signed
from exchange.agency.agree import REFUSED
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement
from exchange.consent.record import ConsentRecord
from exchange.envelope.block import seal_block
from exchange.errors import Conflict, NotFound
from exchange.statement import ANY_TIME, Kind, seconds, sign, verify
from exchange.wire.request import (
    DocumentRequest,
    Wanted,
    check_request,
    read_request,
    wanted_block,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDraft:
    """What somebody wants to ask for; not yet signed."""

    id: str
    """Version 4 UUID: made with the draft, so that asking twice asks once."""
    to: str
    agreement: str
    """Id of the agreement under which both exchange."""
    consent: str | None
    """Id of a consent this agency may read; None asks the partner to seek one."""
    purpose: str
    categories: frozenset[str]
    deadline: datetime
    """Until when an answer helps; at most 30 days ahead."""
    wanted: Wanted = field(repr=False)


async def ask(gateway: Gateway, draft: RequestDraft) -> DocumentRequest:
    """Sign a request and hand it in; return it.

    Called again with the same draft after an interruption, it sends what was signed then.

    Raises:
        LintRefused: neither agreement nor consent covers it; nothing was stored or sent.
        Malformed: its deadline is none, or it asks this agency itself.
        NotFound: no such agreement or consent, or this agency has not signed the agreement.
        Held: the partner's document key is not to be trusted.
        Conflict: another draft was signed under this id.
        TooMany: as many requests as the hub admits are open.
    """
    name = f"request-{draft.id}.jws"
    data = signed.kept(gateway.home, name)
    if data is None:
        data = await _signed(gateway, draft)
        # Durable before the hub hears of it: a crash after this sends the same bytes again.
        signed.keep(gateway.home, name, data)
    request = _own(gateway, data)
    if not _says_the_same(request, draft):
        raise Conflict("another draft was signed under this id; give the draft a new id")
    try:
        await gateway.client.post_request(data)
    except REFUSED:
        signed.forget(gateway.home, name)
        raise
    return request


async def _signed(gateway: Gateway, draft: RequestDraft) -> bytes:
    now = gateway.clock()
    agreement = await _agreement(gateway, draft.agreement, now)
    consent = await _consent(gateway, draft.consent, now)
    partner = await gateway.partners.key_of(draft.to, now=now)
    sealed = seal_block(wanted_block(draft.id, draft.wanted), [partner.recipient])
    request = DocumentRequest(
        id=draft.id,
        iat=seconds(now),
        agency=gateway.agency,
        to=draft.to,
        agreement=agreement.agreement.digest,
        purpose=draft.purpose,
        categories=draft.categories,
        deadline=draft.deadline,
        sealed=sealed,
        consent=None if consent is None else consent.digest,
    )
    data = sign(Kind.DOCUMENT_REQUEST, request.payload(), gateway.identity)
    check_request(
        _own(gateway, data), agreement.scope, consent, in_force=agreement.is_in_force(now)
    )
    return data


def _own(gateway: Gateway, data: bytes) -> DocumentRequest:
    cards = gateway.ring.files.cards()
    return read_request(verify(data, {Kind.DOCUMENT_REQUEST}, cards, now=ANY_TIME))


async def _agreement(gateway: Gateway, agreement_id: str, now: datetime) -> KnownAgreement:
    given = await gateway.client.agreement(agreement_id)
    known = await gateway.records.agreement(given.agreement, now=now)
    if known is None:
        raise NotFound("this agency has not signed the agreement")
    return known


async def _consent(gateway: Gateway, consent_id: str | None, now: datetime) -> ConsentRecord | None:
    if consent_id is None:
        return None
    return (await gateway.records.consent(now=now, consent_id=consent_id)).record


def _says_the_same(request: DocumentRequest, draft: RequestDraft) -> bool:
    """Return whether what was signed is this draft, as far as it is not sealed."""
    return (request.to, request.purpose, request.categories, request.deadline) == (
        draft.to,
        draft.purpose,
        draft.categories,
        draft.deadline,
    ) and (request.consent is None) is (draft.consent is None)
