"""The answers to auditors, for their own tools: `/v1/officer/audit/...`.

Each route asks for a token with the scope `auditor`. Nothing here opens an entry or a statement,
and what is answered has been published or is a commitment, which says nothing: no trace.
"""

from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from exchange.audit.merkle import leaf_hash
from exchange.audit.spelling import write_base64
from exchange.figures.period import read_period
from exchange.hub.answers.agreements import Audited, list_audited
from exchange.hub.answers.frame import newest_head
from exchange.hub.answers.proofs import Signed, prove_entry, prove_growth, show_signed
from exchange.hub.http import figures as told_figures
from exchange.hub.http.call import FRONT
from exchange.hub.http.caller import authenticated
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.attention import log_health
from exchange.hub.parts import Hub
from exchange.hub.read_figures import read_figures
from exchange.serving import binding
from exchange.serving.binding import Answer, Handler
from exchange.serving.given import given
from exchange.wire import audit, audit_routes, figures, officer, officer_findings, shapes
from exchange.wire.officer_terms import NoQuestion
from exchange.wire.routes import Operation

Audit = TypeVar("Audit", bound=audit.AuditFrame)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One authenticated request of an auditor's own tool."""

    hub: Hub
    asker: Officer


class AuditRoutes(binding.Routes[Inquiry]):
    """Handlers for auditors, by operation."""

    def handler(self, operation: Operation, answer: Answer[Inquiry]) -> Handler:
        """Return what authenticates and counts, parses, and then answers."""

        async def handler(request: web.Request) -> web.StreamResponse:
            here = request.app[FRONT]
            account = await authenticated(request, here, scope=operation.scope)
            with here.limits.parallel.one(account):
                found, _ = await given(request, operation, seconds=here.settings.body_s)
                return await answer(Inquiry(here.hub, Officer(account, "auditor", None)), found)

        return handler


def audit_routes_bound() -> AuditRoutes:
    """Return the handlers of auditors' questions."""
    bound = AuditRoutes()
    bound.handles(audit_routes.AGREEMENTS)(get_agreements)
    bound.handles(audit_routes.FIGURES)(get_figures)
    bound.handles(audit_routes.LOG)(get_log)
    bound.handles(audit_routes.ENTRY)(get_entry)
    bound.handles(audit_routes.GROWTH)(get_growth)
    return bound


async def get_agreements(inquiry: Inquiry, *, query: shapes.Page) -> audit.AgreementsAudited:
    """Return a page of agreements."""
    found = await list_audited(inquiry.hub, inquiry.asker, after=query.after, limit=query.limit)
    return _framed(
        inquiry,
        audit.AgreementsAudited,
        question="agreements",
        asked=NoQuestion(),
        answer=tuple(map(_agreement, found)),
        next=found[-1].id if len(found) == query.limit else None,
    )


async def get_figures(
    inquiry: Inquiry, *, path: figures.FiguresPath, query: figures.FiguresQuery
) -> audit.FiguresAudited:
    """Return the figures of an agreement for a period, as they were published."""
    period = read_period(path.period)
    found = await read_figures(inquiry.hub, inquiry.asker, path.id, period, query.dimension)
    return _framed(
        inquiry,
        audit.FiguresAudited,
        question="statistics",
        asked=told_figures.asked_of(found),
        answer=told_figures.told(found),
    )


async def get_log(inquiry: Inquiry) -> audit.LogAudited:
    """Return how the log is doing, and its newest published head."""
    signed = await show_signed(inquiry.hub, inquiry.asker)
    health = officer_findings.LogHealth.model_validate(
        log_health(inquiry.hub), from_attributes=True
    )
    return _framed(
        inquiry,
        audit.LogAudited,
        question="log",
        asked=NoQuestion(),
        answer=audit.LogTold(health=health, published=None if signed is None else _head(signed)),
    )


async def get_entry(inquiry: Inquiry, *, path: audit.EntryPath) -> audit.EntryAudited:
    """Return the proof that an entry stands in the log."""
    found = await prove_entry(inquiry.hub, inquiry.asker, path.index)
    return _framed(
        inquiry,
        audit.EntryAudited,
        question="entry",
        asked=audit.EntryAsked(index=path.index),
        answer=audit.EntryTold(
            index=found.index,
            leaf=write_base64(found.leaf),
            leaf_hash=write_base64(leaf_hash(found.leaf)),
            path=tuple(map(write_base64, found.path)),
            size=found.size,
            root=write_base64(found.root),
            file=found.file().decode("utf-8"),
        ),
    )


async def get_growth(inquiry: Inquiry, *, query: audit.GrowthQuery) -> audit.GrowthAudited:
    """Return the proof that the log has only grown."""
    found = await prove_growth(inquiry.hub, inquiry.asker, query.old, query.new)
    return _framed(
        inquiry,
        audit.GrowthAudited,
        question="growth",
        asked=audit.GrowthAsked(old=query.old, new=query.new),
        answer=audit.GrowthTold(
            old=found.old,
            old_root=write_base64(found.old_root),
            size=found.size,
            root=write_base64(found.root),
            path=tuple(map(write_base64, found.path)),
            file=found.file().decode("utf-8"),
        ),
    )


def _framed(inquiry: Inquiry, shape: type[Audit], **said: object) -> Audit:
    head = newest_head(inquiry.hub)
    return shape.model_validate(
        {
            "answered_at": inquiry.hub.clock(),
            "checkpoint": None
            if head is None
            else officer.Head.model_validate(head, from_attributes=True),
            **said,
        }
    )


def _agreement(one: Audited) -> audit.AgreementAudited:
    parties = (
        audit.PartyAudited(agency=agency, signed_at=signed_at) for agency, signed_at in one.parties
    )
    return audit.AgreementAudited(
        id=one.id,
        digest=one.digest,
        state=one.state,
        begins=one.begins,
        ends_at=one.ends_at,
        parties=tuple(parties),
    )


def _head(signed: Signed) -> audit.HeadAudited:
    return audit.HeadAudited(
        size=signed.size,
        root=write_base64(signed.root),
        note=signed.note.decode("utf-8"),
        quorum=signed.quorum,
        witnesses=tuple(audit.Witness(name=name, cosigned_at=at) for name, at in signed.witnesses),
    )
