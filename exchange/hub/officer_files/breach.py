"""What a lost key, account or code has exposed as a file: every row, however many there are.

Rows of all kinds stand in one list, each with the name of its list in the answer by program;
deadline, counts and next steps are part of what the file says of itself.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from exchange.hub.answers.breach import Breach, begun, count, framed, note_look, pages_of
from exchange.hub.answers.frame import Answered, agency_of
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.answers.lost.rows import Affected, Openable, SealedBlock
from exchange.hub.officer_files.file import Ending, File, Listing, Row, list_file
from exchange.hub.officer_files.lists import PAGE, members_of, shape_in, told
from exchange.hub.officer_files.noted import Counted, Source, noted
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.spreadsheet import LISTED, flattened
from exchange.wire import officer_breach

LISTS: Final = (
    "openable",
    "openable_if_copied",
    "sealed_blocks",
    "doubtful",
    "shown",
    "perhaps_seen",
)
"""Of an answer, in this order; the first column of the table."""


async def breach_file(hub: Hub, asker: Officer, wanted: Wanted, ending: Ending) -> File:
    """Return all that is affected; that it is taken stands in the log before.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away, and with it the trace.
    """
    agency, now = agency_of(asker), hub.clock()
    begin = await begun(hub)
    totals = await count(hub, agency, wanted, now, begin)
    if totals.rows:
        await note_look(hub, asker, wanted)
    source = breach_source(hub, agency, wanted, now, begin)
    pages = await noted(
        hub,
        asker,
        source,
        Counted(rows=totals.rows, first=totals.entries[0], behind=totals.entries[1]),
    )
    first = await framed(hub, agency, wanted, now, totals)
    said = told(officer_breach.BreachAnswer, first)
    facts = {name: value for name, value in said["answer"].items() if name not in LISTS}
    frame = {name: value for name, value in said.items() if name not in LISTED}
    listing = Listing(
        head={**frame, "facts": facts, "next": None},
        columns=("list", *dict.fromkeys(_columns())),
        pages=_rows(first, pages),
        flat=lambda row: (flattened(row),),
    )
    return list_file(listing, ending)


def breach_source(
    hub: Hub, agency: str, wanted: Wanted, now: datetime, begin: Mark
) -> Source[Affected]:
    """Return all that is affected, as often as somebody wants to go through it."""
    index_of = None if wanted.kind == "document" else _index
    return Source(lambda: pages_of(hub, agency, wanted, now, PAGE, begin), index_of)


def _index(row: Affected) -> int:
    """Return which entry of the log a row is; those of a document key are none."""
    return 0 if isinstance(row, Openable | SealedBlock) else row.index


async def _rows(
    frame: Answered[Wanted, Breach], pages: AsyncGenerator[Sequence[Affected], None]
) -> AsyncGenerator[Sequence[Row], None]:
    async with aclosing(pages):
        async for page in pages:
            answer = frame.answer.with_rows(page, frame.asked.since)
            yield [
                *_listed(told(officer_breach.BreachAnswer, replace(frame, answer=answer))["answer"])
            ]


def _listed(answer: Mapping[str, Any]) -> Iterator[Row]:
    for name in LISTS:
        for row in answer[name]:
            yield {"list": name, **row}


def _columns() -> Iterator[str]:
    for name in LISTS:
        row = shape_in(officer_breach.Breach.model_fields[name].annotation)
        if row is not None:
            yield from members_of(row, "")
