"""Schema 0004: rows name the receipts of what they say; documents are found by their digest."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from alembic import op
from sqlalchemy import CheckConstraint, Column, text

from exchange.canonical import b64u, loads
from exchange.hub.storage.migrations.frozen import MOMENT, WORD

revision = "0004"
down_revision = "0003"

RECEIPTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("agreement_signatures", "statement", ("receipt",)),
    ("agreement_notices", "statement", ("receipt",)),
    ("consents", "statement", ("receipt", "withdrawal_receipt", "reissued_receipt")),
    ("disclosures", "manifest", ("receipt", "ended_receipt")),
    ("disclosure_recipients", "acknowledgement", ("collected_receipt", "acknowledged_receipt")),
    ("erasures", "confirmation", ("confirmation_receipt",)),
    ("requests", "statement", ("receipt",)),
    ("log_event", "body", ("document",)),
)
"""Tables, the column of kilobytes before which new ones stand, and these."""
CHECKS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "consents": {
            "used": "used >= 0 AND (uses = 0 OR used <= uses)",
            "ended": "(ended_at IS NULL) = (ended_why IS NULL)",
        },
        "disclosures": {
            "state": "state IN ('announced', 'stored', 'collected', 'acknowledged', 'expired', "
            "'ended')"
        },
        "disclosure_recipients": {"result": "result IN ('accepted', 'rejected', 'quarantined')"},
        "erasures": {
            "reason": "reason IN ('withdrawn', 'unlawful')",
            "result": "result IN ('erased', 'kept')",
        },
    }
)
"""Constraints of those tables, which a table made anew does not take over by itself."""
FILLS: Mapping[str, str] = MappingProxyType(
    {
        "agreement-signed": "UPDATE agreement_signatures SET receipt = :id "
        "WHERE agreement = :agreement AND agency = :by",
        "agreement-notice": "UPDATE agreement_notices SET receipt = :id WHERE digest = :statement",
        "consent-recorded": "UPDATE consents SET receipt = :id WHERE digest = :consent",
        "consent-withdrawn": "UPDATE consents SET withdrawal_receipt = :id WHERE digest = :consent",
        "receipt-reissued": "UPDATE consents SET reissued_receipt = :id WHERE digest = :consent",
        "request-made": "UPDATE requests SET receipt = :id WHERE digest = :request",
        "disclosure-stored": "UPDATE disclosures SET receipt = :id "
        "WHERE consent = :consent AND digest = :manifest",
        "disclosure-ended": "UPDATE disclosures SET ended_receipt = :id WHERE digest = :manifest "
        "AND consent = (SELECT digest FROM consents WHERE chain = :chain)",
        "disclosure-collected": "UPDATE disclosure_recipients SET collected_receipt = :id "
        "WHERE agency = :by AND disclosure = (SELECT d.id FROM disclosures d JOIN consents c "
        "ON c.digest = d.consent WHERE c.chain = :chain AND d.digest = :manifest)",
        "disclosure-acknowledged": "UPDATE disclosure_recipients SET acknowledged_receipt = :id "
        "WHERE agency = :by AND disclosure = (SELECT d.id FROM disclosures d JOIN consents c "
        "ON c.digest = d.consent WHERE c.chain = :chain AND d.digest = :manifest)",
        "erasure-confirmed": "UPDATE erasures SET confirmation_receipt = :id WHERE id = :erasure",
    }
)
"""What the event of a kind is the receipt of; its members are the parameters."""
EVENTS = (
    "SELECT chain, n, kind, body FROM log_event WHERE (chain, n) > (:chain, :n) "
    "ORDER BY chain, n LIMIT 1000"
)
DOCUMENTS = (
    "SELECT rid, body FROM log_event WHERE chain IS NULL AND rid > :rid ORDER BY rid LIMIT 1000"
)
LARGEST_EVENT = 4096
"""Bytes."""
DOCUMENT = "UPDATE log_event SET document = :document WHERE rid = :rid"


def upgrade() -> None:
    """Add columns and an index, and fill them from the log's own events."""
    for name, before, columns in RECEIPTS:
        _add(name, before, columns)
    op.add_column("log_checkpoint", Column("witnessed_at", MOMENT))
    op.create_index(
        "ix_log_event_document",
        "log_event",
        ["document"],
        sqlite_where=text("document IS NOT NULL"),
        postgresql_where=text("document IS NOT NULL"),
    )
    _fill_receipts()
    _fill_documents()


def _add(name: str, before: str, columns: tuple[str, ...]) -> None:
    """On SQLite in a new table, so that the columns stand before those of kilobytes."""
    if op.get_bind().dialect.name != "sqlite":
        for added in columns:
            op.add_column(name, Column(added, WORD))
        return
    checks = tuple(
        CheckConstraint(words, name=op.f(f"ck_{name}_{check}"))
        for check, words in CHECKS.get(name, {}).items()
    )
    with op.batch_alter_table(name, recreate="always", table_args=checks) as batch:
        for added in columns:
            batch.add_column(Column(added, WORD), insert_before=before)


def _fill_receipts() -> None:
    """In the order of each chain, so that the last event of a kind is what stays."""
    conn = op.get_bind()
    place: dict[str, Any] = {"chain": "", "n": -1}
    while rows := conn.execute(text(EVENTS), place).all():
        of: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            if row.kind in FILLS:
                of[row.kind].append({**_members(row.body), "chain": row.chain})
        for kind, found in of.items():
            conn.execute(text(FILLS[kind]), found)
        place = {"chain": rows[-1].chain, "n": rows[-1].n}


def _members(body: bytes) -> dict[str, Any]:
    event = loads(body, limit=LARGEST_EVENT)
    if not isinstance(event, dict):
        raise TypeError("an event is an object")
    return {name: value for name, value in event.items() if isinstance(value, str)}


def _fill_documents() -> None:
    conn = op.get_bind()
    rid = ""
    while rows := conn.execute(text(DOCUMENTS), {"rid": rid}).all():
        found = [
            {"rid": row.rid, "document": b64u(hashlib.sha256(row.body).digest())} for row in rows
        ]
        conn.execute(text(DOCUMENT), found)
        rid = rows[-1].rid
