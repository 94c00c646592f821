"""exchange.agency.deposit: the folder a back office watches gets each document whole, and once."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange.agency import deposit
from exchange.agency.deposit import Folder
from exchange.errors import Unavailable
from exchange.hookspecs import DeliveredFile, DeliveredFolder, Label

ID = "3b9a6f0e-51d1-4a1c-8a52-0d3f1a2b3c4d"
FOLDER = "2026-03-03_100000_3b9a6f0e"
FILES = {"00-HINWEIS.txt": b"CANARY", "Brief.pdf": b"%PDF" * 1000, "leer.txt": b""}
LABEL = Label("x", "x", "x")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    for name in ("in", "deposited", "spool"):
        (tmp_path / name).mkdir()
    for name, content in FILES.items():
        (tmp_path / "spool" / name).write_bytes(content)
    return Folder(tmp_path / "in", deposited=tmp_path / "deposited")


def delivered(tmp_path: Path, **members: Any) -> DeliveredFolder:
    given = {"disclosure_id": ID, "folder": FOLDER, **members}
    files = tuple(
        DeliveredFile(
            name=name,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            path=tmp_path / "spool" / name,
        )
        for name, content in FILES.items()
    )
    return DeliveredFolder(
        sender="women-b",
        sender_name="Frauenberatung",
        purpose=LABEL,
        category=LABEL,
        secrecy=LABEL,
        collected_at=datetime(2026, 3, 3, 10, tzinfo=UTC),
        files=files,
        **given,
    )


def lies_there(folder: Folder) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in (folder.root / FOLDER).iterdir()}
    assert [path.name for path in folder.root.iterdir()] == [FOLDER]
    return found


async def test_every_file_lies_there_under_the_name_of_the_document(
    folder: Folder, tmp_path: Path
) -> None:
    await folder.hand(delivered(tmp_path))
    assert lies_there(folder) == FILES


async def test_what_the_back_office_has_taken_is_not_put_there_again(
    folder: Folder, tmp_path: Path
) -> None:
    await folder.hand(delivered(tmp_path))
    (folder.root / FOLDER).rename(tmp_path / "taken")

    await folder.hand(delivered(tmp_path))
    assert list(folder.root.iterdir()) == []


async def test_what_lies_there_is_left_as_the_back_office_has_changed_it(
    folder: Folder, tmp_path: Path
) -> None:
    await folder.hand(delivered(tmp_path))
    (folder.root / FOLDER / "Brief.pdf").write_bytes(b"stamped")

    await folder.hand(delivered(tmp_path))
    assert (folder.root / FOLDER / "Brief.pdf").read_bytes() == b"stamped"


async def test_whoever_may_read_the_folder_may_read_what_is_put_there(
    folder: Folder, tmp_path: Path
) -> None:
    folder.root.chmod(0o750)
    await folder.hand(delivered(tmp_path))
    assert (folder.root / FOLDER).stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in (folder.root / FOLDER).iterdir()} == {0o640}


async def test_a_half_copy_of_a_crash_is_made_anew(folder: Folder, tmp_path: Path) -> None:
    hidden = folder.root / f".{ID}"
    hidden.mkdir()
    (hidden / "Brief.pdf").write_bytes(b"%P")
    (hidden / "of another attempt").write_bytes(b"")

    await folder.hand(delivered(tmp_path))
    assert lies_there(folder) == FILES


async def test_a_folder_that_is_not_mounted_is_waited_for(folder: Folder, tmp_path: Path) -> None:
    folder.root.rmdir()
    with pytest.raises(Unavailable, match=r"the folder of \[watch\] into cannot be written"):
        await folder.hand(delivered(tmp_path))

    folder.root.mkdir()
    await folder.hand(delivered(tmp_path))
    assert lies_there(folder) == FILES


async def test_a_file_that_is_not_what_intake_made_is_not_handed_on(
    folder: Folder, tmp_path: Path
) -> None:
    (tmp_path / "spool" / "Brief.pdf").write_bytes(b"changed")
    with pytest.raises(Unavailable):
        await folder.hand(delivered(tmp_path))
    assert list(folder.root.iterdir()) == [], "nothing of it lies hidden"


async def test_two_documents_never_become_one_folder(folder: Folder, tmp_path: Path) -> None:
    await folder.hand(delivered(tmp_path))
    other = ID.replace("3b9a", "4b9a")
    with pytest.raises(Unavailable):
        await folder.hand(delivered(tmp_path, disclosure_id=other))
    assert {path.name for path in (folder.root / FOLDER).iterdir()} == set(FILES)


async def test_a_link_in_the_place_of_a_copy_is_not_followed(
    folder: Folder, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.root / f".{ID}").symlink_to(outside)
    with pytest.raises(Unavailable):
        await folder.hand(delivered(tmp_path))
    assert list(outside.iterdir()) == []


def test_only_old_notes_are_forgotten(tmp_path: Path) -> None:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    for name, days in (("young", 29), ("old", 31)):
        (tmp_path / name).touch()
        at = (now - timedelta(days=days)).timestamp()
        os.utime(tmp_path / name, (at, at))
    deposit.sweep(tmp_path, now)
    assert [path.name for path in tmp_path.iterdir()] == ["young"]
