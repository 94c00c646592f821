"""Document requests: what partners ask, and what this agency asks of them."""

import asyncio

from exchange.agency.ask import ask
from exchange.agency.asked import Asked, list_asked
from exchange.agency.http.binding import Call, Routes
from exchange.agency.http.drafts import person, request_draft
from exchange.wire import local_routes, local_shapes


def request_routes() -> Routes:
    """Return the handlers of requests."""
    bound = Routes()
    bound.handles(local_routes.REQUESTS)(get_requests)
    bound.handles(local_routes.ASK)(post_request)
    return bound


async def get_requests(call: Call) -> local_shapes.Requests:
    """Return what waits for an answer."""
    found = await asyncio.to_thread(list_asked, call.gateway.home)
    return local_shapes.Requests(requests=tuple(_shape(one) for one in found))


async def post_request(call: Call, *, body: local_shapes.RequestDraft) -> local_shapes.Asked:
    """Ask a partner."""
    made = await ask(call.gateway, request_draft(body))
    return local_shapes.Asked(id=made.id, open_until=made.deadline)


def _shape(asked: Asked) -> local_shapes.Request:
    return local_shapes.Request(
        id=asked.id,
        agency=asked.agency,
        purpose=asked.purpose,
        categories=tuple(sorted(asked.categories)),
        open_until=asked.deadline,
        consent=asked.consent_id,
        needed=asked.wanted.needed,
        why=asked.wanted.why,
        subject=person(asked.wanted.subject),
    )
