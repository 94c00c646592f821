"""Disclosures: ask, store, read, collect, acknowledge, take back."""

from dataclasses import replace
from datetime import timedelta

from aiohttp import web

from exchange.canonical import b64u, labelled
from exchange.envelope.manifest import Manifest, header_size
from exchange.errors import Malformed, NotFound
from exchange.hub.acknowledge import acknowledge
from exchange.hub.answer_decision import answer_decision
from exchange.hub.collect import collect
from exchange.hub.disclose import announce, disclose, plan, verified_manifest
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.http.consents import with_status
from exchange.hub.http.limits import denials_counted, within
from exchange.hub.recall import recall
from exchange.hub.repeat import Once
from exchange.hub.storage import disclosures, inbox
from exchange.hub.storage.inbox import DisclosureSeen
from exchange.serving.bodies import arriving, first_line, media_type, whole
from exchange.serving.cut import cut
from exchange.serving.given import rendered
from exchange.wire import log_routes, routes, shapes
from exchange.wire.asked import asked_beforehand

LATE = timedelta(seconds=5)
"""After this long since its decision a header is not handed out any more: the recipient asks
again, and a withdrawal in between refuses it."""


def disclosure_routes() -> Routes:
    """Return the handlers of disclosures."""
    bound = Routes()
    bound.handles(routes.DECIDE)(post_decision)
    bound.streams(routes.DISCLOSE)(post_disclosure)
    bound.handles(routes.GET_DISCLOSURE)(get_disclosure)
    bound.streams(routes.COLLECT)(post_collection)
    bound.handles(routes.ACKNOWLEDGE)(post_acknowledgement)
    bound.handles(routes.RECALL)(post_recall)
    return bound


async def post_decision(call: Call, *, body: shapes.Asked) -> shapes.Decision:
    """Answer "may I?"; a no has no reason."""
    within(call.front.limits.decisions, call.agency)
    with denials_counted(call.front.limits, call.agency):
        decided_at = await answer_decision(call.hub, asked_beforehand(body, call.agency))
    return shapes.Decision(decision="permit", decided_at=decided_at)


async def post_disclosure(call: Call) -> web.StreamResponse:
    """Store one sealed document, or announce it: 201."""
    request, settings = call.request, call.front.settings
    if media_type(request, routes.DISCLOSURE, routes.MANIFEST) == routes.MANIFEST:
        line = await whole(request, limit=routes.MANIFEST_LIMIT, seconds=settings.body_s)
        return await _announce(call, verified_manifest(call.hub, line, call.agency))
    line = await first_line(request.content, limit=routes.MANIFEST_LIMIT, seconds=settings.body_s)
    manifest = verified_manifest(call.hub, line, call.agency)
    if request.content_length not in {None, len(line) + 1 + manifest.sealed_size}:
        raise Malformed("the body is not the manifest line and the sealed document it describes")
    with (
        call.front.limits.uploads.one(call.agency),
        denials_counted(call.front.limits, call.agency),
        # Listed before the permit is checked: an end in between finds it and cuts.
        call.hub.streams.running(manifest.context.consent, request.transport),
    ):
        planned = await plan(call.hub, manifest)
        sealed = arriving(
            request,
            limit=manifest.sealed_size,
            settings=settings,
        )
        receipt = await disclose(call.hub, manifest, planned, sealed, once=once_for(call, manifest))
    return rendered(routes.DISCLOSE, _stored(manifest, receipt))


async def _announce(call: Call, manifest: Manifest) -> web.Response:
    with denials_counted(call.front.limits, call.agency):
        planned = await plan(call.hub, manifest)
        state = await announce(call.hub, manifest, planned, once=once_for(call, manifest))
    if state != "announced":
        receipt = await call.hub.db.read(disclosures.receipt, manifest.context.id)
        return rendered(routes.DISCLOSE, _stored(manifest, receipt))
    upload = call.hub.origin + routes.UPLOAD.path.replace("{id}", manifest.context.id)
    announced = shapes.DisclosureStored(
        id=manifest.context.id, manifest=manifest.digest, state="announced", upload=upload
    )
    return rendered(routes.DISCLOSE, announced)


def once_for(call: Call, manifest: Manifest) -> Once | None:
    """Return the caller's Idempotency-Key, tied to this manifest."""
    if call.once is None:
        return None
    asked = labelled("xch-idempotent-disclosure-v1", manifest.digest.encode("ascii"))
    return replace(call.once, request=asked)


def _stored(manifest: Manifest, receipt: str | None) -> shapes.DisclosureStored:
    return shapes.DisclosureStored(
        id=manifest.context.id,
        manifest=manifest.digest,
        state="stored",
        receipt=log_routes.receipt_at(receipt),
    )


async def get_disclosure(call: Call, *, path: shapes.IdPath) -> shapes.Disclosure:
    """Return manifest and state as the caller may see them."""
    found = await call.hub.db.read(inbox.seen, path.id, call.agency)
    if found is None:
        raise NotFound
    return shape(found)


async def post_collection(call: Call, *, path: shapes.IdPath) -> web.Response:
    """The gate: release the header."""
    with denials_counted(call.front.limits, call.agency):
        released = await collect(call.hub, path.id, call.agency, once=call.once)
    if call.hub.clock() - released.decided_at > LATE:
        cut(call.request.transport)
        raise ConnectionResetError
    collected = shapes.Collected(
        id=path.id,
        header=b64u(released.header),
        collected_at=released.collected_at,
        receipt=log_routes.receipt_at(released.receipt),
    )
    return with_status(rendered(routes.COLLECT, collected), released.status)


async def post_acknowledgement(
    call: Call, *, path: shapes.IdPath, body: shapes.Given
) -> shapes.Acknowledged:
    """Acknowledge a disclosure."""
    stored = await acknowledge(
        call.hub, path.id, call.agency, body.statement.encode(), once=call.once
    )
    return shapes.Acknowledged(
        id=path.id,
        state=stored.state,
        result=stored.answer.result.value,
        receipt=log_routes.receipt_at(stored.receipt),
    )


async def post_recall(call: Call, *, path: shapes.IdPath) -> shapes.Recalled:
    """Take a disclosure back."""
    receipt = await recall(call.hub, path.id, call.agency, once=call.once)
    return shapes.Recalled(id=path.id, state="ended", receipt=log_routes.receipt_at(receipt))


def shape(found: DisclosureSeen) -> shapes.Disclosure:
    """Return a disclosure as its reader may see it."""
    payload_size = found.payload_size
    if payload_size is None:
        payload_size = found.sealed_size - header_size(len(found.recipients))
    return shapes.Disclosure(
        id=found.id,
        manifest=found.digest,
        statement=found.manifest.decode("ascii"),
        consent_id=found.consent_id,
        consent_receipt=log_routes.receipt_at(found.consent_receipt),
        receipt=log_routes.receipt_at(found.receipt),
        ended_receipt=log_routes.receipt_at(found.ended_receipt),
        state=found.state,
        stored_at=found.stored_at,
        payload_size=payload_size,
        payload_sha256=found.payload_sha256,
        recipients=tuple(
            shapes.RecipientState(
                agency=one.agency,
                collected_at=one.collected_at,
                collected_receipt=log_routes.receipt_at(one.collected_receipt),
                result=one.result,
                acknowledgement=None
                if one.acknowledgement is None
                else one.acknowledgement.decode("ascii"),
                acknowledged_receipt=log_routes.receipt_at(one.acknowledged_receipt),
            )
            for one in found.recipients
        ),
    )
