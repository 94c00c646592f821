"""How long an agreement holds: a fixed time, or year by year until a party gives notice.

Offices agree on days; the days are those of Germany, whatever the clock of a machine is set to.
Pure: the moment asked about is an argument.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from exchange.agreement.signing import AgreementNotice
from exchange.canonical import Json
from exchange.days import begin_of, day_of, end_of
from exchange.errors import Malformed
from exchange.members import FIRST_YEAR, LAST_YEAR, Members, write_time

MOST_NOTICE_MONTHS = 12
"""Longest notice: a whole year before the end of the year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A term that simply ends."""

    begins: datetime
    until: datetime
    """Half open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """Until 31 December of a year, then by one year at a time unless a party gives notice."""

    begins: datetime
    first_year: int
    """The agreement holds at least to the end of 31 December of this year."""
    notice_months: int
    """1 to 12: how long before the end of a year a notice must have arrived."""


Term: TypeAlias = Fixed | Renewing


def read_term(members: Members) -> Term:
    """Read a term from the member `term` of an agreement, or raise Malformed."""
    begins = members.time("from")
    found: Term
    if members.has("until"):
        found = Fixed(begins=begins, until=members.time("until"))
        sensible = found.begins < found.until
    else:
        found = Renewing(
            begins=begins,
            first_year=members.integer("first_year", FIRST_YEAR, LAST_YEAR),
            notice_months=members.integer("notice_months", 1, MOST_NOTICE_MONTHS),
        )
        sensible = found.begins < year_end(found.first_year)
    members.end()
    if not sensible:
        raise Malformed("term: it ends before it begins")
    return found


def term_payload(term: Term) -> dict[str, Json]:
    """Return the member `term` of an agreement; `read_term` is the way back."""
    if isinstance(term, Fixed):
        return {"from": write_time(term.begins), "until": write_time(term.until)}
    return {
        "from": write_time(term.begins),
        "first_year": term.first_year,
        "notice_months": term.notice_months,
    }


def year_end(year: int) -> datetime:
    """Return the end of 31 December of `year` in Germany: the first moment of the next year."""
    return end_of(date(year, 12, 31))


def notice_deadline(term: Renewing, year: int) -> datetime:
    """Return the first moment at which a notice comes too late to end the term with `year`.

    With three months that is the beginning of 1 October: a notice must have arrived by the end
    of 30 September. Weekends and holidays move nothing (§ 193 BGB does not concern a notice).
    """
    month = 13 - term.notice_months
    return begin_of(date(year, month, 1))


def earliest_end(term: Renewing, given_at: datetime) -> datetime:
    """Return the first year's end for which a notice given at that moment is in time."""
    year = max(term.first_year, day_of(given_at).year)
    while notice_deadline(term, year) <= given_at:
        year += 1
    return year_end(year)


def next_year_end(moment: datetime) -> datetime:
    """Return the first year's end that is not before `moment`."""
    begun = year_end(day_of(moment).year - 1)
    return begun if begun == moment else year_end(day_of(moment).year)


def ends_at(term: Term, notices: Collection[AgreementNotice]) -> datetime | None:
    """Return when the agreement ends, half open; None while it renews.

    A notice never ends a term earlier than the agreement allows, whatever it states: it then
    counts for the next year's end. A fixed term knows no notice.
    """
    if isinstance(term, Fixed):
        return term.until
    return min((_effect(term, notice) for notice in notices), default=None)


def _effect(term: Renewing, notice: AgreementNotice) -> datetime:
    return max(next_year_end(notice.ends), earliest_end(term, notice.given_at))
