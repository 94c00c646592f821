"""One consent: the record in words, the text that was shown, every event, and whether it held."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from exchange.audit import opening as openings
from exchange.audit.proof import ENDING, Receipt, read_receipt
from exchange.days import ZONE, last_day, moment_of
from exchange.errors import Malformed, NotFound
from exchange.forms.account import Fact, Said, Shown
from exchange.forms.sheet import blocks_of, from_right_to_left
from exchange.hub.answers.consent import Allowed, ConsentSeen, EventSeen, Wanted, show_consent
from exchange.hub.answers.frame import Answered, agency_of
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.desk.signed import signed_in_words
from exchange.hub.http.hand_out import hand_out
from exchange.hub.officer_files.proof import proof_file, verified
from exchange.hub.officers import trace
from exchange.hub.open_entries import give_receipt
from exchange.hub.storage import consents
from exchange.members import read_time
from exchange.pages.words import Words
from exchange.vocabulary import Scope

CONSENTS: Final = "/officer/consents"
_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ONE: Final = f"{CONSENTS}/{{id:{_ID}}}"
"""Address of one consent."""
HOURS: Final = tuple(f"{hour:02}" for hour in range(24))
MINUTES: Final = tuple(f"{minute:02}" for minute in range(60))
"""Two fields: the query of a request to a hub holds no colon."""


async def show(visit: Visit) -> web.StreamResponse:
    """Show one consent; that stands in its log before."""
    found = await asked_for(visit)
    local = found.asked.at.astimezone(ZoneInfo(ZONE))
    return visit.page(
        "consent.html",
        asked={"day": f"{local:%Y-%m-%d}", "hour": f"{local:%H}", "minute": f"{local:%M}"},
        hours=[(one, one) for one in HOURS],
        minutes=[(one, one) for one in MINUTES],
        **in_words(visit.say, found.answer),
    )


async def asked_for(visit: Visit) -> Answered[Wanted, ConsentSeen]:
    """Return the consent that the path names, at the moment that is asked about."""
    at = moment_asked(visit.fields)
    return await show_consent(visit.hub, visit.asker, visit.in_path(), at=at)


def in_words(say: Words, one: ConsentSeen) -> dict[str, Any]:
    """Return what a page and a paper say of a consent, by the names of the template."""
    return {
        "consent": one,
        "state": _state(say, one),
        "facts": _facts(say, one),
        "signed": signed_in_words(say, one, lambda agency: _office(one.scope, agency)),
        "text": Shown(
            one.record.notice.lang,
            blocks_of(one.text),
            from_right_to_left(one.record.notice.lang),
        ),
        "notice": one.record.notice,
        "verdict": _verdict(say, one.allowed),
        "allowed": _allowed(say, one.allowed),
        "rows": [_row(say, one, event) for event in one.events],
    }


async def prove(visit: Visit) -> web.StreamResponse:
    """Show that an event stands in the log: its place is computed anew, here and now."""
    raw = await _receipt(visit)
    receipt = read_receipt(raw)
    size = verified(receipt)
    return visit.page(
        "evidence.html",
        consent=visit.in_path(),
        what=_proven(visit.say, receipt),
        download=f"{visit.request.path}{ENDING}",
        facts=[
            _fact(visit.say, "index", str(receipt.index)),
            _fact(visit.say, "size", str(size)),
            _fact(visit.say, "steps", str(len(receipt.path))),
        ],
        note=receipt.note.decode("utf-8").partition("\n\n")[0],
    )


async def take(visit: Visit) -> web.StreamResponse:
    """Hand out the proof as a file; it opens the entry, so that is noted before."""
    await _consent(visit)
    file = await proof_file(visit.hub, visit.asker, visit.in_path("receipt"))
    return await hand_out(visit.request, file)


PLACES: Final = (
    Place(path=ONE, page=show),
    Place(path=f"{ONE}/proofs/{{receipt:{_ID}}}", page=prove),
    Place(path=f"{ONE}/proofs/{{receipt:{_ID}}}{ENDING}", page=take, fresh=True),
)


async def _consent(visit: Visit) -> str:
    """Return the digest of the consent that the path names, if the agency may read it."""
    found = await visit.hub.db.read(consents.seen, visit.in_path(), agency_of(visit.asker))
    if found is None:
        raise NotFound
    return found.digest


async def _receipt(visit: Visit) -> bytes:
    """Return the receipt that the path names, of a consent the agency may read."""
    agency = agency_of(visit.asker)
    await trace.record_read(visit.hub, visit.asker, await _consent(visit))
    raw = await give_receipt(
        visit.hub, visit.in_path("receipt"), agency, seconds=0, witnessed=False
    )
    if raw is None:  # no signed head covers it yet
        raise NotFound
    return raw


def moment_asked(fields: Mapping[str, str]) -> datetime | None:
    """Return the moment asked about, in German time; None is now."""
    day = fields.get("day")
    if not day:
        return None
    hour, minute = fields.get("hour", "00"), fields.get("minute", "00")
    if hour not in HOURS or minute not in MINUTES:
        raise Malformed("no such time of day")
    try:
        return moment_of(datetime.combine(date.fromisoformat(day), time(int(hour), int(minute))))
    except (ValueError, OverflowError):
        raise Malformed("not a day") from None


# Words


def _state(say: Words, one: ConsentSeen) -> str:
    if one.ended_why is not None:
        return say(f"standing.{one.ended_why}")
    return say(f"standing.{one.state}")


def _facts(say: Words, one: ConsentSeen) -> list[Fact]:
    record, scope = one.record, one.scope
    notice = say(
        "consent.notice_is",
        id=record.notice.id,
        version=record.notice.version,
        lang=record.notice.lang,
    )
    facts = [
        _fact(say, "from", *(_office(scope, one) for one in sorted(record.releasers))),
        _fact(say, "to", *(_office(scope, one) for one in sorted(record.recipients))),
        _fact(
            say, "categories", *(_category(say, scope, one) for one in sorted(record.categories))
        ),
        Fact(say("consent.purpose"), (Said(record.purpose.words, record.notice.lang),)),
        _fact(say, "secrecy", say(f"secrecy.{record.secrecy.code}")),
        _fact(say, "uses", _uses(say, one)),
        _fact(
            say,
            "term",
            say(
                "format.term",
                first=say.moment(record.valid_from),
                last=say.day(last_day(record.valid_until)),
            ),
        ),
        _fact(say, "form", say(f"form.{record.form.value}")),
        _fact(say, "capacity", say(f"capacity.{record.capacity.value}")),
        _fact(say, "collected_by", _office(scope, record.collected_by)),
        _fact(say, "collected_at", say.moment(record.collected_at)),
        _fact(say, "notice", notice),
        _fact(say, "id", one.id),
        _fact(say, "subject_ref", record.subject.ref),
        _fact(say, "digest", record.digest),
    ]
    if one.ended_at is not None:
        facts.insert(0, _fact(say, "ended_at", say.moment(one.ended_at)))
    return facts


def _office(scope: Scope, agency: str) -> str:
    party = scope.parties.get(agency)
    return agency if party is None else f"{party.name} ({agency})"


def _category(say: Words, scope: Scope, code: str) -> str:
    found = scope.vocabulary.categories.get(code)
    return code if found is None else found.labels.get(say.lang, code)


def _uses(say: Words, one: ConsentSeen) -> str:
    uses = one.record.uses
    if uses == "recurring":
        return say("uses.recurring")
    if one.used is None:
        return say("uses.counted", most=uses)
    return say("uses.used", most=uses, used=one.used)


def _proven(say: Words, receipt: Receipt) -> list[Fact]:
    """Return what the entry itself says, as far as every event says it."""
    event = openings.event_of(openings.read_opening(receipt.opening))
    by = say(f"by.{event['by']}") if say.knows(f"by.{event['by']}") else event["by"]
    told = {
        "kind": say(f"event.{event['kind']}"),
        "at": say.moment(read_time(event["at"])),
        "by": by,
    }
    return [Fact(say(f"events.{name}"), (Said(text),)) for name, text in told.items()]


def _verdict(say: Words, allowed: Allowed) -> str:
    """Return the answer in one sentence, with the moment it is about."""
    if allowed.known is None:
        return say("allowed.hidden")
    return say(f"allowed.then_{allowed.known}", moment=say.moment(allowed.at))


def _allowed(say: Words, allowed: Allowed) -> list[Fact]:
    facts = []
    if allowed.effective != allowed.known:
        facts.append(_fact(say, "effective", say(f"allowed.{allowed.effective}")))
    if allowed.reasons:
        facts.append(_fact(say, "reasons", *(say(f"why.{one}") for one in allowed.reasons)))
    return facts


def _row(say: Words, consent: ConsentSeen, event: EventSeen) -> list[Any]:
    about = [say(f"result.{event.result}")] if event.result is not None else []
    about += [say(f"why.{why}") for why in event.reasons if say.knows(f"why.{why}")]
    entry: Any = say("consent.waits")
    if event.index is not None:
        entry = {
            "path": f"{CONSENTS}/{consent.id}/proofs/{event.receipt}",
            "text": say("consent.entry", index=event.index),
        }
    return [
        say.moment(event.at),
        say(f"event.{event.kind}"),
        say(f"by.{event.by}") if say.knows(f"by.{event.by}") else event.by,
        ", ".join(event.to),
        "; ".join(about),
        entry,
    ]


def _fact(say: Words, key: str, *texts: str) -> Fact:
    return Fact(say(f"consent.{key}"), tuple(map(Said, texts)))
