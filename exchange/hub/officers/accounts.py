"""Accounts of the officers' desk: made and removed by the operator, and nobody's name in them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exchange.hub.parts import Hub

Role = Literal["officer", "auditor", "operator"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account, as the operator sees it."""

    officer: Officer
    login: Login | None
    """None: she logs in with links that the operator makes."""
    created_at: datetime
    removed_at: datetime | None


async def add(hub: Hub, *, role: Role, agency: str | None, login: Login | None = None) -> Officer:
    """Make an account.

    Raises:
        NotFound: no such agency.
        Conflict: somebody has this login at the provider already.
        Malformed: an officer without an agency, or another with one.
    """
    raise NotImplementedError


async def every(hub: Hub) -> tuple[Account, ...]:
    """Return every account, the oldest first; removed ones too, while visits name them."""
    raise NotImplementedError


async def remove(hub: Hub, id: str) -> None:  # noqa: A002
    """End an account, its sessions and its links at once.

    Raises:
        NotFound: no such account, or removed before.
    """
    raise NotImplementedError


async def by_login(hub: Hub, login: Login) -> Officer | None:
    """Return whose login this is, or None: nobody's, or her account was removed."""
    raise NotImplementedError
