"""The files of a log under an http(s) prefix: bounded, without redirects, cookies or compression.

Encrypted, or on this machine: entries are fetched with a token, which nobody on the way may read.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from exchange.errors import NotFound, Unauthenticated, Unavailable
from exchange.loopback import is_loopback
from exchange.verifier.files import PIECE

CHECKPOINT: Final = "checkpoint"
"""The file that every log has."""
CONNECT_S: Final = 10.0
SILENCE_S: Final = 30.0
"""Longest silence of the other side, in seconds."""
CONNECTIONS: Final = 8
"""At once to one log."""


class WebFiles:
    """Files under an http(s) prefix. Make it with `open_web`."""

    def __init__(self, session: aiohttp.ClientSession, prefix: str, token: str | None) -> None:
        """Take the parts.

        Args:
            session: closed by its maker.
            prefix: of the log, such as `https://hub.example/log`, without a trailing slash.
            token: opens entry bundles, where they are not open to everybody.
        """
        self._session = session
        self._prefix = prefix
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    @property
    def told(self) -> str:
        """The prefix."""
        return self._prefix

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield the content of one file."""
        address = f"{self._prefix}/{path}"
        try:
            async with self._session.get(
                address, headers=self._headers, allow_redirects=False
            ) as response:
                _check(response, path)
                async for chunk in response.content.iter_chunked(PIECE):
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            # The text of a foreign error is dropped: it can quote addresses and input.
            raise Unavailable(f"{path} cannot be fetched from the log") from None

    def names(self, folder: str) -> tuple[str, ...]:
        """Return nothing: a log in the web does not list its files."""
        return ()


@asynccontextmanager
async def open_web(address: str, token: str | None) -> AsyncIterator[WebFiles]:
    """Yield the files under an address.

    Raises:
        Unavailable: not encrypted, and not on this machine.
    """
    parts = urlsplit(address)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise Unavailable("a log is read over https, or on this machine")
    timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=SILENCE_S)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("User-Agent",),
        headers={"Accept-Encoding": "identity"},
    ) as session:
        yield WebFiles(session, address.rstrip("/"), token)


def _check(response: aiohttp.ClientResponse, path: str) -> None:
    if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        if path == CHECKPOINT:  # every log has one: nothing was found that could be checked
            raise Unavailable(
                "there is no log at this address; it is the one that the hub calls its log, such "
                "as https://hub.example/log"
            )
        raise NotFound(f"{path} is missing")
    if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise Unauthenticated(
            f"{path} needs a token: an agency writes one with exchange gateway token > FILE; then "
            "give --token FILE"
        )
    if response.status != HTTPStatus.OK:
        raise Unavailable(f"{path} cannot be fetched from the log")
