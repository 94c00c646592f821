"""Who disclosed what to whom between two days, under which consent."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from exchange.days import day_of
from exchange.errors import Malformed
from exchange.hub.answers.disclosures import Disclosed, Wanted, list_disclosures
from exchange.hub.desk.codes import Codes
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.desk.sizes import size_of
from exchange.hub.officer_files import lists
from exchange.pages.words import Words

DISCLOSURES: Final = "/officer/disclosures"
PAGE: Final = 50
HEADS: Final = (
    *("events.at", "disclosed.from", "disclosed.to", "events.category", "events.purpose"),
    *("disclosed.secrecy", "events.consent", "events.entry"),
)
"""Keys of what stands over the columns."""
USUAL: Final = timedelta(days=30)
"""What is shown where nobody names days."""
NEXT: Final = timedelta(days=1)
"""People name the last day that counts; the question, the first that does not."""


async def show(visit: Visit) -> web.StreamResponse:
    """Show a page of disclosures."""
    wanted = asked_for(visit)
    after = visit.fields.get("after") or None
    found = await list_disclosures(visit.hub, visit.asker, wanted, after=after, limit=PAGE)
    source = lists.disclosures_of(visit.hub, visit.asker, wanted).source
    whole = after is None and found.next is None
    return visit.page(
        "disclosures.html",
        given={
            "since": wanted.since.isoformat(),
            "until": (wanted.until - NEXT).isoformat(),
        },
        base=DISCLOSURES,
        heads=[visit.say(head) for head in HEADS],
        rows=in_words(visit.say, found.answer),
        next=found.next,
        size=await size_of(visit, source, len(found.answer), whole=whole, page=lists.PAGE),
    )


def asked_for(visit: Visit) -> Wanted:
    """Return which disclosures are asked for.

    Raises:
        Malformed: a day that no form of ours has sent.
    """
    today = day_of(visit.hub.clock())
    first = _day(visit.fields.get("since")) or today - USUAL
    last = _day(visit.fields.get("until")) or today
    return Wanted(first, last + NEXT)


def in_words(say: Words, found: Iterable[Disclosed]) -> list[list[Any]]:
    """Return what a page and a paper say of disclosures, under `HEADS`."""
    codes = Codes(say.lang)
    return [_row(say, codes, one) for one in found]


PLACES: Final = (Place(path=DISCLOSURES, page=show, part="disclosures"),)


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        raise Malformed("not a day") from None
    if found is not None and not 1900 < found.year < 9000:  # noqa: PLR2004 - as in records
        raise Malformed("not a day of the calendar")
    return found


def _row(say: Words, codes: Codes, one: Disclosed) -> list[Any]:
    to = (f"{to.agency}: {say(f'disclosed.{to.state}')}" for to in one.to)
    return [
        say.moment(one.stored_at),
        one.sender,
        "; ".join(to),
        codes.category(one.category),
        codes.purpose(one.purpose),
        say(f"secrecy.{one.secrecy}"),
        {"path": f"{CONSENTS}/{one.consent.id}", "text": one.consent.id[:8]},
        str(one.log.disclosure),
    ]
