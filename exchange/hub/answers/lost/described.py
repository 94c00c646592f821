"""Disclosures and events as rows: what of each is told."""

from sqlalchemy import Connection

from exchange.hub import gate
from exchange.hub.answers.entries import Opened
from exchange.hub.answers.lost.rows import Doubtful, Openable
from exchange.hub.parts import Hub
from exchange.hub.storage.answers_breach import ConsentRow
from exchange.hub.storage.answers_disclosures import DisclosureRow
from exchange.hub.stored import context_of, said, subject_of
from exchange.members import read_time


def openable(conn: Connection, hub: Hub, row: DisclosureRow) -> Openable:
    """Return a disclosure; the caller has found out that the agency may see it."""
    context = context_of(row.manifest)
    agreement: str = said(row.consent_statement)["agreement"]
    _, scope = gate.agreement_of(conn, hub, agreement)
    category = scope.vocabulary.categories.get(context.category)
    return Openable(
        disclosure=row.id,
        sender=row.sender,
        stored_at=row.stored_at,
        # Each end of a disclosure deletes its header in the same unit of work.
        header_deleted_at=row.ended_at,
        category=context.category,
        special=category is not None and category.special,
        secrecy=context.secrecy.code,
        consent=row.consent_id,
        subject_ref=subject_of(row.consent_statement),
    )


def doubt(one: Opened, consent: ConsentRow | None) -> Doubtful:
    """Return an event, with the consent that it is about."""
    event = one.event
    signed = next(
        (event[name] for name in ("statement", "manifest", "request") if name in event), None
    )
    return Doubtful(
        index=one.place.index,
        kind=one.kind,
        at=read_time(event["at"]),
        by=event["by"],
        statement=signed if one.kind != "consent-recorded" else event["consent"],
        consent=None if consent is None else consent.id,
        subject_ref=None if consent is None else subject_of(consent.statement),
    )
