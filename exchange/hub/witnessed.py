"""Whether the log is witnessed: cosignatures that are kept, the quorum, and what its lack stops.

Never at once: a quorum that is late is an alarm, and only after hours nothing new is disclosed.
Withdrawals, acknowledgements, erasures and collecting go on without any witness.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from exchange.audit.cosignature import time_of
from exchange.audit.note import Line, write_line
from exchange.audit.policy import NONE, judge
from exchange.errors import LogInvalid, LogNotWitnessed, NotFound
from exchange.hub.parts import Hub
from exchange.hub.signer import Signer
from exchange.hub.storage import checkpoints
from exchange.hub.storage.checkpoints import Cosigned

SKEW = timedelta(minutes=5)
"""How far a witness's clock may be ahead of ours."""


async def keep(hub: Hub, size: int, root: bytes, lines: Sequence[Line]) -> bool:
    """Keep cosignatures beside their candidate; return whether it has its quorum by them now.

    Repeating it is harmless: of each key the newest line stays.

    Args:
        hub: the parts.
        size: of the candidate.
        root: of the candidate, as it was cosigned.
        lines: verified, each by a witness of the policy.

    Raises:
        NotFound: no candidate of this size and root is kept.
        LogInvalid: a time that lies ahead (`cosignature-time`): no reader would believe it.
    """
    now = hub.clock()
    if any(time_of(line) > (now + SKEW).timestamp() for line in lines):
        raise LogInvalid("a witness's clock is ahead", what="cosignature-time")
    return await hub.db.write(_keep, hub.signer, (size, root), lines, now)


def _keep(
    conn: Connection,
    signer: Signer,
    candidate: tuple[int, bytes],
    lines: Sequence[Line],
    now: datetime,
) -> bool:
    size, root = candidate
    head = checkpoints.at_size(conn, size)
    if head is None or head.root != root or not checkpoints.is_candidate(conn, size):
        raise NotFound
    for line in lines:
        cosigned = Cosigned(line.name, line.key_id, time_of(line), write_line(line))
        checkpoints.add_cosignature(conn, size, cosigned)
    if not judge(signer.policy, checkpoints.served_note(conn, size)).quorum:
        return False
    # Witnesses and quorum commit together: a crash leaves neither, and the line comes again.
    return checkpoints.mark_witnessed(conn, size, at=now)


async def look(hub: Hub) -> None:
    """Learn since when a candidate waits for its quorum; every replica looks for itself."""
    if hub.signer.policy.quorum == NONE:
        return
    hub.heads.unwitnessed_since = await hub.db.read(_waiting_since)


def _waiting_since(conn: Connection) -> datetime | None:
    newest = checkpoints.newest_witnessed(conn)
    above = -1 if newest is None else newest[0].size
    return checkpoints.oldest_unpublished(conn, above=above)


def lag(hub: Hub) -> timedelta:
    """Return how long a candidate has waited for its quorum; nothing if none waits."""
    since = hub.heads.unwitnessed_since
    return timedelta(0) if since is None else max(hub.clock() - since, timedelta(0))


def late(hub: Hub) -> bool:
    """Tell whether somebody has to look after the witnesses."""
    return lag(hub) >= hub.rules.witness_alarm


def stopped(hub: Hub) -> bool:
    """Tell whether the quorum has been missing for so long that nothing new is disclosed."""
    return lag(hub) >= hub.rules.witness_stop


def check(hub: Hub) -> None:
    """Refuse new disclosures once the quorum has been missing for too long.

    Raises:
        LogNotWitnessed: it has.
    """
    if stopped(hub):
        raise LogNotWitnessed
