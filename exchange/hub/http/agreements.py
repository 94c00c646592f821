"""Agreements: propose, sign, give notice, read. Only parties know that one exists."""

from typing import Literal

from sqlalchemy import Connection

from exchange.agreement.force import in_force
from exchange.agreement.term import ends_at
from exchange.errors import NotFound
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.parts import Hub
from exchange.hub.record_agreement import give_notice, record_agreement, sign_agreement
from exchange.hub.storage import agreements
from exchange.wire import log_routes, routes, shapes


def agreement_routes() -> Routes:
    """Return the handlers of agreements."""
    bound = Routes()
    bound.handles(routes.POST_AGREEMENT)(post_agreement)
    bound.handles(routes.AGREEMENTS)(list_agreements)
    bound.handles(routes.GET_AGREEMENT)(get_agreement)
    bound.handles(routes.SIGN_AGREEMENT)(post_signature)
    bound.handles(routes.GIVE_NOTICE)(post_notice)
    return bound


async def post_agreement(call: Call, *, body: shapes.Given) -> shapes.Agreement:
    """Propose an agreement."""
    agreement = await record_agreement(
        call.hub, call.agency, body.statement.encode(), once=call.once
    )
    return await _shown(call, agreement)


async def list_agreements(call: Call, *, query: shapes.Page) -> shapes.Agreements:
    """Return a page of the caller's agreements."""
    page = await call.hub.db.read(_page, call.hub, call.agency, query)
    after = page[-1].id if len(page) == query.limit else None
    return shapes.Agreements(agreements=page, next=after)


async def get_agreement(call: Call, *, path: shapes.IdPath) -> shapes.Agreement:
    """Return one agreement of the caller."""
    return await _shown(call, path.id)


async def post_signature(
    call: Call, *, path: shapes.IdPath, body: shapes.Given
) -> shapes.Agreement:
    """Sign an agreement."""
    await sign_agreement(call.hub, path.id, call.agency, body.statement.encode(), once=call.once)
    return await _shown(call, path.id)


async def post_notice(call: Call, *, path: shapes.IdPath, body: shapes.Given) -> shapes.Agreement:
    """Give notice of termination."""
    await give_notice(call.hub, path.id, call.agency, body.statement.encode(), once=call.once)
    return await _shown(call, path.id)


async def _shown(call: Call, agreement: str) -> shapes.Agreement:
    return await call.hub.db.read(_one, call.hub, call.agency, agreement)


def _one(conn: Connection, hub: Hub, caller: str, agreement: str) -> shapes.Agreement:
    found = agreements.find(conn, agreement, caller)
    if found is None:
        raise NotFound
    return _shape(conn, hub, found)


def _page(
    conn: Connection, hub: Hub, caller: str, query: shapes.Page
) -> tuple[shapes.Agreement, ...]:
    page = agreements.listed(conn, caller, after=query.after, limit=query.limit)
    return tuple(_shape(conn, hub, found) for found in page)


def _shape(conn: Connection, hub: Hub, found: agreements.Agreement) -> shapes.Agreement:
    agreement, _ = hub.records.agreement(conn, found.digest, found.statement)
    standing = agreements.lock(conn, found.digest)
    if standing is None:
        raise NotFound
    now = hub.clock()
    ends = ends_at(agreement.term, standing.notices)
    if standing.ended_at is not None:
        ends = standing.ended_at
    held = in_force(agreement, standing.signed, standing.notices, standing.ended_at, now=now)
    return shapes.Agreement(
        id=found.id,
        agreement=found.digest,
        statement=found.statement.decode("ascii"),
        state=_state(
            held=held,
            over=ends is not None and ends <= now,
            signed=agreement.agencies <= standing.signed.keys(),
        ),
        signatures=tuple(
            shapes.Signature(
                agency=one.agency,
                statement=one.statement.decode("ascii"),
                signed_at=one.signed_at,
                receipt=log_routes.receipt_at(one.receipt),
            )
            for one in agreements.signatures(conn, found.digest)
        ),
        notices=tuple(
            shapes.TerminationNotice(
                agency=one.agency,
                statement=one.statement.decode("ascii"),
                ends=one.ends,
                receipt=log_routes.receipt_at(one.receipt),
            )
            for one in agreements.notices(conn, found.digest)
        ),
        ends_at=ends,
    )


def _state(
    *, held: bool, over: bool, signed: bool
) -> Literal["proposed", "in-force", "not-begun", "ended"]:
    if held:
        return "in-force"
    if over:
        return "ended"
    return "not-begun" if signed else "proposed"
