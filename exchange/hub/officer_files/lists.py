"""Disclosures, erasures and partners as files: rows as in the answers by program."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, get_args

from pydantic import BaseModel

from exchange.hub.answers import disclosures, erasures, partners
from exchange.hub.answers.frame import Answered
from exchange.hub.officer_files.file import (
    Ending,
    File,
    Listing,
    Row,
    list_file,
)
from exchange.hub.officer_files.noted import Source, ahead, in_stretches
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.spreadsheet import LISTED, flattened
from exchange.wire import officer, officer_terms

PAGE: Final = 500
"""Rows held in memory at once."""

Asking: TypeAlias = Callable[[str | None], Awaitable[Answered[Any, tuple[Any, ...]]]]
"""Returns the page behind a cursor, and notes nothing in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A list that is taken away as a whole."""

    ask: Asking = field(repr=False)
    shape: type[officer.Frame]
    """Of the answer by program."""
    flat: Callable[[Row], Iterator[Row]] = field(repr=False)
    """What the lines of a row are in a table."""
    index_of: Callable[[Any], int] | None = field(default=None, repr=False)
    """Returns which entry of the log a row is; None where rows are no entries."""

    @property
    def source(self) -> Source[Any]:
        """The rows, as often as somebody wants to go through them."""
        return Source(lambda: _every(self.ask), self.index_of)


def disclosures_of(hub: Hub, asker: Officer, wanted: disclosures.Wanted) -> Question:
    """Return who disclosed what to whom; in the table a line for each recipient."""

    def ask(after: str | None) -> Awaitable[Answered[Any, tuple[Any, ...]]]:
        return disclosures.find_disclosures(hub, asker, wanted, after=after, limit=PAGE)

    return Question(
        ask=ask,
        shape=officer.DisclosuresAnswer,
        flat=_per("to"),
        index_of=lambda one: int(one.log.disclosure),
    )


def erasures_of(hub: Hub, asker: Officer, wanted: erasures.Wanted) -> Question:
    """Return what is to be erased, and what was answered."""

    def ask(after: str | None) -> Awaitable[Answered[Any, tuple[Any, ...]]]:
        return erasures.find_erasures(hub, asker, wanted, after=after, limit=PAGE)

    return Question(ask=ask, shape=officer.ErasuresAnswer, flat=_whole)


def partners_of(hub: Hub, asker: Officer) -> Question:
    """Return partners and their keys, in the table a line for each key.

    Its caller notes that they are taken away, as everything an officer takes.
    """

    def ask(after: str | None) -> Awaitable[Answered[Any, tuple[Any, ...]]]:
        return partners.find_partners(hub, asker, after=after, limit=PAGE)

    return Question(ask=ask, shape=officer_terms.PartnersAnswer, flat=_per("keys"))


async def question_file(hub: Hub, asker: Officer, question: Question, ending: Ending) -> File:
    """Return all of a list as a file; that it is taken stands in the log before.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away, and with it the trace.
    """
    first = await question.ask(None)
    pages = await in_stretches(hub, asker, await ahead(question.source))
    said = told(question.shape, replace(first, answer=()))
    listing = Listing(
        head={name: value for name, value in said.items() if name not in LISTED} | {"next": None},
        columns=(*columns(question.shape),),
        pages=_rows(question.shape, first, pages),
        flat=question.flat,
    )
    return list_file(listing, ending)


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


def told(shape: type[officer.Frame], found: Answered[Any, Any]) -> dict[str, Any]:
    """Return an answer as programs have it."""
    return shape.model_validate(found, from_attributes=True).model_dump(mode="json")


async def _every(ask: Asking) -> AsyncGenerator[Sequence[Any], None]:
    after: str | None = None
    while True:
        found = await ask(after)
        yield found.answer
        after = found.next
        if after is None:
            return


async def _rows(
    shape: type[officer.Frame],
    frame: Answered[Any, tuple[Any, ...]],
    pages: AsyncGenerator[Sequence[Any], None],
) -> AsyncGenerator[Sequence[Row], None]:
    async with aclosing(pages):
        async for page in pages:
            yield told(shape, replace(frame, answer=tuple(page)))["answer"]


def _whole(row: Row) -> Iterator[Row]:
    yield flattened(row)


def _per(member: str) -> Callable[[Row], Iterator[Row]]:
    """Return what makes a line of each part of a row: all of the row, and one part of `member`."""

    def flat(row: Any) -> Iterator[Row]:
        kept = {name: value for name, value in row.items() if name != member}
        for part in row[member]:
            yield flattened({**kept, member: part})

    return flat
