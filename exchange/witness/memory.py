"""What a witness remembers: of each log the whole last checkpoint it has cosigned.

```
lock                     held while a program uses the directory; a second one is refused
<SHA-256 of the origin>  one file per log, hex: the note with the log's and our own signature;
                         empty while nothing is cosigned
conflict/                what did not continue what we hold: evidence, never removed by the program
```
A witness that forgot would cosign anything. So a log without a file is refused until it is
declared to be new (`prepare`), and an empty directory is one without a file.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from exchange.durable import make_directory, write_bytes_durably
from exchange.errors import Misconfigured

LOCK: Final = "lock"
CONFLICT: Final = "conflict"
MOST_CONFLICTS: Final = 1000
"""Files of evidence kept: whoever has a log's key could otherwise fill the disk with them."""


def file_name(origin: str) -> str:
    """Return the name under which a log's checkpoint is kept and served: 64 hex digits."""
    return hashlib.sha256(origin.encode("utf-8")).hexdigest()


class Memory:
    """The directory of one witness, locked. Make it with `remembering`."""

    def __init__(self, directory: Path) -> None:
        """Take the directory; its lock is held by the caller."""
        self._directory = directory

    def last(self, origin: str) -> bytes | None:
        """Return the note last cosigned of a log; None if nothing of it is cosigned yet.

        Raises:
            OSError: it cannot be read: then nothing may be cosigned.
        """
        return (self._directory / file_name(origin)).read_bytes() or None

    def keep(self, origin: str, note: bytes) -> None:
        """Remember a note in place of the one before; durable when it returns.

        After an error one of the two is remembered, whole; no cosignature may go out then.
        """
        write_bytes_durably(self._directory / file_name(origin), note, replace=True)

    def convict(self, origin: str, evidence: bytes) -> None:
        """Keep something signed that contradicts what is remembered; the same thing once."""
        folder = self._directory / CONFLICT
        make_directory(folder)
        name = f"{file_name(origin)[:16]}-{hashlib.sha256(evidence).hexdigest()}"
        if (folder / name).exists() or len(list(folder.iterdir())) >= MOST_CONFLICTS:
            return
        write_bytes_durably(folder / name, evidence, replace=True)


@contextmanager
def remembering(directory: Path, origins: Iterable[str]) -> Iterator[Memory]:
    """Be the only witness in `directory` while the block runs.

    Raises:
        Misconfigured: no such directory, another program uses it, others may write to it, or it
            holds nothing about one of `origins`.
    """
    if not directory.is_dir():
        raise Misconfigured(f"there is no directory {directory}; {_ADVICE}")
    if directory.stat().st_mode & 0o022:
        raise Misconfigured(f"others may write to {directory}: chmod 700")
    with _alone_in(directory):
        forgotten = [one for one in origins if not (directory / file_name(one)).is_file()]
        if forgotten:
            raise Misconfigured(
                f"nothing is remembered about {', '.join(forgotten)} in {directory}; {_ADVICE}"
            )
        yield Memory(directory)


_ADVICE: Final = (
    "a witness that has forgotten would cosign anything: bring back what is lost, or, if it never "
    "cosigned that log before, prepare it once with --init"
)


def prepare(directory: Path, origins: Iterable[str]) -> list[str]:
    """Make the directory, and a file for each log without one; return those logs.

    What is remembered stays. A crash in between leaves some logs prepared.

    Raises:
        Misconfigured: another program uses the directory.
    """
    make_directory(directory)
    with _alone_in(directory):
        new = [one for one in origins if not (directory / file_name(one)).exists()]
        for origin in new:
            write_bytes_durably(directory / file_name(origin), b"")
    return new


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Misconfigured(f"another witness uses {directory}") from None
    finally:
        os.close(lock)
