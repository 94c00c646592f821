"""GET /v1/inbox: what waits for the caller; a long poll needs no open port at the agency."""

import asyncio
from datetime import datetime

from exchange.hub.http import disclosures, requests
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.storage import inbox
from exchange.hub.storage.inbox import DisclosureSeen, Inbox
from exchange.hub.storage.requests import Request
from exchange.wire import queries, routes, shapes


def inbox_routes() -> Routes:
    """Return the handler of the inbox."""
    bound = Routes()
    bound.handles(routes.INBOX)(get_inbox)
    return bound


async def get_inbox(call: Call, *, query: queries.InboxQuery) -> shapes.Inbox:
    """Return what waits behind a cursor; with `wait`, as soon as there is something."""
    if not query.wait:
        return _shape(query, await _look(call, query), call.hub.clock())
    with call.front.limits.polls.one(call.agency):
        # Begins to listen before it looks: what is committed in between wakes it.
        woken = call.hub.news.listen(call.agency)
        try:
            found = await _wait(call, query, woken)
        finally:
            call.hub.news.leave(call.agency, woken)
    return _shape(query, found, call.hub.clock())


async def _wait(call: Call, query: queries.InboxQuery, woken: asyncio.Event) -> Inbox:
    """Look until there is something or the time is over: a wake-up may be about something else."""
    hub, ticks = call.hub, asyncio.get_running_loop().time
    ends = ticks() + min(float(query.wait), call.front.settings.poll_s)
    while True:
        signed = 0 if hub.heads.newest is None else hub.heads.newest.size
        found = await _look(call, query)
        if found.entries:
            return found
        left = max(0.0, ends - ticks())
        # What is there and not yet covered by a signed head will be by one of the next: the size
        # was read before the look, so that none in between is missed.
        once_more = (
            hub.heads.beyond(signed, seconds=left)
            if found.unsigned
            else (hub.news.until(woken, seconds=left))
        )
        if not await once_more:
            return found


async def _look(call: Call, query: queries.InboxQuery) -> Inbox:
    return await call.hub.db.read(
        inbox.waiting, call.agency, after=query.after, limit=query.limit, now=call.hub.clock()
    )


def _shape(query: queries.InboxQuery, found: Inbox, now: datetime) -> shapes.Inbox:
    entries = tuple(_entry(one, now) for one in found.entries)
    return shapes.Inbox(entries=entries, next=entries[-1].cursor if entries else query.after)


def _entry(found: DisclosureSeen | Request, now: datetime) -> shapes.Waiting:
    if isinstance(found, Request):
        return shapes.Waiting(cursor=found.id, request=requests.shape(found, now))
    return shapes.Waiting(cursor=found.id, disclosure=disclosures.shape(found))
