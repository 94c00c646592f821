"""A file that an officer takes away, and lists as CSV or JSON.

It is made while it goes out: memory holds one page of it, however long it is.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from exchange.canonical import Json, encode
from exchange.spreadsheet import cell, lines, said_of

Ending: TypeAlias = Literal["csv", "json"]
"""What a list can be written as; the ending of the file's name."""
Row: TypeAlias = Mapping[str, Json]
MEDIA: Final[Mapping[Ending, str]] = MappingProxyType(
    {"csv": "text/csv; charset=utf-8", "json": "application/json"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file on its way; the first of it is known to be allowed."""

    name: str
    """Letters, digits, points and hyphens."""
    media: str
    """Value of `Content-Type`."""
    chunks: AsyncGenerator[bytes, None] = field(repr=False)
    """Its content. Whoever takes it closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list in the making."""

    head: Row
    """The frame of every answer to officers: question, agency, what was asked, when, over which
    head of the log."""
    columns: tuple[str, ...]
    """Of the table: the same in every file, whatever is in it."""
    pages: AsyncGenerator[Sequence[Row], None] = field(repr=False)
    """The rows, as they stand in the answer by program."""
    flat: Callable[[Row], Iterable[Row]]
    """Return the lines of a row in the table, each with its cells by column."""


def list_file(listing: Listing, ending: Ending) -> File:
    """Return a list as a file; its name says whose it is, of what, and of which day."""
    chunks = as_csv(listing) if ending == "csv" else as_json(listing)
    return File(name=file_name(listing.head, ending), media=MEDIA[ending], chunks=chunks)


def file_name(head: Row, ending: str) -> str:
    """Return the name of a file with this frame, such as `disclosures-women-b-2026-04-02.csv`."""
    day = str(head["answered_at"]).partition("T")[0]
    parts = (head["question"], head["agency"], day)
    return f"{'-'.join(str(part) for part in parts if part is not None)}.{ending}"


async def as_csv(listing: Listing) -> AsyncGenerator[bytes, None]:
    """Yield a table: what it contains, an empty line, the names of the columns, and the rows."""
    yield lines([*said_of(listing.head), [], listing.columns])
    async with aclosing(listing.pages) as pages:
        async for page in pages:
            flat = (one for row in page for one in listing.flat(row))
            yield lines([cell(one.get(name)) for name in listing.columns] for one in flat)


async def as_json(listing: Listing) -> AsyncGenerator[bytes, None]:
    """Yield one object: the frame of every answer to officers, and the rows as `answer`."""
    yield opened_with(listing.head, "answer")
    between = b""
    async with aclosing(listing.pages) as pages:
        async for page in pages:
            if page:
                yield between + b",".join(encode(row) for row in page)
                between = b","
    yield b"]}"


def opened_with(head: Row, member: str) -> bytes:
    """Return the begin of an object: some members, and a list that is still open."""
    return encode(dict(head)).removesuffix(b"}") + f',"{member}":['.encode()
