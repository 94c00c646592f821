"""The hub's tables, as values. Those of the log are in `log_tables`, that of headers is apart.

No person has a name here: consents carry signed statements whose subject block is sealed.
"""

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from exchange.database import NAMES, Moment

RECURRING = 0
"""`consents.uses` of a consent that may be used again and again; a count is 1 or more."""

metadata = MetaData(naming_convention=NAMES)

# Names, digests and identifiers are ASCII text; statements are bytes, exactly as received. They
# stand last: SQLite reads through a column of kilobytes to reach what stands behind it.
#
# On PostgreSQL they are compared by their bytes, as everywhere else, whatever the database's
# language: an order that two machines see differently would be two orders.
Word = Text().with_variant(Text(collation="C"), "postgresql")
AgencyId = Word
Digest = Word
Uuid = Word
Number = BigInteger().with_variant(Integer, "sqlite")
"""Of a primary key that SQLite counts by itself."""


def one_of(name: str, column: str, words: Sequence[str]) -> CheckConstraint:
    """Return the constraint that a column has one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


def partial(*columns: str, where: str) -> Index:
    """Return an index of the few rows that a loop looks for; its condition stands in the query."""
    return few(None, *columns, where=where)


def few(name: str | None, *columns: str, where: str) -> Index:
    """Do the same under a name of its own, where one column has several such indexes."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


agencies = Table(
    "agencies",
    metadata,
    Column("id", AgencyId, primary_key=True),
    Column("state", Word, nullable=False),
    Column("chain", Uuid, nullable=False, unique=True),
    Column("admitted_at", Moment, nullable=False),
    Column("suspended_at", Moment),
    # Where its notices go first: the name of a channel, and an address that only the channel
    # reads; further ones are in `fallbacks`. A hub of an earlier version knows the first only.
    Column("channel", Word),
    Column("address", Word),
    Column("language", Word, nullable=False),
    # Number of the newest entry of its inbox; raised under the lock of this row.
    Column("inbox_last", BigInteger, nullable=False, server_default=text("0")),
    Column("capabilities", LargeBinary),
    # Local time of day, such as 20:00, in which it is told of nothing but tasks; null: never.
    Column("quiet_from", Word),
    Column("quiet_until", Word),
    Column("quiet_zone", Word),
    # At most one notice in so many seconds, tasks apart. Null: as the settings say.
    Column("digest_s", Integer),
    one_of("state", "state", ("active", "suspended")),
)

fallbacks = Table(
    "fallbacks",
    metadata,
    Column("agency", AgencyId, ForeignKey("agencies.id"), primary_key=True),
    # From 1: 0 is the channel that stands in `agencies`.
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("channel", Word, nullable=False),
    Column("address", Word, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("kid", Digest, primary_key=True),
    Column("agency", AgencyId, ForeignKey("agencies.id"), nullable=False, index=True),
    Column("ed25519", LargeBinary, nullable=False),
    Column("ml_dsa_65", LargeBinary, nullable=False),
    Column("registered_at", Moment, nullable=False),
    # Of the identity that was succeeded: until when it is still accepted. Null: without end.
    Column("until", Moment),
    # The succession that led to this identity, as received. Null for the first one.
    Column("succession", LargeBinary),
)

key_statements = Table(
    "key_statements",
    metadata,
    Column("agency", AgencyId, ForeignKey("agencies.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", Digest, nullable=False, unique=True),
    Column("fingerprint", Digest, nullable=False),
    Column("nbf", Moment, nullable=False),
    Column("exp", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    # When the next one was stored; its key is accepted for one more day.
    Column("superseded_at", Moment),
    Column("statement", LargeBinary, nullable=False),
)

revoked_keys = Table(
    "revoked_keys",
    metadata,
    Column("fingerprint", Digest, primary_key=True),
    Column("agency", AgencyId, ForeignKey("agencies.id"), primary_key=True),
    Column("revoked_at", Moment, nullable=False),
)

agreements = Table(
    "agreements",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("chain", Uuid, nullable=False, unique=True),
    Column("recorded_at", Moment, nullable=False),
    # Set by the sweeper when it is over; `decide` denies from its term or this flag on.
    Column("ended_at", Moment),
    Column("statement", LargeBinary, nullable=False),
    Index(None, "ended_at", "id"),
)

agreement_parties = Table(
    "agreement_parties",
    metadata,
    Column("agreement", Digest, ForeignKey("agreements.digest"), primary_key=True),
    Column("agency", AgencyId, primary_key=True),
    Index(None, "agency"),
)

agreement_signatures = Table(
    "agreement_signatures",
    metadata,
    Column("agreement", Digest, ForeignKey("agreements.digest"), primary_key=True),
    Column("agency", AgencyId, primary_key=True),
    Column("digest", Digest, nullable=False),
    Column("signed_at", Moment, nullable=False),
    # Names of receipts, here and below: the events that record what the row says.
    Column("receipt", Uuid),
    Column("statement", LargeBinary, nullable=False),
)

agreement_notices = Table(
    "agreement_notices",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("agreement", Digest, ForeignKey("agreements.digest"), nullable=False, index=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("iat", BigInteger, nullable=False),
    Column("agency", AgencyId, nullable=False),
    Column("ends", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("receipt", Uuid),
    Column("statement", LargeBinary, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("agreement", Digest, ForeignKey("agreements.digest"), nullable=False),
    Column("collected_by", AgencyId, nullable=False),
    Column("chain", Uuid, nullable=False, unique=True),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False, server_default=text("0")),
    Column("valid_from", Moment, nullable=False),
    Column("valid_until", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ended_why", Word),
    Column("receipt", Uuid),
    Column("withdrawal_receipt", Uuid),
    # Of the last time the person's code was replaced.
    Column("reissued_receipt", Uuid),
    Column("statement", LargeBinary, nullable=False),
    # The signed withdrawal, or the hub's own record of one by code.
    Column("withdrawal", LargeBinary),
    CheckConstraint("used >= 0 AND (uses = 0 OR used <= uses)", name="used"),
    CheckConstraint("(ended_at IS NULL) = (ended_why IS NULL)", name="ended"),
    # Of those that an ended agreement has still to end: none of the many that are over.
    partial("agreement", where="ended_at IS NULL"),
    Index(None, "collected_by", "digest"),
    # Of those whose time of retention is over: by their last day, or when they ended before it.
    Index(None, "agreement", "valid_until"),
    partial("agreement", "ended_at", where="ended_at IS NOT NULL"),
)

consent_findings = Table(
    "consent_findings",
    metadata,
    Column("consent", Digest, ForeignKey("consents.digest"), primary_key=True),
    # Id of a rule that warns, and the member it is about: never a value of the record.
    Column("rule", Word, primary_key=True),
    Column("field", Word, nullable=False),
)

consent_parties = Table(
    "consent_parties",
    metadata,
    Column("consent", Digest, ForeignKey("consents.digest"), primary_key=True),
    Column("agency", AgencyId, primary_key=True),
    Column("role", Word, nullable=False),
    Index(None, "agency", "consent"),
    one_of("role", "role", ("releaser", "recipient")),
)

# The digest of the person's code: of a random value where none was issued, so that nobody who
# reads this file can tell. Nothing else belongs in here, no time either, which would tell.
credentials = Table(
    "credentials",
    metadata,
    Column("consent", Digest, ForeignKey("consents.digest"), primary_key=True),
    Column("digest", Digest, nullable=False, unique=True),
)

drafts = Table(
    "drafts",
    metadata,
    # Also the id of the consent it may become.
    Column("id", Uuid, primary_key=True),
    Column("agency", AgencyId, ForeignKey("agencies.id"), nullable=False, index=True),
    Column("agreement", Digest, ForeignKey("agreements.digest"), nullable=False),
    # Digest of the code with which the person opens it.
    Column("invitation", Digest, nullable=False, unique=True),
    Column("until", Moment, nullable=False, index=True),
    Column("draft", LargeBinary, nullable=False),
    # What the person has signed, and her signature; both or none.
    Column("signed", LargeBinary),
    Column("signature", LargeBinary),
    CheckConstraint("(signed IS NULL) = (signature IS NULL)", name="signed"),
)

disclosures = Table(
    "disclosures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("digest", Digest, nullable=False),
    Column("sender", AgencyId, nullable=False),
    Column("consent", Digest, ForeignKey("consents.digest"), nullable=False),
    Column("state", Word, nullable=False),
    # Bytes of header and payload together, from the manifest.
    Column("sealed_size", BigInteger, nullable=False),
    Column("exp", Moment, nullable=False),
    Column("announced_at", Moment, nullable=False),
    Column("stored_at", Moment),
    Column("ended_at", Moment),
    Column("ended_why", Word),
    Column("use_returned", Boolean, nullable=False, server_default=false()),
    # Payload: the sealed document without its header. Null before it is stored.
    Column("blob", Word, unique=True),
    Column("payload_size", BigInteger),
    Column("payload_sha256", Word),
    Column("receipt", Uuid),
    Column("ended_receipt", Uuid),
    Column("manifest", LargeBinary, nullable=False),
    # With the digest: the person's page asks for a few of the many under one consent.
    Index(None, "consent", "digest"),
    Index(None, "sender", "state"),
    Index(None, "state", "exp"),
    one_of(
        "state",
        "state",
        ("announced", "stored", "collected", "acknowledged", "expired", "ended"),
    ),
)

disclosure_recipients = Table(
    "disclosure_recipients",
    metadata,
    Column("disclosure", Uuid, ForeignKey("disclosures.id"), primary_key=True),
    Column("agency", AgencyId, primary_key=True),
    Column("fingerprint", Digest, nullable=False, index=True),
    # Place in the inbox of this agency; null before it is stored.
    Column("number", BigInteger),
    # In the inbox: stored, not over, and not answered by this agency.
    Column("waiting", Boolean, nullable=False, server_default=false()),
    Column("collected_at", Moment),
    Column("acknowledged_at", Moment),
    Column("result", Word),
    Column("reason", Word),
    Column("reminded_at", Moment),
    Column("collected_receipt", Uuid),
    Column("acknowledged_receipt", Uuid),
    Column("acknowledgement", LargeBinary),
    UniqueConstraint("agency", "number"),
    Index(
        None,
        "agency",
        "number",
        sqlite_where=text("waiting = 1"),
        postgresql_where=text("waiting"),
    ),
    one_of("result", "result", ("accepted", "rejected", "quarantined")),
)

upload_pieces = Table(
    "upload_pieces",
    metadata,
    Column("disclosure", Uuid, ForeignKey("disclosures.id"), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("blob", Word, nullable=False, unique=True),
    CheckConstraint("size > 0", name="size"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("consent", Digest, ForeignKey("consents.digest"), nullable=False),
    Column("recipient", AgencyId, nullable=False, index=True),
    Column("reason", Word, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("due", Moment, nullable=False),
    # Who passed it on to this recipient, by its own signed answer. Null: it collected it itself.
    Column("passed_on_by", AgencyId),
    Column("reminded_at", Moment),
    Column("escalated_at", Moment),
    Column("answered_at", Moment),
    Column("result", Word),
    Column("ground", Word),
    Column("confirmation_digest", Digest),
    Column("confirmation_receipt", Uuid),
    Column("confirmation", LargeBinary),
    UniqueConstraint("consent", "recipient"),
    # Recipients and the sweeper look for what is open among ever more that is answered.
    partial("recipient", "id", where="answered_at IS NULL"),
    one_of("reason", "reason", ("withdrawn", "unlawful")),
    one_of("result", "result", ("erased", "kept")),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("digest", Digest, nullable=False, unique=True),
    Column("agency", AgencyId, ForeignKey("agencies.id"), nullable=False),
    Column("asked", AgencyId, ForeignKey("agencies.id"), nullable=False),
    Column("agreement", Digest, ForeignKey("agreements.digest"), nullable=False),
    Column("consent", Digest, ForeignKey("consents.digest")),
    Column("purpose", Word, nullable=False),
    Column("categories", Word, nullable=False),  # codes, comma between
    Column("deadline", Moment, nullable=False, index=True),
    Column("made_at", Moment, nullable=False),
    # Place in the inbox of the asked agency.
    Column("number", BigInteger, nullable=False),
    # When the first disclosure that names it was stored. The asker never learns it from here.
    Column("answered_at", Moment),
    Column("receipt", Uuid),
    # With the sealed part; null once it is answered or its deadline has passed.
    Column("statement", LargeBinary),
    Index(None, "agency", "deadline"),
    partial("consent", where="consent IS NOT NULL"),
    UniqueConstraint("asked", "number"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency", AgencyId, ForeignKey("agencies.id"), nullable=False),
    Column("kind", Word, nullable=False),
    # What it is about, so that it goes when its cause goes. Never sent.
    Column("consent", Digest, index=True),
    Column("disclosure", Uuid, index=True),
    Column("state", Word, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("done_at", Moment),
    # Which of the agency's channels it is for, and those that will never take it, as bits.
    Column("place", Integer, nullable=False, server_default=text("0")),
    Column("refused", Integer, nullable=False, server_default=text("0")),
    # Since when that channel has failed. Null: it has not been tried, or not failed.
    Column("failing_since", Moment),
    Index(None, "state", "due_at"),
    Index(None, "state", "done_at"),
    Index(None, "agency", "done_at"),
    one_of("state", "state", ("waiting", "sent", "parked")),
)

used_assertions = Table(
    "used_assertions",
    metadata,
    Column("agency", AgencyId, primary_key=True),
    Column("jti", Word, primary_key=True),
    Column("until", Moment, nullable=False, index=True),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("agency", AgencyId, primary_key=True),
    Column("key", Word, primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("until", Moment, nullable=False, index=True),
)
