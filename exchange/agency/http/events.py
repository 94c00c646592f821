"""What has happened: asked for by number, waited for as long as wanted."""

import asyncio
from typing import Final

from exchange.agency import events
from exchange.agency.http.binding import Call, Routes
from exchange.agency.http.keys import STOPPING
from exchange.wire import local_routes, local_shapes

LOOK_S: Final = 0.25
"""Seconds between two looks of whoever waits: one read of the end of an index each."""


def event_routes() -> Routes:
    """Return the handler of events."""
    bound = Routes()
    bound.handles(local_routes.EVENTS)(get_events)
    return bound


async def get_events(call: Call, *, query: local_shapes.EventsQuery) -> local_shapes.Events:
    """Return what has happened after a number; with `wait`, as soon as there is something."""
    found = await call.gateway.state.read(events.list_events, query.after, query.limit)
    stopping = call.request.app[STOPPING]
    ends = asyncio.get_running_loop().time() + query.wait
    while not found and not stopping.is_set() and not _gone(call):
        left = ends - asyncio.get_running_loop().time()
        if left <= 0:
            break
        await _pause(stopping, min(left, LOOK_S))
        found = await call.gateway.state.read(events.list_events, query.after, query.limit)
    return local_shapes.Events(
        events=tuple(_shape(event) for event in found),
        next=found[-1].number if found else query.after,
    )


def _gone(call: Call) -> bool:
    transport = call.request.transport
    return transport is None or transport.is_closing()


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


def _shape(event: events.Event) -> local_shapes.Event:
    return local_shapes.Event(
        number=event.number,
        kind=event.kind.value,
        of=event.of,
        at=event.at,
        folder=event.folder,
        reason=event.reason,
    )
