"""exchange.testing: the contracts notice what they say they notice."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import Malformed
from exchange.hookspecs import Capabilities, DocumentPackage, IntakeFile
from exchange.testing import IntakeFormatContract, watched


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
    ],
    ids=["file", "folder", "remove", "rename", "dots", "network", "program", "shell"],
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


class Behaviour:
    """An intake format that does what a test tells it."""

    capabilities = Capabilities(
        profiles=frozenset({"files/1"}),
        media_types=frozenset({"text/plain"}),
        max_size=100,
        name_alphabet="abc.",
    )

    def __init__(self, act: Callable[[DocumentPackage, Path], Any]) -> None:
        self.act = act

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
        """Refuse what is foreign, then do as told."""
        if package.files[0].path.read_bytes() != Contract.content:
            raise Malformed
        files: Sequence[IntakeFile] = self.act(package, target)
        return files


class Contract(IntakeFormatContract):
    __test__ = False
    plugin = "behaviour"
    media_type = "text/plain"
    content = b"good"


def write(target: Path, name: str = "a.c", content: str = "x") -> list[IntakeFile]:
    (target / name).write_text(content)
    return [IntakeFile(name)]


def spoil(package: DocumentPackage, target: Path) -> list[IntakeFile]:
    package.files[0].path.write_bytes(b"spoilt")
    return write(target)


CHECKS = {
    "test_files_written_are_the_files_named",
    "test_names_and_sizes_are_as_declared",
    "test_the_same_package_gives_the_same_files",
    "test_nothing_is_done_outside_the_target",
    "test_foreign_bytes_are_malformed",
}


def failing(act: Callable[[DocumentPackage, Path], Any], tmp_path: Path) -> set[str]:
    """Return the checks of the contract that `act` does not pass."""
    failed = set()
    for check in CHECKS:
        home = tmp_path / check
        home.mkdir()
        contract, adapter = Contract(), Behaviour(act)
        given: list[Any] = [adapter, home]
        if check != "test_foreign_bytes_are_malformed":
            given.insert(1, contract._package(home / "good", contract.content))
        try:
            getattr(contract, check)(*given)
        except (AssertionError, Malformed, FileNotFoundError, pytest.fail.Exception):
            failed.add(check)
    return failed


def test_a_good_format_passes(tmp_path: Path) -> None:
    assert failing(lambda _package, target: write(target), tmp_path) == set()


@pytest.mark.parametrize(
    ("act", "check"),
    [
        (lambda _p, target: write(target) and [], "test_files_written_are_the_files_named"),
        (
            lambda _p, target: [*write(target), IntakeFile("b.c")],
            "test_files_written_are_the_files_named",
        ),
        (lambda _p, target: write(target, "x.c"), "test_names_and_sizes_are_as_declared"),
        (
            lambda _p, target: write(target, content=os.urandom(8).hex()),
            "test_the_same_package_gives_the_same_files",
        ),
        (
            lambda _p, target: write(target.parent, "b") and write(target),
            "test_nothing_is_done_outside_the_target",
        ),
        (spoil, "test_nothing_is_done_outside_the_target"),
    ],
    ids=["unnamed", "missing", "alphabet", "changing", "outside", "spoilt"],
)
def test_each_breach_fails_its_check(act: Any, check: str, tmp_path: Path) -> None:
    assert check in failing(act, tmp_path)


def test_a_format_that_takes_everything_fails(tmp_path: Path) -> None:
    class TakesAll(Behaviour):
        async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
            """Take whatever comes."""
            return write(target)

    with pytest.raises(pytest.fail.Exception):
        Contract().test_foreign_bytes_are_malformed(TakesAll(lambda _p, _t: []), tmp_path)


def test_a_format_that_never_ends_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.testing.WITHIN_S", 0.1)

    class Sleeps(Behaviour):
        async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
            """Sleep."""
            await asyncio.sleep(60)
            return []

    contract = Contract()
    package = contract._package(tmp_path / "good", contract.content)
    with pytest.raises(TimeoutError):
        contract.test_files_written_are_the_files_named(
            Sleeps(lambda _p, _t: []), package, tmp_path
        )
