"""The Makefile on a machine that lacks something: one line says what."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.source import ROOT

BODIES = {
    "old": 'case "$2" in *version_info*) exit 0;; esac',
    "no venv": 'case "$2" in *version_info*) echo y;; *) exit 1;; esac',
}


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Return a fresh copy of what make reads, without a virtual environment."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def python(folder: Path, body: str) -> str:
    """Return a stand-in for python that answers the questions of the Makefile."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)
    return f"PYTHON={file}"


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_missing_python_is_told_in_one_line(fresh: Path, target: str) -> None:
    done = make(fresh, target, "PYTHON=/nowhere/python3")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "install Python >= 3.11" in done.stderr


@pytest.mark.parametrize(
    ("body", "said"), [("old", "is older than 3.11"), ("no venv", "apt-get install python3-venv")]
)
def test_an_unfit_python_is_told_in_one_line(fresh: Path, body: str, said: str) -> None:
    done = make(fresh, "demo", python(fresh, BODIES[body]))
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert not (fresh / ".venv").exists()


def test_make_alone_lists_every_target(fresh: Path) -> None:
    shown = make(fresh).stdout
    for target in ("demo", "test", "check", "fix", "types", "imports", "bench", "docs", "vectors"):
        assert f"make {target} " in shown
