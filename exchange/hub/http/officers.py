"""The questions of privacy officers, for their agency's own tools: `/v1/officer/...`.

Binds the verbs of `exchange.hub.answers`; each route asks for a token with the scope `officer`.
"""

from typing import TypeVar

from exchange.audit.event import GATEWAY
from exchange.hub.answers import (
    agreements,
    art30,
    art30_hub,
    breach,
    consent,
    disclosures,
    erasures,
    events,
    findings,
    overview,
    partners,
)
from exchange.hub.answers.frame import Answered
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.officers.accounts import Officer
from exchange.hub.remind_erasure import remind_erasure
from exchange.wire import (
    officer,
    officer_breach,
    officer_findings,
    officer_routes,
    officer_terms,
    shapes,
)

Told = TypeVar("Told", bound=officer.Frame)


def officer_routes_bound() -> Routes:
    """Return the handlers of officers' questions."""
    bound = Routes()
    bound.handles(officer_routes.OVERVIEW)(get_overview)
    bound.handles(officer_routes.FINDINGS)(get_findings)
    bound.handles(officer_routes.DISCLOSURES)(get_disclosures)
    bound.handles(officer_routes.ERASURES)(get_erasures)
    bound.handles(officer_routes.REMIND)(post_reminder)
    bound.handles(officer_routes.BREACH)(get_breach)
    bound.handles(officer_routes.CONSENT)(get_consent)
    bound.handles(officer_routes.EVENTS)(get_events)
    bound.handles(officer_routes.AGREEMENTS)(get_agreements)
    bound.handles(officer_routes.PARTNERS)(get_partners)
    bound.handles(officer_routes.ART30)(get_art30)
    bound.handles(officer_routes.PROCESSOR)(get_processor)
    return bound


def asker(call: Call) -> Officer:
    """Return who asks over this route: a program of an agency, for its officer."""
    return Officer(GATEWAY, "officer", call.agency)


async def get_overview(call: Call) -> officer_findings.OverviewAnswer:
    """Return what the officer's first page says."""
    return told(
        officer_findings.OverviewAnswer, await overview.show_overview(call.hub, asker(call))
    )


async def get_findings(
    call: Call, *, path: officer_findings.FindingPath, query: officer_findings.FindingsQuery
) -> officer_findings.FindingsAnswer:
    """Return a page of one finding."""
    wanted = findings.Wanted(finding=path.finding, since=query.since, until=query.until)
    found = await findings.list_findings(
        call.hub, asker(call), wanted, after=query.after, limit=query.limit
    )
    return told(officer_findings.FindingsAnswer, found)


async def get_disclosures(
    call: Call, *, query: officer.DisclosuresQuery
) -> officer.DisclosuresAnswer:
    """Return a page of what was disclosed between two days."""
    wanted = disclosures.Wanted(query.since, query.until)
    found = await disclosures.list_disclosures(
        call.hub, asker(call), wanted, after=query.after, limit=query.limit
    )
    return told(officer.DisclosuresAnswer, found)


async def get_erasures(call: Call, *, query: officer.ErasuresQuery) -> officer.ErasuresAnswer:
    """Return a page of what is to be erased, and of what was answered."""
    wanted = erasures.Wanted(query.state)
    found = await erasures.list_erasures(
        call.hub, asker(call), wanted, after=query.after, limit=query.limit
    )
    return told(officer.ErasuresAnswer, found)


async def post_reminder(call: Call, *, path: shapes.IdPath) -> officer.Reminded:
    """Remind an agency of an erasure that it owes."""
    found = await remind_erasure(call.hub, asker(call), path.id)
    return officer.Reminded.model_validate(found, from_attributes=True)


async def get_breach(
    call: Call, *, query: officer_breach.BreachQuery
) -> officer_breach.BreachAnswer:
    """Return a page of what a lost key, account or code has exposed."""
    wanted = Wanted(
        kind=query.kind,
        key=query.key or "",
        since=query.since,
        until=query.until,
        noticed_at=query.noticed_at or call.hub.clock(),
    )
    found = await breach.scope_breach(
        call.hub, asker(call), wanted, after=query.after, limit=query.limit
    )
    return told(officer_breach.BreachAnswer, found)


async def get_consent(
    call: Call, *, path: shapes.IdPath, query: officer.ConsentQuery
) -> officer.ConsentAnswer:
    """Return one consent, and whether it held at a moment."""
    found = await consent.show_consent(call.hub, asker(call), path.id, at=query.at)
    return told(officer.ConsentAnswer, found)


async def get_events(call: Call, *, query: officer.EventsQuery) -> officer.EventsAnswer:
    """Return a page of the agency's log."""
    wanted = events.Wanted(**query.model_dump(exclude={"after", "limit"}))
    found = await events.list_of_agency(
        call.hub, asker(call), wanted, after=query.after, limit=query.limit
    )
    return told(officer.EventsAnswer, found)


async def get_agreements(call: Call, *, query: shapes.Page) -> officer_terms.AgreementsAnswer:
    """Return a page of the agency's agreements."""
    found = await agreements.list_agreements(
        call.hub, asker(call), after=query.after, limit=query.limit
    )
    return told(officer_terms.AgreementsAnswer, found)


async def get_partners(call: Call, *, query: shapes.Page) -> officer_terms.PartnersAnswer:
    """Return a page of partners with their keys."""
    found = await partners.list_partners(
        call.hub, asker(call), after=query.after, limit=query.limit
    )
    return told(officer_terms.PartnersAnswer, found)


async def get_art30(call: Call, *, path: shapes.IdPath) -> officer_terms.Art30Answer:
    """Return the record of processing of one agreement."""
    return told(
        officer_terms.Art30Answer, await art30.record_processing(call.hub, asker(call), path.id)
    )


async def get_processor(call: Call) -> officer_terms.ProcessorAnswer:
    """Return what the hub does on behalf of the caller."""
    found = await art30_hub.record_of_processor(call.hub, asker(call))
    return told(officer_terms.ProcessorAnswer, found)


def told(shape: type[Told], found: Answered[object, object]) -> Told:
    """Return an answer in its shape: the members have the same names on both sides."""
    return shape.model_validate(found, from_attributes=True)
