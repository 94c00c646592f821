"""Document requests: ask, and see what was asked. What became of one is nowhere in an answer."""

from datetime import datetime

from exchange.errors import NotFound
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.request_document import request_document
from exchange.hub.storage import requests
from exchange.hub.storage.requests import Request
from exchange.wire import log_routes, queries, routes, shapes


def request_routes() -> Routes:
    """Return the handlers of document requests."""
    bound = Routes()
    bound.handles(routes.POST_REQUEST)(post_request)
    bound.handles(routes.REQUESTS)(list_requests)
    bound.handles(routes.GET_REQUEST)(get_request)
    return bound


async def post_request(call: Call, *, body: shapes.Given) -> shapes.DocumentRequest:
    """Ask a partner."""
    made = await request_document(call.hub, call.agency, body.statement.encode(), once=call.once)
    return shape(made, call.hub.clock())


async def list_requests(call: Call, *, query: queries.RequestsQuery) -> shapes.Requests:
    """Return a page of requests."""
    now = call.hub.clock()
    page = await call.hub.db.read(
        requests.listed,
        call.agency,
        role=query.role,
        open_at=now if query.state == "open" else None,
        after=query.after,
        limit=query.limit,
    )
    return shapes.Requests(
        requests=tuple(shape(one, now) for one in page),
        next=page[-1].id if len(page) == query.limit else None,
    )


async def get_request(call: Call, *, path: shapes.IdPath) -> shapes.DocumentRequest:
    """Return one request to one of its two agencies."""
    found = await call.hub.db.read(requests.find, path.id, call.agency)
    if found is None:
        raise NotFound
    return shape(found, call.hub.clock())


def shape(found: Request, now: datetime) -> shapes.DocumentRequest:
    """Return a request as of `now`: its state is a function of the deadline alone."""
    is_open = now < found.deadline
    return shapes.DocumentRequest(
        id=found.id,
        request=found.digest,
        agency=found.agency,
        to=found.asked,
        agreement=found.agreement,
        purpose=found.purpose,
        categories=found.categories,
        consent=found.consent,
        asked_at=found.made_at,
        deadline=found.deadline,
        state="open" if is_open else "closed",
        receipt=log_routes.receipt_at(found.receipt),
        # The sweeper comes a moment after the deadline; the sealed part is not served after it.
        statement=found.statement.decode("ascii") if found.statement and is_open else None,
    )
