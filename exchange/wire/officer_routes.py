"""The routes of privacy officers' own tools: each asks for a token with the scope `officer`."""

from exchange.wire import (
    figures,
    officer,
    officer_breach,
    officer_findings,
    officer_terms,
    shapes,
)
from exchange.wire.routes import OFFICER, Operation

OVERVIEW = Operation(
    name="officer_overview",
    method="GET",
    path="/v1/officer/overview",
    summary="What needs attention: open erasures, what ends, the log, and how many findings.",
    returns=officer_findings.OverviewAnswer,
    scope=OFFICER,
)
FINDINGS = Operation(
    name="officer_findings",
    method="GET",
    path="/v1/officer/findings/{finding}",
    summary="What an officer should look into, the newest first: one finding as a list.",
    returns=officer_findings.FindingsAnswer,
    path_shape=officer_findings.FindingPath,
    query=officer_findings.FindingsQuery,
    problems=(404,),
    scope=OFFICER,
)
DISCLOSURES = Operation(
    name="officer_disclosures",
    method="GET",
    path="/v1/officer/disclosures",
    summary="Who disclosed what to whom, under which consent and text.",
    returns=officer.DisclosuresAnswer,
    query=officer.DisclosuresQuery,
    scope=OFFICER,
)
ERASURES = Operation(
    name="officer_erasures",
    method="GET",
    path="/v1/officer/erasures",
    summary="What recipients were asked to erase: open, overdue, answered.",
    returns=officer.ErasuresAnswer,
    query=officer.ErasuresQuery,
    scope=OFFICER,
)
REMIND = Operation(
    name="officer_remind",
    method="POST",
    path="/v1/officer/erasures/{id}/reminders",
    summary="Remind an agency of an erasure that it owes; at most once a day.",
    returns=officer.Reminded,
    path_shape=shapes.IdPath,
    problems=(404, 409),
    scope=OFFICER,
)
BREACH = Operation(
    name="officer_breach",
    method="GET",
    path="/v1/officer/breach",
    summary="Exactly what a lost key, account or code has exposed, for Art. 33 and 34 GDPR.",
    returns=officer_breach.BreachAnswer,
    query=officer_breach.BreachQuery,
    scope=OFFICER,
)
CONSENT = Operation(
    name="officer_consent",
    method="GET",
    path="/v1/officer/consents/{id}",
    summary="One consent: record, text, every event, and whether it held at a moment.",
    returns=officer.ConsentAnswer,
    path_shape=shapes.IdPath,
    query=officer.ConsentQuery,
    problems=(404,),
    scope=OFFICER,
)
EVENTS = Operation(
    name="officer_events",
    method="GET",
    path="/v1/officer/events",
    summary="The log of the agency, the newest first: by time, kind, partner, purpose, state.",
    returns=officer.EventsAnswer,
    query=officer.EventsQuery,
    scope=OFFICER,
)
AGREEMENTS = Operation(
    name="officer_agreements",
    method="GET",
    path="/v1/officer/agreements",
    summary="The agreements of the agency: term, notice, parties, flows.",
    returns=officer_terms.AgreementsAnswer,
    query=shapes.Page,
    scope=OFFICER,
)
PARTNERS = Operation(
    name="officer_partners",
    method="GET",
    path="/v1/officer/partners",
    summary="Partners, and every key of theirs with its entry in the log.",
    returns=officer_terms.PartnersAnswer,
    query=shapes.Page,
    scope=OFFICER,
)
ART30 = Operation(
    name="officer_art30",
    method="GET",
    path="/v1/officer/art30/{id}",
    summary="The record of processing activities of one agreement, generated.",
    returns=officer_terms.Art30Answer,
    path_shape=shapes.IdPath,
    problems=(404,),
    scope=OFFICER,
)
PROCESSOR = Operation(
    name="officer_processor",
    method="GET",
    path="/v1/officer/art30",
    summary="The record of the processor: what this hub does on behalf of the agency, generated.",
    returns=officer_terms.ProcessorAnswer,
    scope=OFFICER,
)
FIGURES = Operation(
    name="officer_figures",
    method="GET",
    path="/v1/officer/figures/{id}/{period}",
    summary="Figures of an agreement for a year, a quarter or a month, without persons.",
    returns=figures.FiguresAnswer,
    path_shape=figures.FiguresPath,
    query=figures.FiguresQuery,
    problems=(404,),
    scope=OFFICER,
)
