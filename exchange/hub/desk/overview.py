"""The first page: what needs attention, how the agency stands, how the log is doing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from exchange.audit.refusals import MOST, MOST_BEFORE, Refusals, compared
from exchange.days import day_of
from exchange.errors import Unavailable
from exchange.forms.account import Fact, Said
from exchange.hub.answers import overview
from exchange.hub.desk import findings
from exchange.hub.desk.shell import EVERYBODY, HOME, Place, Visit
from exchange.hub.officers import attention
from exchange.hub.officers.attention import KEY_ENDING, LogHealth, Open, Standing
from exchange.pages.words import Words


async def show(visit: Visit) -> web.Response:
    """Show what needs attention; of her agency nothing while no look can be noted."""
    say, log = visit.say, attention.log_health(visit.hub)
    urgent = [_line(text) for text in _of_log(say, log)]
    usual: list[dict[str, str]] = []
    counts: list[Fact] = []
    away = False
    if visit.asker.agency is not None:
        try:
            hers = await _hers(visit, visit.asker.agency)
        except Unavailable:
            away = True
        else:
            urgent, usual, counts = [*urgent, *hers.urgent], hers.usual, hers.counts
    return visit.page(
        "overview.html",
        attention=urgent,
        usual=usual,
        counts=counts,
        away=away,
        log=_log(say, log),
    )


PLACES: Final = (Place(path=HOME, page=show, roles=EVERYBODY, part="overview"),)


@dataclass(frozen=True, slots=True)
class _Hers:
    """What the page says of an officer's agency."""

    urgent: list[dict[str, str]]
    usual: list[dict[str, str]]
    counts: list[Fact]


async def _hers(visit: Visit, agency: str) -> _Hers:
    """Return what the page says of her agency, and leave the trace of the look.

    Raises:
        Unavailable: the vault is away, and with it the trace; or the database is.
    """
    say, now = visit.say, visit.hub.clock()
    counted = await overview.count(visit.hub, visit.asker)
    refusals = await overview.count_refusals(visit.hub, visit.asker)
    standing = await attention.standing_of(visit.hub, agency)
    judged = [_of_refusals(say, refusals, now)]
    # Each single refusal is no reason to look up: their number may be, and was just judged.
    told = [one for one in counted if one.count and one.finding != "refused"]
    urgent = [
        *_of_erasures(visit, standing),
        *(_line(text) for text in _of_key(say, standing, now)),
        *_of_agreements(visit, standing),
        *(judged if refusals.unusual else ()),
        *(findings.line(say, one) for one in told),
    ]
    return _Hers(urgent, [] if refusals.unusual else judged, _counts(say, standing))


def _line(text: str, path: str = "") -> dict[str, str]:
    return {"text": text, "path": path, "hint": ""}


def _of_log(say: Words, log: LogHealth) -> Iterator[str]:
    if log.stopped is not None:
        yield say("attention.log_stopped", code=log.stopped)
    elif log.behind:
        yield say("attention.log_behind")
    if log.unwitnessed is not None:
        minutes = int(log.unwitnessed.total_seconds() // 60)
        yield say("attention.log_unwitnessed", minutes=minutes)


def _of_erasures(visit: Visit, standing: Standing) -> Iterator[dict[str, str]]:
    counts = {
        "asked_overdue": standing.asked.overdue,
        "asked_open": standing.asked.count - standing.asked.overdue,
        "owed_overdue": standing.owed.overdue,
    }
    for key, count in counts.items():
        if count:
            text = visit.say(f"attention.{key}.{'one' if count == 1 else 'many'}", count=count)
            yield _line(text, visit.path_of("erasures"))


def _of_key(say: Words, standing: Standing, now: datetime) -> Iterator[str]:
    until = standing.key_until
    if until is None:
        yield say("attention.key_missing")
    elif until <= now:
        yield say("attention.key_over", day=say.day(day_of(until)))
    elif until - now < KEY_ENDING:
        yield say("attention.key_ends", day=say.day(day_of(until)))


def _of_agreements(visit: Visit, standing: Standing) -> Iterator[dict[str, str]]:
    for one in standing.ending:
        day = visit.say.day(day_of(one.ends_at))
        text = visit.say("attention.agreement_ends", agreement=one.agreement, day=day)
        yield _line(text, visit.path_of("agreements"))


def _of_refusals(say: Words, refusals: Refusals, now: datetime) -> dict[str, str]:
    """Return both numbers, and the list that proves the first one."""

    def number(found: int, most: int) -> str:
        return say("refusals.least", count=found) if found >= most else str(found)

    text = say(
        f"refusals.{'unusual' if refusals.unusual else 'usual'}",
        lately=number(refusals.lately, MOST),
        before=number(refusals.before, MOST_BEFORE),
    )
    path = f"{findings.BASE}/refused"
    if not refusals.unusual:
        return _line(text, path)
    since = compared(day_of(now)).lately
    return {"text": text, "path": f"{path}?since={since}", "hint": say("finding.refused.do")}


def _counts(say: Words, standing: Standing) -> list[Fact]:
    until = standing.key_until
    return [
        _fact(say, "erasures_asked", _open(say, standing.asked)),
        _fact(say, "erasures_owed", _open(say, standing.owed)),
        _fact(say, "agreements", str(standing.in_force)),
        *([] if until is None else [_fact(say, "key", say.day(day_of(until)))]),
    ]


def _log(say: Words, log: LogHealth) -> list[Fact]:
    state = "stopped" if log.stopped is not None else "behind" if log.behind else "good"
    missing = log.unwitnessed is not None
    witnesses = "unwitnessed" if missing else "witnessed" if log.witnessed else "alone"
    return [
        _fact(say, "log_state", say(f"log.{state}")),
        _fact(say, "log_witnesses", say(f"log.{witnesses}")),
        _fact(say, "log_size", str(log.size)),
        _fact(say, "log_waiting", str(log.pending)),
    ]


def _open(say: Words, found: Open) -> str:
    return say("fact.overdue", count=found.count, overdue=found.overdue)


def _fact(say: Words, key: str, text: str) -> Fact:
    return Fact(say(f"fact.{key}"), (Said(text),))
