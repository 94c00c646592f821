"""exchange.testkit.watch: what happens outside a folder is heard."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.testing import watched


def in_a_thread(act: Callable[[], object]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    "act",
    [
        lambda home: (home / "outside").write_text("x"),
        lambda home: (home / "outside").mkdir(),
        lambda home: (home / "kept").unlink(),
        lambda home: (home / "kept").rename(home / "target" / "kept"),
        lambda home: (home / "target" / ".." / "outside").write_text("x"),
        lambda _home: socket.getaddrinfo("localhost", 80),
        lambda _home: subprocess.run(["true"], check=True),
        lambda _home: os.system("true"),  # noqa: S605
        lambda home: in_a_thread(lambda: (home / "outside").write_text("x")),
    ],
    ids=["file", "folder", "remove", "rename", "dots", "network", "program", "shell", "thread"],
)
def test_what_happens_outside_is_heard(act: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "kept").touch()
    with watched(tmp_path / "target") as breaches:
        act(tmp_path)
    assert breaches


def test_what_happens_inside_or_afterwards_is_not_heard(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "kept").write_text("x")
    with watched(tmp_path / "target") as breaches:
        (tmp_path / "target" / "file").write_text((tmp_path / "kept").read_text())
        (tmp_path / "target" / "file").unlink()
        Path(os.devnull).write_text("x")
        with open(os.open(tmp_path / "target" / "a", os.O_CREAT | os.O_WRONLY), "w"):  # noqa: PTH123
            pass
    (tmp_path / "outside").write_text("x")
    assert breaches == []


def test_what_a_thread_does_that_ran_before_is_not_heard(tmp_path: Path) -> None:
    go, done = threading.Event(), threading.Event()

    def write() -> None:
        go.wait()
        (tmp_path / "outside").write_text("x")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    with watched(tmp_path / "target") as breaches:
        go.set()
        done.wait()
    thread.join()
    assert (tmp_path / "outside").exists()
    assert breaches == []
