"""What pages load: style sheets, an icon, scripts, all from the host that shows them.

Their paths carry a digest of their content, so that a browser may keep them for a year and never
shows an old one. They hold no word and are the same for everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web

SHARED: Final = ("page.css", "icon.svg")
"""Files beside this module that all pages load."""
DESK: Final = "desk.css"
"""One more, for pages at which somebody works: wider, with a bar of parts."""
MEDIA_TYPES: Final = {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}
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


def shared(name: str) -> Traversable:
    """Return a file beside this module."""
    return files("exchange.pages").joinpath("static", name)


def read_assets(below: str, *own: Traversable) -> Mapping[str, Asset]:
    """Return every asset by its file name; the files are read once, here.

    No path is ever built from a request: what is served is listed here and by the caller.

    Args:
        below: path they are served under, with both its slashes.
        own: files that these pages load beside the shared ones.
    """
    found = (*(shared(name) for name in SHARED), *own)
    return {file.name: _asset(below, file.name, file.read_bytes()) for file in found}


def _asset(below: str, name: str, content: bytes) -> Asset:
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return Asset(f"{below}{sha256(content).hexdigest()[:16]}-{name}", media_type, content)
