"""How the gateway stands, and a nudge to look at the hub at once."""

import asyncio

from aiohttp import web
from sqlalchemy import Connection

from exchange.agency import events, state
from exchange.agency.arrivals import list_aside
from exchange.agency.asked import list_asked
from exchange.agency.http.binding import Call, Routes
from exchange.agency.parts import Gateway
from exchange.agency.state import Erasing
from exchange.wire import local_routes, local_shapes


def status_routes() -> Routes:
    """Return the handlers of the status and of rounds."""
    bound = Routes()
    bound.handles(local_routes.STATUS)(get_status)
    bound.streams(local_routes.ROUND)(post_round)
    return bound


async def get_status(call: Call) -> local_shapes.Status:
    """Return the status."""
    asked = await asyncio.to_thread(list_asked, call.gateway.home)
    return await call.gateway.state.read(_status, call.gateway, len(asked))


async def post_round(call: Call) -> web.Response:
    """Let the next round begin now: 204."""
    call.office.stir.set()
    return web.Response(status=local_routes.ROUND.status)


def _status(conn: Connection, gateway: Gateway, requests: int) -> local_shapes.Status:
    sent, received = state.count_states(conn)
    return local_shapes.Status(
        agency=gateway.agency,
        stopped=gateway.log.stopped,
        sent=sent,
        received=received,
        held=len(state.list_held(conn)),
        quarantine=len(list_aside(conn, gateway.clock())),
        erasures=len(state.list_erasures(conn, Erasing.ASKED)),
        requests=requests,
        newest_event=events.newest(conn),
    )
