"""Log receipts kept as evidence about what was received: of manifests and of consents.

Plain functions on the connection of a unit of work. They stand beside the signed bytes that they
are about (`arrivals.Evidence`) and are forgotten with them.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from exchange.agency import tables
from exchange.agency.awaited import Awaited
from exchange.agency.built import added_once, put
from exchange.agency.log_points import ACKNOWLEDGED, COLLECTED, RECORDED, STORED
from exchange.prepared import Prepared

RECEIPT: Final = "receipt"
"""Of the storing of a disclosure, and of the recording of a consent."""
WITHDRAWAL: Final = "withdrawal"
"""Receipt of the withdrawal of a consent, whoever withdrew it."""
STATUS: Final = "status"
"""The hub's word that a consent had not ended when it released a header."""
KEPT_AS: Final[Mapping[str, str]] = MappingProxyType(
    {
        RECORDED: RECEIPT,
        STORED: RECEIPT,
        COLLECTED: "collected",
        ACKNOWLEDGED: "acknowledged",
    }
)
"""Kind of evidence, by kind of the event that a receipt shows."""


def find_evidence(conn: Connection, digest: str, kind: str) -> bytes | None:
    """Return one piece of evidence about a manifest or a consent."""
    row = _found().one(conn, {"of": digest, "kind": kind})
    return None if row is None else row.data


def add_evidence(conn: Connection, digest: str, kind: str, data: bytes) -> None:
    """Keep one piece of evidence, unless there is one of its kind."""
    added_once(tables.evidence).changed(conn, {"digest": digest, "kind": kind, "data": data})


def keep_receipt(conn: Connection, owed: Awaited, receipt: bytes) -> None:
    """Keep a verified receipt that was owed; one with its quorum takes the place of the first.

    About what was never collected here, or is forgotten, nothing is kept.
    """
    kept, kind = tables.evidence.c, KEPT_AS[owed.kind]
    if owed.own and find_evidence(conn, owed.digest, "manifest") is not None:
        add_evidence(conn, owed.digest, kind, receipt)
    change = update(tables.evidence).where(kept.digest == owed.digest, kept.kind == kind)
    conn.execute(change.values(data=receipt))


def keep_withdrawal(conn: Connection, consent: str, receipt: bytes) -> None:
    """Keep the receipt of the withdrawal of a consent; a later one takes its place."""
    row = {"digest": consent, "kind": WITHDRAWAL, "data": receipt}
    put(tables.evidence).changed(conn, row)


def list_notes(conn: Connection, consent: str) -> list[bytes]:
    """Return every status note that is kept about a consent, by its digest."""
    kept, received = tables.evidence.c, tables.received.c
    query = select(kept.data).join(tables.received, received.digest == kept.digest)
    found = query.where(received.consent == consent, kept.kind == STATUS)
    return list(conn.execute(found).scalars())


def list_withdrawn(conn: Connection) -> frozenset[str]:
    """Return the consents of whose withdrawal a receipt is kept, by their digests."""
    kept = tables.evidence.c
    return frozenset(conn.execute(select(kept.digest).where(kept.kind == WITHDRAWAL)).scalars())


@cache
def _found() -> Prepared:
    kept = tables.evidence.c
    which = kept.digest == bindparam("of"), kept.kind == bindparam("kind")
    return Prepared(select(kept.data).where(*which))
