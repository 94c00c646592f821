"""Running payload streams and uploads, by consent, so that the end of a consent cuts them.

Hygiene, not the guarantee: a payload without its header is noise. A stream is listed here
before its permit is checked; otherwise an end between check and listing would miss it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from exchange.hub.line import Line
from exchange.serving.cut import NOW, USUAL, cut, linger


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
        linger(transport, NOW)
        self._running[consent].add(transport)
        try:
            yield
        finally:
            self._running[consent].discard(transport)
            if not self._running[consent]:
                del self._running[consent]
            linger(transport, USUAL)  # the connection is used again

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
