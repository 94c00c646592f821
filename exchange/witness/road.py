"""The way from a witness to a log that it pulls: bounded, encrypted, without redirects or cookies.

Nothing that comes back is trusted; whoever asked verifies it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from exchange.audit.submission import MOST_BYTES
from exchange.audit.tiles import Bundle, Tile, bundle_path, tile_path
from exchange.certificates import trusting
from exchange.errors import Misconfigured, NotFound, Unauthenticated, Unavailable
from exchange.loopback import is_loopback

ANSWER_S: Final = 20.0
"""Seconds one answer may take in all."""
CONNECT_S: Final = 10.0
MOST_FILE: Final = 1024 * 1024
"""Bytes of a tile, a bundle or a public document; ours have 8,192, 13,056 and some thousand."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a log is reached."""

    prefix: str
    """URL of the log, such as `https://hub.example/log`; plain http to this machine only."""
    certificates: Path | None = None
    """Authorities to trust besides the system's, PEM."""
    proxy: str | None = None
    """HTTP proxy to go through; the environment is never asked."""
    token_file: Path | None = None
    """File with the access token that opens entries; read anew each time, for it may change."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    etag: str | None


class Road:
    """One log in the web. Make it with `open_road`."""

    def __init__(self, session: aiohttp.ClientSession, way: Way) -> None:
        """Take the parts; the session is closed by its maker."""
        self._session = session
        self._way = way
        self._prefix = way.prefix.rstrip("/")
        self._candidate = _Answer(HTTPStatus.OK, b"", None)

    async def candidate(self) -> bytes:
        """Return the head that witnesses are asked to cosign; it travels only if it is new.

        Raises:
            NotFound: the log has none yet.
            Unavailable: it cannot be reached.
        """
        etag = self._candidate.etag
        headers = {} if etag is None else {"If-None-Match": etag}
        answer = await self._fetch("candidate", MOST_BYTES, headers)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self._candidate = answer
        return self._candidate.body

    async def tile(self, tile: Tile) -> bytes:
        """Return the bytes of a tile, as they came.

        Raises:
            NotFound, Unavailable: it cannot be had.
        """
        return (await self._fetch(tile_path(tile), MOST_FILE, {})).body

    async def bundle(self, bundle: Bundle) -> bytes:
        """Return the bytes of an entry bundle, as they came; see `tile`.

        Raises:
            Unauthenticated: entries of this log need a token, or another one.
        """
        headers = {}
        if self._way.token_file is not None:
            token = self._way.token_file.read_text(encoding="ascii").strip()
            headers = {"Authorization": f"Bearer {token}"}
        return (await self._fetch(bundle_path(bundle), MOST_FILE, headers)).body

    async def document(self, sha256: str) -> bytes:
        """Return a public document by the SHA-256 of its bytes, lowercase hex; see `tile`."""
        return (await self._fetch(f"documents/{sha256}", MOST_FILE, {})).body

    async def hand_in(self, note: bytes) -> int:
        """Bring a cosigned or contradicting note to the log; return the HTTP status."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        try:
            async with self._session.post(
                f"{self._prefix}/cosignatures",
                data=note,
                headers=headers,
                allow_redirects=False,
                proxy=self._way.proxy,
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise Unavailable("the log cannot be reached") from None

    async def _fetch(self, path: str, limit: int, headers: dict[str, str]) -> _Answer:
        try:
            async with self._session.get(
                f"{self._prefix}/{path}",
                headers=headers,
                allow_redirects=False,
                proxy=self._way.proxy,
            ) as answer:
                _check(answer.status)
                found = bytearray()
                async for piece in answer.content.iter_chunked(64 * 1024):
                    found += piece
                    if len(found) > limit:
                        raise Unavailable("the log answers more than was asked for")
                return _Answer(answer.status, bytes(found), answer.headers.get("ETag"))
        except (aiohttp.ClientError, TimeoutError, OSError):
            # The text of a foreign error can quote addresses and what was answered.
            raise Unavailable("the log cannot be reached") from None


def _check(status: int) -> None:
    if status == HTTPStatus.NOT_FOUND:
        raise NotFound("the log does not have this")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise Unauthenticated("entries of this log need a token; give a valid one with --token")
    if status not in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
        raise Unavailable("the log cannot be reached")


@asynccontextmanager
async def open_road(way: Way) -> AsyncIterator[Road]:
    """Yield the way to a log over one session that keeps its connections.

    Raises:
        Misconfigured: neither https nor this machine, or certificates that cannot be read.
    """
    parts = urlsplit(way.prefix)
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not (parts.scheme == "https" or plain) or not parts.hostname or parts.username is not None:
        raise Misconfigured("the log is named as https://host/log, or http on this machine")
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trusting(way.certificates), limit=8),
        timeout=aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
    ) as session:
        yield Road(session, way)
