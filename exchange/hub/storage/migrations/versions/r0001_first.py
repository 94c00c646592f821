"""Schema 0001: the first one, with agencies, agreements, consents, disclosures and the log.

Frozen: what later revisions change is theirs.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    text,
)

from exchange.hub.storage.migrations.frozen import MOMENT, NAMES, NUMBER, WORD, one_of

revision = "0001"
down_revision = None

EXTRA = {
    "sqlite": (
        "CREATE TRIGGER log_entry_stays BEFORE DELETE ON log_entry "
        "BEGIN SELECT raise(ABORT, 'the log only grows'); END",
        "CREATE TRIGGER log_entry_never_changes BEFORE UPDATE ON log_entry "
        "WHEN new.rid IS NOT NULL OR new.idx <> old.idx OR new.leaf <> old.leaf "
        "BEGIN SELECT raise(ABORT, 'the log only grows'); END",
        "INSERT INTO log_tree (id, size, range) VALUES (0, 0, x'')",
    ),
    "postgresql": (
        "CREATE FUNCTION log_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log only grows'; END $$",
        "CREATE TRIGGER log_entry_stays BEFORE DELETE ON log_entry "
        "FOR EACH ROW EXECUTE FUNCTION log_only_grows()",
        "CREATE TRIGGER log_entry_stays_whole BEFORE TRUNCATE ON log_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_only_grows()",
        "CREATE TRIGGER log_entry_never_changes BEFORE UPDATE ON log_entry FOR EACH ROW "
        "WHEN (new.rid IS NOT NULL OR new.idx <> old.idx OR new.leaf <> old.leaf) "
        "EXECUTE FUNCTION log_only_grows()",
        # Hashes do not compress; these two tables change all the time and stay small.
        "ALTER TABLE log_tile ALTER hashes SET STORAGE EXTERNAL",
        "ALTER TABLE log_tile SET "
        "(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
        "ALTER TABLE log_pending SET "
        "(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
        "INSERT INTO log_tree (id, size, range) VALUES (0, 0, '')",
    ),
}


def upgrade() -> None:
    """Make every table in an empty database."""
    conn = op.get_bind()
    tables().create_all(conn, checkfirst=False)
    for statement in EXTRA[conn.dialect.name]:
        op.execute(statement)


def tables() -> MetaData:
    """Return the tables of this schema."""
    metadata = MetaData(naming_convention=NAMES)
    _add_statements(metadata)
    _add_disclosures(metadata)
    _add_log(metadata)
    return metadata


def _add_statements(metadata: MetaData) -> None:
    Table(
        "agencies",
        metadata,
        Column("id", WORD, primary_key=True),
        Column("state", WORD, nullable=False),
        Column("chain", WORD, nullable=False, unique=True),
        Column("admitted_at", MOMENT, nullable=False),
        Column("suspended_at", MOMENT),
        Column("channel", WORD),
        Column("address", WORD),
        Column("language", WORD, nullable=False),
        Column("inbox_last", BigInteger, nullable=False, server_default=text("0")),
        Column("capabilities", LargeBinary),
        one_of("state", "state", ("active", "suspended")),
    )
    Table(
        "identities",
        metadata,
        Column("kid", WORD, primary_key=True),
        Column("agency", WORD, ForeignKey("agencies.id"), nullable=False, index=True),
        Column("ed25519", LargeBinary, nullable=False),
        Column("ml_dsa_65", LargeBinary, nullable=False),
        Column("registered_at", MOMENT, nullable=False),
        Column("until", MOMENT),
        Column("succession", LargeBinary),
    )
    Table(
        "key_statements",
        metadata,
        Column("agency", WORD, ForeignKey("agencies.id"), primary_key=True),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("digest", WORD, nullable=False, unique=True),
        Column("fingerprint", WORD, nullable=False),
        Column("nbf", MOMENT, nullable=False),
        Column("exp", MOMENT, nullable=False),
        Column("stored_at", MOMENT, nullable=False),
        Column("superseded_at", MOMENT),
        Column("statement", LargeBinary, nullable=False),
    )
    Table(
        "revoked_keys",
        metadata,
        Column("fingerprint", WORD, primary_key=True),
        Column("agency", WORD, ForeignKey("agencies.id"), primary_key=True),
        Column("revoked_at", MOMENT, nullable=False),
    )
    Table(
        "agreements",
        metadata,
        Column("digest", WORD, primary_key=True),
        Column("id", WORD, nullable=False, unique=True),
        Column("chain", WORD, nullable=False, unique=True),
        Column("recorded_at", MOMENT, nullable=False),
        Column("ended_at", MOMENT, index=True),
        Column("statement", LargeBinary, nullable=False),
    )
    Table(
        "agreement_parties",
        metadata,
        Column("agreement", WORD, ForeignKey("agreements.digest"), primary_key=True),
        Column("agency", WORD, primary_key=True),
        Index(None, "agency"),
    )
    Table(
        "agreement_signatures",
        metadata,
        Column("agreement", WORD, ForeignKey("agreements.digest"), primary_key=True),
        Column("agency", WORD, primary_key=True),
        Column("digest", WORD, nullable=False),
        Column("signed_at", MOMENT, nullable=False),
        Column("statement", LargeBinary, nullable=False),
    )
    Table(
        "agreement_notices",
        metadata,
        Column("digest", WORD, primary_key=True),
        Column("agreement", WORD, ForeignKey("agreements.digest"), nullable=False, index=True),
        Column("id", WORD, nullable=False, unique=True),
        Column("iat", BigInteger, nullable=False),
        Column("agency", WORD, nullable=False),
        Column("ends", MOMENT, nullable=False),
        Column("recorded_at", MOMENT, nullable=False),
        Column("statement", LargeBinary, nullable=False),
    )
    Table(
        "consents",
        metadata,
        Column("digest", WORD, primary_key=True),
        Column("id", WORD, nullable=False, unique=True),
        Column("agreement", WORD, ForeignKey("agreements.digest"), nullable=False, index=True),
        Column("collected_by", WORD, nullable=False, index=True),
        Column("chain", WORD, nullable=False, unique=True),
        Column("uses", Integer, nullable=False),
        Column("used", Integer, nullable=False, server_default=text("0")),
        Column("valid_from", MOMENT, nullable=False),
        Column("valid_until", MOMENT, nullable=False),
        Column("recorded_at", MOMENT, nullable=False),
        Column("ended_at", MOMENT),
        Column("ended_why", WORD),
        Column("statement", LargeBinary, nullable=False),
        Column("withdrawal", LargeBinary),
        CheckConstraint("used >= 0 AND (uses = 0 OR used <= uses)", name="used"),
        CheckConstraint("(ended_at IS NULL) = (ended_why IS NULL)", name="ended"),
    )
    Table(
        "consent_parties",
        metadata,
        Column("consent", WORD, ForeignKey("consents.digest"), primary_key=True),
        Column("agency", WORD, primary_key=True),
        Column("role", WORD, nullable=False),
        Index(None, "agency"),
        one_of("role", "role", ("releaser", "recipient")),
    )


def _add_disclosures(metadata: MetaData) -> None:
    Table(
        "disclosures",
        metadata,
        Column("id", WORD, primary_key=True),
        Column("digest", WORD, nullable=False),
        Column("sender", WORD, nullable=False),
        Column("consent", WORD, ForeignKey("consents.digest"), nullable=False, index=True),
        Column("state", WORD, nullable=False),
        Column("sealed_size", BigInteger, nullable=False),
        Column("exp", MOMENT, nullable=False),
        Column("announced_at", MOMENT, nullable=False),
        Column("stored_at", MOMENT),
        Column("ended_at", MOMENT),
        Column("ended_why", WORD),
        Column("use_returned", Boolean, nullable=False, server_default=false()),
        Column("blob", WORD, unique=True),
        Column("payload_size", BigInteger),
        Column("payload_sha256", WORD),
        Column("manifest", LargeBinary, nullable=False),
        Index(None, "sender", "state"),
        Index(None, "state", "exp"),
        one_of(
            "state",
            "state",
            ("announced", "stored", "collected", "acknowledged", "expired", "ended"),
        ),
    )
    Table(
        "disclosure_recipients",
        metadata,
        Column("disclosure", WORD, ForeignKey("disclosures.id"), primary_key=True),
        Column("agency", WORD, primary_key=True),
        Column("fingerprint", WORD, nullable=False, index=True),
        Column("number", BigInteger),
        Column("collected_at", MOMENT),
        Column("acknowledged_at", MOMENT),
        Column("result", WORD),
        Column("reason", WORD),
        Column("reminded_at", MOMENT),
        Column("acknowledgement", LargeBinary),
        UniqueConstraint("agency", "number"),
        one_of("result", "result", ("accepted", "rejected", "quarantined")),
    )
    Table(
        "upload_pieces",
        metadata,
        Column("disclosure", WORD, ForeignKey("disclosures.id"), primary_key=True),
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("size", BigInteger, nullable=False),
        Column("blob", WORD, nullable=False, unique=True),
        CheckConstraint("size > 0", name="size"),
    )
    Table(
        "erasures",
        metadata,
        Column("id", WORD, primary_key=True),
        Column("consent", WORD, ForeignKey("consents.digest"), nullable=False),
        Column("recipient", WORD, nullable=False, index=True),
        Column("reason", WORD, nullable=False),
        Column("asked_at", MOMENT, nullable=False),
        Column("due", MOMENT, nullable=False),
        Column("reminded_at", MOMENT),
        Column("answered_at", MOMENT),
        Column("result", WORD),
        Column("ground", WORD),
        Column("confirmation_digest", WORD),
        Column("confirmation", LargeBinary),
        UniqueConstraint("consent", "recipient"),
        one_of("reason", "reason", ("withdrawn", "unlawful")),
        one_of("result", "result", ("erased", "kept")),
    )
    Table(
        "notices",
        metadata,
        Column("id", WORD, primary_key=True),
        Column("agency", WORD, ForeignKey("agencies.id"), nullable=False),
        Column("kind", WORD, nullable=False),
        Column("consent", WORD, index=True),
        Column("disclosure", WORD, index=True),
        Column("state", WORD, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("created_at", MOMENT, nullable=False),
        Column("due_at", MOMENT, nullable=False),
        Column("done_at", MOMENT),
        Index(None, "state", "due_at"),
        one_of("state", "state", ("waiting", "sent", "parked")),
    )
    Table(
        "used_assertions",
        metadata,
        Column("agency", WORD, primary_key=True),
        Column("jti", WORD, primary_key=True),
        Column("until", MOMENT, nullable=False, index=True),
    )
    Table(
        "idempotency",
        metadata,
        Column("agency", WORD, primary_key=True),
        Column("key", WORD, primary_key=True),
        Column("request", LargeBinary, nullable=False),
        Column("until", MOMENT, nullable=False, index=True),
    )
    Table(
        "headers",
        metadata,
        Column("disclosure", WORD, ForeignKey("disclosures.id"), primary_key=True),
        Column("header", LargeBinary, nullable=False),
    )


def _add_log(metadata: MetaData) -> None:
    Table(
        "log_chain",
        metadata,
        Column("chain", WORD, primary_key=True),
        Column("kind", WORD, nullable=False),
        Column("next_n", BigInteger, nullable=False, server_default=text("0")),
        Column("deferred", Integer, nullable=False, server_default=text("0")),
        one_of("kind", "kind", ("consent", "agreement", "agency", "hub")),
    )
    Table(
        "log_event",
        metadata,
        Column("rid", WORD, primary_key=True),
        Column("chain", WORD),
        Column("n", BigInteger),
        Column("kind", WORD, nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("detail", LargeBinary),
        UniqueConstraint("chain", "n"),
    )
    Table(
        "log_pending",
        metadata,
        Column("id", NUMBER, Identity(), primary_key=True),
        Column("rid", WORD, ForeignKey("log_event.rid"), nullable=False, unique=True),
        Column("leaf", LargeBinary),
        CheckConstraint("length(leaf) = 49", name="leaf"),
        sqlite_autoincrement=True,
    )
    Table(
        "log_entry",
        metadata,
        Column("idx", NUMBER, primary_key=True, autoincrement=False),
        Column("leaf", LargeBinary, nullable=False),
        Column("rid", WORD, unique=True),
    )
    Table(
        "log_tile",
        metadata,
        Column("level", Integer, primary_key=True),
        Column("n", BigInteger, primary_key=True, autoincrement=False),
        Column("hashes", LargeBinary, nullable=False),
    )
    Table(
        "log_tree",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("size", BigInteger, nullable=False),
        Column("range", LargeBinary, nullable=False),
        CheckConstraint("id = 0", name="one"),
    )
    Table(
        "log_checkpoint",
        metadata,
        Column("size", NUMBER, primary_key=True, autoincrement=False),
        Column("root", LargeBinary, nullable=False),
        Column("note", LargeBinary, nullable=False),
        Column("signed_at", MOMENT, nullable=False),
        Column("candidate_at", MOMENT),
        Column("published_at", MOMENT),
    )
    Table(
        "log_cosignature",
        metadata,
        Column("size", BigInteger, primary_key=True, autoincrement=False),
        Column("name", WORD, primary_key=True),
        Column("key_id", LargeBinary, primary_key=True),
        Column("time", BigInteger, nullable=False),
        Column("line", LargeBinary, nullable=False),
    )
    Table(
        "log_erased",
        metadata,
        Column("idx", NUMBER, primary_key=True, autoincrement=False),
        Column("tombstone", WORD),
    )
