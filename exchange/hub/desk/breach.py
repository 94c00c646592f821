"""What a lost key or account has exposed: exactly, for the report and for the persons."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from aiohttp import web

from exchange.days import begin_of, day_of
from exchange.errors import Malformed
from exchange.forms.account import Fact, Said
from exchange.hub.answers.breach import (
    STEPS,
    Breach,
    Doubtful,
    Kind,
    Openable,
    Wanted,
    scope_breach,
)
from exchange.hub.desk.codes import Codes
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.http.officers import told
from exchange.pages.words import Words
from exchange.wire import officer

BREACH: Final = "/officer/breach"
FIELDS: Final = ("kind", "key", "since", "noticed")
KEY_SIZES: Final = (36, 43)
"""Characters of an account's id, and of a key's name."""


async def show(visit: Visit) -> web.StreamResponse:
    """Show the form, and the answer where something was asked."""
    given = {name: visit.fields.get(name, "") for name in FIELDS}
    wanted = _wanted(given, visit.hub.clock()) if given["key"] else None
    answer = None
    if wanted is not None:
        answer = (await scope_breach(visit.hub, visit.asker, wanted)).answer
    return visit.page(
        "breach.html",
        given=given,
        base=BREACH,
        kinds=[(kind, visit.say(f"breach.{kind}")) for kind in STEPS],
        answer=answer,
        facts=[] if answer is None else _facts(visit.say, answer),
        openable=[] if answer is None else _disclosures(visit, answer.openable),
        copied=[] if answer is None else _disclosures(visit, answer.openable_if_copied),
        blocks=[] if answer is None else [[_consent(one.consent)] for one in answer.sealed_blocks],
        doubtful=[] if answer is None else [_doubt(visit.say, one) for one in answer.doubtful],
    )


async def take(visit: Visit) -> web.StreamResponse:
    """Hand out the whole answer as JSON, as the interface for programs gives it."""
    given = {name: visit.fields.get(name, "") for name in FIELDS}
    wanted = _wanted(given, visit.hub.clock())
    found = await scope_breach(visit.hub, visit.asker, wanted)
    return web.Response(
        body=told(officer.BreachAnswer, found).model_dump_json(indent=1).encode(),
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="breach.json"'},
    )


PLACES: Final = (
    Place(path=BREACH, page=show, part="breach"),
    Place(path=f"{BREACH}.json", page=take, fresh=True),
)


def _wanted(given: Mapping[str, str], now: datetime) -> Wanted:
    """Read the form.

    Raises:
        Malformed: what no form of ours has sent.
    """
    kind: Kind | None = next((known for known in STEPS if known == given["kind"]), None)
    key = given["key"]
    if kind is None or len(key) not in KEY_SIZES:
        raise Malformed("no such kind of key, or no key")
    noticed = _day(given["noticed"])
    return Wanted(
        kind=kind,
        key=key,
        since=begin_of(_day(given["since"]) or day_of(now)),
        until=None,
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
    facts = [
        ("deadline", [say.moment(answer.deadline)]),
        ("also_notify", [say(f"breach.notify_{one}") for one in answer.also_notify]),
        ("disclosures", [str(totals.disclosures)]),
        ("consents", [str(totals.consents)]),
        ("special", [str(totals.special)]),
        ("professional", [str(totals.professional_or_higher)]),
        ("agencies", list(totals.agencies)),
        ("steps", [say(f"breach.step_{one}") for one in answer.next_steps]),
    ]
    return [Fact(say(f"breach.{key}"), tuple(map(Said, texts))) for key, texts in facts if texts]


def _disclosures(visit: Visit, found: tuple[Openable, ...]) -> list[list[Any]]:
    say, codes = visit.say, Codes(visit.lang)
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
    return [say.moment(one.at), say(f"event.{one.kind}"), one.by, consent]


def _consent(name: str) -> dict[str, str]:
    return {"path": f"{CONSENTS}/{name}", "text": name[:8]}
