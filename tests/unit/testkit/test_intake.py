"""exchange.testkit.intake: each check of the contract fails for a format that breaks it."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import Malformed
from exchange.hookspecs import Capabilities, DocumentPackage, IntakeFile
from exchange.testing import IntakeFormatContract, package_of
from tests.unit.testkit.failing import Brings, checks, failing, loaded

Act = Callable[[DocumentPackage, Path], Any]


class Contract(IntakeFormatContract):
    __test__ = False
    plugin = "behaviour"
    media_type = "text/plain"
    content = b"good"


def capabilities(
    *, media_type: str = "text/plain", max_size: int = 100, alphabet: str = "abc. "
) -> Capabilities:
    return Capabilities(
        profiles=frozenset({"files/1"}),
        media_types=frozenset({media_type}),
        max_size=max_size,
        name_alphabet=alphabet,
    )


class Behaviour:
    """An intake format that refuses what is foreign and then does what a test tells it."""

    def __init__(self, act: Act, has: Capabilities, *, takes: bool = False) -> None:
        self.act, self.capabilities, self.takes = act, has, takes

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
        if not self.takes and package.files[0].path.read_bytes() != Contract.content:
            raise Malformed
        files: Sequence[IntakeFile] = self.act(package, target)
        return files


def bringing(
    act: Act, *, has: Capabilities | None = None, takes: bool = False, declared: bool = True
) -> Brings:
    def brings(home: Path) -> Mapping[str, Any]:
        files = {"document": ("text/plain", Contract.content)}
        (home / "good").mkdir()
        return {
            "adapter": Behaviour(act, has or capabilities(), takes=takes),
            "files": files,
            "good": package_of(home / "good", files),
            "loaded": loaded("behaviour", sees_plaintext=declared),
        }

    return brings


def write(target: Path, name: str = "a.c", content: str = "x") -> list[IntakeFile]:
    (target / name).write_text(content)
    return [IntakeFile(name)]


def good(_package: DocumentPackage, target: Path) -> list[IntakeFile]:
    return write(target)


def spoil(package: DocumentPackage, target: Path) -> list[IntakeFile]:
    package.files[0].path.write_bytes(b"spoilt")
    return write(target)


def folder(_package: DocumentPackage, target: Path) -> list[IntakeFile]:
    (target / "a.c").mkdir()
    return [IntakeFile("a.c")]


def dial(_package: DocumentPackage, target: Path) -> list[IntakeFile]:
    with socket.socket() as dialled:
        dialled.connect_ex(("127.0.0.1", 9))
    return write(target)


def quote(package: DocumentPackage, target: Path) -> list[IntakeFile]:
    return write(target, f"a{package.remark}.c")


def two(_package: DocumentPackage, target: Path) -> list[IntakeFile]:
    return [*write(target, "a.c"), *write(target, "A.c")]


def grow(_package: DocumentPackage, target: Path) -> list[IntakeFile]:
    written = write(target)
    os.truncate(target / "a.c", (64 << 20) + 17)
    return written


WIDE = capabilities(alphabet="*")
BREACHES: Mapping[str, tuple[str, Brings]] = {
    "unnamed": (
        "test_files_written_are_the_files_named",
        bringing(lambda _p, target: write(target) and []),
    ),
    "missing": (
        "test_files_written_are_the_files_named",
        bringing(lambda _p, target: [*write(target), IntakeFile("b.c")]),
    ),
    "nothing": ("test_files_written_are_the_files_named", bringing(lambda _p, _t: [])),
    "folder": ("test_files_written_are_the_files_named", bringing(folder)),
    "media-type": (
        "test_the_declared_media_types_are_those_it_reads",
        bringing(good, has=capabilities(media_type="text/csv")),
    ),
    "small": (
        "test_the_declared_media_types_are_those_it_reads",
        bringing(good, has=capabilities(max_size=1)),
    ),
    "alphabet": (
        "test_names_and_sizes_are_as_declared",
        bringing(lambda _p, target: write(target, "x.c")),
    ),
    "blank": (
        "test_names_and_sizes_are_as_declared",
        bringing(lambda _p, target: write(target, "a.c ")),
    ),
    "case": ("test_names_and_sizes_are_as_declared", bringing(two, has=WIDE)),
    "large": ("test_names_and_sizes_are_as_declared", bringing(grow)),
    "quoting": ("test_names_do_not_quote_the_words_of_the_sender", bringing(quote, has=WIDE)),
    "credulous": (
        "test_foreign_bytes_are_malformed_or_taken_as_they_are",
        bringing(good, takes=True),
    ),
    "changing": (
        "test_the_same_package_gives_the_same_files",
        bringing(lambda _p, target: write(target, content=os.urandom(8).hex())),
    ),
    "outside": (
        "test_nothing_is_done_outside_the_target",
        bringing(lambda _p, target: write(target.parent, "b") and write(target)),
    ),
    "spoilt": ("test_nothing_is_done_outside_the_target", bringing(spoil)),
    "network": ("test_nothing_is_done_outside_the_target", bringing(dial)),
    "silent": ("test_it_declares_what_it_sees", bringing(good, declared=False)),
}


def test_a_good_format_passes(tmp_path: Path) -> None:
    assert failing(Contract, bringing(good), tmp_path) == set()


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_fails_its_check(breach: str, tmp_path: Path) -> None:
    check, brings = BREACHES[breach]
    assert check in failing(Contract, brings, tmp_path)


def test_every_check_is_failed_by_a_breach() -> None:
    assert {check for check, _ in BREACHES.values()} == checks(Contract)


def test_a_format_for_any_content_has_to_take_it(tmp_path: Path) -> None:
    class Any_(Contract):  # noqa: N801 - the word is taken
        takes_anything = True

    takes, refuses = tmp_path / "takes", tmp_path / "refuses"
    takes.mkdir()
    refuses.mkdir()
    check = "test_foreign_bytes_are_malformed_or_taken_as_they_are"
    assert check not in failing(Any_, bringing(good, takes=True), takes)
    assert check in failing(Any_, bringing(good), refuses)


def test_a_format_that_never_ends_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.testkit.plugin.WITHIN_S", 0.1)

    class Sleeps(Behaviour):
        async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
            await asyncio.sleep(60)
            return []

    brought = bringing(good)(tmp_path)
    with pytest.raises(TimeoutError):
        Contract().test_files_written_are_the_files_named(
            Sleeps(good, capabilities()), brought["good"], tmp_path
        )


def test_a_format_that_asks_for_proofs_gets_some(tmp_path: Path) -> None:
    with_proofs, without = tmp_path / "with", tmp_path / "without"
    with_proofs.mkdir()
    without.mkdir()
    files = {"a.txt": ("text/plain", b"a")}
    kinds = [proof.kind for proof in package_of(with_proofs, files, proofs=True).proofs]
    assert kinds == ["manifest", "consent", "stored", "collected"]
    assert package_of(without, files).proofs == ()
    assert package_of(without, files).consent is not None
