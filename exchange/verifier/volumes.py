"""The openings of an export and the table of them for people, in volumes of about a megabyte.

The first volume is `openings.jsonl` with `index.html`, and in a small export the only one; the
others lie in `openings/` and `index/`. A file of a tar says its size before its content: so an
export leaves while it is made, and nobody needs memory or a disk for all of its openings.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

from exchange.audit.checkpoint import Checkpoint
from exchange.errors import Malformed, NotFound
from exchange.verifier import index
from exchange.verifier.archive import Member
from exchange.verifier.files import Files, lines
from exchange.verifier.opened import LARGEST_LINE, NAME, Opened, write_opened

ENOUGH: Final = 1024 * 1024
"""Bytes of openings with which a volume is full: some two thousand of them."""


def name_of(number: int) -> str:
    """Return the name of the openings of a volume; names are in the order of the numbers."""
    return NAME if number == 1 else f"openings/{number:06}.jsonl"


class Volumes:
    """Openings while they are written, and their table."""

    def __init__(self, agency: str, tree: Checkpoint) -> None:
        """Begin the first volume.

        Args:
            agency: whose export it is.
            tree: head of the log.
        """
        self._agency = agency
        self._tree = tree
        self._number = 1
        self._lines = bytearray()
        self._rows = bytearray()

    def add(self, opened: Opened, event: Mapping[str, Any]) -> list[Member]:
        """Take an opening, and return the files of the volume before if that was full.

        Args:
            opened: behind all before.
            event: its members; empty for a public document.
        """
        full = self._close(more=True) if len(self._lines) >= ENOUGH else []
        self._lines += write_opened(opened) + b"\n"
        self._rows += index.row_of(opened.index, event)
        return full

    def end(self) -> list[Member]:
        """Return the files of the last volume, which is there even if nothing is opened."""
        return self._close(more=False)

    def _close(self, *, more: bool) -> list[Member]:
        number, rows = self._number, bytes(self._rows)
        page = index.page_of(self._agency, self._tree, number, rows, more=more)
        members = [(name_of(number), bytes(self._lines)), (index.name_of(number), page)]
        self._number += 1
        self._lines.clear()
        self._rows.clear()
        return members


async def lines_of(files: Files) -> AsyncGenerator[tuple[str, int, bytes], None]:
    """Yield the lines of all volumes: the file it is in, its number there from 1, the line.

    Volumes behind one that is missing are not looked for: what they open counts as not opened.

    Raises:
        NotFound: there is no first volume: nothing is opened.
        TooLarge: a line has more than `LARGEST_LINE` bytes.
        Malformed: a volume behind the first without a line.
    """
    volume = 1
    while True:
        name, number = name_of(volume), 0
        try:
            async with aclosing(lines(files, name, limit=LARGEST_LINE)) as found:
                async for line in found:
                    number += 1
                    yield name, number, line
        except NotFound:
            if volume == 1:
                raise
            return
        if volume > 1 and not number:  # whoever serves such volumes may have no end of them
            raise Malformed("a volume of openings behind the first has no line")
        volume += 1
