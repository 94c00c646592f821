"""The files an officer takes away: her agency's log as CSV and as JSON, written piece by piece."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from exchange.audit.event import MEMBERS, seconds
from exchange.canonical import Json, encode
from exchange.hub.list_events import Events, Listed

Head: TypeAlias = Mapping[str, Json]
"""What the file says of itself before the events."""
Writer: TypeAlias = Callable[[Head, AsyncIterator[Events]], AsyncIterator[bytes]]

FIRST: Final = ("entry", "at", "kind", "by", "to", "purpose", "category", "result", "state", "why")
LAST: Final = ("consent_id", "receipt")
COLUMNS: Final = (
    *FIRST,
    *sorted({name for names in MEMBERS.values() for name in names} - {*FIRST, "detail"}),
    *LAST,
)
"""Of the CSV file: the same in every file, whatever is in it."""
ACTIVE: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell instead of showing it."""


async def as_csv(_head: Head, pages: AsyncIterator[Events]) -> AsyncIterator[bytes]:
    """Yield a table with a line of names, as in RFC 4180.

    A cell that a spreadsheet would compute has an apostrophe before it; a digest may be one.
    """
    yield _lines([COLUMNS])
    async for page in pages:
        yield _lines([_cells(one) for one in page.events])


async def as_json(head: Head, pages: AsyncIterator[Events]) -> AsyncIterator[bytes]:
    """Yield one object: the frame of every answer to officers, and the events as `answer`."""
    yield encode(head).removesuffix(b"}") + b',"answer":['
    between = b""
    async for page in pages:
        for one in page.events:
            yield between + encode(described(one))
            between = b","
    yield b"]}"


WRITERS: Final[Mapping[str, tuple[str, Writer]]] = MappingProxyType(
    {
        "csv": ("text/csv; charset=utf-8", as_csv),
        "json": ("application/json", as_json),
    }
)
"""Media type and writer by the ending of a file's name."""


def described(one: Listed) -> dict[str, Json]:
    """Return an event as JSON: what is in it, and what the hub knows of it now."""
    return {
        "entry": one.index,
        "at": seconds(one.at),
        "kind": one.kind,
        "by": one.by,
        **one.members,
        "state": one.state,
        "why": one.why,
        "consent_id": one.consent,
        "receipt": one.rid,
    }


def frame(
    agency: str | None, asked: Mapping[str, Json], at: datetime, checkpoint: Json
) -> dict[str, Json]:
    """Return what a file says of itself: question, parameters, time and head of the log."""
    return {
        "question": "events",
        "agency": agency,
        "asked": asked,
        "answered_at": seconds(at),
        "checkpoint": checkpoint,
        "next": None,
    }


def _cells(one: Listed) -> list[str]:
    values = described(one)
    return [_cell(values.get(name)) for name in COLUMNS]


def _cell(value: Json) -> str:
    if value is None:
        return ""
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if text.startswith(ACTIVE) else text


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
