"""Copies out of the spool, into folders that others use: checked, durable, following no link."""

import hashlib
import os
from pathlib import Path

from exchange.durable import PIECE
from exchange.hookspecs import DeliveredFile

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_out(file: DeliveredFile, place: Path, *, mode: int) -> None:
    """Copy `file` to the new name `place`; its content, not yet its name, survives a power cut.

    Args:
        file: in the spool.
        place: in a folder that exists; it is created.
        mode: permissions of the copy.

    Raises:
        OSError: it cannot be written, or the file is not the one that intake wrote.
    """
    with file.path.open("rb") as source, place.open("xb") as copy:
        digest = hashlib.sha256()
        while piece := source.read(PIECE):
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fchmod(copy.fileno(), mode)
        os.fsync(copy.fileno())
    if digest.hexdigest() != file.sha256:
        raise OSError("a file of the spool has changed")


def open_up(folder: Path, mode: int) -> None:
    """Set the permissions of a folder of ours that lies among those of others.

    Raises:
        OSError: it is not there, or somebody has put a link in its place.
    """
    fd = os.open(folder, _FOLDER)
    try:
        os.fchmod(fd, mode)
    finally:
        os.close(fd)
