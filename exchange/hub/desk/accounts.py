"""The operator's page: every account of these pages, and nothing of what any of them reads.

Accounts are made and removed, and links made, on the command line of the hub's own machine.
"""

from typing import Any, Final

from aiohttp import web

from exchange.canonical import is_uuid4
from exchange.errors import Malformed
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.officers.sessions import IDLE
from exchange.hub.storage import officers
from exchange.hub.storage.officers import Known, Role

ACCOUNTS: Final = "/officer/accounts"
PAGE: Final = 50
OPERATORS: Final = frozenset[Role]({"operator"})


async def show(visit: Visit) -> web.StreamResponse:
    """Show a page of accounts."""
    after = visit.fields.get("after") or None
    if after is not None and not is_uuid4(after):
        raise Malformed("not a cursor")
    now = visit.hub.clock()
    found = await visit.hub.db.read(
        officers.known, now=now, seen_since=now - IDLE, after=after, limit=PAGE
    )
    return visit.page(
        "accounts.html",
        rows=[_row(visit, one) for one in found],
        base=ACCOUNTS,
        next=found[-1].account.id if len(found) == PAGE else None,
    )


PLACES: Final = (Place(path=ACCOUNTS, page=show, roles=OPERATORS, part="accounts"),)


def _row(visit: Visit, one: Known) -> list[Any]:
    say, account = visit.say, one.account
    return [
        account.id,
        say(f"role.{account.role}"),
        account.agency or "",
        say("accounts.by_link" if account.subject is None else "accounts.by_provider"),
        say.moment(account.created_at),
        say("accounts.never") if one.came_at is None else say.moment(one.came_at),
        str(one.sessions),
    ]
