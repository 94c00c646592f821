"""Keys of auditors: set by the operator, used by an auditor's own tool to get tokens.

Asked about in the database each time, on every replica: what the operator takes away opens
nothing from the commit on.
"""

import structlog
from sqlalchemy import Connection

from exchange.errors import Malformed, NotFound
from exchange.hub.parts import Hub
from exchange.hub.storage import officer_keys, officers
from exchange.hub.storage.officer_keys import OfficerKey
from exchange.keyid import auditor_kid


async def put(hub: Hub, id: str, ed25519: bytes) -> str:  # noqa: A002
    """Give an auditor's account a key, in the place of the one it had; return the key's name.

    Args:
        hub: the parts.
        id: of the account.
        ed25519: raw public key.

    Raises:
        NotFound: no such account.
        Malformed: of another role, or no key to trust signatures of.
        Conflict: another account has this key.
    """
    kid = auditor_kid(ed25519)
    new = OfficerKey(kid=kid, officer=id, ed25519=ed25519, set_at=hub.clock())
    await hub.db.write(_put, new)
    structlog.get_logger("exchange.hub.officers").info("officer-key-set")
    return kid


async def remove(hub: Hub, id: str) -> None:  # noqa: A002
    """Take the key of an account away: its tokens open nothing any more.

    Raises:
        NotFound: no such account, or it has no key.
    """
    await hub.db.write(_remove, id)
    structlog.get_logger("exchange.hub.officers").info("officer-key-removed")


async def counts(hub: Hub, id: str, kid: str) -> bool:  # noqa: A002
    """Tell whether an account may ask with this key; not when one of them is gone."""
    found = await hub.db.read(officer_keys.find, kid)
    return found is not None and found.officer == id


def _put(conn: Connection, new: OfficerKey) -> None:
    found = officers.find(conn, new.officer)
    if found is None:
        raise NotFound("no such account")
    if found.role != "auditor":
        raise Malformed("only an auditor's account has a key")
    officer_keys.put(conn, new)


def _remove(conn: Connection, id: str) -> None:  # noqa: A002
    if not officer_keys.remove(conn, id):
        raise NotFound("no such account, or it has no key")
