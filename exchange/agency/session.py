"""The session over which a hub is asked: nothing of it comes from the environment."""

from pathlib import Path

import aiohttp

from exchange.agency.content import PIECE
from exchange.certificates import trusting


def open_session(certificates: Path | None, proxy: str | None) -> aiohttp.ClientSession:
    """Return a session that keeps its connections, and neither cookies nor decodes.

    Args:
        certificates: authorities to trust besides the system's, PEM.
        proxy: an HTTP proxy to go through; the environment is not consulted.
    """
    connector = aiohttp.TCPConnector(ssl=trusting(certificates), limit=8, keepalive_timeout=60)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        proxy=proxy,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
        read_bufsize=PIECE,
    )
