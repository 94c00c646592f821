"""A hub that serves in a thread of its own, and plain sockets to it: what an attacker has.

The hub is the simulator's: real files, our runner, real keys. Tests here write bytes and read
bytes; nothing between them and the hub makes a request well-formed.
"""

import asyncio
import hashlib
import io
import logging
import re
import socket
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, text

from exchange import canonical
from exchange.cli import events
from exchange.errors import Unauthenticated
from exchange.wire import problems
from tests.simulator import SENDER, Simulator

CANARY = "KANARI-7f3a9c"
"""Stands wherever a request has room for it; it must stand nowhere else."""
PLENTY: Mapping[str, Any] = {"token": {"rate": 1000, "burst": 100_000, "per_address": 100_000}}
"""Limits that no test reaches by accident."""
PATIENCE_S = 20.0
"""Seconds after which a silent hub fails a test."""

T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """One answer as it came."""

    raw: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the one header of this name; two of them fail the test."""
        found = [value for each, value in self.headers if each.lower() == name.lower()]
        assert len(found) <= 1, found
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return canonical.loads(self.body, limit=10**7, depth=12)


class Line:
    """One connection."""

    def __init__(self, port: int, *, seconds: float = PATIENCE_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._kept = b""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        """Write bytes as they are; a hub that has hung up already is no error yet."""
        try:
            for part in parts:
                self.socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            return

    def reply(self, *, bodiless: bool = False) -> Reply:
        """Read exactly one answer.

        Raises:
            ConnectionError: the hub closed before its answer was complete.
        """
        head = self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (
            line.partition(":") for line in lines if line
        ))  # fmt: skip
        status = int(first.split(" ", 2)[1])
        if status == 100:  # asked for, and no answer yet
            return self.reply(bodiless=bodiless)
        length = next((int(value) for name, value in headers if name == "Content-Length"), 0)
        size = 0 if bodiless or status == 204 else length
        while len(self._kept) < size:
            self._more()
        body, self._kept = self._kept[:size], self._kept[size:]
        return Reply(head + body, status, headers, body)

    def closed(self, *, seconds: float = PATIENCE_S) -> bool:
        """Wait until the hub closes; anything more it says fails the test."""
        assert self._kept == b""
        self.socket.settimeout(seconds)
        try:
            found = self.socket.recv(65536)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        assert found == b"", found[:200]
        return True

    def _until(self, end: bytes) -> bytes:
        while end not in self._kept:
            self._more()
        found, _, self._kept = self._kept.partition(end)
        return found + end

    def _more(self) -> None:
        found = self.socket.recv(65536)
        if not found:
            raise ConnectionError("the hub has closed")
        self._kept += found


class Served:
    """A simulator that runs in a thread, and what its log says."""

    def __init__(self, root: Path, *, arranged: bool = True, **settings: Any) -> None:
        self.sim = Simulator(root, **{**PLENTY, **settings})
        self._arranged = arranged
        self._begun = Future[asyncio.AbstractEventLoop]()
        self._stop = asyncio.Event()
        self._lines = io.StringIO()

    # Life

    @contextmanager
    def running(self) -> Iterator["Served"]:
        thread = threading.Thread(target=self._run, name="hub")
        thread.start()
        loop = self._begun.result(30)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join(30)

    def _run(self) -> None:
        async def serve() -> None:
            async with self.sim.running():
                if self._arranged:
                    await self.sim.arrange()
                self._begun.set_result(asyncio.get_running_loop())
                await self._stop.wait()

        try:
            asyncio.run(serve())
        except BaseException as error:
            if self._begun.done():
                raise
            self._begun.set_exception(error)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the hub's loop, where the simulator lives."""
        return asyncio.run_coroutine_threadsafe(work, self._begun.result()).result(60)

    # Log

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep the lines of the log as `exchange hub serve` would write them."""
        root = logging.getLogger()
        kept, level = root.handlers[:], root.level
        self._lines = io.StringIO()
        events.configure(self._lines)
        try:
            yield
        finally:
            logging.captureWarnings(capture=False)
            structlog.reset_defaults()
            root.handlers[:] = kept
            root.setLevel(level)

    @property
    def log_text(self) -> str:
        return self._lines.getvalue()

    @property
    def log(self) -> list[Any]:
        """Return the lines of the log; one that is no JSON object fails the test."""
        return [canonical.loads(_whole(line), limit=10**6) for line in self._lines_of_log()]

    def _lines_of_log(self) -> list[str]:
        # By LF alone: `splitlines` would also end a line at what an attacker may have sent.
        return [line for line in self.log_text.split("\n") if line]

    # Ask

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.sim.port}"

    def line(self, *, seconds: float = PATIENCE_S) -> Line:
        return Line(self.sim.port, seconds=seconds)

    def token(self, agency: str = SENDER) -> str:
        return f"Authorization: Bearer {self.sim.token(agency)}"

    def head(self, first: str, *lines: str, host: str | None = None) -> bytes:
        """Return a request head with a proper Host and further lines."""
        named = [f"Host: {self.host if host is None else host}"]
        return "\r\n".join([first, *named, *lines, "", ""]).encode("latin-1")

    def ask(self, sent: bytes) -> Reply:
        """Send a request on a connection of its own and read the answer."""
        with self.line() as line:
            line.send(sent)
            return line.reply()

    def post(self, path: str, body: bytes, *lines: str, length: int | None = None) -> bytes:
        size = len(body) if length is None else length
        return self.head(f"POST {path} HTTP/1.1", *lines, f"Content-Length: {size}") + body

    def alive(self, line: Line) -> bool:
        """Tell whether the connection takes a next request."""
        line.send(self.head("GET /healthz HTTP/1.1"))
        return line.reply().status == 200

    # Compare

    def traces(self) -> Mapping[str, str]:
        """Return a digest of every table and of the names of all payloads.

        Without the heads of the log: they are named and published when it is time. What leaves a
        leaf shows in the tables of leaves.
        """
        self.do(self.sim.settled())
        digests: Mapping[str, str] = self.do(self.sim.hub.db.read(_digests))
        found = {name: one for name, one in digests.items() if name != "log_checkpoint"}
        files = sorted(file.name for file in (self.sim.home / "payloads").rglob("*"))
        return {**found, "payloads": repr(files)}

    def rows(self, table: str) -> int:
        return self.do(self.sim.count(table))

    @contextmanager
    def no_trace(self) -> Iterator[None]:
        """Fail if what the block does is stored, or repeated in the log."""
        before = self.traces()
        yield
        assert self.traces() == before
        assert CANARY not in self.log_text

    def refused(
        self,
        sent: bytes,
        status: int,
        *,
        closed: bool = False,
        body: bytes | None = None,
        bodiless: bool = False,
    ) -> Reply:
        """Send what must be refused, and check all that holds for every refusal.

        Args:
            sent: the request.
            status: what it gets.
            closed: True if the hub must hang up; False if it must take the next request.
            body: the exact body; by default the constant problem of `status`.
            bodiless: the answer to HEAD has none.
        """
        with self.no_trace(), self.line() as line:
            line.send(sent)
            reply = line.reply(bodiless=bodiless)
            assert reply.status == status, reply.raw
            assert line.closed() if closed else self.alive(line)
        check_problem(reply, body=body, bodiless=bodiless)
        return reply


def check_problem(reply: Reply, *, body: bytes | None = None, bodiless: bool = False) -> None:
    """Check that an answer is a constant problem and tells nothing about us or the request."""
    assert reply.header("Content-Type") == problems.MEDIA_TYPE
    assert reply.header("Server") == "exchange"
    assert reply.header("Cache-Control") == "no-store"
    assert CANARY.encode() not in reply.raw
    assert re.search(rb"(?i)aiohttp|python|traceback|\.py\b", reply.raw) is None
    if not bodiless:
        assert reply.body == (constant(reply.status) if body is None else body)


def constant(status: int) -> bytes:
    """Return the one body of all refusals with `status`."""
    if status == 401:
        return canonical.encode(problems.to_problem(Unauthenticated()))
    return canonical.encode(problems.http_problem(status))


def _whole(line: str) -> bytes:
    # Durations are the only fractions a line has; `canonical` reads none.
    return re.sub(r'("duration_ms": ?[0-9]+)\.[0-9]+', r"\1", line).encode()


def _digests(conn: Connection) -> dict[str, str]:
    names = conn.execute(text("SELECT name FROM sqlite_schema WHERE type = 'table'")).scalars()
    return {name: _digest(conn, name) for name in sorted(names)}


def _digest(conn: Connection, table: str) -> str:
    rows = conn.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - a name from the schema
    return hashlib.sha256(repr(sorted(map(repr, rows))).encode()).hexdigest()
