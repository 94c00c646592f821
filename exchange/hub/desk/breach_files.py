"""What is affected by a breach, taken away: all of it as CSV or JSON, the report as PDF."""

from typing import Any, Final

from aiohttp import web

from exchange.forms.answer import PRINTED, AnswerPaper, Section, answer_pdf
from exchange.forms.report import Grid
from exchange.hub.answers.breach import Breach, scope_breach
from exchange.hub.answers.frame import Answered
from exchange.hub.desk.answer_files import ENDINGS, ending_of
from exchange.hub.desk.breach import BREACH, FIELDS, asked_for, in_words
from exchange.hub.desk.printed import attached, printed, said_of, tabled
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.http.hand_out import hand_out
from exchange.hub.officer_files.breach import breach_file
from exchange.hub.officer_files.file import file_name
from exchange.members import write_time

SENT: Final = ("events.at", "disclosed.from", "events.category", "disclosed.secrecy")
HAPPENED: Final = ("events.at", "events.kind", "events.by", "events.consent")
TABLES: Final = (
    ("openable", (*SENT, "breach.header", "events.consent")),
    ("copied", (*SENT, "breach.header", "events.consent")),
    ("blocks", ("events.consent",)),
    ("doubtful", HAPPENED),
    ("shown", HAPPENED),
)
"""Lists on paper, by their names on the page, and the keys of their heads."""


async def take_rows(visit: Visit) -> web.StreamResponse:
    """Hand out everything that is affected."""
    wanted = asked_for(_given(visit), visit.hub.clock())
    file = await breach_file(visit.hub, visit.asker, wanted, ending_of(visit))
    return await hand_out(visit.request, file)


async def take_paper(visit: Visit) -> web.Response:
    """Hand out the report as PDF; looking at the answer has left its trace already."""
    wanted = asked_for(_given(visit), visit.hub.clock())
    found = await scope_breach(visit.hub, visit.asker, wanted, after=None, limit=PRINTED)
    paper = paper_of(visit, found, more=found.next is not None)
    made = await printed(visit, lambda day: answer_pdf(paper, today=day))
    said = {
        "question": found.question,
        "agency": found.agency,
        "answered_at": write_time(found.answered_at.replace(microsecond=0)),
    }
    return attached(made, file_name(said, "pdf"))


def paper_of(visit: Visit, found: Answered[Any, Breach], *, more: bool) -> AnswerPaper:
    """Return an answer as a paper.

    Args:
        visit: whose words.
        found: the first page of the answer.
        more: whether there are further rows, which only the files have.
    """
    say = visit.say
    told = in_words(visit, found.answer)
    grids = [
        Grid(
            say(f"breach.{name}"),
            tuple(map(say, heads)),
            tuple(tuple(map(_text, row)) for row in told[name]),
        )
        for name, heads in TABLES
    ]
    hints: tuple[str, ...] = (say(f"breach.explained_{found.asked.kind}"),)
    if more:
        hints += (say("files.first", shown=PRINTED),)
    facts = Section(heading=say("breach.answer"), hints=hints, facts=tuple(told["facts"]))
    tables = (tabled(visit, grid.caption, grid) for grid in grids)
    return AnswerPaper(
        lang=visit.lang,
        heading=f"{say('breach.heading')}: {say(f'breach.{found.asked.kind}')} {found.asked.key}",
        said=said_of(visit, found),
        sections=(facts, *(one for one in tables if one is not None)),
        page=say("files.page"),
    )


def _given(visit: Visit) -> dict[str, str]:
    return {name: visit.fields.get(name, "") for name in FIELDS}


def _text(cell: Any) -> str:
    """Return a cell for paper: of a consent its whole id, for nobody can follow a link there."""
    return cell["path"].rpartition("/")[2] if isinstance(cell, dict) else str(cell)


PLACES: Final = (
    Place(path=f"{BREACH}.{ENDINGS}", page=take_rows, fresh=True),
    Place(path=f"{BREACH}.pdf", page=take_paper, fresh=True),
)
