"""The folders of `[watch] out`: what waits in them, what was taken, and where it ends.

```
<name>/              files and `send.toml`: one document, taken as a whole
<name>/<file>        with `each = true` in `send.toml`: every file is a document, the folder stays
.taken/<name>/       taken and being sent; a crash goes on from here
done/<name>/         sent, with `receipt.json`
failed/<name>/       not sent, with `reason.txt`
```
A document moves by renaming, so it is in one of these places, whole. Functions block: call them in
a thread.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Final, TypeAlias

from exchange.agency.copied import open_up
from exchange.agency.watch_draft import JSON, TOML, is_each, is_sent
from exchange.durable import move_durably, sync_directory, write_bytes_durably

TAKEN: Final = ".taken"
DONE: Final = "done"
FAILED: Final = "failed"
RECEIPT: Final = "receipt.json"
REASON: Final = "reason.txt"
UNFINISHED: Final = (".part", ".partial", ".tmp", ".crdownload", ".filepart")
"""Ends of names that programs give to files they are still writing."""
MOST_SEEN: Final = 10_000
"""Entries of one folder that a look sees; the others wait until these are gone."""

LONGEST_NAME: Final = 200
"""Bytes of the name of a taken folder: file systems have 255, and a number may be added."""

Mark: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Name, size, time and inode of each file: the same in two looks, it is complete."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that may be taken: a folder, or one file of a folder that stays."""

    folder: str
    file: str | None = None

    @property
    def name(self) -> str:
        """Name of the folder it gets when it is taken; of a very long one the beginning."""
        whole = os.fsencode(self.folder if self.file is None else f"{self.folder}-{self.file}")
        if len(whole) <= LONGEST_NAME:
            return os.fsdecode(whole)
        begins = whole[: LONGEST_NAME - 9].decode("utf-8", "ignore")
        return f"{begins}-{hashlib.sha256(whole).hexdigest()[:8]}"


def prepare(root: Path) -> None:
    """Make the folders for what is taken, done and failed, as open to others as `root` is.

    Raises:
        OSError: `root` is not there, or cannot be written.
    """
    mode = root.stat().st_mode & 0o777
    for name in (TAKEN, DONE, FAILED):
        folder = root / name
        if not folder.is_dir():
            folder.mkdir()
            open_up(folder, mode)
    sync_directory(root)


def waiting(root: Path) -> dict[Found, Mark]:
    """Return what lies in `root` with a description, and how it looks now."""
    seen: dict[Found, Mark] = {}
    for folder in _folders(root):
        with contextlib.suppress(OSError):  # one that cannot be read holds up no other
            seen |= _waiting_in(folder)
    return seen


def _waiting_in(folder: Path) -> dict[Found, Mark]:
    mark = mark_of(folder)
    if mark is None or not {TOML, JSON} & {name for name, *_ in mark}:
        return {}
    if not is_each(folder):
        return {Found(folder.name): mark}
    described = tuple(part for part in mark if not is_sent(part[0]))
    return {Found(folder.name, part[0]): (*described, part) for part in mark if is_sent(part[0])}


def take(root: Path, found: Found) -> Path | None:
    """Take a document, by renaming; None while another of the same name is being sent."""
    target = root / TAKEN / found.name
    if target.exists():
        return None
    if found.file is None:
        move_durably(root / found.folder, target)
        return target
    building = target.with_name(f".{target.name}")
    building.mkdir(exist_ok=True)
    for name in (TOML, JSON):
        if (root / found.folder / name).is_file():
            shutil.copyfile(root / found.folder / name, building / name, follow_symlinks=False)
    # A crash from here to the next rename is mended by `taken`: the file is in the one or the
    # other place.
    move_durably(root / found.folder / found.file, building / found.file)
    move_durably(building, target)
    return target


def taken(root: Path) -> list[Path]:
    """Return what was taken and is not finished, also by a process that has died since."""
    folder = root / TAKEN
    for building in folder.glob(".*"):
        with contextlib.suppress(OSError):  # not ours: what file managers and shares leave behind
            _mend(building)
    return sorted(_folders(folder))


def _mend(building: Path) -> None:
    if building.is_symlink():
        return
    if any(is_sent(file.name) for file in building.iterdir()):
        move_durably(building, building.with_name(building.name.removeprefix(".")))
    else:
        shutil.rmtree(building)


def finish(folder: Path, where: str, told: dict[str, bytes]) -> None:
    """Put a taken folder where it ends, with what its office is told; once, as a whole.

    A crash in between leaves it taken: it is looked at again, and ends the same way.

    Args:
        folder: what was taken.
        where: `DONE` or `FAILED`.
        told: files for the office, by name.
    """
    root = folder.parent.parent
    mode = root.stat().st_mode & 0o777
    for name, text in told.items():
        for left in folder.glob(f".{name}.*"):  # of a crash, half written
            left.unlink()
        write_bytes_durably(folder / name, text, mode=mode & 0o666, replace=True)
    move_durably(folder, _free(root / where, folder.name))


def _free(where: Path, name: str) -> Path:
    """Return a name that is not taken: an office may send two folders of one name."""
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(where / one for one in names if not (where / one).exists())


def _folders(root: Path) -> Iterator[Path]:
    with os.scandir(root) as listed:
        for entry in islice(listed, MOST_SEEN):
            ours = entry.name.startswith(".") or entry.name in (DONE, FAILED)
            if not ours and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def mark_of(folder: Path) -> Mark | None:
    """Return how the files of a folder look; None while one of them is being written.

    Raises:
        OSError: the folder cannot be read.
    """
    found = []
    with os.scandir(folder) as listed:
        for entry in islice(listed, MOST_SEEN):
            if entry.name.lower().endswith(UNFINISHED):
                return None
            if not entry.name.startswith("."):
                seen = entry.stat(follow_symlinks=False)
                found.append((entry.name, seen.st_size, seen.st_mtime_ns, seen.st_ino))
    return tuple(sorted(found))
