"""Partners of an agency and every key they ever had, each with its entry in the log."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Literal, cast

from sqlalchemy import Connection

from exchange.canonical import digest
from exchange.hub.answers.frame import Answered, NoQuestion, agency_of, newest_head
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_partners
from exchange.hub.storage.answers_partners import Key, Partner


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySeen:
    """One key, from when on it was used."""

    kind: Literal["identity", "document"]
    key: str
    """Name of the identity key, or fingerprint of the document key."""
    since: datetime
    until: datetime | None
    """When it was replaced; None while it is in use."""
    revoked_at: datetime | None
    index: int | None
    """Of its statement in the log; None for the identity an agency was admitted with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSeen:
    """An agency and its keys."""

    agency: str
    state: Literal["active", "suspended"]
    suspended_at: datetime | None
    keys: tuple[KeySeen, ...]
    """Identities, then document keys; each newest first."""


async def list_partners(
    hub: Hub, asker: Officer, *, after: str | None, limit: int
) -> Answered[NoQuestion, tuple[PartnerSeen, ...]]:
    """Return a page of those with whom the agency has agreements, itself included.

    Keys are public documents of the log; that somebody looked is noted once an hour.

    Raises:
        NotPermitted: the asker reads no records.
    """
    found = await find_partners(hub, asker, after=after, limit=limit)
    await trace.record_look(hub, asker)
    return found


async def find_partners(
    hub: Hub, asker: Officer, *, after: str | None, limit: int
) -> Answered[NoQuestion, tuple[PartnerSeen, ...]]:
    """Return what `list_partners` returns and note nothing: its caller does, before."""
    agency = agency_of(asker)
    found = await hub.db.read(_page, agency, after, limit)
    return Answered(
        question="partners",
        agency=agency,
        asked=NoQuestion(),
        answered_at=hub.clock(),
        checkpoint=newest_head(hub),
        answer=found,
        next=found[-1].agency if len(found) == limit else None,
    )


def _page(conn: Connection, agency: str, after: str | None, limit: int) -> tuple[PartnerSeen, ...]:
    found = answers_partners.partners(conn, agency, after=after, limit=limit)
    names = {one.agency for one in found}
    known = answers_partners.identity_keys(conn, names)
    stated = answers_partners.document_keys(conn, names)
    places = answers_partners.places(
        conn, {one.document for one in stated if one.document} | {*filter(None, map(_named, known))}
    )
    keys: dict[str, list[KeySeen]] = {name: [] for name in names}
    for one in known:
        keys[one.agency].append(_seen("identity", one, places.get(_named(one) or "")))
    for of, same in groupby(stated, key=attrgetter("agency", "key")):
        keys[of[0]].append(_merged([*same], places))
    return tuple(_partner(one, keys[one.agency]) for one in found)


def _named(identity: Key) -> str | None:
    """Return the digest of the statement that led to an identity."""
    return None if identity.succession is None else digest(identity.succession)


def _merged(same: list[Key], places: dict[str, int]) -> KeySeen:
    """Return one key out of its statements, which are issued anew each week; newest first."""
    newest, first = same[0], same[-1]
    index = places.get(first.document or "")
    return KeySeen(
        kind="document",
        key=newest.key,
        since=first.since,
        until=newest.until,
        revoked_at=newest.revoked_at,
        index=index,
    )


def _seen(kind: Literal["identity", "document"], one: Key, index: int | None) -> KeySeen:
    return KeySeen(
        kind=kind,
        key=one.key,
        since=one.since,
        until=one.until,
        revoked_at=one.revoked_at,
        index=index,
    )


def _partner(one: Partner, keys: list[KeySeen]) -> PartnerSeen:
    return PartnerSeen(
        agency=one.agency,
        state=cast("Literal['active', 'suspended']", one.state),
        suspended_at=one.suspended_at,
        keys=tuple(keys),
    )
