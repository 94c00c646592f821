"""Schema 0003: what loops and inboxes look for is found among millions of rows that are over."""

from alembic import op
from sqlalchemy import Boolean, Column, false, text

from exchange.hub.storage.migrations.versions import r0001_first

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column to what recipients are sent, and exchange indexes."""
    _mark_what_waits()
    op.drop_index("ix_agreements_ended_at", "agreements")
    _index("ix_agreements_ended_at_agreements_id", "agreements", "ended_at", "id")
    op.drop_index("ix_consents_agreement", "consents")
    _index("ix_consents_agreement", "consents", "agreement", where="ended_at IS NULL")
    op.drop_index("ix_consents_collected_by", "consents")
    _index("ix_consents_collected_by_consents_digest", "consents", "collected_by", "digest")
    op.drop_index("ix_consent_parties_agency", "consent_parties")
    _index(
        "ix_consent_parties_agency_consent_parties_consent",
        "consent_parties",
        *("agency", "consent"),
    )
    _index(
        "ix_erasures_recipient_erasures_id",
        "erasures",
        *("recipient", "id"),
        where="answered_at IS NULL",
    )
    _index("ix_notices_state_notices_done_at", "notices", "state", "done_at")
    _index("ix_notices_agency_notices_done_at", "notices", "agency", "done_at")
    _index("ix_log_chain_chain", "log_chain", "chain", where="deferred > 0")


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    condition = None if where is None else text(where)
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)


def _mark_what_waits() -> None:
    """On SQLite in a new table, so that the column stands before those of kilobytes."""
    waiting = Column("waiting", Boolean, nullable=False, server_default=false())
    if op.get_bind().dialect.name == "sqlite":
        before = r0001_first.tables().tables["disclosure_recipients"]
        with op.batch_alter_table(before.name, recreate="always", copy_from=before) as batch:
            batch.add_column(waiting, insert_after="number")
        op.create_index("ix_disclosure_recipients_fingerprint", before.name, ["fingerprint"])
    else:
        op.add_column("disclosure_recipients", waiting)
    op.execute(
        text(
            "UPDATE disclosure_recipients SET waiting = true WHERE number IS NOT NULL "
            "AND acknowledged_at IS NULL AND disclosure IN (SELECT disclosure FROM headers)"
        )
    )
    op.create_index(
        "ix_disclosure_recipients_agency_disclosure_recipients_number",
        "disclosure_recipients",
        ["agency", "number"],
        sqlite_where=text("waiting = 1"),
        postgresql_where=text("waiting"),
    )
