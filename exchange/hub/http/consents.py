"""Consent records: record, read, withdraw. Absent and hidden are one answer."""

from datetime import datetime
from typing import Literal, cast

from aiohttp import web

from exchange.audit.spelling import write_base64
from exchange.canonical import b64u, unb64u
from exchange.errors import Finding, NotFound
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.record_consent import Secrets, record_consent
from exchange.hub.register_credential import register_credential
from exchange.hub.say_status import say_status
from exchange.hub.show_notice import show_notice
from exchange.hub.storage import consents, findings
from exchange.hub.storage.consents import ConsentSeen
from exchange.hub.withdraw import withdraw
from exchange.serving.given import rendered
from exchange.wire import log_routes, person, queries, routes, shapes
from exchange.wire.findings import finding_payload

Why = Literal["withdrawn", "agreement", "expired", "agency", "used-up", "restored"]


def consent_routes() -> Routes:
    """Return the handlers of consents."""
    bound = Routes()
    bound.handles(routes.POST_CONSENT)(post_consent)
    bound.handles(routes.CONSENTS)(list_consents)
    bound.streams(routes.GET_CONSENT)(get_consent)
    bound.streams(routes.CONSENT_NOTICE)(get_notice)
    bound.handles(routes.WITHDRAW)(post_withdrawal)
    bound.handles(routes.POST_CREDENTIAL)(post_credential)
    return bound


async def post_consent(call: Call, *, body: shapes.ConsentGiven) -> shapes.ConsentRecorded:
    """Record a consent the caller has collected."""
    drawn = Secrets(unb64u(body.log_key, size=32), body.credential)
    recorded = await record_consent(
        call.hub, call.agency, body.statement.encode(), drawn, once=call.once
    )
    return shapes.ConsentRecorded(
        id=recorded.id,
        consent=recorded.digest,
        recorded_at=recorded.recorded_at,
        receipt=log_routes.receipt_at(recorded.receipt),
    )


async def list_consents(call: Call, *, query: queries.ConsentQuery) -> shapes.Consents:
    """Return a page of what the caller may see, or the one with a digest."""
    now = call.hub.clock()
    if query.consent is not None:
        found = await call.hub.db.read(consents.seen_by_digest, query.consent, call.agency)
        return shapes.Consents(consents=() if found is None else (shape(found, now),))
    page = await call.hub.db.read(
        consents.listed, call.agency, after=query.after, limit=query.limit
    )
    return shapes.Consents(
        consents=tuple(shape(one, now) for one in page),
        next=page[-1].digest if len(page) == query.limit else None,
    )


async def get_consent(call: Call, *, path: shapes.IdPath) -> web.Response:
    """Return one consent as the caller may see it; of an active one also the hub's word for it."""
    found = await call.hub.db.read(consents.seen, path.id, call.agency)
    if found is None:
        raise NotFound
    warned: tuple[Finding, ...] = ()
    if found.role == "collector":
        warned = await call.hub.db.read(findings.of, found.digest)
    answer = rendered(routes.GET_CONSENT, shape(found, call.hub.clock(), warned))
    return with_status(answer, await say_status(call.hub, found.digest))


def with_status(answer: web.Response, note: bytes | None) -> web.Response:
    """Return an answer with the note that a consent is active; without one where it is not."""
    if note is not None:
        answer.headers[routes.CONSENT_STATUS] = write_base64(note)
    return answer


async def get_notice(call: Call, *, path: shapes.IdPath) -> web.Response:
    """Return the text the person was shown, as `sha256sum` checks it."""
    text = await show_notice(call.hub, path.id, call.agency)
    return web.Response(text=text, content_type=routes.TEXT, charset="utf-8")


async def post_withdrawal(
    call: Call, *, path: shapes.IdPath, body: shapes.Given
) -> shapes.Withdrawn:
    """Withdraw a consent."""
    ended = await withdraw(call.hub, path.id, call.agency, body.statement.encode(), once=call.once)
    return shapes.Withdrawn(
        id=path.id,
        consent=ended.consent,
        state="ended",
        ended_at=ended.ended_at,
        receipt=log_routes.receipt_at(ended.receipt),
    )


async def post_credential(
    call: Call, *, path: shapes.IdPath, body: person.CredentialGiven
) -> person.CredentialStored:
    """Replace the person's code."""
    registered = await register_credential(
        call.hub, path.id, call.agency, body.credential, log_key=body.log_key, once=call.once
    )
    log_key = None if registered.log_key is None else b64u(registered.log_key)
    return person.CredentialStored(
        id=path.id,
        consent=registered.consent,
        receipt=log_routes.receipt_at(registered.receipt),
        log_key=log_key,
    )


def shape(found: ConsentSeen, now: datetime, warned: tuple[Finding, ...] = ()) -> shapes.Consent:
    """Return a consent as its reader may know it: why it ended is shown only to some."""
    expired = now >= found.valid_until
    knows = found.role == "collector" or found.ended_why is not None
    reason = found.ended_why
    if found.ended_at is None and expired and found.role == "collector":
        reason = "expired"
    return shapes.Consent(
        id=found.id,
        consent=found.digest,
        statement=found.statement.decode("ascii"),
        receipt=log_routes.receipt_at(found.receipt),
        state=_state(found, now),
        reason=cast("Why | None", reason),
        ended_at=found.ended_at if knows else None,
        withdrawal=None if found.withdrawal is None else found.withdrawal.decode("ascii"),
        withdrawal_receipt=log_routes.receipt_at(found.withdrawal_receipt),
        used=None if found.role == "recipient" else found.used,
        findings=tuple(shapes.Finding(**finding_payload(finding)) for finding in warned),
    )


def _state(found: ConsentSeen, now: datetime) -> Literal["valid", "not-yet", "ended"]:
    if found.ended_at is not None or now >= found.valid_until:
        return "ended"
    return "not-yet" if now < found.valid_from else "valid"
