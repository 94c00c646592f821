"""Consents: read, show the text, record, withdraw."""

from aiohttp import web

from exchange.agency.http.binding import Call, Routes
from exchange.agency.http.drafts import consent_draft, person, subject_in
from exchange.agency.http.recording import record_alone, record_with_file
from exchange.agency.record_consent import lint_unsigned, text_of
from exchange.agency.withdraw import Told, withdraw_here
from exchange.canonical import sha256_hex
from exchange.serving.given import rendered
from exchange.wire import local_routes, local_shapes, shapes
from exchange.wire.findings import finding_payload


def consent_routes() -> Routes:
    """Return the handlers of consents."""
    bound = Routes()
    bound.handles(local_routes.CONSENTS)(get_consents)
    bound.handles(local_routes.CONSENT)(get_consent)
    bound.handles(local_routes.CONSENT_TEXT)(post_text)
    bound.streams(local_routes.RECORD)(post_consent)
    bound.handles(local_routes.WITHDRAW)(post_withdrawal)
    return bound


async def get_consents(call: Call, *, query: shapes.Page) -> local_shapes.Consents:
    """Return a page of what this agency may read, as the hub lists it."""
    page = await call.gateway.client.consents(after=query.after, limit=query.limit)
    entries = (
        local_shapes.ConsentEntry(id=one.id, consent=one.consent, state=one.state)
        for one in page.consents
    )
    return local_shapes.Consents(consents=tuple(entries), next=page.next)


async def get_consent(call: Call, *, path: shapes.IdPath) -> local_shapes.Consent:
    """Return one consent: the verified record, and what the hub says became of it."""
    gateway = call.gateway
    record = (await gateway.records.consent(now=gateway.clock(), consent_id=path.id)).record
    given = await gateway.client.consent(path.id)
    subject = subject_in(await gateway.records.subject(record.digest))
    return local_shapes.Consent(
        id=record.id,
        consent=record.digest,
        state=given.state,
        reason=given.reason,
        purpose=record.purpose.code,
        words=record.purpose.words,
        categories=tuple(sorted(record.categories)),
        secrecy=record.secrecy.code,
        releasers=tuple(sorted(record.releasers)),
        recipients=tuple(sorted(record.recipients)),
        uses=str(record.uses),
        used=given.used,
        form=record.form.value,
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        collected_by=record.collected_by,
        collected_at=record.collected_at,
        subject=None if subject is None else person(subject),
    )


async def post_text(call: Call, *, body: local_shapes.ConsentDraft) -> local_shapes.ConsentText:
    """Return the text of a draft, and what it would break."""
    draft = consent_draft(body, now=call.gateway.clock())
    text = await text_of(call.gateway, draft)
    found = await lint_unsigned(call.gateway, draft)
    return local_shapes.ConsentText(
        text=text,
        sha256=sha256_hex(text.encode("utf-8")),
        findings=tuple(shapes.Finding(**finding_payload(finding)) for finding in found),
    )


async def post_consent(
    call: Call, *, body: local_shapes.ConsentDraft | None = None
) -> web.Response:
    """Record a consent; without a JSON body, the draft and its evidence come as parts."""
    if body is None:
        recorded = await record_with_file(call)
    else:
        recorded = await record_alone(call, body)
    receipt = recorded.receipt
    shaped = local_shapes.ConsentRecorded(
        id=recorded.id,
        consent=recorded.digest,
        code=None if receipt is None else receipt.code.text,
        log_key=None if receipt is None else receipt.log_key.text,
    )
    return rendered(local_routes.RECORD, shaped)


async def post_withdrawal(
    call: Call, *, path: shapes.IdPath, body: local_shapes.Withdrawal
) -> local_shapes.Withdrawn:
    """Withdraw a consent."""
    told = Told(by=body.by, channel=body.channel, received_at=body.received_at, reason=body.reason)
    ended = await withdraw_here(call.gateway, path.id, told)
    return local_shapes.Withdrawn(id=ended.id, ended_at=ended.ended_at)
