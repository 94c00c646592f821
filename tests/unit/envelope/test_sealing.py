"""exchange.envelope.sealing"""

import os
import stat
import tracemalloc
from pathlib import Path

import pytest

from exchange.canonical import sha256_hex
from exchange.envelope import sealing, tarblocks
from exchange.envelope.age.hybrid import parts
from exchange.envelope.contents import Letter, Onward
from exchange.envelope.manifest import check_sealed_size
from exchange.envelope.padme import padme
from exchange.envelope.sealing import Outgoing, seal, sealed_size
from exchange.errors import Malformed
from exchange.vocabulary import Secrecy
from tests.envelopes import KEY, LETTER, OTHER_KEY, TERMS, opened, parsed, sealed

RECIPIENTS = {"jobcentre-a": KEY.recipient}
LARGE = 6 * 1024 * 1024


def _outgoing(path: Path, content: bytes) -> Outgoing:
    path.write_bytes(content)
    return Outgoing(path.name, "application/pdf", path)


def test_files_arrive_as_they_were_sealed(tmp_path: Path) -> None:
    files = [
        LETTER,
        _outgoing(tmp_path / "empty", b""),
        _outgoing(tmp_path / ("x" * 120), b"x" * 70_000),
        Outgoing("kündigung.pdf", "text/plain", b"other", third_party=True),
    ]
    onward = Onward(TERMS.id, "youth-c", Secrecy.SOCIAL)
    letter = Letter(subject={"name": "N."}, remark="r", reference="4711", onward_of=(onward,))
    document, _, header, payload = sealed(tmp_path / "sealed", files, letter=letter)
    found = opened(header + payload, document.context, tmp_path / "into")
    assert found.contents == document.contents
    assert (found.contents.subject, found.contents.remark) == ({"name": "N."}, "r")
    assert (found.contents.reference, found.contents.onward_of) == ("4711", (onward,))
    assert [(f.name, f.media_type, f.path.read_bytes(), f.third_party) for f in found.files] == [
        ("Kündigung.pdf", "application/pdf", b"%PDF-1.7 letter", False),
        ("empty", "application/pdf", b"", False),
        ("x" * 120, "application/pdf", b"x" * 70_000, False),
        ("kündigung (2).pdf", "text/plain", b"other", True),
    ]


@pytest.mark.parametrize("size", [0, 50 * 1024, LARGE])
def test_the_manifest_learns_what_lies_on_disk(tmp_path: Path, size: int) -> None:
    target = tmp_path / "sealed"
    document, manifest, header, payload = sealed(
        target, [Outgoing("a", "text/plain", os.urandom(size))]
    )
    raw = target.read_bytes()
    assert (document.sha256, document.size) == (sha256_hex(raw), len(raw))
    assert document.header_size == len(header) == 1627
    layout = tarblocks.layout(document.context, document.contents)
    assert document.size == sealed_size(layout, 1)
    assert padme(layout.size) == layout.size
    check_sealed_size(document.size, 1)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert manifest.payload_size == len(payload)


def test_recipients_are_sealed_to_in_the_order_of_the_context(tmp_path: Path) -> None:
    keys = {"youth-c": OTHER_KEY.recipient, "jobcentre-a": KEY.recipient}
    document, _, header, payload = sealed(tmp_path / "sealed", recipients=keys)
    assert [a.agency for a in document.context.recipients] == ["jobcentre-a", "youth-c"]
    assert document.context.recipients[0].key == KEY.fingerprint
    first, second = (KEY, OTHER_KEY)
    stanzas = parsed(header + payload).stanzas
    assert first.open(*parts(stanzas[0])) is not None
    assert second.open(*parts(stanzas[1])) is not None
    for number, key in enumerate((first, second)):
        opened(header + payload, document.context, tmp_path / f"{number}", key)


def test_no_name_of_a_file_is_outside_of_the_sealed_part(tmp_path: Path) -> None:
    document, _, header, payload = sealed(tmp_path / "sealed")
    for seen in (header, payload, document.context.raw):
        assert b"K\xc3\xbcndigung" not in seen
        assert b"letter" not in seen.replace(b"rent-arrears-letter", b"")


def test_progress_is_told_over_both_passes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    file = Outgoing("a", "text/plain", bytes(3_000_000))
    sealed(tmp_path / "sealed", [file], progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {6_000_000}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 6_000_000


@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("changed", [b"", b"shorter", None, b"x" * (LARGE + 1)])
def test_a_file_that_changes_between_the_passes_aborts(
    tmp_path: Path, size: int, changed: bytes | None
) -> None:
    path = tmp_path / "letter.pdf"
    file = _outgoing(path, bytes(size))

    def change(done: int, total: int) -> None:
        if done == total // 2:
            path.write_bytes(bytes(size - 1) + b"x" if changed is None else changed)

    with pytest.raises(Malformed, match="changed"):
        sealed(tmp_path / "sealed", [file], progress=change)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_grows_while_it_is_sealed_aborts(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    file = _outgoing(path, b"letter")

    def grow(done: int, total: int) -> None:
        if done == total:
            path.write_bytes(b"letter and more")

    with pytest.raises(Malformed, match="changed"):
        sealed(tmp_path / "sealed", [file], progress=grow)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_changes_during_the_first_pass_aborts(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    file = _outgoing(path, bytes(3_000_000))

    def change(done: int, _total: int) -> None:
        if done == 1024 * 1024:
            path.write_bytes(bytes(2_000_000))

    with pytest.raises(Malformed, match="changed"):
        sealed(tmp_path / "sealed", [file], progress=change)
    assert list(tmp_path.iterdir()) == [path]


def test_a_target_that_exists_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "sealed"
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        sealed(target)
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("files", [[], [Outgoing("a", "no media type", b"")]])
def test_what_a_recipient_would_refuse_is_not_sealed(tmp_path: Path, files: list[Outgoing]) -> None:
    with pytest.raises(Malformed):
        sealed(tmp_path / "sealed", files)
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_no_recipient(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        seal([LETTER], terms=TERMS, recipients={}, target=tmp_path / "sealed")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_missing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sealed(tmp_path / "sealed", [Outgoing("a", "text/plain", tmp_path / "none")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "room", "broken"),
    [
        (100, os, "fsync"),
        (LARGE, os, "fsync"),
        (LARGE, os, "posix_fallocate"),
        (100, sealing, "write_all"),
        (LARGE, sealing, "write_all"),
    ],
)
def test_a_disk_that_is_full_or_broken_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, room: object, broken: str
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(room, broken, fail)
    with pytest.raises(OSError, match="no space"):
        sealed(tmp_path / "sealed", [Outgoing("a", "text/plain", bytes(size))])
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_synced_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    original = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(stat.S_IFMT(os.fstat(descriptor).st_mode))
        original(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    sealed(tmp_path / "sealed")
    assert synced == [stat.S_IFREG, stat.S_IFDIR]


def test_memory_stays_constant_for_large_files(tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(96 * 1024 * 1024)
    large = Outgoing("large", "application/pdf", source)
    tracemalloc.start()
    try:
        document = seal([large], terms=TERMS, recipients=RECIPIENTS, target=tmp_path / "sealed")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
    assert document.size == (tmp_path / "sealed").stat().st_size
