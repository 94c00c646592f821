"""Reads what lies in a watched folder: who gets which files, under which consent.

`send.toml`, or `send.json`, says it with the members that the local API reads; every other visible
file of the folder is sent. What a back office wrote is never quoted in an error, and its files are
copied as they are: no link, device or pipe, and nothing that has a second name elsewhere. Office
software begins what it writes with a byte order mark: it is passed over.
"""

import mimetypes
import os
import re
import stat
import tomllib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from exchange import canonical
from exchange.agency.disk_room import DiskRoom
from exchange.agency.stage import MOST_BYTES
from exchange.agency.submit import Submission, submission_of
from exchange.agency.watch_copy import copy_at_rest
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed, TooLarge
from exchange.serving.bodies import faults
from exchange.wire import local_shapes

TOML: Final = "send.toml"
JSON: Final = "send.json"
OURS: Final = (TOML, JSON, "receipt.json", "reason.txt")
"""Names in a folder that are never sent: what the office says, and what it was told before."""
MOST_FILES: Final = 1_000
"""Files of one folder."""
LARGEST: Final = 64 * 1024
"""Bytes of what the office says."""
EACH: Final = "each"
"""Member that the local API has not: every file is a document of its own, and the folder stays."""

_LINE: Final = re.compile(r"at line (\d+)")
_DOTTED: Final = re.compile(
    r"""(?:\.[ \t]*(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*){100}""", re.ASCII
)
"""A key of a hundred parts: the standard parser takes a time that grows with their square."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_sent(name: str) -> bool:
    """Tell whether a file of this name is meant for the recipient."""
    return not name.startswith(".") and name not in OURS


@contextmanager
def copied(folder: Path, room: DiskRoom) -> Iterator[Submission]:
    """Yield what the folder says is to be sent, with copies of its files; blocks for long.

    The copies have no name, and are gone when the block ends.

    Raises:
        Malformed: the description, or a file that is none; in words that quote nothing.
        TooLarge: too many files, or too many bytes.
        Changing: a file was written while it was copied.
        StorageFull: the disk has no room for copies.
        OSError: the folder cannot be read, or the copies not be written.
    """
    with ExitStack() as closed:
        there = os.open(folder, _FOLDER)
        closed.callback(os.close, there)
        said = _described(there)
        names = sorted(name for name in _names(there) if is_sent(name))
        if not names:
            raise Malformed("the folder holds nothing to send")
        if len(names) > MOST_FILES:
            raise TooLarge(f"the folder holds more than {MOST_FILES} files")
        files, left = [], MOST_BYTES
        for name in names:
            path = _copy(there, name, room, closed, most=left)
            left -= path.stat().st_size
            media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            files.append(Outgoing(name, media_type, path, third_party=said.third_party))
        yield submission_of(said, files)


def is_each(folder: Path) -> bool:
    """Tell whether every file of a folder is a document of its own, and the folder stays.

    False also where the description cannot be read: then sending it says why.
    """
    try:
        there = os.open(folder, _FOLDER)
        try:
            return _said(there).get(EACH) is True
        finally:
            os.close(there)
    except (OSError, Malformed, TooLarge):
        return False


def _names(folder: int) -> frozenset[str]:
    """Return the names in a folder, of very many only some: more than can be sent."""
    with os.scandir(folder) as listed:
        return frozenset(entry.name for entry in islice(listed, 2 * MOST_FILES))


def _described(folder: int) -> local_shapes.Submission:
    said = {name: value for name, value in _said(folder).items() if name != EACH}
    if "file" in said:  # the files are those of the folder
        raise Malformed("unknown member file")
    try:
        return local_shapes.Submission.model_validate_json(canonical.encode(said))
    except ValidationError as error:
        raise Malformed(faults(error)) from None


def _said(folder: int) -> dict[str, Any]:
    present = _names(folder) & {TOML, JSON}
    if len(present) != 1:
        raise Malformed(f"the folder holds {TOML} or {JSON}, one of the two")
    (name,) = present
    data = _small(folder, name)
    if name == JSON:
        found = canonical.loads(data.removeprefix(BOM_UTF8), limit=LARGEST)
        if not isinstance(found, dict):
            raise Malformed(f"{JSON} is not an object")
        return found
    return _toml(data)


def _toml(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
        if _DOTTED.search(text):
            raise Malformed(f"{TOML} has a key that no description has")
        return tomllib.loads(text)
    except UnicodeDecodeError:
        raise Malformed(f"{TOML} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place = _LINE.search(str(error))
        where = f"line {place[1]}" if place else "its end"
        raise Malformed(f"{TOML} is not TOML: look at {where}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists in lists
        raise Malformed(f"{TOML} holds a number or a list that no description has") from None


def _small(folder: int, name: str) -> bytes:
    with os.fdopen(_open(folder, name), "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise TooLarge(f"{name} has more than {LARGEST} bytes")
    return data


def _open(folder: int, name: str) -> int:
    """Open a regular file of the folder that has this one name only."""
    try:
        fd = os.open(name, _FILE, dir_fd=folder)
    except OSError:
        raise Malformed("a file of the folder is a link, or cannot be opened") from None
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(fd)
        raise Malformed("the folder holds something else than ordinary files, such as a folder")
    return fd


def _copy(folder: int, name: str, room: DiskRoom, closed: ExitStack, *, most: int) -> Path:
    fd = _open(folder, name)
    try:
        if os.fstat(fd).st_size > most:
            raise TooLarge("all files together are larger than a disclosure can be")
        copy = copy_at_rest(fd, room)
    finally:
        os.close(fd)
    closed.callback(os.close, copy)
    # What becomes of the file afterwards changes nothing of what is sent.
    return Path(f"/proc/self/fd/{copy}")
