"""A86: one changed byte of what we ship. Checking an installation at its start is a later step."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.serving.docs import FILES
from tests.house.source import ROOT

pytestmark = pytest.mark.supply

STATIC = ROOT / "exchange" / "serving" / "static"
VENDORED = re.compile(r"^([0-9a-f]{64})  (\S+)$", re.MULTILINE)
OURS = {"index.html", "boot.js"}


def digests() -> dict[str, str]:
    text = (STATIC / "VENDORED.md").read_text(encoding="utf-8")
    return {name: digest for digest, name in VENDORED.findall(text)}


def changed(stated: dict[str, str], folder: Path) -> set[str]:
    """Return which files of `folder` are not those that were looked at."""
    return {
        name
        for name, digest in stated.items()
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    }


def test_files_of_others_are_those_that_were_looked_at() -> None:
    assert changed(digests(), STATIC) == set()


def test_every_file_of_others_that_is_served_has_a_digest() -> None:
    served = {name for name, _kind in FILES.values()}

    assert served - OURS == digests().keys()


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    for name in digests():
        whole = bytearray((STATIC / name).read_bytes())
        whole[len(whole) // 2] ^= 1
        (tmp_path / name).write_bytes(whole)

    assert changed(digests(), tmp_path) == digests().keys()


def test_the_lock_pins_every_package_by_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]

    assert lines
    assert all("==" in line for line in lines)
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks if "==" in block)


def test_a_wheel_built_twice_is_the_same(tmp_path: Path) -> None:
    """On another day, in another folder, by a user with another umask."""
    built = [wheel(tmp_path / "first", umask=0o022), wheel(tmp_path / "second", umask=0o077)]

    assert built[0] == built[1]


def wheel(folder: Path, *, umask: int) -> str:
    tree = folder / "tree"
    tree.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "exchange", tree / "exchange", ignore=ignored)
    for file in tree.rglob("*"):
        os.utime(file, (10**9 + umask, 10**9 + umask))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=tree,
        check=True,
        capture_output=True,
        umask=umask,
    )
    (found,) = folder.glob("*.whl")
    return hashlib.sha256(found.read_bytes()).hexdigest()
