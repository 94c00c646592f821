"""What a back office has exported: one archive, or the files themselves."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from exchange.errors import Malformed
from exchange.hookspecs import ExportedFile
from exchange_plugin_xdomea import archive

_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """One exported file."""

    size: int
    """Bytes, as its listing says."""
    open: Callable[[], IO[bytes]]

    def read(self, most: int) -> bytes:
        """Return the content.

        Raises:
            Malformed: it is larger than `most` bytes, or not as large as its listing says.
        """
        if self.size > most:
            raise Malformed("the message is too large")
        with self.open() as content:
            read = content.read(self.size + 1)
        if len(read) != self.size:
            raise Malformed("a file has another size than its listing says")
        return read

    def copy(self, place: Path) -> None:
        """Write the content to `place`.

        Raises:
            Malformed: it is not as large as its listing says.
        """
        copied = 0
        with self.open() as content, place.open("xb") as written:
            while block := content.read(_STEP):
                copied += len(block)
                if copied > self.size:
                    break
                written.write(block)
        if copied != self.size:
            raise Malformed("a file has another size than its listing says")


@contextmanager
def opened(exported: Sequence[ExportedFile], *, most: int) -> Iterator[Mapping[str, Source]]:
    """Yield what was exported, by name: the members of the one archive, or the files.

    Raises:
        Malformed: the archive is broken or not harmless; also what reading a member raises.
    """
    if len(exported) != 1 or not zipfile.is_zipfile(exported[0].path):
        yield {file.name: Source(file.size, partial(_open, file.path)) for file in exported}
        return
    place = exported[0].path
    with _listed(place) as packed:
        sources = _members(packed, place, most)
        try:
            yield sources
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            raise Malformed("the archive is broken") from None


def _listed(place: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(place)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, EOFError):
        raise Malformed("the listing of the archive is broken") from None


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _members(packed: zipfile.ZipFile, place: Path, most: int) -> Mapping[str, Source]:
    listed = archive.members(packed, place, most=most)
    return {
        name: Source(info.file_size, partial(packed.open, info)) for name, info in listed.items()
    }
