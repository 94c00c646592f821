"""GET /healthz and /readyz: for the operator's supervisor and proxy; they name no component."""

from aiohttp import web

from exchange.hub.http.call import FRONT
from exchange.hub.ready import ready
from exchange.serving.given import rendered
from exchange.wire import routes
from exchange.wire.shapes import Health


async def get_healthz(_request: web.Request) -> web.Response:
    """Say that the process answers: 200."""
    return rendered(routes.HEALTHZ, Health(status="ok"))


async def get_readyz(request: web.Request) -> web.Response:
    """Say that database, vault and blobs answer too: 200, else 503; and whether the log does."""
    well = await ready(request.app[FRONT].hub)
    return rendered(routes.READYZ, Health(status="ok" if well else "degraded"))
