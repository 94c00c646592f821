"""Warnings of the linter about recorded consents: for the collecting agency and its officer."""

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from exchange.errors import Finding
from exchange.hub.storage.tables import consent_findings
from exchange.rules import broken


def add(conn: Connection, consent: str, found: Iterable[Finding]) -> None:
    """Keep what the linter warned of when the consent with this digest was recorded."""
    rows = [{"consent": consent, "rule": one.id, "field": one.field} for one in found]
    if rows:
        conn.execute(insert(consent_findings), rows)


def of(conn: Connection, consent: str) -> tuple[Finding, ...]:
    """Return the warnings about the consent with this digest, in the order of the rules."""
    query = (
        select(consent_findings.c.rule, consent_findings.c.field)
        .where(consent_findings.c.consent == consent)
        .order_by(consent_findings.c.rule)
    )
    return tuple(broken(row.rule, row.field) for row in conn.execute(query))
