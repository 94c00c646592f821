"""What needs an officer's attention: of the log for everybody, of her agency for an officer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from exchange.agreement.term import ends_at
from exchange.audit.policy import NONE
from exchange.hub import witnessed
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements, keys, open_erasures

ENDING: Final = timedelta(days=90)
"""How long before its end an agreement is spoken of: parties need to meet and sign a new one."""
KEY_ENDING: Final = timedelta(days=7)
"""The same of a document key; a gateway renews it earlier."""
PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHealth:
    """How the log is doing; the same for whoever asks."""

    size: int
    """Entries that a signed head covers."""
    pending: int
    """Entries that wait for one; counted up to one above the limit of the settings."""
    stopped: str | None
    """Code of why nothing is signed."""
    behind: bool
    """Whether new disclosures wait for the log."""
    witnessed: bool
    """Whether there are witnesses at all."""
    unwitnessed: timedelta | None
    """Since when their quorum is missing, once that is an alarm."""

    @property
    def unwitnessed_s(self) -> int | None:
        """The same in seconds."""
        return None if self.unwitnessed is None else int(self.unwitnessed.total_seconds())


@dataclass(frozen=True, slots=True)
class Open:
    """Erasures that are not confirmed."""

    count: int
    overdue: int


@dataclass(frozen=True, slots=True)
class AgreementEnds:
    """An agreement that ends soon."""

    agreement: str
    """Its id."""
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an agency stands."""

    asked: Open
    """Erasures it has to confirm itself."""
    owed: Open
    """Erasures that others have to confirm to it."""
    key_until: datetime | None
    """End of its document key; None: it has published none."""
    in_force: int
    """Agreements of its that have not ended."""
    ending: tuple[AgreementEnds, ...]
    """Those that end soon, the next one first."""


async def standing_of(hub: Hub, agency: str) -> Standing:
    """Return how an agency stands."""
    return await hub.db.read(_standing, hub, agency)


def log_health(hub: Hub) -> LogHealth:
    """Return how this replica sees the log."""
    heads = hub.heads
    return LogHealth(
        size=0 if heads.newest is None else heads.newest.size,
        pending=heads.pending,
        stopped=heads.stopped,
        behind=not heads.has_room,
        witnessed=hub.signer.policy.quorum != NONE,
        unwitnessed=witnessed.lag(hub) if witnessed.late(hub) else None,
    )


def _standing(conn: Connection, hub: Hub, agency: str) -> Standing:
    now = hub.clock()
    newest = keys.newest(conn, agency)
    ends = _ends(conn, hub, agency)
    soon = sorted((end, name) for name, end in ends if end is not None and end < now + ENDING)
    return Standing(
        asked=Open(*open_erasures.counts(conn, agency, "asked", now=now)),
        owed=Open(*open_erasures.counts(conn, agency, "asking", now=now)),
        key_until=None if newest is None else newest.exp,
        in_force=len(ends),
        ending=tuple(AgreementEnds(name, end) for end, name in soon),
    )


def _ends(conn: Connection, hub: Hub, agency: str) -> list[tuple[str, datetime | None]]:
    """Return the agreements that hold, each with its end; None while it renews."""
    found, after, now = list[tuple[str, datetime | None]](), None, hub.clock()
    while page := agreements.listed(conn, agency, after=after, limit=PAGE):
        for one in page:
            agreement, _ = hub.records.agreement(conn, one.digest, one.statement)
            standing = agreements.lock(conn, one.digest)
            if standing is None or standing.ended_at is not None:
                continue
            end = ends_at(agreement.term, standing.notices)
            if agreement.agencies <= standing.signed.keys() and (end is None or end > now):
                found.append((one.id, end))
        after = page[-1].id
    return found
