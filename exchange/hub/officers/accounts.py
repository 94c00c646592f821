"""Accounts of the officers' desk: made and removed by the operator, and nobody's name in them."""

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from exchange.errors import Malformed, NotFound
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies, officers
from exchange.hub.storage.officers import Account, Role

LONGEST: Final = 1024
"""Characters of a provider's address or of a name it gives somebody; OpenID Connect allows 255."""


@dataclass(frozen=True, slots=True)
class Officer:
    """Who asks: every verb that answers an officer takes one."""

    id: str
    """UUID of the account; `exchange.audit.event.GATEWAY` for an agency's own program."""
    role: Role
    """An officer reads what her agency may, an auditor figures and proofs, an operator neither."""
    agency: str | None
    """Whose records an officer reads; None for the two others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who somebody is at the provider of logins; never an address of mail."""

    issuer: str
    subject: str

    def __post_init__(self) -> None:
        if not all(0 < len(text) <= LONGEST for text in (self.issuer, self.subject)):
            raise Malformed("a login is an issuer and a subject")


async def add(hub: Hub, *, role: Role, agency: str | None, login: Login | None = None) -> Officer:
    """Make an account.

    Args:
        hub: the parts.
        role: of whoever will log in.
        agency: whose records an officer reads; None for the two other roles.
        login: who she is at the provider of logins; None: she logs in with links.

    Raises:
        NotFound: no such agency.
        Conflict: this login has an account already.
        Malformed: an officer without an agency, or another role with one.
    """
    if (role == "officer") is (agency is None):
        raise Malformed("an officer has an agency; an auditor and an operator have none")
    new = Account(
        id=str(uuid4()),
        role=role,
        agency=agency,
        issuer=None if login is None else login.issuer,
        subject=None if login is None else login.subject,
        created_at=hub.clock(),
    )
    await hub.db.write(_add, new)
    structlog.get_logger("exchange.hub.officers").info("officer-added", agency=agency)
    return officer_of(new)


def _add(conn: Connection, new: Account) -> None:
    if new.agency is not None and agencies.find(conn, new.agency) is None:
        raise NotFound("no such agency")
    officers.add(conn, new)


async def every(hub: Hub) -> tuple[Account, ...]:
    """Return every account, the oldest first; a removed one as long as a visit names it."""
    return await hub.db.read(officers.every)


async def remove(hub: Hub, id: str) -> None:  # noqa: A002
    """End an account, its sessions and its links at once.

    Raises:
        NotFound: no such account, or it was removed before.
    """
    gone = await hub.db.write(_remove, hub, id)
    structlog.get_logger("exchange.hub.officers").info("officer-removed", agency=gone.agency)


def _remove(conn: Connection, hub: Hub, id: str) -> Account:  # noqa: A002
    found = officers.find(conn, id)
    if found is None:
        raise NotFound("no such account")
    officers.remove(conn, id, at=hub.clock())
    return found


async def by_login(hub: Hub, login: Login) -> Officer | None:
    """Return whose login this is, or None: nobody's, or her account was removed."""
    found = await hub.db.read(officers.by_login, login.issuer, login.subject)
    return None if found is None else officer_of(found)


def officer_of(account: Account) -> Officer:
    """Return who asks with an account."""
    return Officer(account.id, account.role, account.agency)
