"""The consent log of an agency: what happened when and between whom, filtered and taken away."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, get_args

from aiohttp import web

from exchange.audit.event import MEMBERS
from exchange.canonical import Json, is_uuid4
from exchange.days import begin_of, end_of
from exchange.errors import Malformed
from exchange.forms.account import Fact, Said
from exchange.hub import export_events
from exchange.hub.answers.own_codes import vocabularies
from exchange.hub.desk.codes import Codes
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.desk.sizes import size_of
from exchange.hub.http.hand_out import hand_out
from exchange.hub.list_events import Listed, Wanted, list_events
from exchange.hub.officer_files.bundle import bundle_file
from exchange.hub.officer_files.events import events_file, events_source
from exchange.hub.officer_files.file import Ending
from exchange.hub.storage.disclosures import State
from exchange.pages.words import Words

LOG: Final = "/officer/log"
PAGE: Final = 50
KINDS: Final = tuple(kind for kind in MEMBERS if kind != "erased")
"""Those that a list can hold: `erased` concerns no agency more than another."""
STATES: Final[tuple[State, ...]] = tuple(state for state in get_args(State) if state != "announced")
"""Of disclosures that have left an event."""
FILTERS: Final = ("since", "until", "kind", "partner", "purpose", "category", "state", "consent")


async def show(visit: Visit) -> web.StreamResponse:
    """Show a page of the log."""
    fields = visit.fields
    wanted = _wanted(fields)
    after = fields.get("after") or None
    before = None if after else fields.get("before") or None
    found = await list_events(
        visit.hub, visit.asker, wanted, after=after, before=before, limit=PAGE
    )
    codes = Codes(visit.lang, await vocabularies(visit.hub, visit.asker))
    given = {name: fields[name] for name in FILTERS if fields.get(name)}
    source, shown = events_source(visit.hub, visit.asker, wanted), len(found.events)
    whole = after is None and before is None and found.next is None
    looked = None if found.looked_until is None else visit.say.moment(found.looked_until)
    return visit.page(
        "log.html",
        given=given,
        narrowed=_narrowed(visit.say, given, codes),
        newer=found.newer,
        rows=[_row(visit, one, codes) for one in found.events],
        size=0 if visit.hub.heads.newest is None else visit.hub.heads.newest.size,
        next=found.next,
        length=await size_of(visit, source, shown, whole=whole, page=export_events.PAGE),
        looked=looked,
        kinds=_named(visit.say, "event", KINDS),
        states=_named(visit.say, "state", STATES),
        purposes=codes.purposes(),
        categories=codes.categories(),
    )


async def take(visit: Visit) -> web.StreamResponse:
    """Hand the log out as a file, as it is narrowed; noted before the first byte."""
    ending: Ending = "csv" if visit.in_path("ending") == "csv" else "json"
    wanted, asked = _wanted(visit.fields), _asked(visit)
    file = await events_file(visit.hub, visit.asker, wanted, asked, ending)
    return await hand_out(visit.request, file)


async def take_bundle(visit: Visit) -> web.StreamResponse:
    """Hand out the whole log with what her agency may open of it, to be verified offline."""
    return await hand_out(visit.request, await bundle_file(visit.hub, visit.asker))


PLACES: Final = (
    Place(path=LOG, page=show, part="log"),
    Place(path=f"{LOG}.tar", page=take_bundle, fresh=True),
    Place(path=f"{LOG}.{{ending:csv|json}}", page=take, fresh=True),
)


def _wanted(fields: Mapping[str, str]) -> Wanted:
    """Read the filters; a field that is empty or missing narrows nothing.

    Raises:
        Malformed: a value that no form of ours has sent.
    """
    given = {name: fields[name] for name in FILTERS if fields.get(name)}
    since, until = _day(given.get("since")), _day(given.get("until"))
    kind, state, consent = given.get("kind"), given.get("state"), given.get("consent")
    if kind not in {None, *KINDS} or state not in {None, *STATES}:
        raise Malformed("no such kind or state")
    if consent is not None and not is_uuid4(consent):
        raise Malformed("not the id of a consent")
    return Wanted(
        since=None if since is None else begin_of(since),
        until=None if until is None else end_of(until),
        kind=kind,
        partner=given.get("partner"),
        purpose=given.get("purpose"),
        category=given.get("category"),
        state=next((known for known in STATES if known == state), None),
        consent=consent,
    )


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Malformed("not a day") from None
    if day.isoformat() != text:
        raise Malformed("a day is written YYYY-MM-DD")
    return day


def _asked(visit: Visit) -> dict[str, Json]:
    return {name: visit.fields.get(name) or None for name in FILTERS}


def _named(say: Words, table: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, say(f"{table}.{name}")) for name in names]


def _narrowed(say: Words, given: Mapping[str, str], codes: Codes) -> list[Fact]:
    """Return in words what the list is narrowed to, in the order of the form."""
    worded: Mapping[str, Callable[[str], str]] = {
        "since": lambda day: say.day(date.fromisoformat(day)),
        "until": lambda day: say.day(date.fromisoformat(day)),
        "kind": lambda kind: say(f"event.{kind}"),
        "purpose": codes.purpose,
        "category": codes.category,
        "state": lambda state: say(f"state.{state}"),
    }
    return [
        Fact(say(f"events.{name}"), (Said(worded.get(name, str)(text)),))
        for name, text in given.items()
    ]


def _row(visit: Visit, one: Listed, codes: Codes) -> list[Any]:
    say = visit.say
    to = one.members.get("to", ())
    consent: Any = ""
    if one.consent is not None:
        consent = {"path": f"{CONSENTS}/{one.consent}", "text": one.consent[:8]}
    return [
        say.moment(one.at),
        say(f"event.{one.kind}"),
        say(f"by.{one.by}") if say.knows(f"by.{one.by}") else one.by,
        to if isinstance(to, str) else ", ".join(to),
        _about(say, one, codes),
        consent,
        str(one.index),
    ]


def _about(say: Words, one: Listed, codes: Codes) -> list[str]:
    """Return what else the event says, in words."""
    members = one.members
    told = []
    if "purpose" in members:
        told += [codes.category(members["category"]), codes.purpose(members["purpose"])]
    told += [say(f"{name}.{members[name]}") for name in ("result", "via") if name in members]
    if "ends" in members:
        told.append(say("events.ends", day=say.day(date.fromisoformat(members["ends"]))))
    if "count" in members:
        taken = "events.taken_one" if members["count"] == 1 else "events.taken"
        told.append(say(taken, count=members["count"]))
    if one.why is not None:
        told += [say(f"why.{why}") for why in one.why.split(" ")]
    if one.state is not None and one.kind == "disclosure-stored":
        told.append(say("events.now", state=say(f"state.{one.state}")))
    return told
