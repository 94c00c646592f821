"""The account itself: who somebody is here, when it was used, and how to end every session."""

from typing import Final

from aiohttp import web

from exchange.forms.account import Fact, Said
from exchange.hub.desk import entrance
from exchange.hub.desk.shell import EVERYBODY, Place, Visit
from exchange.hub.storage import officers

VISITS: Final = 20


async def show(visit: Visit) -> web.Response:
    """Show the account of whoever looks."""
    say, asker = visit.say, visit.asker
    known = {
        "role": say(f"role.{asker.role}"),
        "agency": asker.agency,
        "id": asker.id,
        "proved": say.moment(visit.session.proved_at),
    }
    facts = [Fact(say(f"fact.{key}"), (Said(text),)) for key, text in known.items() if text]
    used = await visit.hub.db.read(officers.visits, asker.id, limit=VISITS)
    visits = [(say.moment(at), say(f"visit.{what}")) for at, what in used]
    return visit.page("account.html", facts=facts, visits=visits)


PLACES: Final = (
    Place(path="/officer/account", page=show, roles=EVERYBODY, part="account"),
    Place(path=entrance.PROOF, page=entrance.prove, roles=EVERYBODY),
    Place(path="/officer/logout", page=entrance.leave, method="POST", roles=EVERYBODY),
    Place(
        path="/officer/logout-everywhere",
        page=entrance.leave_everywhere,
        method="POST",
        roles=EVERYBODY,
    ),
)
