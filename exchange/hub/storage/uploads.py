"""Resumable uploads: pieces of a sealed document that was announced; each is a blob and a row."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, null, select, union_all

from exchange.errors import Conflict
from exchange.hub.storage import headers
from exchange.hub.storage.tables import consents, disclosures, upload_pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload that is still open."""

    id: str
    manifest: bytes
    digest: str
    consent: str
    size: int
    """Bytes of the whole sealed document."""
    offset: int
    """Bytes that are durable already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes of a sealed document in the blob store."""

    start: int
    size: int
    blob: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a row says of the bytes in a blob."""

    size: int
    sha256: str | None
    """Hex; None of a piece: what it is part of is checked when the upload is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A blob without which a disclosure that is not over can never be read."""

    blob: str
    size: int
    disclosure: str
    chain: str
    """Of the consent, in the log."""


_OFFSET = (
    select(func.coalesce(func.sum(upload_pieces.c.size), 0))
    .where(upload_pieces.c.disclosure == disclosures.c.id)
    .scalar_subquery()
)
_FIND = select(
    disclosures.c.id,
    disclosures.c.manifest,
    disclosures.c.digest,
    disclosures.c.consent,
    disclosures.c.sealed_size,
    _OFFSET.label("offset"),
).where(
    disclosures.c.id == bindparam("of"),
    disclosures.c.sender == bindparam("caller"),
    disclosures.c.state == "announced",
)


_NEEDED = union_all(
    select(
        disclosures.c.blob,
        disclosures.c.payload_size.label("size"),
        disclosures.c.id.label("disclosure"),
        consents.c.chain,
    )
    .join_from(disclosures, consents)
    .where(disclosures.c.blob.is_not(None), headers.present(disclosures.c.id)),
    select(
        upload_pieces.c.blob,
        upload_pieces.c.size,
        upload_pieces.c.disclosure,
        consents.c.chain,
    )
    .join_from(upload_pieces, disclosures)
    .join(consents)
    .where(disclosures.c.state == "announced"),
).subquery()


def find(conn: Connection, id: str, sender: str) -> Upload | None:  # noqa: A002
    """Return an open upload to its sender; to everybody else it does not exist."""
    row = conn.execute(_FIND, {"of": id, "caller": sender}).one_or_none()
    if row is None:
        return None
    return Upload(
        id=row.id,
        manifest=row.manifest,
        digest=row.digest,
        consent=row.consent,
        size=row.sealed_size,
        offset=row.offset,
    )


def add_piece(conn: Connection, upload: Upload, piece: Piece) -> int:
    """Add a piece that is durable in the blob store, and return the new offset.

    Args:
        conn: of the unit of work.
        upload: from `find` in this unit of work.
        piece: the bytes behind the current offset.

    Raises:
        Conflict: another request has added a piece there.
    """
    if piece.start != upload.offset or piece.start + piece.size > upload.size:
        raise Conflict("the upload has another offset")
    conn.execute(
        insert(upload_pieces),
        {
            "disclosure": upload.id,
            "start": piece.start,
            "size": piece.size,
            "blob": piece.blob,
        },
    )
    return piece.start + piece.size


def pieces(conn: Connection, id: str) -> tuple[Piece, ...]:  # noqa: A002
    """Return the pieces of an upload in order."""
    query = (
        select(upload_pieces)
        .where(upload_pieces.c.disclosure == id)
        .order_by(upload_pieces.c.start)
    )
    return tuple(
        Piece(start=row.start, size=row.size, blob=row.blob) for row in conn.execute(query)
    )


def unneeded(conn: Connection, *, limit: int) -> tuple[tuple[str, Piece], ...]:
    """Return (disclosure, piece) of uploads that are complete or over, for the sweeper."""
    query = (
        select(upload_pieces)
        .join_from(upload_pieces, disclosures)
        .where(disclosures.c.state != "announced")
        .limit(limit)
    )
    return tuple(
        (row.disclosure, Piece(start=row.start, size=row.size, blob=row.blob))
        for row in conn.execute(query)
    )


def forget(conn: Connection, id: str, start: int) -> None:  # noqa: A002
    """Note that a piece has been deleted from the blob store."""
    conn.execute(
        delete(upload_pieces).where(
            upload_pieces.c.disclosure == id, upload_pieces.c.start == start
        )
    )


def named(conn: Connection, blobs: tuple[str, ...]) -> frozenset[str]:
    """Return those of `blobs` that a row names; the sweeper removes the others after a day."""
    payloads = select(disclosures.c.blob).where(disclosures.c.blob.in_(blobs))
    uploads = select(upload_pieces.c.blob).where(upload_pieces.c.blob.in_(blobs))
    return frozenset(conn.execute(union_all(payloads, uploads)).scalars())


def waiting(conn: Connection, *, after: str, limit: int) -> tuple[Waiting, ...]:
    """Return blobs behind `after`, in their order, without which something cannot be read."""
    found = select(_NEEDED).where(_NEEDED.c.blob > after).order_by(_NEEDED.c.blob).limit(limit)
    return tuple(Waiting(**row._mapping) for row in conn.execute(found))  # noqa: SLF001 - public


def waiting_for(conn: Connection, blobs: Sequence[str]) -> tuple[Waiting, ...]:
    """Return those of `blobs` without which something cannot be read."""
    found = select(_NEEDED).where(_NEEDED.c.blob.in_(blobs))
    return tuple(Waiting(**row._mapping) for row in conn.execute(found))  # noqa: SLF001 - public


def described(conn: Connection, blobs: Sequence[str]) -> dict[str, Described]:
    """Return what rows say of those of `blobs` that they name."""
    payloads = select(
        disclosures.c.blob, disclosures.c.payload_size.label("size"), disclosures.c.payload_sha256
    ).where(disclosures.c.blob.in_(blobs))
    uploads = select(upload_pieces.c.blob, upload_pieces.c.size, null()).where(
        upload_pieces.c.blob.in_(blobs)
    )
    return {
        row.blob: Described(size=row.size, sha256=row.payload_sha256)
        for row in conn.execute(union_all(payloads, uploads))
    }
