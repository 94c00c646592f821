"""Where a page of an agency's list of the log ended, as a word that only a hub reads.

One for every list that goes by `exchange.hub.storage.reading`: pages, questions and files.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from exchange.canonical import b64u, unb64u
from exchange.errors import Malformed
from exchange.hub.storage.reading import Place

LONGEST: Final = 17
"""Digits of a number in a cursor: microseconds until the year 5138."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def read_cursor(text: str | None) -> Place | None:
    """Return the place that a cursor names; None where a list begins.

    Raises:
        Malformed: not a cursor.
    """
    if text is None:
        return None
    micros, _, index = unb64u(text).partition(b".")
    if not all(number.isdigit() and len(number) <= LONGEST for number in (micros, index)):
        raise Malformed("not a cursor")
    return Place(_EPOCH + int(micros) * _MICROSECOND, int(index))


def write_cursor(place: Place) -> str:
    """Return a place as a cursor."""
    return b64u(b"%d.%d" % ((place.at - _EPOCH) // _MICROSECOND, place.index))
