"""exchange.testkit.outgoing: each check of the contract fails for a format that breaks it."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import Malformed
from exchange.hookspecs import ExportedFile, OutgoingFile, OutgoingPackage
from exchange.testing import OutgoingFormatContract, exported_of
from tests.unit.testkit.failing import Brings, checks, failing, loaded

Act = Callable[[Path], OutgoingPackage]


class Contract(OutgoingFormatContract):
    __test__ = False
    plugin = key = "sheet"
    media_type = "text/csv"
    content = b"a;b"


class Behaviour:
    """An outgoing format that refuses what is foreign and then does what a test tells it."""

    def __init__(self, act: Act, *, takes: bool = False, **constants: Any) -> None:
        self.act, self.takes = act, takes
        self.key: str = constants.get("key", "sheet")
        self.media_types: frozenset[str] = constants.get("media_types", frozenset({"text/csv"}))
        self.max_size: int = constants.get("max_size", 100)

    async def read(self, exported: Sequence[ExportedFile], target: Path) -> OutgoingPackage:
        if not self.takes and exported[0].path.read_bytes() != Contract.content:
            raise Malformed
        return self.act(target)


def bringing(act: Act, *, takes: bool = False, declared: bool = True, **constants: Any) -> Brings:
    def brings(home: Path) -> Mapping[str, Any]:
        files = {"export": ("text/csv", Contract.content)}
        (home / "good").mkdir()
        return {
            "adapter": Behaviour(act, takes=takes, **constants),
            "files": files,
            "exported": exported_of(home / "good", files),
            "loaded": loaded("sheet", sees_plaintext=declared),
        }

    return brings


def written(
    target: Path, *names: str, content: str = "x", media_type: str = "text/plain", **said: str
) -> OutgoingPackage:
    for name in names:
        (target / name).write_text(content)
    files = tuple(OutgoingFile(name=name, media_type=media_type) for name in names)
    return OutgoingPackage(files=files, **said)


def good(target: Path) -> OutgoingPackage:
    return written(target, "a.txt", reference="17/2026", remark="Bitte bald")


def unnamed(target: Path) -> OutgoingPackage:
    (target / "b.txt").touch()
    return good(target)


def outside(target: Path) -> OutgoingPackage:
    (target.parent / "b.txt").touch()
    return good(target)


def spoilt(target: Path) -> OutgoingPackage:
    (target.parent / "good" / "export").write_bytes(b"spoilt")
    return good(target)


NAMED = "test_files_written_are_the_files_named"
SENT = "test_what_it_read_can_be_sent"
DECLARED = "test_the_declared_media_types_are_those_it_reads"
BREACHES: Mapping[str, tuple[str, Brings]] = {
    "unnamed": (NAMED, bringing(unnamed)),
    "nothing": (NAMED, bringing(written)),
    "key": (DECLARED, bringing(good, key="other")),
    "media-type": (DECLARED, bringing(good, media_types=frozenset({"text/xml"}))),
    "small": (DECLARED, bringing(good, max_size=1)),
    "name": (SENT, bringing(lambda target: written(target, "a.txt."))),
    "case": (SENT, bringing(lambda target: written(target, "a.txt", "A.txt"))),
    "upper": (SENT, bringing(lambda target: written(target, "a.txt", media_type="Text/Plain"))),
    "typeless": (SENT, bringing(lambda target: written(target, "a.txt", media_type="text"))),
    "profile": (SENT, bringing(lambda target: written(target, "a.txt", profile=""))),
    "remark": (SENT, bringing(lambda target: written(target, "a.txt", remark="x" * 4001))),
    "long": (SENT, bringing(lambda target: written(target, "a.txt", reference="x" * 501))),
    "reference": (SENT, bringing(lambda target: written(target, "a.txt", reference="a\nb"))),
    "credulous": ("test_foreign_bytes_are_malformed", bringing(good, takes=True)),
    "changing": (
        "test_the_same_export_gives_the_same_package",
        bringing(lambda target: written(target, "a.txt", content=os.urandom(8).hex())),
    ),
    "outside": ("test_nothing_is_done_outside_the_target", bringing(outside)),
    "spoilt": ("test_nothing_is_done_outside_the_target", bringing(spoilt)),
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
