"""What arrived at a gateway: the seen-set, how far each disclosure has come, and the evidence.

Plain functions on the connection of a unit of work, like those of `state`. What is large, the
header and the signed bytes, stands in rows of its own and is written once: a change of state then
writes a few bytes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from exchange import canonical, jws
from exchange.agency import tables
from exchange.agency.built import added_once, by_id, put
from exchange.agency.state import Delivered, Received, Receiving
from exchange.envelope.contents import read_contents
from exchange.envelope.manifest import Context, read_context
from exchange.prepared import Prepared
from exchange.statement import LARGEST

Evidence: TypeAlias = Literal["manifest", "contents", "acknowledgement", "receipt", "status"]
"""Bytes that prove what was received and answered, and that it was logged; written once."""

KEPT_DELIVERED: Final = timedelta(days=2 * 365)
"""How long after its end the digests of a disclosure's files are known here."""
KEPT_ASIDE: Final = timedelta(days=30)
"""How long an opened document lies in quarantine: for people to look, and to have it sent again."""
OPEN: Final = (Receiving.COLLECTED, Receiving.OPENED, Receiving.DECIDED)
"""States in which a received disclosure is not finished."""

_LIGHT: Final = tuple(column.name for column in tables.received.columns)


def find_received(conn: Connection, disclosure_id: str) -> list[Received]:
    """Return every manifest seen under one id, without their bytes: more than one is a replay."""
    found = by_id(tables.received).all(conn, {"of": disclosure_id})
    return [_received(row._asdict()) for row in found]


def list_received(
    conn: Connection, states: Sequence[Receiving] | None = None, *, consent: str | None = None
) -> list[Received]:
    """Return received disclosures in any of `states`, under `consent`, oldest first.

    Without their bytes; see `whole`.
    """
    query = select(tables.received).order_by(tables.received.c.seen_at, tables.received.c.id)
    if states is not None:
        query = query.where(tables.received.c.state.in_([state.value for state in states]))
    if consent is not None:
        query = query.where(tables.received.c.consent == consent)
    return [_received(dict(row)) for row in conn.execute(query).mappings()]


def list_concerned(conn: Connection, consent: str, disclosures: Collection[str]) -> list[Received]:
    """Return what was received under a consent, or passes on one of these disclosures."""
    query = select(tables.evidence.c.digest, tables.evidence.c.data)
    rows = conn.execute(query.where(tables.evidence.c.kind == "contents"))
    onward = {
        row.digest
        for row in rows
        if not {entry.disclosure for entry in read_contents(row.data).onward_of}.isdisjoint(
            disclosures
        )
    }
    concerned = or_(tables.received.c.consent == consent, tables.received.c.digest.in_(onward))
    found = conn.execute(select(tables.received).where(concerned)).mappings()
    return [_received(dict(row)) for row in found]


def unfinished(conn: Connection) -> frozenset[str]:
    """Return the ids of disclosures whose sealed document is still needed."""
    query = select(tables.received.c.id).where(
        tables.received.c.state.in_([state.value for state in OPEN])
    )
    return frozenset(conn.execute(query).scalars())


def quarantined(conn: Connection, now: datetime) -> frozenset[str]:
    """Return the ids of the disclosures whose folder in quarantine is needed at `now`."""
    return frozenset(aside.id for aside in (*list_aside(conn, now), *list_released(conn, now)))


def list_aside(conn: Connection, now: datetime) -> list[Received]:
    """Return the disclosures that lie in quarantine at `now`, oldest first."""
    return [aside for aside in _set_aside(conn, now) if aside.folder is None]


def list_released(conn: Connection, now: datetime) -> list[Received]:
    """Return the disclosures that people let in; one still lies there if a crash came before."""
    return [aside for aside in _set_aside(conn, now) if aside.folder is not None]


def _set_aside(conn: Connection, now: datetime) -> list[Received]:
    received = tables.received.c
    query = select(tables.received).where(
        received.result == "quarantined",
        received.state != Receiving.ERASED.value,
        received.seen_at > now - KEPT_ASIDE,
    )
    found = conn.execute(query.order_by(received.seen_at, received.id)).mappings()
    return [_received(dict(row)) for row in found]


def whole(conn: Connection, received: Received) -> Received:
    """Return a received disclosure with its bytes, as far as they are still kept."""
    query = select(tables.evidence.c.kind, tables.evidence.c.data)
    rows = conn.execute(query.where(tables.evidence.c.digest == received.digest))
    kept: dict[str, Any] = {row.kind: row.data for row in rows}
    header = select(tables.headers.c.header).where(tables.headers.c.digest == received.digest)
    return replace(received, header=conn.execute(header).scalar_one_or_none(), **kept)


def accepted(conn: Connection, disclosure_id: str) -> Context | None:
    """Return what the manifest of a disclosure says that was let in here and not erased since."""
    query = (
        select(tables.evidence.c.data)
        .join(tables.received, tables.received.c.digest == tables.evidence.c.digest)
        .where(
            tables.received.c.id == disclosure_id,
            or_(tables.received.c.result == "accepted", tables.received.c.folder.is_not(None)),
            tables.received.c.state.in_([Receiving.DECIDED.value, Receiving.DONE.value]),
            tables.evidence.c.kind == "manifest",
        )
    )
    manifest = conn.execute(query).scalar_one_or_none()
    return None if manifest is None else context_in(manifest)


def context_in(manifest: bytes) -> Context:
    """Return the context of a manifest that was verified when it was received."""
    payload = canonical.loads(canonical.unb64u(jws.read(manifest).payload), limit=LARGEST)
    return read_context(canonical.unb64u(payload["context"]))


def put_received(conn: Connection, received: Received, *new: Evidence) -> None:
    """Remember how far a disclosure has come; collected or finished, it is no longer held.

    Args:
        conn: of the unit of work.
        received: its header is kept if it has one; of its other bytes those named in `new`.
        new: which evidence it has now and had not before.
    """
    row = {name: getattr(received, name) for name in _LIGHT}
    put(tables.received).changed(conn, row | {"state": received.state.value})
    for kind in new:
        data = {"digest": received.digest, "kind": kind, "data": getattr(received, kind)}
        added_once(tables.evidence).changed(conn, data)
    if received.state is Receiving.COLLECTED:
        header = {"digest": received.digest, "header": received.header}
        added_once(tables.headers).changed(conn, header)
        _no_longer_held().changed(conn, {"of": received.id})
    elif received.state not in {Receiving.OPENED, Receiving.DECIDED}:
        _dropped().changed(conn, {"of": received.digest})
        _no_longer_held().changed(conn, {"of": received.id})


def decide_received(conn: Connection, decided: Received, files: Sequence[Delivered]) -> None:
    """Remember the signed answer to a disclosure, and which files came with it."""
    # Of what was collected the manifest is here since then.
    new: tuple[Evidence, ...] = ("manifest",) if decided.collected_at is None else ()
    put_received(conn, decided, *new, "acknowledgement")
    add_delivered(conn, files)


def end_received(conn: Connection, ended: Received) -> None:
    """Remember that a disclosure ended before anybody read it, and nothing of what was in it."""
    put_received(conn, ended)
    conn.execute(
        delete(tables.evidence).where(
            tables.evidence.c.digest == ended.digest, tables.evidence.c.kind == "contents"
        )
    )


def add_delivered(conn: Connection, files: Sequence[Delivered]) -> None:
    """Remember files that came from others."""
    for file in files:
        row = {name: getattr(file, name) for name in Delivered.__slots__}
        added_once(tables.delivered).changed(conn, row)


def find_delivered(conn: Connection, sizes: Collection[int]) -> list[Delivered]:
    """Return files of others that have one of these sizes: those worth hashing."""
    query = select(tables.delivered).where(tables.delivered.c.size.in_(sizes))
    return [Delivered(**row) for row in conn.execute(query).mappings()]


def sizes_delivered(conn: Connection) -> frozenset[int]:
    """Return the sizes of all files that came from others."""
    return frozenset(conn.execute(select(tables.delivered.c.size).distinct()).scalars())


def forget_seen(conn: Connection, now: datetime) -> None:
    """Shorten what is over: the evidence stays, the seen-set ends with `keep_until`.

    Only documents that ended unread are forgotten; of the others the signed manifest, the list
    of contents and the acknowledgement are this agency's evidence. Which files came with them is
    known for two years more.
    """
    old = select(tables.received.c.id).where(tables.received.c.keep_until < now - KEPT_DELIVERED)
    conn.execute(delete(tables.delivered).where(tables.delivered.c.id.in_(old)))
    over = select(tables.received.c.digest).where(
        tables.received.c.state == Receiving.ENDED.value, tables.received.c.keep_until < now
    )
    conn.execute(delete(tables.evidence).where(tables.evidence.c.digest.in_(over)))
    conn.execute(delete(tables.received).where(tables.received.c.digest.in_(over)))


def ids_under(conn: Connection, consent: str) -> frozenset[str]:
    """Return the ids of the disclosures received under a consent."""
    query = select(tables.received.c.id).where(tables.received.c.consent == consent)
    return frozenset(conn.execute(query).scalars())


def mark_erased(conn: Connection, consent: str) -> None:
    """Forget what was in the documents under a consent, and who it was about.

    What stays is which statements were exchanged: the evidence that it was erased.
    """
    under = tables.received.c.consent == consent
    digests = select(tables.received.c.digest).where(under)
    ids = select(tables.received.c.id).where(under)
    conn.execute(delete(tables.headers).where(tables.headers.c.digest.in_(digests)))
    conn.execute(
        delete(tables.evidence).where(
            tables.evidence.c.digest.in_(digests), tables.evidence.c.kind == "contents"
        )
    )
    conn.execute(delete(tables.delivered).where(tables.delivered.c.id.in_(ids)))
    conn.execute(
        update(tables.received).where(under).values(state=Receiving.ERASED.value, folder=None)
    )
    conn.execute(
        update(tables.consents).where(tables.consents.c.digest == consent).values(subject=None)
    )


@cache
def _dropped() -> Prepared:
    return Prepared(delete(tables.headers).where(tables.headers.c.digest == bindparam("of")))


@cache
def _no_longer_held() -> Prepared:
    return Prepared(delete(tables.held).where(tables.held.c.id == bindparam("of")))


def _received(row: Mapping[str, Any]) -> Received:
    return Received(**{**row, "state": Receiving(row["state"])})
