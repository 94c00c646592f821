"""The cable between a hub and PostgreSQL: slow, silent, or cut where it hurts most.

It runs in a thread of its own, because a hub that starts waits for the server in its loop.
"""

import asyncio
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import make_url

SOCKET: Final = ".s.PGSQL.5432"
GREETED: Final = b"Z\x00\x00\x00\x05I"
"""Last bytes of what a server says before it is asked anything: ReadyForQuery, idle."""
COMMIT: Final = b"COMMIT\x00"
WRITES: Final = b"READ WRITE"
"""In the BEGIN of a unit that may write."""


class Cable:
    """See the module. What is set here holds for every connection, at once."""

    def __init__(self, server: Path, socket: Path) -> None:
        self._server, self._socket = server, socket
        self.delay_s = 0.0
        """Seconds by which each answer of the server comes late."""
        self.silent = False
        """Whether its answers stay away; it still greets whoever connects."""
        self.loses_commits = False
        """Whether the line breaks after a COMMIT was taken, before its answer."""
        self.lost = 0
        """How many answers to a COMMIT were lost."""
        self._pumps: set[asyncio.Task[None]] = set()

    async def open(self) -> asyncio.Server:
        """Take connections."""
        return await asyncio.start_unix_server(self._connected, self._socket)

    async def close(self, serving: asyncio.Server) -> None:
        """Take no more and break those that are there."""
        serving.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, on = await asyncio.open_unix_connection(self._server)
        except OSError:
            back.close()
            return
        ends = _Ends()
        self._pump(self._ask(near, on, ends), on, back)
        self._pump(self._answer(far, back, ends), on, back)

    def _pump(self, work: Coroutine[Any, Any, None], *ends: asyncio.StreamWriter) -> None:
        async def pumped() -> None:
            try:
                with suppress(OSError):
                    await work
            finally:
                for end in ends:
                    end.close()

        task = asyncio.ensure_future(pumped())
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _ask(
        self, near: asyncio.StreamReader, on: asyncio.StreamWriter, ends: "_Ends"
    ) -> None:
        while chunk := await near.read(1 << 16):
            ends.writes = ends.writes or WRITES in chunk
            if self.loses_commits and ends.writes and COMMIT in chunk:
                ends.breaks = True
            on.write(chunk)
            await on.drain()

    async def _answer(
        self, far: asyncio.StreamReader, back: asyncio.StreamWriter, ends: "_Ends"
    ) -> None:
        greeted = False
        while chunk := await far.read(1 << 16):
            if ends.breaks:
                self.lost += 1
                return
            while greeted and self.silent:  # noqa: ASYNC110 - it is set in another thread
                await asyncio.sleep(0.01)
            if greeted:
                await asyncio.sleep(self.delay_s)
            greeted = greeted or chunk.endswith(GREETED)
            back.write(chunk)
            await back.drain()


class _Ends:
    """What one connection is about to do."""

    writes = False
    breaks = False


@contextmanager
def cable(url: str) -> Iterator[tuple[Cable, str]]:
    """Yield a cable to the server of `url`, which has a socket, and the URL at its near end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cable", daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory(prefix="exch-cable-") as base:
        directory = make_url(url).query["host"]
        found = Cable(Path(str(directory)) / SOCKET, Path(base) / SOCKET)
        serving = asyncio.run_coroutine_threadsafe(found.open(), loop).result()
        try:
            near = make_url(url).update_query_dict({"host": base})
            yield found, near.render_as_string(hide_password=False)
        finally:
            asyncio.run_coroutine_threadsafe(found.close(serving), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
