"""Running payload streams and uploads, by consent, so that the end of a consent cuts them.

Hygiene, not the guarantee: a payload without its header is noise. A stream is listed here
before its permit is checked; otherwise an end between check and listing would miss it.
"""

import asyncio
import socket
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from exchange.hub.line import Line

_NOW = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 seconds: close drops what was not sent and resets the connection."""
_USUAL = struct.pack("ii", 0, 0)


class Streams:
    """The streams that run in this process."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._running: dict[str, set[asyncio.Transport]] = defaultdict(set)

    @contextmanager
    def running(self, consent: str, transport: asyncio.Transport | None) -> Iterator[None]:
        """List `transport` under the digest of a consent while the block runs.

        Raises:
            ConnectionError: the client has gone already.
        """
        if transport is None:
            raise ConnectionError("the client has gone")
        # Set from the start, so that a killed process cuts as well.
        _linger(transport, _NOW)
        self._running[consent].add(transport)
        try:
            yield
        finally:
            self._running[consent].discard(transport)
            if not self._running[consent]:
                del self._running[consent]
            _linger(transport, _USUAL)  # the connection is used again

    def end(self, consent: str) -> None:
        """Cut every stream under the digest of a consent whose end was committed, everywhere."""
        self.cut([consent])
        self._line.ends()

    def cut(self, consents: Iterable[str]) -> int:
        """Cut the streams of this process under consents that have ended; return how many."""
        ended = [one for consent in consents for one in self._running.get(consent, ())]
        for transport in ended:
            cut(transport)
        return len(ended)

    def consents(self) -> frozenset[str]:
        """Return the digests of the consents under which something runs in this process."""
        return frozenset(self._running)


def cut(transport: asyncio.Transport | None) -> None:
    """Reset a connection at once: nothing that is still buffered is sent.

    `close()` and a plain `abort()` still deliver what the kernel has accepted, megabytes of it.
    """
    if transport is None:
        return
    _linger(transport, _NOW)
    transport.abort()


def _linger(transport: asyncio.Transport, how: bytes) -> None:
    found = transport.get_extra_info("socket")
    if found is None or transport.is_closing():
        return
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
    except OSError:  # closed meanwhile: nothing is left to be cut
        return
