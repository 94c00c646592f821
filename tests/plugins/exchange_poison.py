"""A plugin that does what the first file of a package tells it to: one poison per word.

Copied into an environment of its own by `kitchen.py`. What a wall should refuse reports success
when it is not refused, so that a missing wall shows as a converted document.
"""

import asyncio
import ctypes
import mmap
import os
import resource
import signal
import socket
import sys
import threading
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from exchange.errors import Malformed, Unavailable, Undeliverable
from exchange.hookspecs import (
    ASCII_NAMES,
    FILES,
    Capabilities,
    Connections,
    Declaration,
    DeliveredFolder,
    DocumentPackage,
    EvidenceFound,
    ExportedFile,
    IntakeFile,
    OutgoingFile,
    OutgoingPackage,
    Secrets,
    Settings,
    Verdict,
    hookimpl,
)

GOOD = [IntakeFile("good.txt")]
FASTOPEN = 0x20000000
"""MSG_FASTOPEN of <linux/socket.h>: a connection is made by sending."""


class Poison:
    """Reads `files/1`: the word in the first file says what to do, the second what to do it to."""

    capabilities = Capabilities(
        profiles=frozenset({FILES}),
        media_types=frozenset({"text/plain"}),
        max_size=1 << 20,
        name_alphabet=ASCII_NAMES,
    )

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def convert(self, package: DocumentPackage, target: Path) -> Any:
        """Do what the word says."""
        word, _, object_ = package.files[0].path.read_text().partition(" ")
        act = {**HARM, **FORGERY}.get(word)
        if act is not None:
            return act(self, package, target, object_)
        if word == "sleep":
            await asyncio.sleep(3600)
        if word == "task":
            self.kept.append(asyncio.ensure_future(asyncio.sleep(3600)))
        (target / "good.txt").write_text(word)
        return GOOD


async def _act(plugin: Any, path: Path, target: Path) -> Any:
    """Do what the word in a file says; None when it is no poison."""
    word, _, object_ = path.read_text().partition(" ")
    act = {**HARM, **FORGERY}.get(word)
    if act is not None:
        return act(plugin, None, target, object_)
    if word == "sleep":
        await asyncio.sleep(3600)
    return None


class PoisonDelivery:
    """Does the same, and what may be done with connections."""

    key = "poison"

    def __init__(self, secrets: Secrets) -> None:
        self.kept: list[Any] = []
        self.secrets = secrets

    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> Any:
        """Do what the word says, or say something to where it says."""
        words = delivered.files[0].path.read_text().split(" ")
        if words[0] == "say":
            with await connections.connect(words[1]) as connected:
                connected.sendall(f"{delivered.disclosure_id} {self.secrets['token']}".encode())
            return None
        if words[0] == "reconnect":
            with await connections.connect(words[1]) as connected:
                connected.connect(("127.0.0.1", int(words[2])))
        if words[0] == "fastopen":
            with await connections.connect(words[1]) as connected:
                connected.shutdown(socket.SHUT_RDWR)
                connected.sendto(b"stolen", FASTOPEN, ("127.0.0.1", int(words[2])))
        if words[0] == "hoard":
            for _ in range(100):
                self.kept.append(await connections.connect(words[1]))
        if words[0] == "secrets":
            await asyncio.sleep(0)
            return None
        return await _act(self, delivered.files[0].path, Path.cwd())


class PoisonFormat:
    """Does the same with an export."""

    key = "poison"
    media_types = frozenset({"text/plain"})
    max_size = 1000

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def read(self, exported: Sequence[ExportedFile], target: Path) -> Any:
        """Do what the word says, or read the export."""
        if (result := await _act(self, exported[0].path, target)) is not None:
            return result
        (target / "read.txt").write_bytes(exported[0].path.read_bytes())
        return OutgoingPackage(
            files=(OutgoingFile(name="read.txt", media_type="text/plain"),), reference="7"
        )


class PoisonVerifier:
    """Does the same with evidence."""

    key = "poison"
    media_types = frozenset({"text/plain"})

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def verify(self, evidence: ExportedFile) -> Any:
        """Do what the word says, or call it signed."""
        result = await _act(self, evidence.path, Path.cwd())
        return EvidenceFound(verdict=Verdict.SIGNED) if result is None else result


def _raise(error: BaseException) -> Callable[..., None]:
    def act(*_: Any) -> None:
        raise error

    return act


def _block(*_: Any) -> None:
    time.sleep(3600)


def _spin(*_: Any) -> None:
    while True:
        pass


def _spin_deaf(*_: Any) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def _eat(*_: Any) -> None:
    bytearray(2 << 30)


def _eat_map(*_: Any) -> None:
    mmap.mmap(-1, 2 << 30)


def _fork(*_: Any) -> Any:
    if os.fork() == 0:
        time.sleep(3600)
    return _good(_[2])


def _thread(*_: Any) -> Any:
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return _good(_[2])


def _execute(*_: Any) -> None:
    os.execv("/bin/sh", ["sh", "-c", "exit 0"])  # noqa: S606


def _leak(plugin: Poison, *_: Any) -> None:
    while True:
        plugin.kept.append(os.open(os.devnull, os.O_RDONLY))


def _print_endlessly(*_: Any) -> None:
    while True:
        print("noise " * 1000)


def _print_errors_endlessly(*_: Any) -> None:
    while True:
        os.write(2, b"noise " * 1000)


def _print_a_little(*_: Any) -> Any:
    print("a library says hello")
    os.write(1, b"\n{}\n")
    return _good(_[2])


def _leave(*_: Any) -> None:
    os._exit(0)


def _crash(*_: Any) -> None:
    ctypes.string_at(0)


def _good(target: Path, name: str = "good.txt") -> list[IntakeFile]:
    (target / name).write_text("good")
    return [IntakeFile(name)]


def _named(name: str) -> Callable[..., list[IntakeFile]]:
    def act(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
        (target / name).write_text("x")
        return [IntakeFile(name)]

    return act


def _symlink(_plugin: Poison, _package: DocumentPackage, target: Path, object_: str) -> Any:
    (target / "link.txt").symlink_to(object_)
    return [IntakeFile("link.txt")]


def _pipe(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    os.mkfifo(target / "pipe.txt")
    return [IntakeFile("pipe.txt")]


def _folder(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    (target / "folder.txt").mkdir()
    return [IntakeFile("folder.txt")]


def _sparse(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    with (target / "sparse.txt").open("wb") as file:
        file.truncate(10 << 30)
    return [IntakeFile("sparse.txt")]


def _many_bytes(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    names = [f"{number}.txt" for number in range(9)]
    for name in names:
        (target / name).write_bytes(bytes(100_000))
    return [IntakeFile(name) for name in names]


def _many_files(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    names = [f"{number}.txt" for number in range(60)]
    for name in names:
        (target / name).touch()
    return [IntakeFile(name) for name in names]


def _secret_files(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    for number in range(60):
        (target / f"{number}.txt").touch()
    return _good(target)


def _unnamed(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    (target / "more.txt").touch()
    return _good(target)


def _case(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    return _good(target, "a.txt") + _good(target, "A.txt")


def _read(_plugin: Poison, _package: DocumentPackage, target: Path, object_: str) -> Any:
    (target / "good.txt").write_bytes(Path(object_).read_bytes())
    return GOOD


def _list(_plugin: Poison, _package: DocumentPackage, target: Path, object_: str) -> Any:
    (target / "good.txt").write_text(" ".join(map(str, Path(object_).iterdir())))
    return GOOD


def _write(_plugin: Poison, _package: DocumentPackage, target: Path, object_: str) -> Any:
    Path(object_).write_text("changed")
    return _good(target)


def _change_input(_plugin: Poison, package: DocumentPackage, target: Path, _object: str) -> Any:
    package.files[0].path.write_text("changed")
    return _good(target)


def _socket(family: int, kind: int) -> Callable[..., Any]:
    def act(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
        socket.socket(family, kind).close()
        return _good(target)

    return act


def _lift(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    limit = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    return _good(target)


def _signal(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    os.kill(os.getppid(), 0)
    return _good(target)


def _inherited(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    """Tell of the environment and of descriptors that are neither standard nor the channel."""
    open_ = []
    for number in range(5, 64):
        try:
            os.fstat(number)
            open_.append(number)
        except OSError:
            continue
    (target / "good.txt").write_text(f"{sorted(os.environ)} {len(open_)}")
    return GOOD


def _own_channel() -> int:
    """Return the descriptor on which the worker answers, found as an attacker would."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None and "channel" not in frame.f_locals:
        frame = frame.f_back
    assert frame is not None
    return int(frame.f_locals["channel"].answers.fileno())


def _say(line: bytes) -> Callable[..., Any]:
    def act(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
        os.write(_own_channel(), line)
        return _good(target)

    return act


def _say_endlessly(*_: Any) -> None:
    while True:
        os.write(_own_channel(), b"x" * 65536)


def _hang_up(*_: Any) -> None:
    os.close(_own_channel())
    time.sleep(3600)


def _patch(_plugin: Poison, _package: DocumentPackage, target: Path, _object: str) -> Any:
    job = sys.modules["exchange.agency.job"]
    job.done_line = job.failed_line = lambda token, _result: (  # type: ignore[attr-defined]
        b'{"kind":"","outcome":"done","result":{"names":["../../escaped.txt"]},"token":"%s"}\n'
        % token.encode()
    )
    return _good(target)


HARM: dict[str, Callable[..., Any]] = {
    "raise": _raise(KeyError("the name of a person")),
    "malformed": _raise(Malformed("the name of a person")),
    "unavailable": _raise(Unavailable("the name of a person")),
    "undeliverable": _raise(Undeliverable("the name of a person")),
    "exit": _raise(SystemExit(0)),
    "interrupt": _raise(KeyboardInterrupt()),
    "cancel": _raise(asyncio.CancelledError()),
    "block": _block,
    "spin": _spin,
    "spin-deaf": _spin_deaf,
    "eat": _eat,
    "eat-map": _eat_map,
    "fork": _fork,
    "thread": _thread,
    "execute": _execute,
    "leak": _leak,
    "print-endlessly": _print_endlessly,
    "print-errors-endlessly": _print_errors_endlessly,
    "print-a-little": _print_a_little,
    "leave": _leave,
    "crash": _crash,
    "read": _read,
    "list": _list,
    "write": _write,
    "change-input": _change_input,
    "tcp": _socket(socket.AF_INET, socket.SOCK_STREAM),
    "udp": _socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": _socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "netlink": _socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "lift": _lift,
    "signal": _signal,
    "inherited": _inherited,
}
FORGERY: dict[str, Callable[..., Any]] = {
    "nothing": lambda *_: None,
    "empty": lambda *_: [],
    "words": lambda *_: ["good.txt"],
    "number": lambda *_: [IntakeFile(5)],  # type: ignore[arg-type]
    "surrogate": lambda *_: [IntakeFile("\ud800.txt")],
    "coroutine": lambda *_: 5,
    "missing": lambda *_: [IntakeFile("missing.txt")],
    "twice": lambda _p, _d, target, _o: _good(target) * 2,
    "up": _named("../up.txt"),
    "up-unwritten": lambda *_: [IntakeFile("../../good.txt")],
    "device": _named("CON.txt"),
    "alphabet": _named("Umlaut-\xe4.txt"),
    "case": _case,
    "symlink": _symlink,
    "pipe": _pipe,
    "folder": _folder,
    "sparse": _sparse,
    "many-bytes": _many_bytes,
    "many-files": _many_files,
    "secret-files": _secret_files,
    "unnamed": _unnamed,
    "say-nonsense": _say(b"nonsense\n"),
    "say-another": _say(b'{"kind":"","outcome":"done","result":{"names":["a"]},"token":"x"}\n'),
    "say-endlessly": _say_endlessly,
    "hang-up": _hang_up,
    "patch": _patch,
}


@hookimpl
def declare_plugin() -> Declaration:
    """Declare like an honest plugin: nobody believes a declaration for its words."""
    return Declaration(contract=1, licence="EUPL-1.2", sees_plaintext=True)


@hookimpl
def register_deliveries(settings: Settings, secrets: Secrets) -> Sequence[Any]:
    """Register the poison that delivers."""
    return [PoisonDelivery(secrets)]


@hookimpl
def register_outgoing_formats(settings: Settings) -> Sequence[Any]:
    """Register the poison that reads exports."""
    return [PoisonFormat()]


@hookimpl
def register_evidence_verifiers(settings: Settings) -> Sequence[Any]:
    """Register the poison that looks at evidence."""
    return [PoisonVerifier()]


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[Any]:
    """Register the poison, or be one already."""
    what = settings.get("start", "")
    if what == "deadlock":
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    if what == "raise":
        raise RuntimeError("the name of a person")
    if what == "leave":
        os._exit(0)
    if what == "deadlock-once" and not Path(str(settings["mark"])).exists():
        threading.Event().wait()
    return [Poison()]
