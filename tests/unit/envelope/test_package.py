"""exchange.envelope.package, under hostile senders who sign what they made"""

import io
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.canonical import sha256_hex
from exchange.envelope import tarblocks
from exchange.envelope.contents import Letter
from exchange.envelope.manifest import Addressee, Context, new_context
from exchange.envelope.package import read_package
from exchange.errors import PayloadDamaged, Unreadable
from tests.envelopes import MTIME, TERMS, package

FILES = [("Kündigung.pdf", b"k" * 700), ("letter.txt", b"letter"), ("empty", b"")]
CONTEXT, CONTENTS, PACKAGE = package(FILES)
FIRST_FILE = len(tarblocks.layout(CONTEXT, CONTENTS).before)


def _read(raw: bytes, into: Path, context: Context = CONTEXT) -> list[tuple[str, bytes]]:
    _, files = read_package(io.BytesIO(raw), context, into)
    return [(file.name, file.path.read_bytes()) for file in files]


def test_a_package_gives_its_files(tmp_path: Path) -> None:
    contents, files = read_package(io.BytesIO(PACKAGE), CONTEXT, tmp_path)
    assert contents == CONTENTS
    assert [(file.name, file.path.read_bytes()) for file in files] == FILES
    for file, entry in zip(files, contents.files, strict=True):
        assert (file.media_type, file.size, file.sha256) == (
            entry.media_type,
            entry.size,
            entry.sha256,
        )
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert not file.third_party


def _flipped(place: int, bit: int) -> bytes:
    changed = bytearray(PACKAGE)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_every_changed_byte_is_refused(tmp_path: Path) -> None:
    for place in range(len(PACKAGE)):
        into = tmp_path / f"{place}"
        into.mkdir()
        with pytest.raises(Unreadable):
            _read(_flipped(place, place % 8), into)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(PACKAGE) - 1), st.integers(0, 7))
def test_every_single_bit_change_is_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    with pytest.raises(Unreadable):
        _read(_flipped(place, bit), tmp_path_factory.mktemp("into"))


@pytest.mark.parametrize(
    "size", [*range(0, len(PACKAGE), 512), *range(1, len(PACKAGE), 509), len(PACKAGE) - 1]
)
def test_every_truncation_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(Unreadable):
        _read(PACKAGE[:size], tmp_path)


@pytest.mark.parametrize("more", [1, 512, 1024, 10_240])
def test_every_extension_is_refused(tmp_path: Path, more: int) -> None:
    with pytest.raises(Unreadable, match="end"):
        _read(PACKAGE + bytes(more), tmp_path)


def test_damage_behind_the_last_file_is_not_missed(tmp_path: Path) -> None:
    class Damaged(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            size = super().readinto(buffer)
            if not size:
                raise PayloadDamaged
            return size

    with pytest.raises(PayloadDamaged):
        read_package(Damaged(PACKAGE), CONTEXT, tmp_path)


def test_another_context_is_refused(tmp_path: Path) -> None:
    addressee = Addressee("somebody-else", "A" * 43)
    other = new_context(TERMS, [addressee], CONTENTS.sha256)
    with pytest.raises(Unreadable, match="signed"):
        _read(PACKAGE, tmp_path, other)


def test_another_contents_list_is_refused(tmp_path: Path) -> None:
    _, _, other = package(FILES)  # the same files under another salt
    with pytest.raises(Unreadable):
        _read(PACKAGE[:1024] + other[1024:], tmp_path)


def _with_list(raw: bytes) -> tuple[Context, bytes]:
    """Return a package whose sender is committed to a list no honest one would write."""
    context = new_context(TERMS, [Addressee("jobcentre-a", "A" * 43)], sha256_hex(raw))
    start = tarblocks.member(tarblocks.CONTEXT_NAME, context.raw, MTIME)
    return context, start + tarblocks.member(tarblocks.CONTENTS_NAME, raw, MTIME) + bytes(1024)


@pytest.mark.parametrize(
    "raw",
    [b"{}", b"[]", b"", b"\xff", b'{"salt":"x","files":[]}', CONTENTS.raw[:-1]],
)
def test_a_committed_list_of_another_form_is_refused(tmp_path: Path, raw: bytes) -> None:
    context, hostile = _with_list(raw)
    with pytest.raises(Unreadable, match="form"):
        _read(hostile, tmp_path, context)


NAMES = {
    "absolute": "/etc/passwd",
    "parent": "../escaped",
    "direction marks": "a\u202eb.pdf",
    "NFD": "u\u0308.pdf",
    "device": "con",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_committed_name_that_is_not_admitted_is_refused(tmp_path: Path, name: str) -> None:
    raw = CONTENTS.raw.replace(b"letter.txt", name.encode())
    context, hostile = _with_list(raw)
    with pytest.raises(Unreadable, match="form"):
        _read(hostile, tmp_path, context)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Kündigung.pdf", "KÜNDIGUNG.PDF"])
def test_duplicates_and_case_fold_clashes_are_refused(tmp_path: Path, name: str) -> None:
    context, hostile = _with_list(CONTENTS.raw.replace(b"letter.txt", name.encode()))
    with pytest.raises(Unreadable, match="form"):
        _read(hostile, tmp_path, context)


def test_a_list_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    start = tarblocks.member(tarblocks.CONTEXT_NAME, CONTEXT.raw, MTIME)
    block = tarblocks.header(tarblocks.CONTENTS_NAME, 1024 * 1024 + 1, MTIME)
    with pytest.raises(Unreadable, match="too large"):
        _read(start + block + bytes(2 * 1024 * 1024), tmp_path)


@pytest.mark.parametrize(
    "digits", [b"0000000000x", b"-0000000001", b" 0000000010", b"0_000000010", b"00000000009"]
)
def test_a_size_in_other_digits_is_refused(tmp_path: Path, digits: bytes) -> None:
    place = len(tarblocks.member(tarblocks.CONTEXT_NAME, CONTEXT.raw, MTIME)) + 124
    with pytest.raises(Unreadable, match="no size"):
        _read(PACKAGE[:place] + digits + PACKAGE[place + 11 :], tmp_path)


def _member(change: Callable[[tarfile.TarInfo], None], content: bytes = b"x") -> bytes:
    """Return what a general tar writer makes of a hostile member."""
    member = tarfile.TarInfo("files/letter.txt")
    member.size, member.mtime = len(content), MTIME
    change(member)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(content))
    return out.getvalue()[:-1024]


def _typed(kind: bytes, target: str = "") -> Callable[[tarfile.TarInfo], None]:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname = kind, target

    return change


def _named(name: str) -> Callable[[tarfile.TarInfo], None]:
    return lambda member: setattr(member, "name", name)


def _overridden(**headers: str) -> Callable[[tarfile.TarInfo], None]:
    return lambda member: setattr(member, "pax_headers", headers)


HOSTILE = {
    "symbolic link": _member(_typed(tarfile.SYMTYPE, "/etc/passwd"), b""),
    "hard link": _member(_typed(tarfile.LNKTYPE, "context.json"), b""),
    "device": _member(_typed(tarfile.CHRTYPE), b""),
    "directory": _member(_typed(tarfile.DIRTYPE), b""),
    "absolute": _member(_named("/tmp/escaped")),
    "parent": _member(_named("files/../../escaped")),
    "duplicate context": tarblocks.member("context.json", b"{}", MTIME),
    "pax size override": _member(_overridden(size="1000000")),
    "700 MiB pax header": tarblocks.header("files/0001.pax", 700 * 2**20, MTIME, kind=b"x"),
    "global pax header": tarblocks.header("g", 10, MTIME, kind=b"g") + bytes(512),
    "base-256 size": _member(lambda member: setattr(member, "size", 1)).replace(
        b"00000000001\0", b"\x80" + bytes(10) + b"\x01"
    ),
    "sparse file": _member(_typed(b"S")),
    "long name": _member(_typed(b"L"), b"files/escaped\0"),
}


@pytest.mark.parametrize("member", HOSTILE.values(), ids=HOSTILE)
def test_members_that_were_not_announced_are_refused(tmp_path: Path, member: bytes) -> None:
    into = tmp_path / "into"
    into.mkdir()
    for hostile in (
        PACKAGE[:FIRST_FILE] + member + PACKAGE[FIRST_FILE:],
        PACKAGE[:FIRST_FILE] + member.ljust(len(PACKAGE) - FIRST_FILE, b"\0"),
    ):
        with pytest.raises(Unreadable):
            _read(hostile, into)
    assert list(into.iterdir()) == []
    assert list(tmp_path.iterdir()) == [into]


def test_a_second_archive_behind_the_end_marker_is_refused(tmp_path: Path) -> None:
    used = PACKAGE.rstrip(b"\0")
    end = -(-len(used) // 512) * 512 + 1024
    second = tarblocks.member("files/more", b"more", MTIME)
    with pytest.raises(Unreadable):
        _read(PACKAGE[:end] + second + PACKAGE[end + len(second) :], tmp_path)


def test_a_file_that_lies_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        _read(PACKAGE, tmp_path)
    assert (tmp_path / "letter.txt").read_bytes() == b"mine"


def test_a_link_that_lies_there_is_not_followed(tmp_path: Path) -> None:
    into, outside = tmp_path / "into", tmp_path / "outside"
    into.mkdir()
    (into / "letter.txt").symlink_to(outside)
    with pytest.raises(OSError, match="letter"):
        _read(PACKAGE, into)
    (tmp_path / "link").symlink_to(into)
    with pytest.raises(OSError, match="link"):
        _read(PACKAGE, tmp_path / "link")
    assert not outside.exists()


def test_a_remark_and_flags_of_the_list_arrive(tmp_path: Path) -> None:
    context, _, raw = package([("a", b"a")], Letter(remark="Bitte prüfen"))
    contents, _ = read_package(io.BytesIO(raw), context, tmp_path)
    assert contents.remark == "Bitte prüfen"
