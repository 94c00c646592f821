"""GET /v1/inbox: what waits for the caller; a long poll needs no open port at the agency."""

import asyncio
from datetime import datetime

from exchange.hub.http import disclosures, requests
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.storage import inbox
from exchange.hub.storage.inbox import DisclosureSeen
from exchange.hub.storage.requests import Request
from exchange.wire import routes, shapes


def inbox_routes() -> Routes:
    """Return the handler of the inbox."""
    bound = Routes()
    bound.handles(routes.INBOX)(get_inbox)
    return bound


async def get_inbox(call: Call, *, query: shapes.InboxQuery) -> shapes.Inbox:
    """Return what waits behind a cursor; with `wait`, as soon as there is something."""
    if not query.wait:
        return await _look(call, query)
    loop = asyncio.get_running_loop()
    seconds = min(float(query.wait), call.front.settings.poll_s)
    with call.front.limits.polls.one(call.agency):
        # Begins to listen before it looks: what is committed in between wakes it.
        woken = call.hub.news.listen(call.agency)
        try:
            found = await _look(call, query)
            # A wake-up may be about something else: it looks again until its time is over.
            ends = loop.time() + seconds
            while not found.entries and await call.hub.news.until(
                woken, seconds=ends - loop.time()
            ):
                found = await _look(call, query)
        finally:
            call.hub.news.leave(call.agency, woken)
    return found


async def _look(call: Call, query: shapes.InboxQuery) -> shapes.Inbox:
    now = call.hub.clock()
    found = await call.hub.db.read(
        inbox.waiting, call.agency, after=query.after, limit=query.limit, now=now
    )
    entries = tuple(_entry(one, now) for one in found)
    return shapes.Inbox(entries=entries, next=entries[-1].cursor if entries else query.after)


def _entry(found: DisclosureSeen | Request, now: datetime) -> shapes.Waiting:
    if isinstance(found, Request):
        return shapes.Waiting(cursor=found.id, request=requests.shape(found, now))
    return shapes.Waiting(cursor=found.id, disclosure=disclosures.shape(found))
