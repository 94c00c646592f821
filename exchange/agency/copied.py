"""Copies one file out of the spool: checked against its digest, and durable."""

import hashlib
import os
from pathlib import Path

from exchange.durable import PIECE
from exchange.hookspecs import DeliveredFile


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
