"""Asking about a breach as an agency's program, page by page."""

from datetime import datetime
from typing import Any

from exchange.hub.follow_log import catch_up
from exchange.wire import officer_routes
from tests.attacks.parties import Parties

SECTIONS = ("openable", "openable_if_copied", "sealed_blocks", "doubtful", "shown", "perhaps_seen")


def compact(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


async def told(parties: Parties, agency: str, query: str) -> Any:
    """Return what an agency's officer is told, once the log is where everything stands."""
    await parties.settled()
    await catch_up(parties.hub)
    answer = await parties.call(agency, officer_routes.BREACH, query=query)
    assert answer.status == 200, answer.body
    return answer.json


async def paged(parties: Parties, agency: str, query: str, limit: int) -> list[Any]:
    """Return every page of an answer, as far as 50."""
    pages = [await told(parties, agency, f"{query}&limit={limit}")]
    while pages[-1]["next"] is not None and len(pages) < 50:
        after = pages[-1]["next"]
        pages.append(await told(parties, agency, f"{query}&limit={limit}&after={after}"))
    return [page["answer"] for page in pages]


def rows(pages: list[Any]) -> list[tuple[str, str]]:
    return [
        (section, str(sorted(row.items(), key=str)))
        for page in pages
        for section in SECTIONS
        for row in page[section]
    ]
