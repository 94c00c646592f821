"""How disclosures close: headers go, the state is final, unread uses come back, the log knows it.

Below `ending`, which decides what closes, and why.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, select, update

from exchange.audit import event
from exchange.consent.decision import Fate, gives_back
from exchange.hub.storage import consents, headers, log, notices
from exchange.hub.storage.log import Chain
from exchange.hub.storage.tables import consents as consents_table
from exchange.hub.storage.tables import disclosure_recipients, disclosures

CUT = (
    select(
        disclosures.c.id,
        disclosures.c.digest,
        disclosures.c.sender,
        disclosures.c.consent,
        disclosures.c.state,
        consents_table.c.chain,
    )
    .join_from(disclosures, consents_table)
    .order_by(disclosures.c.announced_at, disclosures.c.id)
)
"""Disclosures that may close; its rows are what the functions below take."""
_RECIPIENTS = select(
    disclosure_recipients.c.disclosure,
    disclosure_recipients.c.agency,
    disclosure_recipients.c.collected_at,
    disclosure_recipients.c.result,
    disclosure_recipients.c.reason,
).where(disclosure_recipients.c.disclosure.in_(bindparam("ids", expanding=True)))
_CLOSE = (
    update(disclosures)
    .where(disclosures.c.id == bindparam("of"))
    .values(
        state=bindparam("final"),
        ended_at=bindparam("at"),
        ended_why=bindparam("because"),
        ended_receipt=bindparam("rid"),
    )
)
_NO_LONGER_WAITING = (
    update(disclosure_recipients)
    .where(disclosure_recipients.c.disclosure.in_(bindparam("ids", expanding=True)))
    .values(waiting=False)
)
_RETURNED = (
    update(disclosures)
    .where(disclosures.c.id.in_(bindparam("ids", expanding=True)))
    .values(use_returned=True)
)


def expire(
    conn: Connection,
    rows: Sequence[Row[*tuple[object, ...]]],
    keys: Mapping[str, Chain],
    *,
    why: str,
    at: datetime,
) -> tuple[str, ...]:
    """Let these disclosures expire, and return their ids; what was collected loses its header only.

    Args:
        conn: of the unit of work, which has locked their consents.
        rows: of `CUT`.
        keys: chains by their UUID, as far as they are known; leaves of others are deferred.
        why: one of `exchange.audit.event.ENDINGS`.
        at: hub time.
    """
    forget(conn, [row.id for row in rows if row.state == "collected"])
    ending = [row for row in rows if row.state != "collected"]
    close(conn, ending, keys, state="expired", why=why, at=at)
    notices.drop(conn, [row.id for row in ending])
    return tuple(row.id for row in rows)


def close(
    conn: Connection,
    rows: Sequence[Row[*tuple[object, ...]]],
    keys: Mapping[str, Chain],
    *,
    state: str,
    why: str,
    at: datetime,
) -> Mapping[str, str]:
    """Delete the headers, set the final state, give back unread uses and log each end.

    Args:
        conn: of the unit of work, which has locked their consents.
        rows: of `CUT`.
        keys: see `expire`.
        state: `ended` or `expired`.
        why: see `expire`.
        at: hub time.

    Returns:
        The name of the entry of each disclosure that was stored.
    """
    ids = [row.id for row in rows]
    if not ids:
        return {}
    forget(conn, ids)
    # An incomplete upload counted no use and was never in the log.
    stored = [row for row in rows if row.state != "announced"]
    receipts = {row.id: log.name() for row in stored}
    final = {"final": state, "because": why, "at": at}
    conn.execute(_CLOSE, [{"of": id_, "rid": receipts.get(id_), **final} for id_ in ids])
    fates = _fates(conn, [row.id for row in stored])
    unread = [row for row in stored if gives_back(fates[row.id].values())]
    if unread:
        conn.execute(_RETURNED, {"ids": [row.id for row in unread]})
    for consent, count in Counter(row.consent for row in unread).items():
        consents.give_back(conn, consent, count)
    for row in stored:
        ended = event.disclosure_ended(
            at=at,
            by=row.sender if why == "recalled" else event.HUB,
            manifest=row.digest,
            to=fates[row.id],
            why=why,
        )
        log.record(conn, log.keyed(keys, row.chain), ended, rid=receipts[row.id])
    return receipts


def forget(conn: Connection, ids: Sequence[str]) -> None:
    """Delete headers, and with each its place among what waits in inboxes."""
    if ids:
        headers.forget(conn, ids)
        conn.execute(_NO_LONGER_WAITING, {"ids": list(ids)})


def _fates(conn: Connection, ids: Sequence[str]) -> dict[str, dict[str, Fate]]:
    """Return what became of each disclosure at each of its recipients."""
    found: dict[str, dict[str, Fate]] = {}
    if ids:
        for row in conn.execute(_RECIPIENTS, {"ids": ids}):
            rejected = row.reason if row.result == "rejected" else None
            fate = Fate(collected=row.collected_at is not None, rejected_for=rejected)
            found.setdefault(row.disclosure, {})[row.agency] = fate
    return found
