"""Received documents as they lie in the spool: what people and back offices are shown of them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Select, exists, select, tuple_

from exchange.agency import arrivals, tables
from exchange.agency.home import Home
from exchange.agency.state import Received, Receiving
from exchange.envelope.manifest import Context
from exchange.errors import NotFound

MOST_FILES: Final = 100_000
"""Files shown of one document."""
_HERE: Final = (Receiving.DECIDED.value, Receiving.DONE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document in the spool, or on its last step into it."""

    received: Received
    folder: str
    """Name of its folder in the spool."""
    context: Context
    """What the sender has signed about it."""
    fetched: bool
    """Whether the back office has said that it has it."""

    @property
    def id(self) -> str:
        """Id of the disclosure."""
        return self.received.id


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """One file of a document, as the intake format has made it."""

    name: str
    """Path within the folder, slashes between."""
    path: Path
    size: int
    """Bytes."""


def list_documents(conn: Connection, after: str | None, limit: int) -> list[Document]:
    """Return at most `limit` documents behind the one with id `after`, oldest first.

    Whether their folders are still there, `files_of` tells.
    """
    received = tables.received.c
    query = _documents().order_by(received.seen_at, received.id).limit(limit)
    if after is not None:
        seen_at = select(tables.received.c.seen_at).where(tables.received.c.id == after)
        since = seen_at.limit(1).scalar_subquery()
        query = query.where(tuple_(received.seen_at, received.id) > tuple_(since, after))
    return _found(conn, query)


def list_newest(conn: Connection, skip: int, limit: int) -> list[Document]:
    """Return at most `limit` documents, the newest first, without the first `skip` of them."""
    received = tables.received.c
    newest = received.collected_at.desc(), received.id
    return _found(conn, _documents().order_by(*newest).offset(skip).limit(limit))


def find_document(conn: Connection, disclosure_id: str) -> Document:
    """Return one document.

    Raises:
        NotFound: none of this id was accepted here, or it has been erased.
    """
    found = _found(conn, _documents().where(tables.received.c.id == disclosure_id))
    if not found:
        raise NotFound("no document with this id lies in the spool")
    return found[0]


def files_of(home: Home, folder: str) -> list[SpoolFile] | None:
    """Return the files of a document by name; None when its folder is gone. Follows no link."""
    root = home.spool / folder
    if not root.is_dir():
        return None
    found = []
    for place, _, names in os.walk(root):
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                shown = path.relative_to(root).as_posix()
                found.append(SpoolFile(shown, path, path.stat().st_size))
    return sorted(found, key=lambda file: file.name)[:MOST_FILES]


def _documents() -> Select[Any]:
    """Return the query of what may lie in the spool, fetched or not."""
    received = tables.received.c
    manifest = select(tables.evidence.c.data).where(
        tables.evidence.c.digest == received.digest, tables.evidence.c.kind == "manifest"
    )
    fetched = exists().where(tables.fetched.c.id == received.id)
    return select(
        tables.received,
        manifest.scalar_subquery().label("signed"),
        fetched.label("was_fetched"),
    ).where(received.folder.is_not(None), received.state.in_(_HERE))


def _found(conn: Connection, query: Select[Any]) -> list[Document]:
    found = []
    for row in conn.execute(query).mappings():
        received = {name: row[name] for name in tables.received.columns.keys()}  # noqa: SIM118
        found.append(
            Document(
                received=Received(**{**received, "state": Receiving(row["state"])}),
                folder=row["folder"],
                context=arrivals.context_in(row["signed"]),
                fetched=bool(row["was_fetched"]),
            )
        )
    return found
