"""One call to a witness: bounded, encrypted, to the address in the policy and nowhere else.

Knows HTTP and C2SP tlog-witness. What a witness answers is verified by whoever asked.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver

from exchange.audit.policy import Policy
from exchange.audit.submission import MOST_BYTES
from exchange.errors import Misconfigured, Unavailable
from exchange.hub.parts import Hub
from exchange.hub.plain_address import is_plain
from exchange.hub.resolve import CheckedResolver

PATIENCE_S: Final = 5.0
"""Seconds a witness gets to tell what it holds, at a start of the hub."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness said."""

    status: int
    body: bytes


class Session:
    """Connections to witnesses, kept between calls. Make it with `session`."""

    def __init__(self, client: aiohttp.ClientSession, timeout_s: float) -> None:
        """Take a client session, closed by its maker, and the seconds one call may take."""
        self._client = client
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def add(self, address: str, request: bytes) -> Answer:
        """Ask the witness at `address` to cosign; see `exchange.audit.submission`.

        Raises:
            Unavailable: it did not answer in time, or at too great length.
        """
        return await self._call("POST", f"{address.rstrip('/')}/add-checkpoint", request)

    async def held(self, address: str, origin: str) -> bytes | None:
        """Return the note that the witness at `address` holds of a log, or None; unverified.

        Raises:
            Unavailable: see `add`.
        """
        name = hashlib.sha256(origin.encode("utf-8")).hexdigest()
        answer = await self._call("GET", f"{address.rstrip('/')}/{name}/checkpoint", None)
        return answer.body if answer.status == HTTPStatus.OK else None

    async def _call(self, method: str, url: str, body: bytes | None) -> Answer:
        try:
            async with self._client.request(
                method, url, data=body, allow_redirects=False, timeout=self._timeout
            ) as answer:
                found = bytearray()
                async for piece in answer.content.iter_chunked(64 * 1024):
                    found += piece
                    if len(found) > MOST_BYTES:
                        raise Unavailable("a witness answers more than it was asked for")
                return Answer(answer.status, bytes(found))
        except (aiohttp.ClientError, TimeoutError, OSError):
            # The text of a foreign error can quote addresses and what was answered.
            raise Unavailable("a witness does not answer") from None


@asynccontextmanager
async def session(
    timeout_s: float, resolver: AbstractResolver | None = None
) -> AsyncIterator[Session]:
    """Yield connections to witnesses; neither cookies nor the environment have a say.

    Args:
        timeout_s: seconds one call may take in all.
        resolver: finds addresses, each of which is checked; the system's own if not given.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit_per_host=1, keepalive_timeout=60, resolver=CheckedResolver(resolver)
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
        headers={"Content-Type": "text/plain; charset=utf-8"},
    ) as client:
        yield Session(client, timeout_s)


async def heads_elsewhere(hub: Hub, *, seconds: float = PATIENCE_S) -> list[bytes]:
    """Return what the witnesses of the policy that have an address hold of this log.

    All are asked at once. One that does not answer, or holds nothing, is left out. Nothing is
    verified: a witness may answer whatever it likes.

    Args:
        hub: the parts.
        seconds: each may take.
    """
    addresses = [one.url for one in hub.signer.policy.witnesses if one.url is not None]
    async with session(seconds) as calls:
        found = await asyncio.gather(
            *(calls.held(address, hub.signer.origin) for address in addresses),
            return_exceptions=True,
        )
    return [note for note in found if isinstance(note, bytes)]


def check_addresses(policy: Policy) -> None:
    """Refuse a policy that sends the hub somewhere else than to a witness.

    A witness may stand in an office's own network, so any address is admitted that is written
    plainly; plain http to this machine only.

    Raises:
        Misconfigured: the name of the witness, never the address.
    """
    for witness in policy.witnesses:
        if witness.url is not None and not is_plain(witness.url):
            raise Misconfigured(
                f"the address of the witness {witness.name} in the policy must be "
                "https://host[:port][/path], in lower case and without user, query or fragment"
            )
