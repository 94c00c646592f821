"""Witnesses and logs of tests: a witness in memory of a folder, and a log that serves itself."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from aiohttp import web

from exchange.audit.merkle import consistency_path
from exchange.audit.note import verifying
from exchange.audit.submission import Submission, write_submission
from exchange.audit.tiles import Bundle, encode_bundle, read_path
from exchange.errors import Malformed
from exchange.witness.cosign import Cosigner
from exchange.witness.memory import prepare, remembering
from exchange.witness.road import Road, Way, open_road
from tests.logs import AT, LOG_KEY, ORIGIN, WITNESS_KEY, Log

LOGS = {ORIGIN: (verifying(LOG_KEY),)}


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime.fromtimestamp(AT, UTC))

    def __call__(self) -> datetime:
        """Return the moment."""
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass, or go back."""
        self.now += timedelta(seconds=seconds)


@contextmanager
def witness(directory: Path, clock: Clock | None = None) -> Iterator[Cosigner]:
    """Yield a witness with its memory in `directory`, prepared if there is none yet."""
    if not directory.exists():
        prepare(directory, LOGS)
    with remembering(directory, LOGS) as memory:
        yield Cosigner(WITNESS_KEY, LOGS, memory, clock or Clock())


def asked(log: Log, old: int, size: int) -> bytes:
    """Return a request to cosign a log at `size`, with the proof from `old` on."""
    proof = consistency_path(log.row, old, size) if 0 < old < size else ()
    return write_submission(Submission(old, proof, log.note(size)))


@dataclass
class Served:
    """A log that serves its candidate, tiles and entries, and takes what is handed in."""

    log: Log
    size: int
    status: int = 200
    """Answer to what is handed in."""
    token: str | None = None
    """Opens entries, if they are not open."""
    note: bytes | None = None
    """The candidate, if it is not the log's own at `size`."""
    empty: bool = False
    """Whether it has no candidate yet."""
    instead: web.Response | None = None
    """Answered to everything."""
    documents: dict[str, bytes] = field(default_factory=dict)
    """Public documents, by the SHA-256 that they are asked for by."""
    handed_in: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Paths, as asked for."""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request as the hub does."""
        path = request.path.removeprefix("/log/")
        self.asked.append(path)
        if self.instead is not None:
            return self.instead
        if request.method == "POST":
            self.handed_in.append(await request.read())
            return web.Response(status=self.status)
        if path == "candidate":
            return self._candidate(request)
        if path.startswith("documents/"):
            return self._document(path.removeprefix("documents/"))
        try:
            part = read_path(path.removeprefix("tile/"))
        except Malformed:
            raise web.HTTPNotFound from None
        if not isinstance(part, Bundle):
            row = self.log.rows.get((part.level, part.n), b"")
            return web.Response(body=row[: 32 * part.width])
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            raise web.HTTPUnauthorized
        first = 256 * part.n
        return web.Response(body=encode_bundle(self.log.leaves[first : first + part.width]))

    def _document(self, name: str) -> web.Response:
        if name not in self.documents:
            raise web.HTTPNotFound
        return web.Response(body=self.documents[name])

    def _candidate(self, request: web.Request) -> web.Response:
        if self.empty:
            raise web.HTTPNotFound
        note = self.log.note(self.size) if self.note is None else self.note
        etag = f'"{sha256(note).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=note, headers={"ETag": etag})


@asynccontextmanager
async def serving(served: Served) -> AsyncIterator[str]:
    """Yield the address of a log while it is served."""
    app = web.Application()
    app.router.add_route("*", "/log/{path:.*}", served.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/log"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def reached(served: Served, token_file: Path | None = None) -> AsyncIterator[Road]:
    """Yield the way of a witness to a served log."""
    async with serving(served) as prefix, open_road(Way(prefix, token_file=token_file)) as road:
        yield road
