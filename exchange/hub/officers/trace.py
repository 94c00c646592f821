"""The trace that an officer's look leaves in the log, whatever she looks at.

At a consent, on its chain: the person sees that it happened. At all else, on her agency's. Written
before anything is shown. No vault, no trace, no look.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from exchange.audit import event
from exchange.audit.event import Event, read_event
from exchange.errors import NotFound, NotPermitted
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies, log
from exchange.hub.storage.log import Chain
from exchange.hub.storage.log_tables import log_event
from exchange.hub.storage.tables import consents

ONCE: Final = timedelta(hours=1)
"""Looks of one officer at one consent, or at what names none, within it leave one trace."""
NEWEST: Final = 200
"""Events of a chain that are searched for a trace; behind more of them she leaves another."""


async def record_read(hub: Hub, asker: Officer, consent: str) -> None:
    """Record on the consent's chain that an officer looks at it; once an hour is enough.

    Args:
        hub: the parts.
        asker: an officer, who may read this consent: that was looked up before.
        consent: digest.

    Raises:
        NotPermitted: an auditor or operator.
        NotFound: no such consent.
        Unavailable: the vault is away; nothing may be shown.
    """
    read = event.officer_read(at=hub.clock(), by=_agency(asker), consent=consent, officer=asker.id)
    uuid = await hub.db.read(_consent_chain, consent)
    if uuid is None:
        raise NotFound
    await _record_once(hub, uuid, read)


async def record_look(hub: Hub, asker: Officer) -> None:
    """Record on her agency's chain that an officer looks at what is of no person.

    Terms, keys, figures, counts, a list with nothing on it: an `officer-export` of no entry; once
    an hour is enough. Auditors belong to no agency: theirs leave none.

    Args:
        hub: the parts.
        asker: who looks.

    Raises:
        Unavailable: the vault is away; nothing may be shown.
    """
    if asker.agency is not None:
        look = event.officer_export(
            at=hub.clock(), by=asker.agency, officer=asker.id, entries=(0, 0), count=0
        )
        await _record_once(hub, await hub.db.read(_agency_chain, asker.agency), look)


async def record_export(hub: Hub, asker: Officer, *, first: int, until: int, count: int) -> None:
    """Record on her agency's chain that an officer takes entries of the log away.

    Args:
        hub: the parts.
        asker: an officer.
        first: index of the first entry the page speaks of.
        until: index behind the last one.
        count: how many of them the page holds.

    Raises:
        NotPermitted: an auditor or operator.
        Unavailable: the vault is away; nothing may go out.
    """
    agency = _agency(asker)
    taken = event.officer_export(
        at=hub.clock(), by=agency, officer=asker.id, entries=(first, until), count=count
    )
    uuid = await hub.db.read(_agency_chain, agency)
    await hub.db.write(_record, await hub.vault.chain(uuid), taken)


async def _record_once(hub: Hub, chain: str, trace: Event) -> None:
    if not await hub.db.read(_left_already, chain, trace):
        await hub.db.write(_record_new, await hub.vault.chain(chain), trace)


def _agency(asker: Officer) -> str:
    if asker.agency is None:
        raise NotPermitted
    return asker.agency


def _consent_chain(conn: Connection, consent: str) -> str | None:
    query = select(consents.c.chain).where(consents.c.digest == consent)
    return conn.execute(query).scalar_one_or_none()


def _agency_chain(conn: Connection, agency: str) -> str:
    found = agencies.find(conn, agency)
    if found is None:
        raise NotFound
    return found.chain


def _left_already(conn: Connection, chain: str, trace: Event) -> bool:
    newest = (
        select(log_event.c.kind, log_event.c.at, log_event.c.body)
        .where(log_event.c.chain == chain)
        .order_by(log_event.c.n.desc())
        .limit(NEWEST)
    )
    return any(
        row.kind == trace.kind and _is_same(row.body, row.at, trace) for row in conn.execute(newest)
    )


def _is_same(body: bytes, at: datetime, trace: Event) -> bool:
    if trace.at - at >= ONCE:
        return False
    left = read_event(body)
    return left["by"] == trace.by and all(
        left[name] == trace.members[name] for name in trace.members
    )


def _record_new(conn: Connection, chain: Chain, trace: Event) -> None:
    # Asked again where it counts, behind a lock: two looks at once leave one trace.
    log.lock(conn, chain)
    if not _left_already(conn, chain.uuid, trace):
        log.record(conn, chain, trace)


def _record(conn: Connection, chain: Chain, taken: Event) -> None:
    log.record(conn, chain, taken)
