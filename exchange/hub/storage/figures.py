"""Figures of agreements: what is counted for them, and what was published once and for all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import randbits
from typing import Final

from sqlalchemy import (
    BigInteger,
    Connection,
    and_,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    tuple_,
)

from exchange.database import Moment
from exchange.figures.measure import Dimension
from exchange.figures.period import MONTHS, Period
from exchange.figures.table import Table, read_table, write_table
from exchange.figures.tally import Tally, read_tally, write_tally
from exchange.hub.storage.log_tables import log_entry, log_event
from exchange.hub.storage.officer_tables import counted, figures, log_reader, tallies
from exchange.hub.storage.reading import Place
from exchange.hub.storage.tables import (
    agreement_parties,
    agreements,
    consents,
    disclosure_recipients,
    disclosures,
    requests,
)

NUMBER_BITS: Final = 52
"""Of a random number that stands for a consent: JSON keeps it, and two are never the same."""
COUNTED_KINDS: Final = (
    "consent-recorded",
    "consent-withdrawn",
    "disclosure-stored",
    "disclosure-collected",
    "disclosure-acknowledged",
    "disclosure-ended",
)
"""Of the events of what is counted under a consent."""
ROUGHLY: Final = timedelta(days=1)
"""By how much events may lie beside a month: the rows that are counted say what is in it."""


@dataclass(frozen=True, slots=True)
class Unfrozen:
    """An agreement of which figures are due."""

    digest: str
    recorded_at: datetime
    newest: str | None
    """The last period whose figures are frozen, of those that are months; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where to look for what happened."""

    party: str
    """Agency in whose part of the log."""
    month: Period
    behind: Place | None
    """The last place of the page before."""
    limit: int
    """Most entries."""


@dataclass(frozen=True, slots=True)
class CountedConsent:
    """A consent that was recorded or withdrawn in a month."""

    digest: str
    recorded_at: datetime
    withdrawn_at: datetime | None
    statement: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Addressed:
    """A disclosure to one of its recipients, with something that happened in a month."""

    disclosure: str
    consent: str
    sender: str
    recipient: str
    stored_at: datetime
    collected_at: datetime | None
    acknowledged_at: datetime | None
    result: str | None
    ended_at: datetime | None
    ended_why: str | None
    manifest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CountedRequest:
    """A document request that was made or answered in a month."""

    consent: str | None
    purpose: str
    categories: tuple[str, ...]
    asker: str
    asked: str
    made_at: datetime
    answered_at: datetime | None


def unfrozen(conn: Connection, last: Period, *, after: str, limit: int) -> tuple[Unfrozen, ...]:
    """Return agreements, by digest, whose figures of a month are not frozen.

    Args:
        conn: may be a reader's.
        last: a month; an agreement that was recorded later is not meant.
        after: digest behind which they begin.
        limit: most of them.
    """
    frozen = exists().where(
        figures.c.agreement == agreements.c.digest, figures.c.period == last.name
    )
    query = (
        select(agreements.c.digest, agreements.c.recorded_at)
        .where(agreements.c.digest > after, agreements.c.recorded_at < last.end, ~frozen)
        .order_by(agreements.c.digest)
        .limit(limit)
    )
    return tuple(
        Unfrozen(row.digest, row.recorded_at, _newest(conn, row.digest))
        for row in conn.execute(query)
    )


def _newest(conn: Connection, agreement: str) -> str | None:
    query = (
        select(figures.c.period)
        .where(
            figures.c.agreement == agreement,
            figures.c.dimension == Dimension.TOTAL,
            figures.c.period.like("____-__"),
            figures.c.period.not_like("%Q%"),
        )
        .order_by(figures.c.period.desc())
        .limit(1)
    )
    return conn.execute(query).scalar()


def parties(conn: Connection, agreement: str) -> tuple[str, ...]:
    """Return the agencies of an agreement, by its digest, in their order."""
    query = select(agreement_parties.c.agency).where(agreement_parties.c.agreement == agreement)
    return tuple(conn.execute(query.order_by(agreement_parties.c.agency)).scalars())


def concerned(conn: Connection, agreement: str, page: Page) -> tuple[frozenset[str], Place | None]:
    """Look through a page of what the log holds of one party in a month.

    Everything that is counted of a consent or a disclosure is an event, and concerns a party: who
    records a consent, collects it, sends or receives is one (`exchange.hub.concerned`). So a month
    costs what happened in it, however many consents are kept.

    Returns:
        Digests of the consents under the agreement to which something happened, and behind which
        place to go on; None at the end.
    """
    here = tuple_(log_reader.c.at, log_reader.c.idx)
    wanted = [
        log_reader.c.agency == page.party,
        log_reader.c.at >= page.month.begin - ROUGHLY,
        log_reader.c.at < page.month.end + ROUGHLY,
        log_reader.c.kind.in_(COUNTED_KINDS),
    ]
    if page.behind is not None:
        at, index = literal(page.behind.at, Moment), literal(page.behind.index, BigInteger)
        wanted.append(here > tuple_(at, index))
    # Limited before it is joined, as every list of an agency is.
    mine = (
        select(log_reader.c.at, log_reader.c.idx)
        .where(*wanted)
        .order_by(log_reader.c.at, log_reader.c.idx)
        .limit(page.limit)
        .subquery()
    )
    query = (
        select(mine.c.at, mine.c.idx, consents.c.digest)
        .outerjoin_from(mine, log_entry, log_entry.c.idx == mine.c.idx)
        .outerjoin(log_event, log_event.c.rid == log_entry.c.rid)
        .outerjoin(
            consents,
            and_(consents.c.chain == log_event.c.chain, consents.c.agreement == agreement),
        )
        .order_by(mine.c.at, mine.c.idx)
    )
    rows = conn.execute(query).all()
    found = frozenset(row.digest for row in rows if row.digest is not None)
    return found, Place(rows[-1].at, rows[-1].idx) if len(rows) == page.limit else None


def counted_consents(
    conn: Connection, digests: Collection[str], within: Period
) -> tuple[CountedConsent, ...]:
    """Return those of some consents that were recorded or withdrawn in a month."""
    query = select(
        consents.c.digest,
        consents.c.recorded_at,
        consents.c.ended_at,
        consents.c.ended_why,
        consents.c.statement,
    ).where(
        consents.c.digest.in_(digests),
        or_(
            consents.c.recorded_at.between(within.begin, within.end),
            consents.c.ended_at.between(within.begin, within.end),
        ),
    )
    return tuple(
        CountedConsent(
            row.digest,
            row.recorded_at,
            row.ended_at if row.ended_why == "withdrawn" else None,
            row.statement,
        )
        for row in conn.execute(query)
    )


def addressed(conn: Connection, digests: Collection[str], within: Period) -> tuple[Addressed, ...]:
    """Return disclosures under some consents to which something happened in a month.

    One for each recipient, those of one disclosure together.
    """
    moments = (
        disclosures.c.stored_at,
        disclosures.c.ended_at,
        disclosure_recipients.c.collected_at,
        disclosure_recipients.c.acknowledged_at,
    )
    query = (
        select(
            disclosures.c.id,
            disclosures.c.consent,
            disclosures.c.sender,
            disclosure_recipients.c.agency,
            disclosures.c.stored_at,
            disclosure_recipients.c.collected_at,
            disclosure_recipients.c.acknowledged_at,
            disclosure_recipients.c.result,
            disclosures.c.ended_at,
            disclosures.c.ended_why,
            disclosures.c.manifest,
        )
        .join_from(disclosures, disclosure_recipients)
        .where(
            disclosures.c.consent.in_(digests),
            disclosures.c.stored_at.is_not(None),
            or_(*(moment.between(within.begin, within.end) for moment in moments)),
        )
        .order_by(disclosures.c.id, disclosure_recipients.c.agency)
    )
    return tuple(Addressed(*row) for row in conn.execute(query))


def counted_requests(
    conn: Connection, agreement: str, within: Period
) -> tuple[CountedRequest, ...]:
    """Return document requests under an agreement that were made or answered in a month."""
    parties = select(agreement_parties.c.agency).where(agreement_parties.c.agreement == agreement)
    query = select(
        requests.c.consent,
        requests.c.purpose,
        requests.c.categories,
        requests.c.agency,
        requests.c.asked,
        requests.c.made_at,
        requests.c.answered_at,
    ).where(
        requests.c.agency.in_(parties),
        requests.c.agreement == agreement,
        or_(
            requests.c.made_at.between(within.begin, within.end),
            requests.c.answered_at.between(within.begin, within.end),
        ),
    )
    return tuple(
        CountedRequest(
            row.consent,
            row.purpose,
            tuple(row.categories.split(",")),
            row.agency,
            row.asked,
            row.made_at,
            row.answered_at,
        )
        for row in conn.execute(query)
    )


def number(conn: Connection, digests: Collection[str], year: int) -> dict[str, int]:
    """Return the random number of each of these consents in a year; draw what is missing.

    Consents that are gone have none.
    """
    mine = (counted.c.consent.in_(digests), counted.c.year == str(year))
    known = {
        row.consent: row.number
        for row in conn.execute(select(counted.c.consent, counted.c.number).where(*mine))
    }
    there = conn.execute(select(consents.c.digest).where(consents.c.digest.in_(digests))).scalars()
    drawn = {digest: randbits(NUMBER_BITS) for digest in there if digest not in known}
    if drawn:
        conn.execute(
            insert(counted),
            [
                {"consent": digest, "year": str(year), "number": number}
                for digest, number in drawn.items()
            ],
        )
    return known | drawn


def forget_numbers(conn: Connection, agreement: str, *, before: int, limit: int) -> int:
    """Delete numbers of consents under an agreement in years that are frozen.

    Returns:
        how many; fewer than `limit`: there are no more.
    """
    old = (
        select(counted.c.consent, counted.c.year)
        .join_from(counted, consents)
        .where(consents.c.agreement == agreement, counted.c.year < str(before))
        .limit(limit)
    )
    found = conn.execute(old).all()
    for row in found:
        conn.execute(
            delete(counted).where(counted.c.consent == row.consent, counted.c.year == row.year)
        )
    return len(found)


def freeze(conn: Connection, agreement: str, tally: Tally, tables: Sequence[Table]) -> bool:
    """Publish the figures of a month and of what ends with it, and keep what was counted.

    With the last month of a year what was counted goes: nothing is made of it any more.

    Returns:
        False when they are published already, or the agreement is gone.
    """
    mine = select(agreements.c.digest).where(agreements.c.digest == agreement).with_for_update()
    if conn.execute(mine).scalar() is None:
        return False
    if published(conn, agreement, tally.month, Dimension.TOTAL) is not None:
        return False
    conn.execute(
        insert(figures),
        [
            {
                "agreement": agreement,
                "period": table.period.name,
                "dimension": table.dimension,
                "frozen_at": table.frozen_at,
                "body": write_table(table),
            }
            for table in tables
        ],
    )
    if tally.month.first == MONTHS:
        conn.execute(
            delete(tallies).where(
                tallies.c.agreement == agreement,
                tallies.c.month.startswith(f"{tally.month.year}-"),
            )
        )
    else:
        row = {"agreement": agreement, "month": tally.month.name, "body": write_tally(tally)}
        conn.execute(insert(tallies), row)
    return True


def published(
    conn: Connection, agreement: str, period: Period, dimension: Dimension
) -> Table | None:
    """Return a table of an agreement, by its digest, as it was published."""
    query = select(figures.c.body).where(
        figures.c.agreement == agreement,
        figures.c.period == period.name,
        figures.c.dimension == dimension,
    )
    body = conn.execute(query).scalar()
    return None if body is None else read_table(body)


def published_in(conn: Connection, agreement: str, year: int) -> tuple[Table, ...]:
    """Return every table of an agreement for a year or a part of it, in no order."""
    query = select(figures.c.body).where(
        figures.c.agreement == agreement,
        or_(figures.c.period == str(year), figures.c.period.startswith(f"{year}-")),
    )
    return tuple(read_table(body) for body in conn.execute(query).scalars())


def tallies_of(conn: Connection, agreement: str, year: int) -> tuple[Tally, ...]:
    """Return what was counted in the months of a year so far, in order."""
    query = (
        select(tallies.c.body)
        .where(tallies.c.agreement == agreement, tallies.c.month.startswith(f"{year}-"))
        .order_by(tallies.c.month)
    )
    return tuple(read_tally(body) for body in conn.execute(query).scalars())
