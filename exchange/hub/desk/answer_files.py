"""Lists of answers as files: all of a list, not only the page that is shown."""

from typing import Final

from aiohttp import web

from exchange.hub.answers.erasures import Wanted
from exchange.hub.desk.disclosures import DISCLOSURES, asked_for
from exchange.hub.desk.erasures import ERASURES, state_of
from exchange.hub.desk.partners import PARTNERS
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


async def take_disclosures(visit: Visit) -> web.StreamResponse:
    """Hand out the disclosures of some days."""
    return await _take(visit, disclosures_of(visit.hub, visit.asker, asked_for(visit)))


async def take_erasures(visit: Visit) -> web.StreamResponse:
    """Hand out the erasures in one state."""
    return await _take(visit, erasures_of(visit.hub, visit.asker, Wanted(state_of(visit))))


async def take_partners(visit: Visit) -> web.StreamResponse:
    """Hand out the partners and their keys."""
    return await _take(visit, partners_of(visit.hub, visit.asker))


async def _take(visit: Visit, question: Question) -> web.StreamResponse:
    file = await question_file(visit.hub, visit.asker, question, ending_of(visit))
    return await hand_out(visit.request, file)


def ending_of(visit: Visit) -> Ending:
    """Return as what a list is wanted, from the ending of the path."""
    return "csv" if visit.in_path("ending") == "csv" else "json"


PLACES: Final = (
    Place(path=f"{DISCLOSURES}.{ENDINGS}", page=take_disclosures, fresh=True),
    Place(path=f"{ERASURES}.{ENDINGS}", page=take_erasures, fresh=True),
    Place(path=f"{PARTNERS}.{ENDINGS}", page=take_partners, fresh=True),
)
