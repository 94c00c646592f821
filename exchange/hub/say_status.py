"""Say that a consent is active: "no withdrawal up to here", signed, and no other word.

That nothing was withdrawn cannot be proven by inclusion. So the hub signs it, and a note that is
younger than a withdrawal convicts it: hence under the lock of the consent, as of a moment within.
"""

from datetime import datetime

from sqlalchemy import Connection

from exchange.audit.status import Status
from exchange.hub.parts import Hub
from exchange.hub.signer import status_note
from exchange.hub.storage import checkpoints, consents
from exchange.statement import seconds


async def say_status(hub: Hub, consent: str) -> bytes | None:
    """Return the status note of a consent that its reader may see; None unless it is active.

    Args:
        hub: the parts.
        consent: digest.
    """
    return await hub.db.write(_say, hub, consent)


def _say(conn: Connection, hub: Hub, consent: str) -> bytes | None:
    found = consents.find(conn, consent)  # locks: a withdrawal waits, or we see it
    now = hub.clock()
    if found is None or found.ended_at is not None or now >= found.valid_until:
        return None
    return status_of(conn, hub, consent, at=now)


def status_of(conn: Connection, hub: Hub, consent: str, *, at: datetime) -> bytes | None:
    """Return the status note of a consent that this unit of work has locked and found active.

    None while the log signs nothing: what came from a backup may have lost a withdrawal.

    Args:
        conn: of the unit of work.
        hub: the parts.
        consent: digest.
        at: hub time, taken after the lock.
    """
    head = checkpoints.newest(conn)
    if head is None or hub.heads.stopped is not None:
        return None
    said = Status(hub.signer.origin, consent, head.size, head.root, seconds(at))
    return status_note(hub.signer, said)
