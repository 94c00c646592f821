"""Lists of what lies here, a page at a time: the newest first, and no more is read than shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from exchange.agency import tables
from exchange.agency.documents import Document, list_newest
from exchange.agency.events import Event, EventKind
from exchange.agency.pages.fields import Fields
from exchange.agency.state import Sending, Sent
from exchange.forms.account import Fact

PAGE: Final = 25
"""Rows of one page of a list."""
LAST_PAGE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry of a list."""

    title: str
    path: str
    """Of the page about it."""
    at: str
    facts: Sequence[Fact] = ()
    badge: str | None = None
    """What somebody has to know at a glance."""


def page_of(fields: Fields) -> int:
    """Return which page of a list is asked for; the first where it says nothing sensible."""
    return min(fields.number("page") or 0, LAST_PAGE)


def list_sent(conn: Connection, page: int) -> list[Sent]:
    """Return one page of disclosures of ours, and one more entry where there is a next page."""
    newest = tables.sent.c.sent_at.desc(), tables.sent.c.id
    query = select(tables.sent).order_by(*newest).offset(page * PAGE).limit(PAGE + 1)
    return [_sent(row) for row in conn.execute(query).mappings()]


def list_answers(conn: Connection, disclosure_id: str) -> list[tuple[str, str, str | None]]:
    """Return which recipients have answered: agency, result and reason."""
    answers = tables.answers.c
    query = select(answers.agency, answers.result, answers.reason)
    rows = conn.execute(query.where(answers.id == disclosure_id).order_by(answers.agency))
    return [(row.agency, row.result, row.reason) for row in rows]


def list_arrived(conn: Connection, page: int) -> list[Document]:
    """Return one page of documents that were let in here, and one more where there is a next."""
    return list_newest(conn, page * PAGE, PAGE + 1)


def count_waiting(conn: Connection) -> int:
    """Return how many disclosures of ours are on their way to the hub."""
    under_way = [Sending.SEALED.value, Sending.LODGED.value]
    query = select(tables.sent.c.id).where(tables.sent.c.state.in_(under_way))
    return len(conn.execute(query).all())


def list_happened(conn: Connection, page: int) -> list[Event]:
    """Return one page of events, the newest first, and one more where there is a next page."""
    newest = tables.events.c.number.desc()
    query = select(tables.events).order_by(newest).offset(page * PAGE).limit(PAGE + 1)
    rows = conn.execute(query).mappings()
    return [Event(**{**row, "kind": EventKind(row["kind"])}) for row in rows]


def _sent(row: Mapping[Any, Any]) -> Sent:
    return Sent(**{**row, "state": Sending(row["state"])})
