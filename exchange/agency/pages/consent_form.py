"""Record a consent: choose what the agreement admits, print the form, and record what was signed.

Three steps, of which the second may take days: what is asked for (nobody is named), the text and
its form to be printed, and, once it is signed, who it was and how.
"""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from aiohttp import web

from exchange.agency import sketch as sketches
from exchange.agency.hand_in import Recorded
from exchange.agency.pages import tell, uploads
from exchange.agency.pages.consents import printable
from exchange.agency.pages.fields import Fields
from exchange.agency.pages.rows import Row
from exchange.agency.pages.shell import Visit
from exchange.agency.pages.uploads import Upload
from exchange.agency.print_paper import print_form
from exchange.agency.record_consent import lint_draft, lint_unsigned, record_consent, text_of
from exchange.agency.records import KnownAgreement
from exchange.agency.sketch import Signed, Sketch, completed, unsigned
from exchange.agency.stage import Staged, open_stage
from exchange.agency.vet import LARGEST, Scan, scanned
from exchange.canonical import sha256_hex
from exchange.consent.record import MOST_AGENCIES, MOST_CATEGORIES, MOST_PAGES, read_uses
from exchange.consent.subject import GuardianFacts, SubjectFacts, read_subject
from exchange.consent.template import CONSENT_FORM, kind_of
from exchange.consent.texts import newest
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    Custody,
    Form,
    FormReason,
    Identified,
    Interpreter,
    Power,
)
from exchange.days import ZONE, day_of, moment_of
from exchange.errors import Finding, LintRefused, Malformed, NotFound
from exchange.forms.account import Shown
from exchange.forms.paper import BLANK
from exchange.forms.sheet import blocks_of, from_right_to_left
from exchange.members import Members
from exchange.rules import refuse, sentence
from exchange.vocabulary import Uses

USUAL_DAYS: Final = 90
"""Days of validity that are proposed."""
KNOWN_BY: Final = (Identified.IN_PERSON, Identified.KNOWN, Identified.EID)
"""Ways in which an office knows who signs; a code alone is weaker than what stands here."""

T = TypeVar("T")


async def ask(visit: Visit) -> web.Response:
    """Ask under which agreement, then for what it leaves open."""
    return await _asked(visit, visit.fields, ())


async def _asked(visit: Visit, given: Fields, wrong: tuple[str, ...]) -> web.Response:
    gateway = visit.gateway
    book = await visit.shell.books.of(gateway)
    now, say = gateway.clock(), visit.say
    usable = [
        known
        for known in book.agreements
        if known.is_in_force(now) and gateway.agency in known.agreement.collectors
    ]
    wanted = given.one("agreement")
    chosen = [known for known in usable if known.agreement.id == wanted]
    if not chosen and len(usable) == 1:
        chosen = usable
    if not chosen:
        return visit.page(
            "agreements.html",
            heading=say("consent_new.heading"),
            choose=say("consent_new.choose"),
            none=say("consent_new.no_agreement"),
            next="/consents/new",
            agreements=[(known.agreement.id, known.agreement.title) for known in usable],
        )
    return visit.page(
        "consent_new.html",
        choices=_choices(visit, chosen[0]),
        waiting=await _waiting(visit),
        wrong=wrong,
        given=given,
        today=day_of(now).isoformat(),
        until=(day_of(now) + timedelta(days=USUAL_DAYS)).isoformat(),
        alone=say("consent_new.alone"),
    )


def _choices(visit: Visit, known: KnownAgreement) -> dict[str, object]:
    """Return what may be chosen under an agreement, with its labels."""
    agreement, lang = known.agreement, visit.session.lang
    book_of = {party.agency: party.name for party in agreement.parties}
    flows = agreement.flows
    said = visit.say
    return {
        "agreement": agreement.id,
        "title": agreement.title,
        "senders": [(one, book_of[one]) for one in sorted({flow.sender for flow in flows})],
        "recipients": [(one, book_of[one]) for one in sorted({flow.recipient for flow in flows})],
        "categories": [
            (code, agreement.vocabulary.categories[code].labels.get(lang, code))
            for code in sorted({code for flow in flows for code in flow.categories})
        ],
        "purposes": [
            (code, agreement.vocabulary.purposes[code].labels.get(lang, code))
            for code in sorted(agreement.purposes)
        ],
        "langs": [(one, tell.language(said, one)) for one in sorted(_langs(known))],
        "forms": [(one.value, said(f"form.{one.value}")) for one in Form],
        "form_reasons": [(one.value, said(f"form_reason.{one.value}")) for one in FormReason],
        "capacities": [(one.value, said(f"capacity.{one.value}")) for one in Capacity],
    }


def _langs(known: KnownAgreement) -> set[str]:
    """Return the languages in which the agreement has the text that is shown."""
    return {text.lang for text in known.agreement.notices if kind_of(text.id) == CONSENT_FORM}


async def _waiting(visit: Visit) -> list[Row]:
    """Return the consents being prepared, for a list."""
    gateway, say = visit.gateway, visit.say
    book = await visit.shell.books.of(gateway)
    found = await asyncio.to_thread(sketches.list_sketches, gateway.home, gateway.clock())
    return [
        Row(
            title=book.purpose(one.purpose, say.lang),
            path=f"/consents/drafts/{one.id}",
            at=say.moment(one.made_at),
            facts=[tell.fact(say, "to", tell.offices(book, one.recipients))],
        )
        for one in found
    ]


async def write(visit: Visit) -> web.Response:
    """Keep what was chosen, unless the law says at once that it cannot be."""
    gateway = visit.gateway
    try:
        one = await _sketch(visit)
        refuse(await lint_unsigned(gateway, unsigned(one, gateway.clock())))
        await text_of(gateway, unsigned(one, gateway.clock()))
    except (LintRefused, Malformed) as refused:
        said = tell.reasons(visit.say, refused) or (visit.say("consent_new.incomplete"),)
        return await _asked(visit, visit.fields, said)
    await asyncio.to_thread(sketches.keep, gateway.home, one)
    note = "done.to_invite" if one.form is Form.ELECTRONIC else "done.drafted"
    return visit.go(f"/consents/drafts/{one.id}", note)


async def _sketch(visit: Visit) -> Sketch:
    fields, gateway = visit.fields, visit.gateway
    book = await visit.shell.books.of(gateway)
    known = [one for one in book.agreements if one.agreement.id == fields.one("agreement")]
    if not known:
        raise NotFound("no such agreement")
    form, capacity = chosen(Form, fields.one("form")), chosen(Capacity, fields.one("capacity"))
    if form is Form.ELECTRONIC and capacity is not Capacity.SELF:
        raise Malformed("capacity: one person signs on her own page; several sign on paper")
    text = newest(known[0].agreement.notices, CONSENT_FORM, fields.one("text"))
    members = Members(
        {
            "releasers": sorted(set(fields.all("releaser"))),
            "recipients": sorted(set(fields.all("recipient"))),
            "categories": sorted(set(fields.all("category"))),
            "purpose": fields.one("purpose"),
        }
    )
    return Sketch(
        id=sketches.fresh_id(),
        agreement=known[0].agreement.id,
        releasers=members.agencies("releasers", 1, MOST_AGENCIES),
        recipients=members.agencies("recipients", 1, MOST_AGENCIES),
        categories=members.codes("categories", 1, MOST_CATEGORIES),
        purpose=members.code("purpose"),
        uses=_uses(fields),
        first=_day(fields.one("first")),
        last=_day(fields.one("last")),
        form=form,
        form_reason=chosen(FormReason, fields.one("form_reason"))
        if form is Form.ORAL_MINUTED
        else None,
        capacity=capacity,
        entrusting=fields.ticked("entrusting"),
        text=(text.id, text.version, text.lang),
        made_at=gateway.clock(),
    )


def _uses(fields: Fields) -> Uses:
    chosen = fields.one("uses")
    if chosen == "once":
        return 1
    if chosen == "count":
        return read_uses(fields.number("count"))
    return read_uses(chosen)


async def show(visit: Visit) -> web.Response:
    """Show the text, and ask who signed it and how."""
    return await _shown(visit, Fields(), ())


async def _shown(visit: Visit, given: Fields, wrong: tuple[str, ...]) -> web.Response:
    gateway = visit.gateway
    one = await asyncio.to_thread(sketches.find_sketch, gateway.home, visit.id_in_path())
    text = await text_of(gateway, unsigned(one, gateway.clock()))
    book = await visit.shell.books.of(gateway)
    lang = one.text[2]
    return visit.page(
        "consent_draft.html",
        id=one.id,
        to=tell.offices(book, one.recipients),
        text=Shown(lang, blocks_of(text), from_right_to_left(lang)),
        digest=sha256_hex(text.encode("utf-8"))[:10],
        oral=one.form is Form.ORAL_MINUTED,
        guardian=one.capacity is not Capacity.SELF,
        identified=identified_by(visit),
        interpreters=_labels(visit, "interpreter", list(Interpreter)),
        powers=_labels(visit, "power", list(Power)),
        custodies=_labels(visit, "custody", list(Custody)),
        bases=_labels(visit, "basis", list(CapacityBasis)),
        now=_local(gateway.clock()),
        wrong=wrong,
        given=given,
    )


def identified_by(visit: Visit) -> list[tuple[str, str]]:
    """Return the ways in which the office knows who signs, with their labels."""
    return _labels(visit, "identified", list(KNOWN_BY))


def _local(moment: datetime) -> str:
    """Return a moment as a field for day and time holds it."""
    return f"{moment.astimezone(ZoneInfo(ZONE)):%Y-%m-%dT%H:%M}"


def _labels(visit: Visit, kind: str, words: list[T]) -> list[tuple[str, str]]:
    return [(str(word), visit.say(f"{kind}.{word}")) for word in words]


async def paper(visit: Visit) -> web.Response:
    """Return the form to be printed: the exact text, boxes to tick, places to sign."""
    gateway = visit.gateway
    one = await asyncio.to_thread(sketches.find_sketch, gateway.home, visit.id_in_path())
    return printable(await print_form(gateway, unsigned(one, gateway.clock()), BLANK))


async def drop(visit: Visit) -> web.Response:
    """Forget a consent that nobody will sign."""
    await asyncio.to_thread(sketches.forget, visit.gateway.home, visit.id_in_path())
    return visit.go("/consents", "done.sketch_dropped")


async def record(visit: Visit) -> web.Response:
    """Record what was signed: who it was is sealed at once, the scan stays with the office."""
    # The scan is there as long as it takes to look at it, under no name.
    async with open_stage(visit.gateway.room, most_bytes=LARGEST) as stage:
        fields, files = await uploads.receive(visit, stage.take)
        return await _recorded(visit, fields, files)


async def _recorded(visit: Visit, fields: Fields, files: list[Upload[Staged]]) -> web.Response:
    gateway = visit.gateway
    one = await asyncio.to_thread(sketches.find_sketch, gateway.home, visit.id_in_path())
    visit = replace(visit, fields=fields)
    try:
        shown = await text_of(gateway, unsigned(one, gateway.clock()))
        signed = _signed(visit, one, files, shown)
        draft = completed(one, signed, gateway.clock())
        warned = await lint_draft(gateway, draft)
        (file,) = files
        scan = scanned(file.name, file.taken.path, claimed=file.media_type)
        recorded = await record_consent(gateway, draft, Scan(visit.session.office.readers, scan))
    except (LintRefused, Malformed) as refused:
        said = tell.reasons(visit.say, refused) or (visit.say("consent_draft.incomplete"),)
        return await _shown(visit, fields, said)
    await asyncio.to_thread(sketches.forget, gateway.home, one.id)
    return recorded_page(visit, recorded, warned, wished=fields.ticked("receipt"))


def recorded_page(
    visit: Visit, recorded: Recorded, warned: tuple[Finding, ...], *, wished: bool
) -> web.Response:
    """Return the page that says so, with the receipt where the person wants one; shown once."""
    receipt = recorded.receipt if wished else None
    return visit.page(
        "recorded.html",
        id=recorded.id,
        warned=_warnings(visit, warned),
        wished=wished,
        code=None if receipt is None else receipt.code.text,
        log_key=None if receipt is None else receipt.log_key.text,
    )


def _warnings(visit: Visit, found: tuple[Finding, ...]) -> list[str]:
    return [sentence(one, visit.session.lang) for one in found if one.severity == "warn"]


def _signed(visit: Visit, one: Sketch, files: list[Upload[Staged]], shown: str) -> Signed:
    fields = visit.fields
    if len(files) != 1:
        raise Malformed("evidence: one file, the scan or the minutes")
    pages = fields.number("pages")
    if pages is None or not 1 <= pages <= MOST_PAGES:
        raise Malformed("pages: a number from 1")
    guardians = _guardians(fields) if one.capacity is not Capacity.SELF else ()
    alone = len(guardians) == 1 and guardians[0].power is Power.PARENT
    return Signed(
        at=_moment(fields.one("signed_at")),
        subject=replace(subject_of(visit), guardians=guardians),
        evidence=files[0].taken.sha256,
        pages=pages,
        identified=chosen(Identified, fields.one("identified")),
        interpreter=chosen(Interpreter, fields.one("interpreter")),
        capacity_basis=chosen(CapacityBasis, fields.one("basis")),
        custody=chosen(Custody, fields.one("custody")) if alone and fields.one("custody") else None,
        areas_checked=fields.ticked("areas_checked"),
        shown=sha256_hex(shown.encode("utf-8")),
    )


def subject_of(visit: Visit) -> SubjectFacts:
    """Return who was entered; Malformed where something is missing."""
    fields = visit.fields
    given: dict[str, object] = {
        name: fields.one(name) for name in ("family_name", "given_name", "born")
    }
    if fields.one("case_number"):
        given["case_numbers"] = {visit.gateway.agency: fields.one("case_number")}
    if fields.one("particulars"):
        given["particulars"] = fields.one("particulars")
    return read_subject(given)


def _guardians(fields: Fields) -> tuple[GuardianFacts, ...]:
    found = []
    for number in ("1", "2"):
        name = fields.one(f"guardian_{number}")
        if name:
            power = chosen(Power, fields.one(f"power_{number}"))
            found.append(GuardianFacts(name=name, power=power))
    if not found:
        raise Malformed("guardian: who signed")
    return tuple(found)


def chosen(among: type[T], given: str) -> T:
    """Return the choice with this word; Malformed where there is none."""
    try:
        return among(given)  # type: ignore[call-arg]  # an enumeration is called with its value
    except ValueError:
        raise Malformed("a choice is missing") from None


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Malformed("a day is missing") from None


def _moment(given: str) -> datetime:
    try:
        return moment_of(datetime.fromisoformat(given))
    except ValueError:
        raise Malformed("a day and a time are missing") from None
