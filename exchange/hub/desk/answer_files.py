"""Lists of answers as files: all of a list, not only the page that is shown."""

from typing import Final

from aiohttp import web

from exchange.errors import Malformed
from exchange.hub.answers.erasures import Wanted
from exchange.hub.desk.disclosures import DISCLOSURES, asked_for
from exchange.hub.desk.erasures import ERASURES, state_of
from exchange.hub.desk.papers import disclosures_paper, erasures_paper
from exchange.hub.desk.partners import PARTNERS
from exchange.hub.desk.printed import reader_of
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.http.hand_out import hand_out
from exchange.hub.officer_files.file import Ending
from exchange.hub.officer_files.lists import (
    Question,
    disclosures_of,
    erasures_of,
    partners_of,
    question_file,
)

ENDINGS: Final = "{ending:csv|json}"
LONGEST_PART: Final = 6
"""Digits of the number of a part."""


async def take_disclosures(visit: Visit) -> web.StreamResponse:
    """Hand out the disclosures of some days."""
    return await _take(visit, disclosures_of(visit.hub, visit.asker, asked_for(visit)))


async def take_erasures(visit: Visit) -> web.StreamResponse:
    """Hand out the erasures in one state."""
    return await _take(visit, erasures_of(visit.hub, visit.asker, Wanted(state_of(visit))))


async def take_partners(visit: Visit) -> web.StreamResponse:
    """Hand out the partners and their keys."""
    return await _take(visit, partners_of(visit.hub, visit.asker))


async def print_disclosures(visit: Visit) -> web.Response:
    """Hand out a part of the disclosures of some days as PDF."""
    return await disclosures_paper(reader_of(visit), asked_for(visit), part_wanted(visit))


async def print_erasures(visit: Visit) -> web.Response:
    """Hand out a part of the erasures in one state as PDF."""
    return await erasures_paper(reader_of(visit), Wanted(state_of(visit)), part_wanted(visit))


async def _take(visit: Visit, question: Question) -> web.StreamResponse:
    file = await question_file(visit.hub, visit.asker, question, ending_of(visit))
    return await hand_out(visit.request, file)


def ending_of(visit: Visit) -> Ending:
    """Return as what a list is wanted, from the ending of the path."""
    return "csv" if visit.in_path("ending") == "csv" else "json"


def part_wanted(visit: Visit) -> int:
    """Return which part of a paper is wanted; the first one where nobody says.

    Raises:
        Malformed: what no form of ours has sent.
    """
    given = visit.fields.get("part", "1")
    if not (given.isascii() and given.isdigit() and len(given) <= LONGEST_PART):
        raise Malformed("not the number of a part")
    return int(given)


PLACES: Final = (
    Place(path=f"{DISCLOSURES}.{ENDINGS}", page=take_disclosures, fresh=True),
    Place(path=f"{ERASURES}.{ENDINGS}", page=take_erasures, fresh=True),
    Place(path=f"{PARTNERS}.{ENDINGS}", page=take_partners, fresh=True),
    Place(path=f"{DISCLOSURES}.pdf", page=print_disclosures, fresh=True),
    Place(path=f"{ERASURES}.pdf", page=print_erasures, fresh=True),
)
