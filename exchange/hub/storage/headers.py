"""Age headers: the wrapped file keys. Releasing a document is reading a row of this table.

The only module that names the column with header bytes; `release` alone reads it. The bytes are
in no other table, file, cache or message, so deleting a row makes the payload worthless.
"""

from collections.abc import Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Exists,
    ForeignKey,
    LargeBinary,
    Table,
    bindparam,
    delete,
    exists,
    insert,
    select,
)

from exchange.consent.decision import Permit
from exchange.errors import Unavailable
from exchange.hub.storage.tables import Uuid, consents, disclosures, metadata
from exchange.prepared import Prepared

headers = Table(
    "headers",
    metadata,
    Column("disclosure", Uuid, ForeignKey("disclosures.id"), primary_key=True),
    Column("header", LargeBinary, nullable=False),
)

_KEEP = Prepared(
    insert(headers).from_select(
        ["disclosure", "header"],
        select(disclosures.c.id, bindparam("octets", type_=LargeBinary))
        .join_from(disclosures, consents)
        .where(
            disclosures.c.id == bindparam("of"),
            disclosures.c.consent == bindparam("consent"),
            consents.c.ended_at.is_(None),
        ),
    )
)
_RELEASE = Prepared(
    select(headers.c.header)
    .join_from(headers, disclosures)
    .join(consents, consents.c.digest == disclosures.c.consent)
    .where(
        headers.c.disclosure == bindparam("id"),
        disclosures.c.consent == bindparam("consent"),
        consents.c.ended_at.is_(None),
    )
)
_KEPT = Prepared(select(headers.c.disclosure).where(headers.c.disclosure == bindparam("id")))
_DELETE = delete(headers).where(headers.c.disclosure.in_(bindparam("ids", expanding=True)))


def keep(conn: Connection, granted: Permit, disclosure: str, header: bytes) -> None:
    """Keep the header of a disclosure whose row was written in the same unit of work.

    Raises:
        Unavailable: the consent that was decided on has ended, or is not the disclosure's.
    """
    row = {"of": disclosure, "octets": header, "consent": granted.asked.consent}
    if _KEEP.changed(conn, row) != 1:
        raise Unavailable("the consent changed between decision and commit")


def release(conn: Connection, granted: Permit, disclosure: str) -> bytes | None:
    """Return the header of a disclosure, or None if it is gone.

    The caller has locked the consent in this unit of work and decided; this is the release. The
    statement asks once more for the consent that was decided on, so that a forgotten lock shows
    as a refusal. From the COMMIT on the header counts as handed out.
    """
    asked = {"id": disclosure, "consent": granted.asked.consent}
    row = _RELEASE.one(conn, asked)
    header: bytes | None = None if row is None else row.header
    return header


def kept(conn: Connection, disclosure: str) -> bool:
    """Tell whether the header of a disclosure is there, without reading it."""
    return _KEPT.one(conn, {"id": disclosure}) is not None


def forget(conn: Connection, ids: Sequence[str]) -> None:
    """Delete the headers of these disclosures; those that have none are no error.

    The bytes leave the file with the commit and the WAL with the next truncation
    (`SqliteDatabase.erase_from_wal`).
    """
    if ids:
        conn.execute(_DELETE, {"ids": list(ids)})


def present(disclosure: ColumnElement[str]) -> Exists:
    """Return the condition that a disclosure's header is still there, without its bytes."""
    return exists().where(headers.c.disclosure == disclosure)
