"""GET /openapi.json and /docs: the description of the API, without a request to any other host."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

from aiohttp import web

PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FILES: Final = {
    "/docs": ("index.html", "text/html"),
    "/docs/swagger-ui.css": ("swagger-ui.css", "text/css"),
    "/docs/swagger-ui-bundle.js": ("swagger-ui-bundle.js", "text/javascript"),
    "/docs/boot.js": ("boot.js", "text/javascript"),
}
"""Each path, its file and media type; no path is ever built from a request."""


def add_docs(app: web.Application, described: bytes) -> None:
    """Serve a description and its browser; the files are read once, here."""
    app.router.add_route("GET", "/openapi.json", _serves(described, "application/json"))
    static = files("exchange.serving").joinpath("static")
    for path, (name, media_type) in FILES.items():
        app.router.add_route("GET", path, _serves(static.joinpath(name).read_bytes(), media_type))


def description(name: str) -> bytes:
    """Return an OpenAPI document of `exchange.wire`: made by `make openapi`, compared by a test."""
    return files("exchange.wire").joinpath(name).read_bytes()


def _serves(
    content: bytes, media_type: str
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(_request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=content,
            content_type=media_type,
            charset="utf-8",
            headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "max-age=3600"},
        )

    return serve
