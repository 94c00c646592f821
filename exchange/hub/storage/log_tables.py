"""The tables of the log, and of what is erased, as values."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
)

from exchange.database import Moment
from exchange.hub.storage.tables import Digest, Number, Uuid, Word, few, metadata, one_of, partial

log_chain = Table(
    "log_chain",
    metadata,
    Column("chain", Uuid, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("next_n", BigInteger, nullable=False, server_default=text("0")),
    # Leaves of this chain that wait for the vault; they come before any later one.
    Column("deferred", Integer, nullable=False, server_default=text("0")),
    one_of("kind", "kind", ("consent", "agreement", "agency", "hub")),
    partial("chain", where="deferred > 0"),
)

log_event = Table(
    "log_event",
    metadata,
    Column("rid", Uuid, primary_key=True),
    Column("chain", Uuid),
    Column("n", BigInteger),
    # Kind of the event, or the topic of a public document.
    Column("kind", Word, nullable=False),
    Column("at", Moment, nullable=False),
    # Digest of a public document, which anybody may fetch by it. Null for an event.
    Column("document", Digest),
    Column("body", LargeBinary, nullable=False),
    # What stands behind the member `detail`, for those who may know it.
    Column("detail", LargeBinary),
    UniqueConstraint("chain", "n"),
    partial("document", where="document IS NOT NULL"),
)

log_pending = Table(
    "log_pending",
    metadata,
    Column("id", Number, Identity(), primary_key=True),
    Column("rid", Uuid, ForeignKey("log_event.rid"), nullable=False, unique=True),
    Column("leaf", LargeBinary),
    CheckConstraint("length(leaf) = 49", name="leaf"),
    # Never reuses a number: the order of a chain's events is the order of these.
    sqlite_autoincrement=True,
)

log_entry = Table(
    "log_entry",
    metadata,
    Column("idx", Number, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("rid", Uuid, unique=True),
)

log_tile = Table(
    "log_tile",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

log_tree = Table(
    "log_tree",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("range", LargeBinary, nullable=False),
    CheckConstraint("id = 0", name="one"),
)

log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("signed_at", Moment, nullable=False),
    Column("candidate_at", Moment),
    Column("published_at", Moment),
    # When the quorum of the policy had cosigned it.
    Column("witnessed_at", Moment),
    # The few among very many: each question is about the largest or smallest of them.
    few("log_checkpoint_candidates", "size", where="candidate_at IS NOT NULL"),
    few("log_checkpoint_published", "size", where="published_at IS NOT NULL"),
    few("log_checkpoint_witnessed", "size", where="witnessed_at IS NOT NULL"),
)

log_cosignature = Table(
    "log_cosignature",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Word, primary_key=True),
    Column("key_id", LargeBinary, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("line", LargeBinary, nullable=False),
)

# Entries whose event is gone. Nothing tells which of them were of one chain.
# Heads with our own valid signature that the tree contradicts: nobody signs while one is here.
log_evidence = Table(
    "log_evidence",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("found_at", Moment, nullable=False),
    Column("note", LargeBinary, nullable=False),
)

log_erased = Table(
    "log_erased",
    metadata,
    Column("idx", Number, primary_key=True, autoincrement=False),
    # Digest of the document that names it; null before there is one.
    Column("tombstone", Digest),
    partial("idx", where="tombstone IS NULL"),
)

# Chains whose key the vault has to forget, until a tombstone has told that they are gone.
log_erasing = Table(
    "log_erasing",
    metadata,
    Column("chain", Uuid, primary_key=True),
    Column("queued_at", Moment, nullable=False),
    # When the key was in no file of the vault any more.
    Column("erased_at", Moment),
)

log_tombstone = Table(
    "log_tombstone",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("made_at", Moment, nullable=False),
    # With a salt and the indexes: for agencies and auditors, never public.
    Column("document", LargeBinary, nullable=False),
    Index(None, "made_at"),
)

# Proof that something was deleted when its time was over; says of nobody that it was hers.
deletions = Table(
    "deletions",
    metadata,
    Column("run", Uuid, primary_key=True),
    # A class of retention, such as D05, and its period in words.
    Column("class", Word, primary_key=True),
    Column("period", Word, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
)

# Each time this database came from a backup: nobody forgets that it forgot.
restorations = Table(
    "restorations",
    metadata,
    Column("at", Moment, primary_key=True),
    # When the backup was made; null where another program brought the database back.
    Column("made_at", Moment),
    # Entries of the log in it.
    Column("size", BigInteger, nullable=False),
    # When everything that had lost its payload was ended; before that nothing is served.
    Column("ready_at", Moment),
)

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
"""Run once on a new database: entries stay, only their link to an event may be cut."""
