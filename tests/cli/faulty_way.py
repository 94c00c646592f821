"""A proxy whose connections break: cuts an upload after so many bytes, and lets another hang."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.cli.network import PATIENCE_S

PIECE = 64 * 1024
METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ")


@dataclass
class Part:
    """One request that uploads: where it began, and how much of it went on to the hub."""

    begun: int
    most: int | None
    """Bytes after which it breaks or hangs; None: it arrives."""
    carried: int = 0


@dataclass
class FaultyWay:
    """An HTTP proxy on loopback that breaks the first uploads, and then carries everything."""

    hub: tuple[str, int]
    faults: list[int]
    """Bytes after which uploads break, one after the other; the last one hangs instead."""
    arrived: Callable[[int], None]
    """Waits until the hub has durably as many bytes as it is told.

    A sender that comes back sooner is told an earlier offset, and sends again what is under way.
    """
    hangs: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    """The connection that hung has ended, and the hub has what it carried."""
    parts: list[Part] = field(default_factory=list)
    _ends: list[socket.socket] = field(default_factory=list)
    _running: list[threading.Thread] = field(default_factory=list)

    @contextlib.contextmanager
    def open(self) -> Iterator[int]:
        """Yield the port of the proxy."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self._run(self._accept, listening)
            try:
                yield listening.getsockname()[1]
            finally:
                _end(listening, *self._ends)
                for thread in self._running:
                    thread.join(PATIENCE_S)

    def _run(self, work: Callable[..., None], *given: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._running.append(thread)
        thread.start()
        return thread

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._run(self._carry, listening.accept()[0])

    def _carry(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(self.hub) as hub:
            self._ends += [caller, hub]
            failing = threading.Event()
            back = self._run(_back, hub, caller, failing)
            try:
                with contextlib.suppress(OSError):
                    failed = self._forward(caller, hub)
                    if failed is not None:
                        failing.set()
                        self._fail(failed, caller, hub)
            finally:
                _end(caller, hub)
                back.join(PATIENCE_S)

    def _forward(self, caller: socket.socket, hub: socket.socket) -> Part | None:
        """Carry what a connection says; return the upload that is to fail now, or None."""
        part: Part | None = None
        while piece := caller.recv(PIECE):
            if piece.startswith(b"PATCH "):
                head, _, piece = _named_by_path(piece, self.hub).partition(b"\r\n\r\n")
                part = self._begin(head)
                hub.sendall(head + b"\r\n\r\n")
            elif piece.startswith(METHODS):
                part, piece = None, _named_by_path(piece, self.hub)
            if part is not None:
                left = len(piece) if part.most is None else part.most - part.carried
                piece = piece[:left]
                part.carried += len(piece)
            hub.sendall(piece)
            if part is not None and part.carried == part.most:
                return part
        return None

    def _begin(self, head: bytes) -> Part:
        begun = int(head.lower().partition(b"upload-offset: ")[2].partition(b"\r\n")[0])
        number = len(self.parts)
        part = Part(begun, self.faults[number] if number < len(self.faults) else None)
        self.parts.append(part)
        return part

    def _fail(self, part: Part, caller: socket.socket, hub: socket.socket) -> None:
        last = len(self.parts) == len(self.faults)
        if last:
            self.hangs.set()
            while caller.recv(PIECE):
                pass  # until whoever sends is dead
        hub.shutdown(socket.SHUT_WR)
        self.arrived(part.begun + part.carried)
        if last:
            self.over.set()


def _back(hub: socket.socket, caller: socket.socket, failing: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while piece := hub.recv(PIECE):
            if not failing.is_set():
                caller.sendall(piece)
    if not failing.is_set():  # whoever sends learns it when the hub has what was carried
        _end(caller)


def _named_by_path(head: bytes, hub: tuple[str, int]) -> bytes:
    """Return a request as a server gets it; a proxy is told the server as well."""
    return head.replace(b" http://%s:%d/" % (hub[0].encode("ascii"), hub[1]), b" /", 1)


def _end(*ends: socket.socket) -> None:
    for one in ends:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
