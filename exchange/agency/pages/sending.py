"""Send a document under a consent: what it allows can be chosen, and the whole is shown before.

Nothing is sealed before somebody has looked at the page that says exactly what goes to whom.
"""

from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from exchange.agency.asked import Asked, find_asked
from exchange.agency.documents import Document
from exchange.agency.pages import rows, tell, uploads
from exchange.agency.pages.book import Book
from exchange.agency.pages.consents import may_send, names_of
from exchange.agency.pages.fields import Fields
from exchange.agency.pages.parcel import Parcel
from exchange.agency.pages.shell import Visit
from exchange.agency.pages.uploads import Upload
from exchange.agency.plan import Draft, Plan, plan
from exchange.agency.records import KnownAgreement, KnownConsent
from exchange.agency.stage import MOST_BYTES, Stage, Staged
from exchange.agency.state import Sending
from exchange.agency.submit import Submission, submit
from exchange.agreement.record import Release
from exchange.consent import binding
from exchange.envelope.sealing import Outgoing
from exchange.errors import ExchangeError, NotFound
from exchange.forms.account import Fact

PASSED_ON: Final = 50
"""Documents that came in, offered as the origin of what is passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may be chosen under a consent."""

    known: KnownConsent
    recipients: tuple[str, ...]
    categories: tuple[str, ...]
    each: bool
    """Whether the person has to see each document before it goes."""
    request: Asked | None


async def prepare(visit: Visit, *, wrong: str | None = None) -> web.Response:
    """Ask for a consent, then for what it leaves open."""
    answers, consent = visit.fields.one("answers"), visit.fields.one("consent")
    request = find_asked(visit.gateway.home, answers) if answers else None
    if not consent and request is not None:
        consent = request.consent_id or ""
    if not consent:
        found, after = await may_send(visit)
        return visit.page("choose.html", consents=found, answers=answers, next=after)
    return await _form(visit, await _allowed(visit, consent, request), wrong=wrong)


async def _form(visit: Visit, allowed: Allowed, *, wrong: str | None) -> web.Response:
    book = await visit.shell.books.of(visit.gateway)
    say, record = visit.say, allowed.known.record
    arrived = await visit.gateway.state.read(rows.list_arrived, 0)
    return visit.page(
        "send.html",
        wrong=wrong,
        facts=[*await names_of(visit, record), *tell.consent_facts(say, book, record)],
        consent=record.id,
        answers=allowed.request.id if allowed.request else "",
        recipients=[(agency, book.office(agency)) for agency in allowed.recipients],
        categories=[(code, book.category(code, say.lang)) for code in allowed.categories],
        each=allowed.each,
        came=[(one.id, documents_name(visit, book, one)) for one in arrived[:PASSED_ON]],
    )


def documents_name(visit: Visit, book: Book, one: Document) -> str:
    """Return how a document that came in is told from others, in one line."""
    return visit.say(
        "send.came",
        category=book.category(one.context.category, visit.say.lang),
        office=book.office(one.context.sender),
        at=tell.time_of(visit.say, one.received.collected_at),
    )


async def _allowed(visit: Visit, consent_id: str, request: Asked | None) -> Allowed:
    gateway = visit.gateway
    now = gateway.clock()
    known = await gateway.records.consent(now=now, consent_id=consent_id)
    agreement = await gateway.records.agreement(known.record.agreement, now=now)
    if agreement is None or gateway.agency not in known.record.releasers:
        raise NotFound("this office may disclose nothing under this consent")
    flows = [
        flow
        for flow in agreement.agreement.flows
        if flow.sender == gateway.agency
        and flow.recipient in known.record.recipients
        and (request is None or flow.recipient == request.agency)
    ]
    categories = {code for flow in flows for code in flow.categories} & known.record.categories
    if request is not None:
        categories &= request.categories
    return Allowed(
        known=known,
        recipients=tuple(flow.recipient for flow in flows),
        categories=tuple(sorted(categories)),
        each=_is_each(agreement, gateway.agency, known),
        request=request,
    )


def _is_each(agreement: KnownAgreement, sender: str, known: KnownConsent) -> bool:
    return any(
        flow.release is Release.EACH
        for flow in agreement.agreement.flows
        if flow.sender == sender and flow.recipient in known.record.recipients
    )


async def put_together(visit: Visit) -> web.Response:
    """Take the files in, and show what would be sent."""
    stage = Stage(visit.gateway.room, MOST_BYTES)
    try:
        fields, files = await uploads.receive(visit, stage.take)
    except BaseException:
        stage.close()
        raise
    draft = _draft(fields, files)
    if not draft.files or not draft.recipients or not draft.category:
        stage.close()
        return await prepare(replace(visit, fields=fields), wrong="send.incomplete")
    parcel = Parcel(draft=draft, shut=stage.close)
    visit.session.put(parcel)
    return visit.go(f"/send/{parcel.id}")


def _draft(fields: Fields, files: list[Upload[Staged]]) -> Draft:
    others = fields.ticked("third_party")
    return Draft(
        files=tuple(
            Outgoing(file.name, file.media_type, file.taken.path, third_party=others)
            for file in files
        ),
        consent=fields.one("consent"),
        recipients=tuple(sorted(set(fields.all("recipient")))),
        category=fields.one("category"),
        remark=fields.one("remark") or None,
        reference=fields.one("reference") or None,
        answers=fields.one("answers") or None,
        onward_of=tuple(sorted({given for given in fields.all("onward") if given})),
        seen_by_person=fields.ticked("seen"),
    )


async def check(visit: Visit) -> web.Response:
    """Show exactly what goes to whom, or why it may not."""
    parcel = _parcel(visit)
    with parcel.held():
        return await _shown(visit, parcel)


async def _shown(visit: Visit, parcel: Parcel) -> web.Response:
    book = await visit.shell.books.of(visit.gateway)
    refused: list[str] = []
    plans: list[Plan] = []
    for agency in parcel.draft.recipients:
        try:
            plans.append(await plan(visit.gateway, parcel.draft, (agency,)))
        except ExchangeError as error:
            said = tell.reasons(visit.say, error) or (visit.say("send.refused"),)
            refused += [said_once for said_once in said if said_once not in refused]
    return visit.page(
        "check.html",
        id=parcel.id,
        refused=refused,
        recipients=tell.offices(book, parcel.draft.recipients),
        facts=_facts(visit, book, parcel.draft, plans),
        notice=any(file.name == binding.NAME for one in plans for file in one.files),
        files=[(file.name, tell.size_of(visit.say, _size(file))) for file in parcel.files],
        again=f"/send?consent={parcel.draft.consent}",
    )


def _facts(visit: Visit, book: Book, draft: Draft, plans: list[Plan]) -> list[Fact]:
    say = visit.say
    facts = [tell.fact(say, "category", [book.category(draft.category, say.lang)])]
    for one in plans[:1]:
        facts += tell.person_facts(say, one.letter.subject)
        facts.append(tell.fact(say, "purpose", [book.purpose(one.terms.purpose, say.lang)]))
        facts.append(tell.fact(say, "secrecy", [say(f"secrecy.{one.terms.secrecy.code}")]))
    for key, text in (("remark", draft.remark), ("reference", draft.reference)):
        if text:
            facts.append(tell.fact(say, key, [text]))
    if any(file.third_party for file in draft.files):
        facts.append(tell.fact(say, "third_party", [say("send.third_party_said")]))
    return facts


async def send(visit: Visit) -> web.Response:
    """Send what was shown; pressed twice, it is sent once."""
    parcel = _parcel(visit)
    with parcel.held() as draft:
        sent = await submit(visit.session.office, Submission(draft=draft, key=parcel.id))
    visit.session.drop(parcel.id)
    states = {one.state for one in sent}
    note = "done.sent"
    if Sending.REFUSED in states:
        note = "done.refused"
    elif Sending.SEALED in states:
        note = "done.sealed"
    return visit.go(f"/sent/{sent[0].id}" if len(sent) == 1 else "/sent", note)


async def drop(visit: Visit) -> web.Response:
    """Forget what was put together; nothing was sent."""
    visit.session.drop(visit.id_in_path())
    return visit.go("/", "done.dropped")


def _parcel(visit: Visit) -> Parcel:
    parcel = visit.session.parcels.get(visit.id_in_path())
    if parcel is None:
        raise NotFound("nothing of this name was put together, or it is sent")
    return parcel


def _size(file: Outgoing) -> int:
    return len(file.source) if isinstance(file.source, bytes) else file.source.stat().st_size
