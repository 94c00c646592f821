"""Erase what is kept of a consent when its time is over: rows, then keys, then a word about it.

Class D05 of the retention classes, and D09 for agreements. The years are those that the parties
have signed in the agreement, counted to the end of a year. Everything is repeated until it is
done, in every replica; what another one has locked is left to it.
"""

from datetime import date, datetime
from functools import partial
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from exchange.consent.lint import TOO_LATE_DAYS
from exchange.days import begin_of, day_of, days_after
from exchange.errors import Conflict, NotFound
from exchange.hub.follow_log import catch_up
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements, consents, deletions, erasing, tombstones
from exchange.hub.storage.deletions import Deletion
from exchange.hub.storage.erasing import Progress

BATCH = 100
"""Rows of one table in a unit of work, so that nobody waits for the sweeper."""
UPHELD = "request upheld"
"""Period of what is erased before its time, in its deletion entry."""

log = structlog.get_logger(__name__)


async def erase_consents(hub: Hub) -> None:
    """Erase consents whose retention is over, and agreements under which none is left.

    Not while the log is in doubt: what the database forgot could still be found by these keys.
    """
    if hub.heads.stopped is not None:
        return
    await catch_up(hub)
    run, after = str(uuid4()), ""
    shortest = kept_since(hub.clock(), 1)
    while page := await hub.db.read(erasing.agreements_with, after, before=shortest, limit=BATCH):
        for agreement in page:
            await _erase_under(hub, agreement, run)
        after = page[-1]


async def forget_chains(hub: Hub) -> None:
    """Let the vault forget the keys of chains whose rows are gone.

    While a reader holds on to the vault's file nothing counts as erased: the next round tries
    again. A crash behind the vault's answer repeats it, which changes nothing.
    """
    while chains := await hub.db.read(erasing.queued, limit=BATCH):
        if not await hub.vault.forget(chains):
            log.info("vault-not-yet-erased")
            return
        await hub.db.write(erasing.mark_erased, chains, at=hub.clock())


async def make_tombstones(hub: Hub) -> None:
    """Tell agencies and auditors, once a month, which entries were erased."""
    if hub.heads.stopped is not None or not await hub.db.read(tombstones.is_due, hub.clock()):
        return
    chain = await hub.vault.draw(tombstones.HUB_CHAIN)
    while await hub.db.write(tombstones.make, chain, at=hub.clock()):
        continue


async def erase_one(hub: Hub, digest: str) -> None:
    """Erase a consent at once: a request under Art. 17 GDPR that an officer has upheld.

    Args:
        hub: the parts.
        digest: of the consent.

    Raises:
        NotFound: there is none.
        Conflict: it has not ended, something under it is open, an event of it is on its way into
            the tree, or it is so young that it could be recorded once more.
    """
    filed = await hub.db.read(consents.filed, digest)
    if filed is None:
        raise NotFound
    late = days_after(filed.recorded_at, TOO_LATE_DAYS)
    if hub.clock() <= late:
        # Nothing would be left to tell that a record brought again has been withdrawn before.
        raise Conflict(
            f"it is not {TOO_LATE_DAYS} days old: whoever has it could record it again; erase it "
            f"after {late:%Y-%m-%d}"
        )
    await catch_up(hub)
    deletion = Deletion(str(uuid4()), "D05", UPHELD)
    if not await _erase(hub, digest, deletion, before=None):
        raise Conflict(
            "the consent has not ended, or something under it is open: withdraw it, wait until "
            "its recipients have answered and its payloads are removed, then try again"
        )
    await forget_chains(hub)


def kept_since(now: datetime, years: int) -> datetime:
    """Return the moment of whose past nothing is kept: so many full years, then to a year's end.

    What ended in 2026 and is kept for 3 years is erased when 2029 is over.
    """
    return begin_of(date(day_of(now).year - years, 1, 1))


async def _erase_under(hub: Hub, agreement: str, run: str) -> None:
    years = await hub.db.read(_years, hub, agreement)
    if years is None:
        return  # erased by another replica
    before, period = kept_since(hub.clock(), years), f"{years} years"
    deletion = Deletion(run, "D05", period)
    while over := await hub.db.read(erasing.consents_over, agreement, before=before, limit=BATCH):
        gone = [await _erase(hub, digest, deletion, before=before) for digest in over]
        if not any(gone):
            break  # each waits for something; the next round looks again
    await _erase_agreement(hub, agreement, Deletion(run, "D09", period), before)


async def _erase(hub: Hub, digest: str, deletion: Deletion, *, before: datetime | None) -> bool:
    """Erase the rows of a consent, unit by unit; False if they wait for something."""
    step = partial(erasing.erase_consent, digest=digest, before=before, limit=BATCH)
    while (progress := await hub.db.write(_counted, hub, step, deletion)) == "more":
        continue
    hub.records.forget(digest)
    return progress == "gone"


async def _erase_agreement(hub: Hub, digest: str, deletion: Deletion, before: datetime) -> None:
    step = partial(erasing.erase_agreement, digest=digest, before=before, limit=BATCH)
    while await hub.db.write(_counted, hub, step, deletion) == "more":
        continue


def _counted(conn: Connection, hub: Hub, step: partial[Progress], deletion: Deletion) -> Progress:
    now = hub.clock()
    progress = step(conn, at=now)
    if progress == "gone":
        deletions.note(conn, deletion, 1, at=now)
    return progress


def _years(conn: Connection, hub: Hub, digest: str) -> int | None:
    """Return the years that an agreement says; None if it is not there."""
    known = hub.records.years_known(digest)
    if known is None and (stored := agreements.by_digest(conn, digest)) is not None:
        known = hub.records.years(conn, digest, stored.statement)
    return known
