"""Keeps deadlines and deletes what has had its time: a loop in every replica, in small batches.

Each step is idempotent and complete in itself; what a crash leaves, the next round does. Until a
deleted header is out of the WAL as well, it is not erased: the last step repeats until it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import structlog
from sqlalchemy import Connection

from exchange.agreement.term import ends_at
from exchange.audit import event
from exchange.errors import ExchangeError
from exchange.hub.end_lost import end_lost
from exchange.hub.erase_consents import erase_consents, forget_chains, make_tombstones
from exchange.hub.look_after_vault import look_after_vault
from exchange.hub.officers import sessions
from exchange.hub.parts import SWEEP, Hub
from exchange.hub.relay import pause
from exchange.hub.storage import (
    agreements,
    consents,
    deletions,
    disclosures,
    drafts,
    ending,
    erasures,
    idempotency,
    log,
    notices,
    officer_logins,
    officer_sessions,
    officers,
    requests,
    tokens,
    uploads,
)
from exchange.hub.storage.log import Chain
from exchange.hub.upload import remove_pieces

ROUND_S = 20.0
"""Seconds between two rounds: what is over ends within a minute."""
LEFTOVERS_S = 3600.0
"""Seconds between two looks for what crashes left."""
BATCH = 100
"""Rows per unit of work: a unit stays under 10 ms, so that nobody waits for the sweeper."""
LEFTOVER = timedelta(days=1)
"""Age from which a blob or a log key that no row names belongs to a crash, not to a request."""
SENT_KEPT = timedelta(days=30)
PARKED_KEPT = timedelta(days=90)
"""How long notices stay in the outbox after they were delivered or given up."""
REQUESTS_KEPT = timedelta(days=90)
"""How long the rest of a document request stays after its deadline."""
VISITS_KEPT = timedelta(days=365)
"""How long it is known who came to the officers' desk, and when."""
ESCALATED = timedelta(days=30)
"""When an erasure is open for so long, every party is told (Art. 12(3) GDPR: one month)."""

Found: TypeAlias = tuple[tuple[str, str, str], ...]
"""Of each: what it is, an agency, and the digest of the consent."""


async def sweep(hub: Hub, *, leftovers: bool) -> None:
    """Do one round; a step that cannot be done now does not keep the others from being done.

    Args:
        hub: the parts.
        leftovers: whether to look for what crashes left, too, which reads whole directories.
    """
    steps: tuple[Callable[[Hub], Awaitable[None]], ...] = (
        fill_deferred,
        expire,
        end_agreements,
        remind,
        remind_erasures,
        escalate_erasures,
        close_requests,
        forget_rows,
        forget_officers,
        remove_blobs,
        end_lost,
        forget_chains,
    )
    # Headers and payloads before consents: what is erased last names them.
    seldom: tuple[Callable[[Hub], Awaitable[None]], ...] = (
        remove_leftovers,
        erase_consents,
        forget_chains,
        make_tombstones,
        forget_keys,
        look_after_vault,
    )
    events, whole = structlog.get_logger("exchange.hub.sweep"), True
    for step in (*steps, *seldom) if leftovers else steps:
        try:
            await step(hub)
        except (ExchangeError, OSError) as error:
            events.warning("sweep-waits", code=type(error).__name__)
            whole = False
    if whole:
        hub.rounds[SWEEP] = hub.clock()


async def fill_deferred(hub: Hub) -> None:
    """Make the leaves that had to wait for the vault."""
    for chain in await hub.db.read(log.deferred_chains, limit=BATCH):
        found = await hub.vault.chains([chain])
        if chain in found:
            await hub.db.write(log.fill_deferred, found[chain])


async def expire(hub: Hub) -> None:
    """End what nobody collected in time and uploads that were not completed; give uses back."""
    now = hub.clock()
    limits = {
        "now": now,
        "stored_before": now - hub.rules.expiry,
        "announced_before": now - hub.rules.incomplete,
    }
    while due := await hub.db.read(ending.due, limit=BATCH, **limits):
        chains = await hub.vault.chains({one.chain for one in due})
        if not await hub.db.write(ending.expire, due, chains, **limits):
            return


async def end_agreements(hub: Hub) -> None:
    """Flag agreements that are over, then end the consents under them in complete batches.

    `decide` has denied since the term ended; the flag makes it final.
    """
    after: str | None = None
    while page := await hub.db.read(agreements.unended, after=after, limit=BATCH):
        for found in await hub.db.read(_over, hub, page):
            chain = await hub.vault.chain(found.chain)
            await hub.db.write(_flag, hub, found.digest, chain)
        after = page[-1].id
    for digest in await hub.db.read(agreements.ended_with_consents, limit=BATCH):
        await _end_consents(hub, digest)


def _over(
    conn: Connection, hub: Hub, page: Sequence[agreements.Unended]
) -> list[agreements.Unended]:
    return [found for found in page if _is_over(conn, hub, found.digest)]


def _is_over(conn: Connection, hub: Hub, digest: str) -> bool:
    term = hub.records.term_known(digest)
    if term is None:
        stored = agreements.by_digest(conn, digest)
        if stored is None:
            return False
        term = hub.records.term(conn, digest, stored.statement)
    standing = agreements.lock(conn, digest)
    if standing is None:
        return False
    end = ends_at(term, standing.notices)
    return end is not None and end <= hub.clock()


def _flag(conn: Connection, hub: Hub, agreement: str, chain: Chain) -> None:
    now = hub.clock()
    if agreements.flag_ended(conn, agreement, at=now):
        log.record(conn, chain, event.agreement_ended(at=now, agreement=agreement))


async def _end_consents(hub: Hub, agreement: str) -> None:
    while found := await hub.db.read(consents.unended_under, agreement, limit=BATCH):
        chains = await hub.vault.chains([one.chain for one in found])
        for consent in found:
            chain = log.keyed(chains, consent.chain)
            await hub.db.write(_end_consent, hub, consent.digest, chain)
            hub.streams.end(consent.digest)


def _end_consent(conn: Connection, hub: Hub, consent: str, chain: Chain) -> None:
    locked = consents.find(conn, consent)
    if locked is not None:
        ending.end_wordless(conn, locked, chain, why=ending.AGREEMENT, at=hub.clock())


async def remind(hub: Hub) -> None:
    """Remind recipients of what they have not collected, once."""
    now = hub.clock()
    since = now - hub.rules.reminder
    while found := await hub.db.read(disclosures.overdue, now=now, since=since, limit=BATCH):
        if not await hub.db.write(_remind, hub, found):
            return  # another sweeper is at it


def _remind(conn: Connection, hub: Hub, found: Found) -> int:
    now, done = hub.clock(), 0
    for disclosure, agency, consent in _free(conn, found):
        if disclosures.remind(conn, disclosure, agency, at=now):
            done += 1
            notices.enqueue(
                conn, [agency], "reminder", consent=consent, disclosure=disclosure, at=now
            )
    return done


def _free(conn: Connection, found: Found) -> Found:
    """Return what is under consents that nobody else has locked; they are locked now."""
    free = consents.take(conn, {consent for _, _, consent in found})
    return tuple(one for one in found if one[2] in free)


async def remind_erasures(hub: Hub) -> None:
    """Remind recipients of erasures they have not answered, once; they stay open."""
    before = hub.clock() - hub.rules.erasure_reminder
    while found := await hub.db.read(erasures.unanswered, asked_before=before, limit=BATCH):
        if not await hub.db.write(_remind_erasures, hub, found):
            return


def _remind_erasures(conn: Connection, hub: Hub, found: Found) -> int:
    now, done = hub.clock(), 0
    for erasure, recipient, consent in _free(conn, found):
        if erasures.remind(conn, erasure, at=now):
            done += 1
            notices.enqueue(
                conn, [recipient], "erasure-reminder", consent=consent, disclosure=None, at=now
            )
    return done


async def escalate_erasures(hub: Hub) -> None:
    """Tell every party of the agreement, once, that an erasure is open for a month.

    The recipient has a task; the others look into their lists, where only those concerned find
    it. It stays open: no time closes it.
    """
    before = hub.clock() - ESCALATED
    while found := await hub.db.read(erasures.unescalated, asked_before=before, limit=BATCH):
        if not await hub.db.write(_escalate, hub, found):
            return


def _escalate(conn: Connection, hub: Hub, found: Found) -> int:
    now, done = hub.clock(), 0
    for erasure, recipient, consent in _free(conn, found):
        if not erasures.escalate(conn, erasure, at=now):
            continue
        done += 1
        others = erasures.parties(conn, consent) - {recipient}
        notices.enqueue(
            conn, [recipient], "erasure-overdue", consent=consent, disclosure=None, at=now
        )
        notices.enqueue(conn, others, "overdue", consent=consent, disclosure=None, at=now)
    return done


async def close_requests(hub: Hub) -> None:
    """Forget the sealed part of document requests at their deadline, and the rest later."""
    now = hub.clock()
    while await hub.db.write(requests.close, now=now, limit=BATCH) == BATCH:
        continue
    old = partial(requests.forget, closed_before=now - REQUESTS_KEPT, limit=BATCH)
    while await hub.db.write(_noted, old, "D08", "90 days", now) == BATCH:
        continue


async def forget_rows(hub: Hub) -> None:
    """Delete notices, used assertions, Idempotency-Keys and drafts whose time has passed."""
    now = hub.clock()
    old = partial(notices.sweep, sent_before=now - SENT_KEPT, parked_before=now - PARKED_KEPT)
    await hub.db.write(_noted, old, "D07", "30 days, failed 90", now)
    await hub.db.write(tokens.sweep, now=now)
    await hub.db.write(officer_logins.sweep, now=now)
    while await hub.db.write(idempotency.sweep, now=now, limit=BATCH) == BATCH:
        continue
    unsigned = partial(drafts.sweep, now=now, limit=BATCH)
    while await hub.db.write(_noted, unsigned, "D17", "14 days", now) == BATCH:
        continue


def _noted(
    conn: Connection, work: Callable[[Connection], int], kind: str, period: str, now: datetime
) -> int:
    """Delete, and count it in the deletion entry of the class and the day."""
    count = work(conn)
    deletions.note(conn, deletions.daily(kind, period, at=now), count, at=now)
    return count


def _without_blob(conn: Connection, disclosure: str) -> int:
    disclosures.forget_blob(conn, disclosure)
    return 1


async def forget_officers(hub: Hub) -> None:
    """Delete links and sessions of officers that are over, and in a year who came when."""
    now = hub.clock()
    while await hub.db.write(officers.forget_links, now=now, limit=BATCH) == BATCH:
        continue
    rests = now - sessions.IDLE
    over = partial(officer_sessions.sweep, now=now, seen_before=rests, limit=BATCH)
    while await hub.db.write(over) == BATCH:
        continue
    old = partial(officers.forget_visits, before=now - VISITS_KEPT, limit=BATCH)
    while await hub.db.write(_noted, old, "D11", "1 year", now) == BATCH:
        continue
    while await hub.db.write(officers.forget_removed, limit=BATCH) == BATCH:
        continue


async def remove_blobs(hub: Hub) -> None:
    """Remove payloads that nobody can open any more, and pieces of uploads that are over.

    The blob goes first: a crash in between leaves a row that names nothing, which is repeated.
    """
    while found := await hub.db.read(disclosures.unneeded_blobs, limit=BATCH):
        for disclosure, blob in found:
            await hub.blobs.delete(blob)
            gone = partial(_without_blob, disclosure=disclosure)
            await hub.db.write(_noted, gone, "D03", "1 day", hub.clock())
    while pieces := await hub.db.read(uploads.unneeded, limit=BATCH):
        for disclosure, piece in pieces:
            await remove_pieces(hub, disclosure, [piece])


async def remove_leftovers(hub: Hub) -> None:
    """Remove blobs that a crash left without a row; not while the log is in doubt, as below."""
    if hub.heads.stopped is not None:
        return
    async for old in hub.blobs.names(before=hub.clock() - LEFTOVER):
        for first in range(0, len(old), BATCH):
            batch = old[first : first + BATCH]
            named = await hub.db.read(uploads.named, batch)
            for blob in batch:
                if blob not in named:
                    await hub.blobs.delete(blob)


async def forget_keys(hub: Hub) -> None:
    """Erase log keys that a crash left without a chain.

    Not while the log is in doubt: a database that came from a backup does not know the chains
    that were begun since, and their keys are what their entries can be found with.
    """
    if hub.heads.stopped is not None:
        return
    after = ""
    before = hub.clock() - LEFTOVER
    while found := await hub.vault.orphans(before=before, limit=BATCH, after=after):
        known = await hub.db.read(log.known_chains, found)
        lost = [chain for chain in found if chain not in known]
        if lost:
            await hub.vault.forget(lost)
        after = found[-1]


async def run(hub: Hub, erase_from_wal: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> None:
    """Sweep every twenty seconds until `stop` is set.

    Args:
        hub: the parts.
        erase_from_wal: truncates the WAL; False while a reader prevents it, then it is repeated
            in the next round.
        stop: set when the process stops.
    """
    events = structlog.get_logger("exchange.hub.sweep")
    ticks = asyncio.get_running_loop().time
    leftovers_at = ticks()
    while not stop.is_set():
        leftovers = ticks() >= leftovers_at
        if leftovers:
            leftovers_at = ticks() + LEFTOVERS_S
        await sweep(hub, leftovers=leftovers)
        try:
            if not await erase_from_wal():
                events.info("wal-not-yet-erased")
        except ExchangeError as error:
            events.warning("sweep-waits", code=type(error).__name__)
        await pause(stop, ROUND_S)
