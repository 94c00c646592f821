"""What is affected by a breach, taken away: all of it as CSV or JSON, the report as PDF."""

from typing import Final

from aiohttp import web

from exchange.hub.desk.answer_files import ENDINGS, ending_of, part_wanted
from exchange.hub.desk.breach import BREACH, FIELDS, asked_for
from exchange.hub.desk.papers import breach_paper
from exchange.hub.desk.printed import reader_of
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.http.hand_out import hand_out
from exchange.hub.officer_files.breach import breach_file


async def take_rows(visit: Visit) -> web.StreamResponse:
    """Hand out everything that is affected."""
    wanted = asked_for(_given(visit), visit.hub.clock())
    file = await breach_file(visit.hub, visit.asker, wanted, ending_of(visit))
    return await hand_out(visit.request, file)


async def take_paper(visit: Visit) -> web.Response:
    """Hand out a part of the report as PDF."""
    wanted = asked_for(_given(visit), visit.hub.clock())
    return await breach_paper(reader_of(visit), wanted, part_wanted(visit))


def _given(visit: Visit) -> dict[str, str]:
    return {name: visit.fields.get(name, "") for name in FIELDS}


PLACES: Final = (
    Place(path=f"{BREACH}.{ENDINGS}", page=take_rows, fresh=True),
    Place(path=f"{BREACH}.pdf", page=take_paper, fresh=True),
)
