"""The tables of the officers' desk: who may log in, what is read, and figures once published.

An officer is an account of an agency: a name of hers stands in none of them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from exchange.database import Moment
from exchange.hub.storage.tables import AgencyId, Digest, Uuid, Word, metadata, one_of

officers = Table(
    "officers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("role", Word, nullable=False),
    # Whose records she reads. Null for an auditor or operator, who reads none.
    Column("agency", AgencyId, ForeignKey("agencies.id"), index=True),
    # Her account at the provider of logins. Null: by a link from the operator's command line.
    Column("issuer", Word),
    Column("subject", Word),
    Column("created_at", Moment, nullable=False),
    Column("removed_at", Moment),
    UniqueConstraint("issuer", "subject"),
    one_of("role", "role", ("officer", "auditor", "operator")),
    CheckConstraint("(agency IS NULL) = (role <> 'officer')", name="agency"),
    CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="subject"),
)

# With which an auditor's own tool asks. It goes with the account.
officer_keys = Table(
    "officer_keys",
    metadata,
    Column("kid", Digest, primary_key=True),
    Column("officer", Uuid, ForeignKey("officers.id"), nullable=False, unique=True),
    # Raw public key: 32 bytes.
    Column("ed25519", LargeBinary, nullable=False),
    Column("set_at", Moment, nullable=False),
    # When it last got a token. Null: never.
    Column("used_at", Moment),
)

officer_links = Table(
    "officer_links",
    metadata,
    # Of the secret in the link.
    Column("digest", Digest, primary_key=True),
    Column("officer", Uuid, ForeignKey("officers.id"), nullable=False, index=True),
    Column("made_at", Moment, nullable=False),
    Column("until", Moment, nullable=False, index=True),
    Column("used_at", Moment),
)

# Between the way to the provider and the way back.
officer_logins = Table(
    "officer_logins",
    metadata,
    # Of the cookie.
    Column("digest", Digest, primary_key=True),
    Column("state", Word, nullable=False),
    Column("nonce", Word, nullable=False),
    Column("verifier", Word, nullable=False),
    # Whether she has to prove who she is now, not some time today.
    Column("fresh", Boolean, nullable=False),
    Column("until", Moment, nullable=False, index=True),
)

officer_sessions = Table(
    "officer_sessions",
    metadata,
    # Of the cookie.
    Column("digest", Digest, primary_key=True),
    Column("officer", Uuid, ForeignKey("officers.id"), nullable=False, index=True),
    Column("made_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    # When she last proved who she is: an export asks for a fresh proof.
    Column("proved_at", Moment, nullable=False),
    Column("until", Moment, nullable=False, index=True),
)

# Who logged in when, for a year (D11).
officer_visits = Table(
    "officer_visits",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("officer", Uuid, ForeignKey("officers.id"), nullable=False, index=True),
    Column("at", Moment, nullable=False, index=True),
    Column("what", Word, nullable=False),
    one_of("what", "what", ("link-made", "login", "proved", "logout", "removed")),
)

# Which entries of the log concern an agency: made from the entries, behind them, by any hub.
# Each was open to it once; who reads it asks `may_open` about each.
log_reader = Table(
    "log_reader",
    metadata,
    Column("agency", AgencyId, primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Word, nullable=False),
    Index(None, "agency", "kind", "at", "idx"),
    # What is erased is found by its entries.
    Index(None, "idx"),
    # Nothing but keys: a second tree of them would be half of the file.
    sqlite_with_rowid=False,
)

log_reader_size = Table(
    "log_reader_size",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Entries before this one are in `log_reader`.
    Column("size", BigInteger, nullable=False),
    CheckConstraint("id = 0", name="one"),
)

# Published once, never made anew: a later difference would tell of an erasure. They go with the
# agreement: behind it nobody is left who may read them.
figures = Table(
    "figures",
    metadata,
    Column("agreement", Digest, ForeignKey("agreements.digest"), primary_key=True),
    # 2026, 2026-Q1 or 2026-03.
    Column("period", Word, primary_key=True),
    Column("dimension", Word, primary_key=True),
    Column("frozen_at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
    one_of("dimension", "dimension", ("total", "purpose", "category", "direction")),
)

# What was counted in a month, before anything is suppressed: longer periods are made of it, never
# of rows that have changed since. Shown to nobody; gone when the figures of the year are frozen.
tallies = Table(
    "tallies",
    metadata,
    Column("agreement", Digest, ForeignKey("agreements.digest"), primary_key=True),
    Column("month", Word, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# The random number a consent has in the tallies of a year. Erasing the consent erases the row:
# what was counted stays, and nothing tells whose it was.
counted = Table(
    "counted",
    metadata,
    Column("consent", Digest, ForeignKey("consents.digest"), primary_key=True),
    Column("year", Word, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
