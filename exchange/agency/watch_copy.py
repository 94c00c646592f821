"""Copies of files that others may still write: what is sent is one content, not half of two.

A program that keeps a file open goes on writing into it wherever the file is moved. So what lies in
a watched folder is copied to files without a name, in the home, and what was not at rest meanwhile
is left for a later look.
"""

import hashlib
import os
from collections.abc import Iterator
from typing import Final

from exchange.agency.disk_room import DiskRoom
from exchange.agency.stage import append, unnamed

_PIECE: Final = 1024 * 1024


class Changing(Exception):
    """Somebody writes into a folder that was taken. Never leaves the watch: it looks again."""


def copy_at_rest(source: int, room: DiskRoom) -> int:
    """Return the number of a new file that holds what `source` holds; whoever asked closes it.

    It is read twice: sizes and times do not show everything, such as what is written through a
    memory map or between two ticks of the clock of a share.

    Args:
        source: number of an open file, at its beginning.
        room: where the copy is written, and what it may take of the disk.

    Raises:
        Changing: it was written meanwhile.
        StorageFull: the disk has no room for a copy.
        OSError: it cannot be read, or the copy not be written.
    """
    copy = unnamed(room.folder)
    try:
        _copy(source, copy, room)
    except BaseException:
        os.close(copy)
        raise
    return copy


def _copy(source: int, copy: int, room: DiskRoom) -> None:
    copied, again = hashlib.sha256(), hashlib.sha256()
    # No further than it was: what grows as fast as it is copied would fill the disk.
    for piece in _pieces(source, os.fstat(source).st_size):
        with room.claimed(len(piece)):
            append(copy, piece)
        copied.update(piece)
    os.lseek(source, 0, os.SEEK_SET)
    for piece in _pieces(source, os.fstat(source).st_size):
        again.update(piece)
    if copied.digest() != again.digest():
        raise Changing


def _pieces(source: int, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := os.read(source, min(_PIECE, size))):
        size -= len(piece)
        yield piece
