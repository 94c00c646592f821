"""How many of each finding there are: counted where the rows lie, without opening an entry.

A row in an agency's list is there from when its entry opens to it, and of the kinds that are
counted here none closes again. So the rows stand for what `exchange.hub.may_open` says of the
entries that are listed; where a finding is told in some roles only, the role is asked for too.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Subquery, exists, func, literal, select

from exchange.hub.storage.answers_findings import Withdrawal, open_endings
from exchange.hub.storage.ending import WITHDRAWN
from exchange.hub.storage.log_tables import log_entry, log_event
from exchange.hub.storage.tables import consent_findings, consents, erasures


def entries(conn: Connection, mine: Subquery) -> int:
    """Return how many entries these are.

    Args:
        conn: may be a reader's.
        mine: places in the list of an agency, here and below from `reading.newest`.
    """
    return conn.execute(select(func.count()).select_from(mine)).scalar_one()


def looks(conn: Connection, mine: Subquery, officer: str) -> int:
    """Return how many of these looks were not those of one account."""
    # An event is canonical JSON: a member stands in it in this way and in no other.
    own = f'"officer":"{officer}"'.encode()
    bodies = conn.execute(_events(mine, select(log_event.c.body))).scalars()
    return sum(own not in body for body in bodies)


def warnings(conn: Connection, mine: Subquery, agency: str) -> int:
    """Return how many of these consents an agency has collected although a rule warned."""
    warned = exists().where(consent_findings.c.consent == consents.c.digest)
    query = _consents(mine, select(func.count()))
    mine_and_warned = query.where(consents.c.collected_by == agency, warned)
    count: int = conn.execute(mine_and_warned).scalar_one()
    return count


def kept(conn: Connection, mine: Subquery, ground: str) -> int:
    """Return how many of these answers keep something on a ground."""
    query = _consents(mine, select(func.count())).join(
        erasures,
        (erasures.c.consent == consents.c.digest)
        & (erasures.c.confirmation_receipt == log_event.c.rid),
    )
    count: int = conn.execute(query.where(erasures.c.ground == ground)).scalar_one()
    return count


def withdrawals(conn: Connection, mine: Subquery) -> Iterator[Withdrawal]:
    """Yield the withdrawals that these entries record."""
    columns = select(consents.c.digest, consents.c.ended_at, consents.c.withdrawal)
    query = _consents(mine, columns).where(
        consents.c.ended_why == WITHDRAWN, consents.c.withdrawal.is_not(None)
    )
    for row in conn.execute(query):
        yield Withdrawal(consent=row.digest, recorded_at=row.ended_at, statement=row.withdrawal)


def ending(conn: Connection, agency: str, *, now: datetime, before: datetime, limit: int) -> int:
    """Return how many consents end soon, `limit` at most; see `answers_findings.ending`."""
    found = open_endings(agency, now=now, before=before).with_only_columns(literal(1))
    few = found.limit(limit).subquery()
    return conn.execute(select(func.count()).select_from(few)).scalar_one()


def _events(mine: Subquery, columns: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return columns.join_from(mine, log_entry, log_entry.c.idx == mine.c.idx).join(
        log_event, log_event.c.rid == log_entry.c.rid
    )


def _consents(mine: Subquery, columns: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return _events(mine, columns).join(consents, consents.c.chain == log_event.c.chain)
