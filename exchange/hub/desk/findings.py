"""What the first page counts, each as a list: what it means, what to do, and what proves it."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from aiohttp import web

from exchange.days import last_day
from exchange.errors import Malformed
from exchange.hub.answers.findings import (
    ENDING,
    FINDINGS,
    LATELY,
    Finding,
    Found,
    Wanted,
    list_findings,
)
from exchange.hub.answers.overview import Count
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.desk.shell import Place, Visit
from exchange.pages.words import Words
from exchange.rules import rules

BASE: Final = "/officer/findings"
PAGE: Final = 50
FIRST_YEAR, LAST_YEAR = 1900, 9000
"""Of days that can be asked about; far from the ends of the calendar."""
_COLUMNS: Final[Mapping[Finding, tuple[str, ...]]] = MappingProxyType(
    {
        "sent-after-withdrawal": ("recorded", "received", "by", "disclosures", "consent", "entry"),
        "recorded-late": ("recorded", "received", "by", "consent", "entry"),
        "kept-on-own-basis": ("at", "by", "consent", "entry"),
        "refused": ("at", "by", "why", "consent", "entry"),
        "warnings": ("at", "rules", "consent", "entry"),
        "consents-ending": ("deadline", "who_asks", "asked", "until", "consent"),
        "looks": ("at", "officer", "consent", "entry"),
    }
)


async def show(visit: Visit) -> web.StreamResponse:
    """Show a page of one finding."""
    finding = next(known for known in FINDINGS if known == visit.in_path("finding"))
    given = {name: visit.fields[name] for name in ("since", "until") if visit.fields.get(name)}
    last = _day(given.get("until"))
    wanted = Wanted(
        finding=finding,
        since=_day(given.get("since")),
        until=None if last is None else last + timedelta(days=1),
    )
    after = visit.fields.get("after") or None
    found = await list_findings(visit.hub, visit.asker, wanted, after=after, limit=PAGE)
    asked = found.asked
    columns = _COLUMNS[finding]
    return visit.page(
        "finding.html",
        finding=finding,
        base=f"{BASE}/{finding}",
        dated=finding != ENDING,
        days={
            "since": "" if asked.since is None else asked.since.isoformat(),
            "until": "" if asked.until is None else (asked.until - timedelta(days=1)).isoformat(),
        },
        given=given,
        heads=[visit.say(f"findings.{column}") for column in columns],
        rows=[[_CELLS[column](visit, one) for column in columns] for one in found.answer],
        next=found.next,
    )


PLACES: Final = (Place(path=f"{BASE}/{{finding:{'|'.join(FINDINGS)}}}", page=show),)


def line(say: Words, one: Count) -> dict[str, str]:
    """Return how many there are of a finding, what to do, and where they are listed."""
    many = "more" if one.more else "one" if one.count == 1 else "many"
    text = say(f"finding.{one.finding}.{many}", count=one.count, days=LATELY.days)
    return {"text": text, "path": f"{BASE}/{one.finding}", "hint": say(f"finding.{one.finding}.do")}


def _day(text: str | None) -> date | None:
    """Return a day that a form has sent.

    Raises:
        Malformed: no form of ours has sent that.
    """
    try:
        found = None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Malformed("not a day") from None
    if found is not None and (found.isoformat() != text or not FIRST_YEAR < found.year < LAST_YEAR):
        raise Malformed("a day is written YYYY-MM-DD")
    return found


def _consent(visit: Visit, one: Found) -> Any:
    if one.consent is None:
        return visit.say("findings.consent_hidden")
    return {"path": f"{CONSENTS}/{one.consent}", "text": one.consent[:8]}


def _by(visit: Visit, one: Found) -> str:
    return visit.say(f"by.{one.by}") if visit.say.knows(f"by.{one.by}") else one.by


def _officer(visit: Visit, one: Found) -> str:
    return visit.say("findings.gateway") if one.officer == "gateway" else one.officer or ""


_Cell: TypeAlias = Callable[[Visit, Found], Any]
_CELLS: Final[Mapping[str, _Cell]] = MappingProxyType(
    {
        "at": lambda visit, one: visit.say.moment(one.at),
        "recorded": lambda visit, one: visit.say.moment(one.at),
        "deadline": lambda visit, one: visit.say.moment(one.at),
        "received": lambda visit, one: (
            "" if one.received_at is None else visit.say.moment(one.received_at)
        ),
        "until": lambda visit, one: "" if one.until is None else visit.say.day(last_day(one.until)),
        "by": _by,
        "who_asks": _by,
        "asked": lambda _, one: one.asked or "",
        "disclosures": lambda _, one: list(one.disclosures),
        "why": lambda visit, one: [visit.say(f"why.{code}") for code in one.codes],
        "rules": lambda visit, one: [
            f"{code}: {rules()[code].words[visit.lang]}" for code in one.codes
        ],
        "officer": _officer,
        "consent": _consent,
        "entry": lambda _, one: "" if one.index is None else str(one.index),
    }
)
