"""Partners of an agency, and every key they ever had, each with its entry in the log."""

from typing import Final

from aiohttp import web

from exchange.hub.answers.partners import KeySeen, list_partners
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.desk.sizes import size_of
from exchange.hub.officer_files import lists

PARTNERS: Final = "/officer/partners"
PAGE: Final = 20


async def show(visit: Visit) -> web.StreamResponse:
    """Show a page of partners."""
    after = visit.fields.get("after")
    found = await list_partners(visit.hub, visit.asker, after=after, limit=PAGE)
    source = lists.partners_of(visit.hub, visit.asker).source
    whole = after is None and found.next is None
    return visit.page(
        "partners.html",
        partners=[
            (
                one.agency,
                visit.say(f"partner.is_{one.state}"),
                [_row(visit, key) for key in one.keys],
            )
            for one in found.answer
        ],
        base=PARTNERS,
        next=found.next,
        size=await size_of(visit, source, len(found.answer), whole=whole, page=lists.PAGE),
    )


PLACES: Final = (Place(path=PARTNERS, page=show, part="partners"),)


def _row(visit: Visit, key: KeySeen) -> list[str]:
    say = visit.say
    until = say("partner.in_use") if key.until is None else say.moment(key.until)
    if key.revoked_at is not None:
        until = say("partner.revoked", moment=say.moment(key.revoked_at))
    return [
        say(f"partner.{key.kind}"),
        key.key,
        say.moment(key.since),
        until,
        say("partner.admitted") if key.index is None else str(key.index),
    ]
