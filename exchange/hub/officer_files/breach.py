"""What a lost key, account or code has exposed as a file: every row, however many there are.

Rows of all kinds stand in one list, each with the name of its list in the answer by program;
deadline, counts and next steps are part of what the file says of itself.
"""

from collections.abc import AsyncGenerator, Awaitable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Final

from exchange.hub.answers.affected import Wanted
from exchange.hub.answers.breach import scope_breach
from exchange.hub.answers.frame import Answered
from exchange.hub.officer_files.file import (
    LISTED,
    Ending,
    File,
    Listing,
    Row,
    begun,
    flattened,
    list_file,
)
from exchange.hub.officer_files.lists import PAGE, answered, members_of, shape_in
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.wire import officer

LISTS: Final = ("openable", "openable_if_copied", "sealed_blocks", "doubtful", "shown")
"""Of an answer, in this order; the first column of the table."""


async def breach_file(hub: Hub, asker: Officer, wanted: Wanted, ending: Ending) -> File:
    """Return all that is affected; each page of it is noted in the log before it goes out.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away, and with it the trace.
    """

    def ask(after: str | None) -> Awaitable[Answered[object, object]]:
        return scope_breach(hub, asker, wanted, after=after, limit=PAGE)

    first, pages = await begun(answered(officer.BreachAnswer, ask))
    said = {name: value for name, value in first.items() if name not in LISTED}
    facts = {name: value for name, value in first["answer"].items() if name not in LISTS}
    listing = Listing(
        head={**said, "facts": facts, "next": None},
        columns=("list", *dict.fromkeys(_columns())),
        pages=_rows(pages),
        flat=lambda row: (flattened(row),),
    )
    return list_file(listing, ending)


async def _rows(
    pages: AsyncGenerator[dict[str, Any], None],
) -> AsyncGenerator[Sequence[Row], None]:
    async with aclosing(pages):
        async for page in pages:
            answer = page["answer"]
            yield [{"list": name, **row} for name in LISTS for row in answer[name]]


def _columns() -> Iterator[str]:
    for name in LISTS:
        row = shape_in(officer.Breach.model_fields[name].annotation)
        if row is not None:
            yield from members_of(row, "")
