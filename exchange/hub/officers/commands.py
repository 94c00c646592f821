"""What the operator's command line asks about accounts of the officers' desk."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from exchange.canonical import Json, unb64u
from exchange.errors import Malformed
from exchange.hub.officers import accounts, keys, links
from exchange.hub.officers.accounts import Login
from exchange.hub.parts import Hub
from exchange.hub.storage import officer_keys
from exchange.hub.storage.officer_keys import OfficerKey
from exchange.hub.storage.officers import Account, Role
from exchange.keyid import ED25519_SIZE

WORD: Final = "officer"
"""What `do` of such a command says; `what` says which."""


async def command(hub: Hub, asked: Mapping[str, Any]) -> Json:
    """Do what a command asks for.

    Raises:
        Malformed: no such command.
        ExchangeError: what the command refuses.
    """
    match asked:
        case {"what": "add", "role": str(role), "agency": agency, "login": login}:
            if role not in get_args(Role):
                raise Malformed("a role is officer, auditor or operator")
            known = None if login is None else Login(issuer=login[0], subject=login[1])
            made = await accounts.add(hub, role=role, agency=agency, login=known)  # type: ignore[arg-type]  # looked up
            return {"id": made.id}
        case {"what": "list"}:
            held = await hub.db.read(officer_keys.every)
            return [_told(one, held.get(one.id)) for one in await accounts.every(hub)]
        case {"what": "remove", "id": str(id)}:
            await accounts.remove(hub, id)
            return {}
        case {"what": "set-key", "id": str(id), "key": str(key)}:
            return {"kid": await keys.put(hub, id, unb64u(key, size=ED25519_SIZE))}
        case {"what": "remove-key", "id": str(id)}:
            await keys.remove(hub, id)
            return {}
        case {"what": "link", "id": str(id)}:
            link = await links.make(hub, id)
            until = link.until.isoformat(timespec="seconds")
            return {"url": f"{hub.origin}/officer/link/{link.secret}", "until": until}
        case _:
            raise Malformed("no such command")


def _told(account: Account, key: OfficerKey | None) -> Json:
    return {
        "id": account.id,
        "role": account.role,
        "agency": account.agency,
        "issuer": account.issuer,
        "subject": account.subject,
        "created_at": account.created_at.isoformat(timespec="seconds"),
        "removed": account.removed_at is not None,
        "key": None if key is None else _key(key),
    }


def _key(key: OfficerKey) -> Json:
    used = key.used_at
    return {
        "kid": key.kid,
        "set_at": key.set_at.isoformat(timespec="seconds"),
        "used_at": None if used is None else used.isoformat(timespec="seconds"),
    }
