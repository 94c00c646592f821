"""Show published figures of an agreement to those who may see them: officers of its parties.

They are about no person: an officer's look at them is noted like one at terms, an auditor's is not.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from exchange.errors import NotFound, NotPermitted
from exchange.figures.measure import Dimension
from exchange.figures.period import Period
from exchange.figures.table import Table
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements, figures
from exchange.hub.storage.agreements import Agreement
from exchange.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of an agreement for one period, as far as they are published."""

    agreement: str
    """Its id."""
    title: str
    period: Period
    dimension: Dimension
    vocabulary: Vocabulary
    """Of the agreement: what its purposes and categories are called."""
    due: datetime
    """When they are frozen, or were at the earliest."""
    table: Table | None
    """None while they are not frozen, and of a time before the agreement."""
    trend: tuple[Table, ...]
    """Months of the period that are published, in order, all together along no dimension."""


async def read_figures(
    hub: Hub, asker: Officer, agreement: str, period: Period, dimension: Dimension
) -> Figures:
    """Return what is published.

    Args:
        hub: the parts.
        asker: an officer of a party, or an auditor.
        agreement: its id.
        period: any.
        dimension: along which it is split.

    Raises:
        NotFound: no such agreement of hers.
        NotPermitted: an operator: she reads no figures.
        Unavailable: the vault is away, and with it the trace of an officer.
    """
    if asker.role == "operator":
        raise NotPermitted
    found = await hub.db.read(_figures, hub, asker, agreement, period, dimension)
    await trace.record_look(hub, asker)
    return found


async def list_measured(
    hub: Hub, asker: Officer, *, after: str | None = None, limit: int = 200
) -> tuple[tuple[str, str], ...]:
    """Return id and title of the agreements whose figures the asker may see, by id.

    Raises:
        NotPermitted: an operator.
    """
    if asker.role == "operator":
        raise NotPermitted
    await trace.record_look(hub, asker)
    return await hub.db.read(_measured, hub, asker, after, limit)


def _figures(
    conn: Connection,
    hub: Hub,
    asker: Officer,
    agreement: str,
    period: Period,
    dimension: Dimension,
) -> Figures:
    stored = _found(conn, asker, agreement)
    if stored is None:
        raise NotFound
    months = (
        figures.published(conn, stored.digest, month, Dimension.TOTAL) for month in period.months
    )
    terms, _ = hub.records.agreement(conn, stored.digest, stored.statement)
    return Figures(
        agreement=stored.id,
        title=terms.title,
        vocabulary=terms.vocabulary,
        period=period,
        dimension=dimension,
        due=period.due,
        table=figures.published(conn, stored.digest, period, dimension),
        trend=tuple(month for month in months if month is not None),
    )


def _found(conn: Connection, asker: Officer, agreement: str) -> Agreement | None:
    if asker.role == "auditor":
        return agreements.by_id(conn, agreement)
    return None if asker.agency is None else agreements.find(conn, agreement, asker.agency)


def _measured(
    conn: Connection, hub: Hub, asker: Officer, after: str | None, limit: int
) -> tuple[tuple[str, str], ...]:
    if asker.agency is None:
        found = agreements.every(conn, after=after, limit=limit)
    else:
        found = agreements.listed(conn, asker.agency, after=after, limit=limit)
    return tuple((one.id, _title(conn, hub, one)) for one in found)


def _title(conn: Connection, hub: Hub, stored: Agreement) -> str:
    return hub.records.agreement(conn, stored.digest, stored.statement)[0].title
