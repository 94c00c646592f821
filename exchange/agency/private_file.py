"""Small files with secrets: read only if nobody else on the machine can read or change them."""

import os
import stat
from pathlib import Path
from typing import Final

from exchange.errors import Misconfigured

LARGEST_FILE: Final = 64 * 1024
"""Bytes of such a file; the largest of ours, a statement, has 7 kB."""
OTHERS: Final = 0o077
"""Permission bits of group and others."""


def read_private(path: Path, *, forbidden: int = OTHERS, links: bool = False) -> bytes:
    """Read a small file of ours that nobody else can change or, if private, read.

    Args:
        path: of the file.
        forbidden: permission bits that it must not have.
        links: whether the file may be a link.

    Raises:
        FileNotFoundError: there is none.
        Misconfigured: a link, foreign, too large, or with one of the forbidden bits.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if links else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError:
        raise Misconfigured(f"{path.name} cannot be opened, or is a link") from None
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (os.geteuid(), 0):
            raise Misconfigured(f"{path.name} is not a file of the user that runs this")
        if found.st_mode & forbidden:
            raise Misconfigured(f"others can use {path.name}; run: chmod 600 {path}")
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise Misconfigured(f"{path.name} is too large for a file with a secret")
    return data
