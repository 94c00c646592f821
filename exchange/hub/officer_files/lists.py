"""Disclosures, erasures and partners as files: rows as in the answers by program."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Final, get_args

from pydantic import BaseModel

from exchange.hub.answers import disclosures, erasures, partners
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
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.wire import officer, officer_terms

PAGE: Final = 500
"""Rows held in memory at once, and noted together."""


async def disclosures_file(
    hub: Hub, asker: Officer, wanted: disclosures.Wanted, ending: Ending
) -> File:
    """Return who disclosed what to whom; in the table a line for each recipient.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away, and with it the trace.
    """

    def ask(after: str | None) -> Awaitable[Answered[object, object]]:
        return disclosures.list_disclosures(hub, asker, wanted, after=after, limit=PAGE)

    return list_file(await _listing(officer.DisclosuresAnswer, ask, _per("to")), ending)


async def erasures_file(hub: Hub, asker: Officer, wanted: erasures.Wanted, ending: Ending) -> File:
    """Return what is to be erased, and what was answered; see `disclosures_file`."""

    def ask(after: str | None) -> Awaitable[Answered[object, object]]:
        return erasures.list_erasures(hub, asker, wanted, after=after, limit=PAGE)

    return list_file(await _listing(officer.ErasuresAnswer, ask, _whole), ending)


async def partners_file(hub: Hub, asker: Officer, ending: Ending) -> File:
    """Return partners and their keys, in the table a line for each key; see `disclosures_file`.

    Looking at keys leaves no trace. Taking them away does, as everything an officer takes.
    """

    async def ask(after: str | None) -> Answered[object, object]:
        found = await partners.list_partners(hub, asker, after=after, limit=PAGE)
        size = 0 if found.checkpoint is None else found.checkpoint.size
        if found.answer:
            await trace.record_export(hub, asker, first=0, until=size, count=len(found.answer))
        return found

    return list_file(await _listing(officer_terms.PartnersAnswer, ask, _per("keys")), ending)


async def _listing(
    shape: type[officer.Frame],
    ask: Callable[[str | None], Awaitable[Answered[object, object]]],
    flat: Callable[[Row], Iterator[Row]],
) -> Listing:
    first, pages = await begun(answered(shape, ask))
    head = {name: value for name, value in first.items() if name not in LISTED}
    return Listing(
        head={**head, "next": None}, columns=(*columns(shape),), pages=_rows(pages), flat=flat
    )


def columns(shape: type[officer.Frame]) -> Iterator[str]:
    """Yield the columns of an answer's table: every member of its rows, in their order."""
    row = shape_in(shape.model_fields["answer"].annotation)
    return iter(()) if row is None else members_of(row, "")


def members_of(shape: type[BaseModel], before: str) -> Iterator[str]:
    """Yield the members of a shape as columns, those of shapes in it behind a point."""
    for name, member in shape.model_fields.items():
        spelled = f"{before}{member.serialization_alias or name}"
        inner = shape_in(member.annotation)
        if inner is None:
            yield spelled
        else:
            yield from members_of(inner, f"{spelled}.")


def shape_in(annotation: object) -> type[BaseModel] | None:
    """Return the shape that a member holds, one or many of it; None for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = map(shape_in, get_args(annotation))
    return next((one for one in found if one is not None), None)


async def answered(
    shape: type[officer.Frame], ask: Callable[[str | None], Awaitable[Answered[object, object]]]
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the answers by program, page by page."""
    after: str | None = None
    while True:
        found = await ask(after)
        yield shape.model_validate(found, from_attributes=True).model_dump(mode="json")
        after = found.next
        if after is None:
            return


async def _rows(
    pages: AsyncGenerator[dict[str, Any], None],
) -> AsyncGenerator[Sequence[Row], None]:
    async with aclosing(pages):
        async for page in pages:
            yield page["answer"]


def _whole(row: Row) -> Iterator[Row]:
    yield flattened(row)


def _per(member: str) -> Callable[[Row], Iterator[Row]]:
    """Return what makes a line of each part of a row: all of the row, and one part of `member`."""

    def flat(row: Any) -> Iterator[Row]:
        kept = {name: value for name, value in row.items() if name != member}
        for part in row[member]:
            yield flattened({**kept, member: part})

    return flat
