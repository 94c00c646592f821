"""The account itself: who somebody is here, when it was used, and how to end every session."""

from typing import Final

from aiohttp import web

from exchange.forms.account import Fact, Said
from exchange.hub.desk import entrance
from exchange.hub.desk.shell import EVERYBODY, Place, Visit
from exchange.hub.storage import officer_keys, officers
from exchange.hub.storage.officer_keys import OfficerKey
from exchange.pages.words import Words

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
    held = await visit.hub.db.read(officer_keys.held_by, asker.id)
    facts += [] if held is None else [_key(say, held)]
    used = await visit.hub.db.read(officers.visits, asker.id, limit=VISITS)
    visits = [(say.moment(at), say(f"visit.{what}")) for at, what in used]
    return visit.page("account.html", facts=facts, visits=visits)


def _key(say: Words, held: OfficerKey) -> Fact:
    """Tell of the key of her own tool: whoever the operator gives one asks as she does."""
    texts = [
        held.kid,
        say("account.key_set", at=say.moment(held.set_at)),
        say("account.key_never")
        if held.used_at is None
        else say("account.key_used", at=say.moment(held.used_at)),
        say("account.key_hint"),
    ]
    return Fact(say("fact.tool_key"), tuple(map(Said, texts)))


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
