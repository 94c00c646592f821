"""`exchange demo`: the whole journey, on real sockets, in processes of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.cli.demo_documents import CANARY
from exchange.cli.demo_search import occurrences


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo beside a file with the name of a library: no process takes it for that."""
    (folder.parent / "rich.py").write_text("raise SystemExit(9)\n")
    return subprocess.run(
        [sys.executable, "-P", "-m", "exchange.cli.main", "demo", "--folder", str(folder)],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(240)
def test_the_demo_shows_every_step_and_leaves_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = demo(folder)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[-1] == "demo: ok"
    steps = [line for line in lines if re.match(r" +\d+  ok .* \d+\.\d\d s$", line)]
    assert len(steps) == 20
    assert "\x1b" not in done.stdout  # plain in a pipe
    assert str(folder) in done.stdout
    assert occurrences(folder / "received", [CANARY])
    assert not occurrences(folder / "hub", [CANARY])
    assert len(list((folder / "mails").glob("*.eml"))) >= 2


def test_the_demo_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    done = demo(folder)
    assert done.returncode == 1
    assert done.stderr.startswith("exchange: File exists")
    assert list(folder.iterdir()) == []
