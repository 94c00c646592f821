"""Tables of a gateway's own state: what was sent, received, seen and believed.

Holds sealed headers, signed statements and opened subject blocks; documents are files. Everything
here is the agency's own and never leaves it.
"""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table

from exchange.database import NAMES, Moment
from exchange.sqlite import Schema

metadata = MetaData(naming_convention=NAMES)

sent = Table(
    "sent",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("consent", String, nullable=False),
    Column("recipients", String, nullable=False),  # ids, comma between
    Column("size", Integer, nullable=False),
    Column("state", String, nullable=False),  # Sending
    Column("sent_at", Moment, nullable=False),
    Column("exp", Moment, nullable=False),
    Column("stored_at", Moment),
    Column("collected_at", Moment),
    Column("result", String),
    Column("reason", String),
    Column("log", String, nullable=False),
)

answers = Table(  # signed acknowledgements of what was sent: the receipts of the sender
    "answers",
    metadata,
    Column("id", String, primary_key=True),
    Column("agency", String, primary_key=True),
    Column("statement", LargeBinary, nullable=False),
    Column("result", String, nullable=False),
    Column("reason", String),
)

received = Table(  # the seen-set, and where each document stands
    "received",
    metadata,
    Column("digest", String, primary_key=True),
    Column("id", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("consent", String, nullable=False),
    Column("consent_id", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("state", String, nullable=False),  # Receiving
    Column("seen_at", Moment, nullable=False),
    Column("keep_until", Moment, nullable=False),
    Column("collected_at", Moment),
    Column("log", String),
    Column("folder", String),
    Column("result", String),
    Column("reason", String),
)
Index("ix_received_id", received.c.id)
Index("ix_received_state", received.c.state)

headers = Table(  # from the collection to the acknowledgement, and no longer
    "headers",
    metadata,
    Column("digest", String, primary_key=True),
    Column("header", LargeBinary, nullable=False),
)

evidence = Table(  # large, and written once: a change of state leaves it where it is
    "evidence",
    metadata,
    Column("digest", String, primary_key=True),
    Column("kind", String, primary_key=True),  # Evidence
    Column("data", LargeBinary, nullable=False),
)

delivered = Table(  # files of others: whoever sends one on has to say so
    "delivered",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("size", Integer, nullable=False, index=True),
    Column("sender", String, nullable=False),
    Column("secrecy", String, nullable=False),
)

held = Table(  # left at the hub until somebody looks
    "held",
    metadata,
    Column("id", String, primary_key=True),
    Column("reason", String, nullable=False),
    Column("since", Moment, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("digest", String, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("statement", LargeBinary, nullable=False),
    Column("subject", LargeBinary),  # the opened block, JSON; NULL when it could not be opened
)

cards = Table(  # identity cards that hash to a `kid` somebody here has pinned or signed
    "cards",
    metadata,
    Column("kid", String, primary_key=True),
    Column("card", LargeBinary, nullable=False),
)

key_statements = Table(  # the newest accepted of each partner: no restart allows a rollback
    "key_statements",
    metadata,
    Column("agency", String, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("digest", String, nullable=False),
    Column("statement", LargeBinary, nullable=False),
)

revoked = Table(
    "revoked",
    metadata,
    Column("agency", String, primary_key=True),
    Column("fingerprint", String, primary_key=True),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", String, primary_key=True),
    Column("consent", String, nullable=False),
    Column("due", Moment, nullable=False),
    Column("state", String, nullable=False),  # Erasing
    Column("statement", LargeBinary),
)

majorities = Table(  # consents that guardians have given, collected here
    "majorities",
    metadata,
    Column("consent", String, primary_key=True),  # its id
    Column("ends", Moment, nullable=False),  # representation: the first of a month, no birthday
    Column("looked", Moment),  # when the hub last said that the consent stands; then people know
)

log_heads = Table(  # the largest head that was ever verified here: it moves only up
    "log_heads",
    metadata,
    Column("origin", String, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

log_tails = Table(  # how far every entry was read and hashed here, on the way to a verified head
    "log_tails",
    metadata,
    Column("origin", String, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("range", LargeBinary, nullable=False),
    Column("upto", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),  # of the head of size `upto`
)

log_findings = Table(  # entries that somebody has to look at
    "log_findings",
    metadata,
    Column("origin", String, primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("code", String, nullable=False),
    Column("since", Moment, nullable=False),
)

awaited = Table(  # receipts that the log still owes: none yet, or none with a quorum
    "awaited",
    metadata,
    Column("kind", String, primary_key=True),  # of the event
    Column("digest", String, primary_key=True),  # of the statement that the event is about
    Column("own", Boolean, primary_key=True),  # whether this agency did it
    Column("about", String, nullable=False),  # id of the disclosure, consent or erasure
    Column("rid", String, nullable=False),  # names the receipt at the hub
    Column("since", Moment, nullable=False),
    Column("proved", Boolean, nullable=False),  # a receipt is here, without a quorum
    Column("alarmed", Boolean, nullable=False),
)

deliveries = Table(  # what is still to be handed on, by whom, and what became of it
    "deliveries",
    metadata,
    Column("id", String, primary_key=True),  # of the disclosure
    Column("destination", String, primary_key=True),  # its key
    Column("stated", LargeBinary, nullable=False),  # what was received; empty once it is settled
    Column("state", String, nullable=False),  # Handing
    Column("since", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),  # that have failed
    Column("next_at", Moment, nullable=False),  # before, nothing is tried again
    Column("reason", String),
)
Index("ix_deliveries_due", deliveries.c.state, deliveries.c.next_at)

fetched = Table(  # documents that the back office has: their folder in the spool goes a day later
    "fetched",
    metadata,
    Column("id", String, primary_key=True),  # of the disclosure
    Column("at", Moment, nullable=False),
    Column("removed", Boolean, nullable=False),
)

events = Table(  # what happened, for whoever asks what is new; in the order of commits
    "events",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),  # EventKind
    Column("of", String, nullable=False),  # id of the disclosure, consent, erasure or request
    Column("at", Moment, nullable=False, index=True),
    Column("folder", String),
    Column("reason", String),
    sqlite_autoincrement=True,  # a number is never used again, also when old rows are removed
)
Index("ix_events_of", events.c.of)

submissions = Table(  # which submission a key was used for, so that a repetition sends nothing
    "submissions",
    metadata,
    Column("key", String, primary_key=True),
    Column("request", LargeBinary, nullable=False),  # digest of what was submitted
    Column("ids", String, nullable=False),  # of its disclosures, comma between
    Column("at", Moment, nullable=False, index=True),
)

schema = Schema(
    metadata=metadata,
    version=5,
    steps=(
        (
            "CREATE TABLE majorities (consent VARCHAR NOT NULL, ends DATETIME NOT NULL, "
            "looked DATETIME, CONSTRAINT pk_majorities PRIMARY KEY (consent))",
        ),
        (
            "CREATE TABLE log_heads (origin VARCHAR NOT NULL, size INTEGER NOT NULL, "
            "root BLOB NOT NULL, note BLOB NOT NULL, seen_at DATETIME NOT NULL, "
            "CONSTRAINT pk_log_heads PRIMARY KEY (origin))",
            "CREATE TABLE log_tails (origin VARCHAR NOT NULL, size INTEGER NOT NULL, "
            "range BLOB NOT NULL, upto INTEGER NOT NULL, root BLOB NOT NULL, "
            "CONSTRAINT pk_log_tails PRIMARY KEY (origin))",
            "CREATE TABLE log_findings (origin VARCHAR NOT NULL, idx INTEGER NOT NULL, "
            "code VARCHAR NOT NULL, since DATETIME NOT NULL, "
            "CONSTRAINT pk_log_findings PRIMARY KEY (origin, idx))",
            "CREATE TABLE awaited (kind VARCHAR NOT NULL, digest VARCHAR NOT NULL, "
            "own BOOLEAN NOT NULL, about VARCHAR NOT NULL, rid VARCHAR NOT NULL, "
            "since DATETIME NOT NULL, proved BOOLEAN NOT NULL, alarmed BOOLEAN NOT NULL, "
            "CONSTRAINT pk_awaited PRIMARY KEY (kind, digest, own))",
        ),
        (
            "CREATE TABLE deliveries (id VARCHAR NOT NULL, destination VARCHAR NOT NULL, "
            "stated BLOB NOT NULL, state VARCHAR NOT NULL, since DATETIME NOT NULL, "
            "attempts INTEGER NOT NULL, next_at DATETIME NOT NULL, reason VARCHAR, "
            "CONSTRAINT pk_deliveries PRIMARY KEY (id, destination))",
            "CREATE INDEX ix_deliveries_due ON deliveries (state, next_at)",
            "CREATE TABLE fetched (id VARCHAR NOT NULL, at DATETIME NOT NULL, "
            "removed BOOLEAN NOT NULL, CONSTRAINT pk_fetched PRIMARY KEY (id))",
        ),
        (
            "CREATE TABLE events (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "
            'kind VARCHAR NOT NULL, "of" VARCHAR NOT NULL, at DATETIME NOT NULL, '
            "folder VARCHAR, reason VARCHAR)",
            "CREATE INDEX ix_events_at ON events (at)",
            'CREATE INDEX ix_events_of ON events ("of")',
            "CREATE TABLE submissions (key VARCHAR NOT NULL, request BLOB NOT NULL, "
            "ids VARCHAR NOT NULL, at DATETIME NOT NULL, "
            "CONSTRAINT pk_submissions PRIMARY KEY (key))",
            "CREATE INDEX ix_submissions_at ON submissions (at)",
        ),
    ),
)
"""The steps are frozen: each leads from one version to the next, whatever the tables become."""
