"""Hears what a piece of code does outside its folder: writes, network, processes."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_OUTWARD = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo")
_STARTING = (
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system"),
    *("_thread.start_new_thread", "_thread.start_joinable_thread"),  # from Python 3.12 on
)
_CHANGING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Yield a list that fills with what code did outside `folder`: writes, network, processes.

    It hears Python's audit events, so it finds accidents, not attacks; the exchange has walls
    for those. An audit hook cannot be removed: afterwards it stays, deaf. Other threads that run
    already, such as the receiver of a test, are not heard; those that begin are.
    """
    breaches: list[str] = []
    others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
    listening = True

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if listening and threading.get_ident() not in others and _is_breach(event, args, folder):
            breaches.append(event)

    sys.addaudithook(hear)
    try:
        yield breaches
    finally:
        listening = False


def _is_breach(event: str, args: tuple[Any, ...], folder: Path) -> bool:
    if event in _OUTWARD or event in _STARTING:
        return True
    if event == "open":
        path, _mode, flags = args
        return bool(flags & _WRITING) and _is_outside(path, folder)
    return event in _CHANGING and _is_outside(args[0], folder)


def _is_outside(path: object, folder: Path) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False  # an open descriptor: its opening was heard
    place = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - must not follow links
    if place == Path(os.devnull) or "__pycache__" in place.parts:
        return False
    return not place.is_relative_to(folder)
