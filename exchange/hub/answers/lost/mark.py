"""How far somebody has come in what is affected: the cursor of its pages."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from exchange.canonical import b64u, is_uuid4, unb64u
from exchange.errors import Malformed
from exchange.hub.cursor import read_cursor, write_cursor
from exchange.hub.storage.reading import Place

WHOLE_LOG: Final = 0
"""Stands for all lists together where a look is named: entry 0 is none, it records something."""
_LOOKS: Final = struct.Struct(">BQQQ")
"""What follows, and three numbers: how long the log was; then microseconds and index of a look, or
a look and the index of an entry that it may have shown."""
_AT_LOOK, _SEEN = 1, 2
_LARGEST: Final = 10**17
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has come: behind a disclosure by its id, or behind an entry of the log."""

    disclosure: str = ""
    place: Place | None = None
    cut: int | None = None
    """Where looks count: entries from this one on came after the question. Without it whoever asks
    about her own looks adds one with each page, and comes to no end."""
    seen: tuple[int, int] | None = None
    """Behind all looks: which look, or `WHOLE_LOG`, and the entry that it may have shown."""

    def write(self) -> str:
        """Return it as a cursor."""
        if self.cut is not None and self.seen is not None:
            return b64u(_LOOKS.pack(_SEEN, self.cut, *self.seen))
        if self.cut is not None and self.place is not None:
            micros = (self.place.at - _EPOCH) // _MICROSECOND
            return b64u(_LOOKS.pack(_AT_LOOK, self.cut, micros, self.place.index))
        if self.place is not None:
            return write_cursor(self.place)
        return b64u(self.disclosure.encode())


BEGIN: Final = Mark()


def read_mark(text: str | None) -> Mark:
    """Return what `Mark.write` wrote; None is the beginning.

    Raises:
        Malformed: not a cursor.
    """
    if text is None:
        return BEGIN
    raw = unb64u(text)
    if len(raw) == _LOOKS.size and raw[0] in {_AT_LOOK, _SEEN}:
        kind, cut, one, index = _LOOKS.unpack(raw)
        if max(cut, one, index) > _LARGEST:
            raise Malformed("not a cursor")
        if kind == _SEEN:
            return Mark(cut=cut, seen=(one, index))
        return Mark(cut=cut, place=Place(_EPOCH + one * _MICROSECOND, index))
    named = raw.decode("ascii", "replace")
    return Mark(disclosure=named) if is_uuid4(named) else Mark(place=read_cursor(text))
