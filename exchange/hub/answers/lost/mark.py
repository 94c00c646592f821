"""How far somebody has come in what is affected: the cursor of its pages."""

from dataclasses import dataclass
from typing import Final

from exchange.canonical import b64u, is_uuid4, unb64u
from exchange.hub.cursor import read_cursor, write_cursor
from exchange.hub.storage.reading import Place


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has come: behind a disclosure by its id, or behind an entry of the log."""

    disclosure: str = ""
    place: Place | None = None

    def write(self) -> str:
        """Return it as a cursor."""
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
    named = unb64u(text).decode("ascii", "replace")
    return Mark(disclosure=named) if is_uuid4(named) else Mark(place=read_cursor(text))
