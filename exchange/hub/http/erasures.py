"""Erasures: what the caller must erase, and the answers it may see."""

from typing import Literal

from exchange.hub.confirm_erasure import confirm_erasure
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.storage import erasures
from exchange.wire import log_routes, queries, routes, shapes


def erasure_routes() -> Routes:
    """Return the handlers of erasures."""
    bound = Routes()
    bound.handles(routes.ERASURES)(list_erasures)
    bound.handles(routes.CONFIRM_ERASURE)(post_confirmation)
    return bound


async def list_erasures(call: Call, *, query: queries.ErasuresQuery) -> shapes.Erasures:
    """Return a page of erasures."""
    page = await call.hub.db.read(
        erasures.listed,
        call.agency,
        role=query.role,
        only_open=query.state == "open",
        after=query.after,
        limit=query.limit,
    )
    return shapes.Erasures(
        erasures=tuple(_shape(one) for one in page),
        next=page[-1].id if len(page) == query.limit else None,
    )


async def post_confirmation(
    call: Call, *, path: shapes.IdPath, body: shapes.Given
) -> shapes.Erasure:
    """Confirm an erasure."""
    answered = await confirm_erasure(
        call.hub, path.id, call.agency, body.statement.encode(), once=call.once
    )
    return _shape(answered)


def _shape(found: erasures.Erasure) -> shapes.Erasure:
    state: Literal["open", "erased", "kept"] = found.result or "open"
    return shapes.Erasure(
        id=found.id,
        consent=found.consent,
        consent_id=found.consent_id,
        manifests=found.manifests,
        disclosures=found.disclosures,
        passed_on_by=found.passed_on_by,
        to=found.recipient,
        reason=found.reason,
        asked_at=found.asked_at,
        due=found.due,
        state=state,
        receipt=log_routes.receipt_at(found.confirmation_receipt),
        confirmation=None if found.confirmation is None else found.confirmation.decode("ascii"),
    )
