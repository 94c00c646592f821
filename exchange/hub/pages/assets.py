"""What the pages load: one style sheet, one icon, two scripts, all from this host.

Their paths carry a digest of their content, so that a browser may keep them for a year and never
shows an old one. They hold no word and are the same for everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import web

PATH: Final = "/p/static/"
MEDIA_TYPES: Final = {
    "page.css": "text/css",
    "icon.svg": "image/svg+xml",
    "page.js": "text/javascript",
    "sign.js": "text/javascript",
}
"""Every file that is served; no path is ever built from a request."""
POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"
YEAR: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file the pages load."""

    path: str
    """Absolute, without host; names the content."""
    media_type: str
    content: bytes = field(repr=False)

    async def answer(self, _request: web.Request) -> web.Response:
        """Serve the file."""
        return web.Response(
            body=self.content,
            content_type=self.media_type,
            charset="utf-8",
            headers={"Content-Security-Policy": POLICY, "Cache-Control": YEAR},
        )


def read_assets() -> Mapping[str, Asset]:
    """Return every asset by its file name; the files are read once, here."""
    static = files("exchange.hub.pages").joinpath("static")
    return {
        name: _asset(name, media_type, static.joinpath(name).read_bytes())
        for name, media_type in MEDIA_TYPES.items()
    }


def _asset(name: str, media_type: str, content: bytes) -> Asset:
    return Asset(f"{PATH}{sha256(content).hexdigest()[:16]}-{name}", media_type, content)
