"""Ask a partner for documents: under a consent this office may read, or to seek one.

The number of a request is made with the form, so that pressing twice asks once.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from uuid import uuid4

from aiohttp import web

from exchange.agency.ask import RequestDraft
from exchange.agency.ask import ask as ask_partner
from exchange.agency.http.drafts import subject_in
from exchange.agency.pages import tell
from exchange.agency.pages.book import Book
from exchange.agency.pages.fields import Fields
from exchange.agency.pages.shell import Visit
from exchange.agency.records import KnownAgreement
from exchange.agreement.record import Agreement, Flow
from exchange.consent.record import ConsentRecord
from exchange.consent.subject import SubjectFacts, read_subject
from exchange.days import day_of, end_of
from exchange.errors import LintRefused, Malformed, NotFound
from exchange.forms.account import Fact
from exchange.members import Members
from exchange.wire.request import MOST_CATEGORIES, WORDS_SIZE, Wanted

USUAL_DAYS: Final = 14
"""Days to answer that are proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Under what a partner is asked."""

    agreement: Agreement
    flows: tuple[Flow, ...]
    """Those that lead to this office."""
    consent: ConsentRecord | None
    """None: the partner is asked to seek one."""
    subject: SubjectFacts | None = field(repr=False)
    """Whom the consent is about; None where there is none, or this office may not know it."""


async def ask(visit: Visit) -> web.Response:
    """Ask under which agreement, then what is needed of whom."""
    return await _asked(visit, visit.fields, (), request_id=str(uuid4()))


async def write(visit: Visit) -> web.Response:
    """Sign the request and hand it in, unless the agreement or the consent does not admit it."""
    basis = await _basis(visit, visit.fields)
    if basis is None:
        raise NotFound("no such agreement")
    request_id = Members({"id": visit.fields.one("id")}).uuid("id")
    try:
        await ask_partner(visit.gateway, _draft(visit.fields, basis, request_id))
    except (LintRefused, Malformed) as refused:
        said = tell.reasons(visit.say, refused) or (visit.say("request_new.incomplete"),)
        return await _asked(visit, visit.fields, said, request_id=request_id)
    return visit.go("/requests", "done.asked")


async def _asked(
    visit: Visit, given: Fields, wrong: tuple[str, ...], *, request_id: str
) -> web.Response:
    basis, say = await _basis(visit, given), visit.say
    book = await visit.shell.books.of(visit.gateway)
    if basis is None:
        found = [one.agreement for one in _usable(visit, book)]
        return visit.page(
            "agreements.html",
            heading=say("request_new.heading"),
            choose=say("request_new.choose"),
            none=say("request_new.no_agreement"),
            next="/requests/new",
            agreements=[(one.id, one.title) for one in found],
        )
    today = day_of(visit.gateway.clock())
    return visit.page(
        "request_new.html",
        id=request_id,
        basis=basis,
        about=_about(visit, book, basis),
        choices=_choices(visit, book, basis),
        until=(today + timedelta(days=USUAL_DAYS)).isoformat(),
        most=WORDS_SIZE,
        wrong=wrong,
        given=given,
    )


async def _basis(visit: Visit, given: Fields) -> Basis | None:
    """Return under what is asked; None where it is still to be chosen."""
    gateway = visit.gateway
    book = await visit.shell.books.of(gateway)
    usable = _usable(visit, book)
    if given.one("consent"):
        consent_id = Members({"consent": given.one("consent")}).uuid("consent")
        known = await gateway.records.consent(now=gateway.clock(), consent_id=consent_id)
        record = known.record
        chosen = [one for one in usable if one.agreement.digest == record.agreement]
        if not chosen or gateway.agency not in record.recipients:
            raise NotFound("nothing may come to this office under this consent")
        subject = subject_in(await gateway.records.subject(record.digest))
        return _based(visit, chosen[0], record, subject)
    chosen = [one for one in usable if one.agreement.id == given.one("agreement")]
    if not chosen and len(usable) == 1:
        chosen = usable
    return _based(visit, chosen[0], None, None) if chosen else None


def _based(
    visit: Visit,
    known: KnownAgreement,
    consent: ConsentRecord | None,
    subject: SubjectFacts | None,
) -> Basis:
    here = visit.gateway.agency
    return Basis(
        agreement=known.agreement,
        flows=tuple(
            flow
            for flow in known.agreement.flows
            if flow.recipient == here and (consent is None or flow.sender in consent.releasers)
        ),
        consent=consent,
        subject=subject,
    )


def _usable(visit: Visit, book: Book) -> list[KnownAgreement]:
    """Return the agreements under which something may come to this office now."""
    now, here = visit.gateway.clock(), visit.gateway.agency
    return [
        known
        for known in book.agreements
        if known.is_in_force(now) and any(flow.recipient == here for flow in known.agreement.flows)
    ]


def _choices(visit: Visit, book: Book, basis: Basis) -> dict[str, list[tuple[str, str]]]:
    """Return what may be chosen, with its labels."""
    lang, consent = visit.session.lang, basis.consent
    categories = {code for flow in basis.flows for code in flow.categories}
    purposes = set(basis.agreement.purposes)
    if consent is not None:
        categories &= consent.categories
        purposes &= {consent.purpose.code}
    return {
        "partners": [(one, book.office(one)) for one in sorted({f.sender for f in basis.flows})],
        "purposes": [(code, book.purpose(code, lang)) for code in sorted(purposes)],
        "categories": [(code, book.category(code, lang)) for code in sorted(categories)],
    }


def _about(visit: Visit, book: Book, basis: Basis) -> list[Fact]:
    """Return what is known of the consent that the partner is asked under."""
    if basis.consent is None:
        return []
    facts = tell.consent_facts(visit.say, book, basis.consent)
    if basis.subject is not None:
        name = f"{basis.subject.family_name}, {basis.subject.given_name}"
        facts.insert(0, tell.fact(visit.say, "person", [name]))
    return facts


def _draft(fields: Fields, basis: Basis, request_id: str) -> RequestDraft:
    members = Members(
        {
            "to": fields.one("to"),
            "purpose": fields.one("purpose"),
            "categories": sorted(set(fields.all("category"))),
            "needed": fields.one("needed"),
            "why": fields.one("why"),
        }
    )
    partner = members.agency("to")
    return RequestDraft(
        id=request_id,
        to=partner,
        agreement=basis.agreement.id,
        consent=None if basis.consent is None else basis.consent.id,
        purpose=members.code("purpose"),
        categories=members.codes("categories", 1, MOST_CATEGORIES),
        deadline=end_of(_day(fields.one("until"))),
        wanted=Wanted(
            subject=_subject(fields, basis, partner),
            needed=members.text("needed", size=WORDS_SIZE, lines=True),
            why=members.text("why", size=WORDS_SIZE, lines=True),
        ),
    )


def _subject(fields: Fields, basis: Basis, partner: str) -> SubjectFacts:
    known = basis.subject
    if known is None:
        names = ("family_name", "given_name", "born")
        return read_subject({name: fields.one(name) for name in names})
    # Whom it is about, and no more of what the consent says of her.
    number = known.case_numbers.get(partner)
    return SubjectFacts(
        family_name=known.family_name,
        given_name=known.given_name,
        born=known.born,
        case_numbers={} if number is None else {partner: number},
    )


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Malformed("a day is missing") from None
