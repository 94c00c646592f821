"""Schema 0002: the person's code, drafts, findings, document requests, erasures passed on."""

import secrets

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    column,
    insert,
    select,
    table,
)

from exchange.canonical import b64u
from exchange.hub.storage.migrations.frozen import MOMENT, NAMES, WORD
from exchange.hub.storage.migrations.versions import r0001_first

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add four tables, two columns and an index; give every consent a code that nobody holds."""
    conn = op.get_bind()
    metadata = MetaData(naming_convention=NAMES)
    for name in ("agencies", "agreements", "consents"):
        r0001_first.tables().tables[name].to_metadata(metadata)
    for made in _tables(metadata):
        made.create(conn)
    _give_codes()
    op.drop_index("ix_disclosures_consent", "disclosures")
    op.create_index(
        "ix_disclosures_consent_disclosures_digest", "disclosures", ["consent", "digest"]
    )
    _pass_erasures_on()


def _give_codes() -> None:
    """A random value for each consent, as for one whose code was never issued."""
    conn = op.get_bind()
    consents = select(column("digest", WORD)).select_from(table("consents"))
    credentials = table("credentials", column("consent"), column("digest"))
    rows = [
        {"consent": consent, "digest": b64u(secrets.token_bytes(32))}
        for (consent,) in conn.execute(consents).all()
    ]
    if rows:
        conn.execute(insert(credentials), rows)


def _pass_erasures_on() -> None:
    """On SQLite in a new table, so that the columns stand before those of kilobytes."""
    passed_on, escalated = Column("passed_on_by", WORD), Column("escalated_at", MOMENT)
    if op.get_bind().dialect.name != "sqlite":
        op.add_column("erasures", passed_on)
        op.add_column("erasures", escalated)
        return
    before = r0001_first.tables().tables["erasures"]
    with op.batch_alter_table("erasures", recreate="always", copy_from=before) as batch:
        batch.add_column(passed_on, insert_after="due")
        batch.add_column(escalated, insert_after="reminded_at")
    op.create_index("ix_erasures_recipient", "erasures", ["recipient"])


def _tables(metadata: MetaData) -> tuple[Table, ...]:
    findings = Table(
        "consent_findings",
        metadata,
        Column("consent", WORD, ForeignKey("consents.digest"), primary_key=True),
        Column("rule", WORD, primary_key=True),
        Column("field", WORD, nullable=False),
    )
    credentials = Table(
        "credentials",
        metadata,
        Column("consent", WORD, ForeignKey("consents.digest"), primary_key=True),
        Column("digest", WORD, nullable=False, unique=True),
    )
    drafts = Table(
        "drafts",
        metadata,
        Column("id", WORD, primary_key=True),
        Column("agency", WORD, ForeignKey("agencies.id"), nullable=False, index=True),
        Column("agreement", WORD, ForeignKey("agreements.digest"), nullable=False),
        Column("invitation", WORD, nullable=False, unique=True),
        Column("until", MOMENT, nullable=False, index=True),
        Column("draft", LargeBinary, nullable=False),
        Column("signed", LargeBinary),
        Column("signature", LargeBinary),
        CheckConstraint("(signed IS NULL) = (signature IS NULL)", name="signed"),
    )
    requests = Table(
        "requests",
        metadata,
        Column("id", WORD, primary_key=True),
        Column("digest", WORD, nullable=False, unique=True),
        Column("agency", WORD, ForeignKey("agencies.id"), nullable=False),
        Column("asked", WORD, ForeignKey("agencies.id"), nullable=False),
        Column("agreement", WORD, ForeignKey("agreements.digest"), nullable=False),
        Column("consent", WORD, ForeignKey("consents.digest")),
        Column("purpose", WORD, nullable=False),
        Column("categories", WORD, nullable=False),
        Column("deadline", MOMENT, nullable=False, index=True),
        Column("made_at", MOMENT, nullable=False),
        Column("number", BigInteger, nullable=False),
        Column("answered_at", MOMENT),
        Column("statement", LargeBinary),
        Index(None, "agency", "deadline"),
        UniqueConstraint("asked", "number"),
    )
    return findings, credentials, drafts, requests
