"""Long answers on paper, in parts: what a breach affects, disclosures, erasures.

Each part says which rows it has of how many, and is noted in the log before it goes out. For pages
and for programs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from exchange.forms.account import Fact, Said
from exchange.forms.answer import AnswerPaper, Section, answer_pdf
from exchange.forms.report import Grid
from exchange.hub.answers import breach, disclosures, erasures
from exchange.hub.answers.frame import Answered, agency_of
from exchange.hub.answers.lost.question import Wanted as Lost
from exchange.hub.desk import breach as breach_page
from exchange.hub.desk import disclosures as disclosures_page
from exchange.hub.desk import erasures as erasures_page
from exchange.hub.desk.printed import Reader, attached, printed, said_of, tabled, which_part
from exchange.hub.officer_files.breach import breach_source
from exchange.hub.officer_files.file import file_name
from exchange.hub.officer_files.lists import Question, disclosures_of, erasures_of
from exchange.hub.officer_files.noted import Source, count, note_rows
from exchange.hub.officer_files.part import Part, part_of, rows_in
from exchange.members import write_time
from exchange.pages.words import Words

SENT: Final = ("events.at", "disclosed.from", "events.category", "disclosed.secrecy")
HAPPENED: Final = ("events.at", "events.kind", "events.by", "events.consent")
TABLES: Final = (
    ("openable", (*SENT, "breach.header", "events.consent")),
    ("copied", (*SENT, "breach.header", "events.consent")),
    ("blocks", ("events.consent",)),
    ("doubtful", HAPPENED),
    ("shown", HAPPENED),
    ("perhaps", (*HAPPENED[:3], "breach.how", "events.category", "events.consent")),
)
"""Lists of a breach by their names on the page, and the keys of their heads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """What is particular about the paper of a list."""

    heading: str
    asked: Fact
    heads: Sequence[str]
    """Keys of what stands over the columns."""
    in_words: Callable[[Words, Iterable[Any]], list[list[Any]]] = field(repr=False)
    none: str
    """Key of what is said without a row."""


async def breach_paper(reader: Reader, wanted: Lost, number: int) -> web.Response:
    """Return a part of the report of a breach: facts, and its rows.

    Raises:
        NotPermitted: the reader reads no records.
        Malformed: there is no such part.
        Unavailable: the vault is away, and with it the trace.
        web.HTTPNotAcceptable: this hub prints nothing.
    """
    hub, say, agency = reader.hub, reader.say, agency_of(reader.asker)
    now = hub.clock()
    begin = await breach.begun(hub)
    totals = await breach.count(hub, agency, wanted, now, begin)
    part = part_of(totals.rows, number)
    source = breach_source(hub, agency, wanted, now, begin)
    rows = await rows_in(source, part)
    found = await breach.framed(hub, agency, wanted, now, totals)
    told = breach_page.in_words(say, found.answer.with_rows(rows, wanted.since))
    grids = (_grid(say, say(f"breach.{name}"), heads, told[name]) for name, heads in TABLES)
    tables = (tabled(say, grid.caption, grid) for grid in grids)
    facts = Section(
        heading=say("breach.answer"),
        hints=(say(f"breach.explained_{wanted.kind}"),),
        facts=tuple(told["facts"]),
    )
    heading = f"{say('breach.heading')}: {say(f'breach.{wanted.kind}')} {wanted.key}"
    sections = (facts, *(one for one in tables if one is not None))
    made = await _printed(reader, found, heading, sections, part)
    if rows:
        await breach.note_look(hub, reader.asker, wanted)
    return await _noted(reader, source, rows, made)


async def disclosures_paper(
    reader: Reader, wanted: disclosures.Wanted, number: int
) -> web.Response:
    """Return a part of the disclosures between two days; see `breach_paper`."""
    say = reader.say
    last = wanted.until - disclosures_page.NEXT
    paper = _List(
        heading=say("disclosed.heading"),
        asked=Fact(say("disclosed.span"), (Said(say.day(wanted.since)), Said(say.day(last)))),
        heads=disclosures_page.HEADS,
        in_words=disclosures_page.in_words,
        none="disclosed.none",
    )
    return await _list(reader, disclosures_of(reader.hub, reader.asker, wanted), paper, number)


async def erasures_paper(reader: Reader, wanted: erasures.Wanted, number: int) -> web.Response:
    """Return a part of the erasures in one state; see `breach_paper`."""
    say = reader.say
    paper = _List(
        heading=say("erasure.heading"),
        asked=Fact(say("erasure.state"), (Said(say(f"erasure.{wanted.state}")),)),
        heads=erasures_page.HEADS,
        in_words=erasures_page.in_words,
        none="erasure.none",
    )
    return await _list(reader, erasures_of(reader.hub, reader.asker, wanted), paper, number)


async def _list(reader: Reader, question: Question, paper: _List, number: int) -> web.Response:
    say, source = reader.say, question.source
    found = await question.ask(None)
    part = part_of((await count(source)).rows, number)
    rows = await rows_in(source, part)
    grid = _grid(say, paper.heading, paper.heads, paper.in_words(say, rows))
    table = tabled(say, paper.heading, grid)
    section = table or Section(heading=paper.heading, hints=(say(paper.none),))
    made = await _printed(reader, found, paper.heading, (section,), part, paper.asked)
    return await _noted(reader, source, rows, made)


async def _printed(
    reader: Reader,
    found: Answered[Any, Any],
    heading: str,
    sections: tuple[Section, ...],
    part: Part,
    *asked: Fact,
) -> web.Response:
    say = reader.say
    paper = AnswerPaper(
        lang=say.lang,
        heading=heading,
        said=(*said_of(say, found), *asked, *_which(say, part)),
        sections=sections,
        page=say("files.page"),
    )
    made = await printed(reader, lambda day: answer_pdf(paper, today=day))
    said = {
        "question": found.question,
        "agency": found.agency,
        "answered_at": write_time(found.answered_at.replace(microsecond=0)),
    }
    which = f"part-{part.number}-of-{part.of}.pdf" if part.of > 1 else "pdf"
    return attached(made, file_name(said, which))


async def _noted(
    reader: Reader, source: Source[Any], rows: Sequence[Any], made: web.Response
) -> web.Response:
    """Return what is made once it is noted: of what could not be printed there is no note."""
    await note_rows(reader.hub, reader.asker, source, rows)
    return made


def _which(say: Words, part: Part) -> tuple[Fact, ...]:
    if part.of == 1:
        return ()
    return (Fact(say("files.part"), (Said(which_part(say, part)),)),)


def _grid(say: Words, caption: str, heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> Grid:
    return Grid(caption, tuple(map(say, heads)), tuple(tuple(map(_text, row)) for row in rows))


def _text(cell: Any) -> str:
    """Return a cell for paper: of a consent its whole id, for nobody can follow a link there."""
    if isinstance(cell, dict):
        return str(cell["path"]).rpartition("/")[2]
    return str(cell) if isinstance(cell, str) else "; ".join(cell)
