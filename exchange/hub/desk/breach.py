"""What a lost key, account or code has exposed: exactly, for the report and for the persons."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from aiohttp import web

from exchange.audit.event import GATEWAY
from exchange.days import begin_of, day_of, end_of
from exchange.errors import Malformed
from exchange.forms.account import Fact, Said
from exchange.hub.answers.breach import STEPS, Breach, Totals, begun, count, scope_breach
from exchange.hub.answers.frame import agency_of
from exchange.hub.answers.lost.question import Kind, Wanted
from exchange.hub.answers.lost.rows import Doubtful, Openable, PerhapsSeen, Shown
from exchange.hub.desk.codes import Codes
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.desk.sizes import sized
from exchange.hub.officer_files.noted import Counted
from exchange.pages.words import Words

BREACH: Final = "/officer/breach"
PAGE: Final = 50
FIELDS: Final = ("kind", "key", "since", "until", "noticed")
KEY_SIZES: Final = (36, 43)
"""Characters of an account's id, and of a key's name."""
PROGRAMS: Final = (("account", GATEWAY),)
"""What is asked about by a word: the looks of the agency's own programs."""


async def show(visit: Visit) -> web.StreamResponse:
    """Show the form, and the answer where something was asked."""
    given = {name: visit.fields.get(name, "") for name in FIELDS}
    kinds = [(kind, visit.say(f"breach.{kind}")) for kind in STEPS]
    if not given["kind"]:
        return visit.page("breach.html", given=given, base=BREACH, kinds=kinds)
    if not given["key"] and given["kind"] != "log":
        trouble = visit.say("breach.no_key")
        page = {"given": given, "base": BREACH, "kinds": kinds, "trouble": trouble}
        return visit.page("breach.html", status=400, **page)
    wanted = asked_for(given, visit.hub.clock())
    after = visit.fields.get("after") or None
    found = await scope_breach(visit.hub, visit.asker, wanted, after=after, limit=PAGE)
    answer = found.answer
    return visit.page(
        "breach.html",
        given=given,
        base=BREACH,
        kinds=kinds,
        answer=answer,
        next=found.next,
        size=sized(visit, await _counted(visit, wanted, answer)),
        begun=after is not None,
        explained=visit.say(f"breach.explained_{wanted.kind}"),
        **in_words(visit.say, answer),
    )


async def _counted(visit: Visit, wanted: Wanted, answer: Breach) -> Counted:
    """Return how many rows there are; behind the first page they are counted again."""
    agency, now = agency_of(visit.asker), visit.hub.clock()
    totals = answer.totals
    if totals is None:
        asked = await begun(visit.hub, visit.fields.get("after") or None)
        totals = await count(visit.hub, agency, wanted, now, asked)
    return Counted(rows=totals.rows)


def in_words(say: Words, answer: Breach) -> dict[str, Any]:
    """Return what a page and a paper say of an answer, by the names of the template."""
    return {
        "facts": _facts(say, answer),
        "openable": _disclosures(say, answer.openable),
        "copied": _disclosures(say, answer.openable_if_copied),
        "blocks": [[_consent(one.consent)] for one in answer.sealed_blocks],
        "doubtful": [_doubt(say, one) for one in answer.doubtful],
        "shown": [_shown(say, one) for one in answer.shown],
        "perhaps": _perhaps(say, answer.perhaps_seen),
    }


PLACES: Final = (Place(path=BREACH, page=show, part="breach"),)


def asked_for(given: Mapping[str, str], now: datetime) -> Wanted:
    """Read the form.

    Raises:
        Malformed: what no form of ours has sent.
    """
    kind: Kind | None = next((known for known in STEPS if known == given["kind"]), None)
    key = "" if kind == "log" else given["key"]
    named = (kind, key) in PROGRAMS
    if kind is None or not (named or len(key) in ({0} if kind == "log" else KEY_SIZES)):
        raise Malformed("no such kind of key, or no key")
    noticed, until = _day(given["noticed"]), _day(given["until"])
    return Wanted(
        kind=kind,
        key=key,
        since=begin_of(_day(given["since"]) or day_of(now)),
        until=None if until is None else end_of(until),
        noticed_at=now if noticed is None else begin_of(noticed),
    )


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        raise Malformed("not a day") from None
    if found is not None and not 1900 < found.year < 9000:  # noqa: PLR2004 - as in records
        raise Malformed("not a day of the calendar")
    return found


def _facts(say: Words, answer: Breach) -> list[Fact]:
    totals = answer.totals
    if totals is None:
        return []
    facts = [
        ("deadline", [say.moment(answer.deadline)]),
        ("also_notify", [say(f"breach.notify_{one}") for one in answer.also_notify]),
        ("steps", [say(f"breach.step_{one}") for one in answer.next_steps]),
        ("disclosures", [_number(say, totals, totals.disclosures)]),
        ("consents", [_number(say, totals, totals.consents)]),
        ("special", [_number(say, totals, totals.special)]),
        ("professional", [_number(say, totals, totals.professional_or_higher)]),
        ("events", [str(totals.doubtful)] if totals.doubtful else []),
        ("agencies", list(totals.agencies)),
    ]
    if answer.vouched is not None:
        facts.append(("vouched", [_vouched(say, answer.vouched)]))
    return [Fact(say(f"breach.{key}"), tuple(map(Said, texts))) for key, texts in facts if texts]


def _number(say: Words, totals: Totals, number: int) -> str:
    """Return a number, as the most it can be where the log does not say it exactly."""
    return say("breach.at_most", count=number) if totals.at_most else str(number)


def _disclosures(say: Words, found: tuple[Openable, ...]) -> list[list[Any]]:
    codes = Codes(say.lang)
    return [
        [
            say.moment(one.stored_at),
            one.sender,
            codes.category(one.category),
            say(f"secrecy.{one.secrecy}"),
            say("breach.still_there")
            if one.header_deleted_at is None
            else say.moment(one.header_deleted_at),
            _consent(one.consent),
        ]
        for one in found
    ]


def _doubt(say: Words, one: Doubtful) -> list[Any]:
    consent: Any = "" if one.consent is None else _consent(one.consent)
    return [say.moment(one.at), say(f"event.{one.kind}"), _by(say, one.by), consent]


def _shown(say: Words, one: Shown) -> list[Any]:
    return [say.moment(one.at), say(f"event.{one.kind}"), _by(say, one.by), _consent(one.consent)]


def _perhaps(say: Words, found: tuple[PerhapsSeen, ...]) -> list[list[Any]]:
    codes = Codes(say.lang)
    return [
        [
            say.moment(one.at),
            say(f"event.{one.kind}"),
            _by(say, one.by),
            say(f"breach.how_{one.how}"),
            "" if one.sent is None else codes.category(one.sent.category),
            "" if one.consent is None else _consent(one.consent),
        ]
        for one in found
    ]


def _by(say: Words, name: str) -> str:
    return say(f"by.{name}") if say.knows(f"by.{name}") else name


def _vouched(say: Words, size: int) -> str:
    return say("breach.vouched_until", index=size) if size else say("breach.vouched_none")


def _consent(name: str) -> dict[str, str]:
    return {"path": f"{CONSENTS}/{name}", "text": name[:8]}
