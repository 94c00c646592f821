"""Pages to print for the person: the form of a draft, and of a recorded consent."""

from aiohttp import web

from exchange.agency.http.binding import Call, Routes
from exchange.agency.http.drafts import consent_draft, facts, subject_in
from exchange.agency.print_paper import print_form
from exchange.consent.render import written_day
from exchange.consent.subject import SubjectFacts
from exchange.errors import NotFound
from exchange.forms import page
from exchange.forms.paper import BLANK, Head, Paper, consent_form
from exchange.wire import local_routes, local_shapes, shapes
from exchange.wire.routes import HTML


def paper_routes() -> Routes:
    """Return the handlers of papers."""
    bound = Routes()
    bound.streams(local_routes.BLANK_FORM)(post_form)
    bound.streams(local_routes.CONSENT_FORM)(get_form)
    return bound


async def post_form(call: Call, *, body: local_shapes.ConsentDraft) -> web.Response:
    """Return the form of a draft; where it does not say who, there are lines to write on."""
    draft = consent_draft(body, now=call.gateway.clock())
    subject = None if body.subject is None else facts(body.subject)
    head = _head(subject, call.gateway.agency, body.notice.lang)
    return _page(await print_form(call.gateway, draft, head))


async def get_form(call: Call, *, path: shapes.IdPath) -> web.Response:
    """Return the form of a recorded consent, made from the verified record."""
    gateway = call.gateway
    now = gateway.clock()
    record = (await gateway.records.consent(now=now, consent_id=path.id)).record
    agreement = await gateway.records.agreement(record.agreement, now=now)
    if agreement is None:
        raise NotFound("this agency has not signed the agreement of the consent")
    subject = subject_in(await gateway.records.subject(record.digest))
    head = _head(subject, gateway.agency, record.notice.lang)
    return _page(consent_form(record, agreement.scope, head))


def _head(subject: SubjectFacts | None, agency: str, lang: str) -> Head:
    if subject is None:
        return BLANK
    return Head(
        name=f"{subject.family_name}, {subject.given_name}",
        born=written_day(subject.born, lang),
        case_number=subject.case_numbers.get(agency, ""),
    )


def _page(paper: Paper) -> web.Response:
    return web.Response(
        body=page.html(paper),
        content_type=HTML,
        charset="utf-8",
        headers={"Content-Security-Policy": page.served_policy(paper)},
    )
