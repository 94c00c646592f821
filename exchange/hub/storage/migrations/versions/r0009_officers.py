"""Schema 0009: the officers' desk: accounts, sessions, entries by agency, published figures."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from exchange.hub.storage.migrations.frozen import MOMENT, NAMES, WORD, one_of

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add tables."""
    made = MetaData(naming_convention=NAMES)
    Table("agencies", made, Column("id", WORD, primary_key=True))
    Table("agreements", made, Column("digest", WORD, primary_key=True))
    Table("consents", made, Column("digest", WORD, primary_key=True))
    added = (*_accounts(made), *_read(made), *_figures(made))
    made.create_all(op.get_bind(), tables=added, checkfirst=False)


def _accounts(made: MetaData) -> tuple[Table, ...]:
    officers = Table(
        "officers",
        made,
        Column("id", WORD, primary_key=True),
        Column("role", WORD, nullable=False),
        Column("agency", WORD, index=True),
        Column("issuer", WORD),
        Column("subject", WORD),
        Column("created_at", MOMENT, nullable=False),
        Column("removed_at", MOMENT),
        ForeignKeyConstraint(["agency"], ["agencies.id"]),
        UniqueConstraint("issuer", "subject"),
        one_of("role", "role", ("officer", "auditor", "operator")),
        CheckConstraint("(agency IS NULL) = (role <> 'officer')", name="agency"),
        CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="subject"),
    )
    links = Table(
        "officer_links",
        made,
        Column("digest", WORD, primary_key=True),
        Column("officer", WORD, nullable=False, index=True),
        Column("made_at", MOMENT, nullable=False),
        Column("until", MOMENT, nullable=False, index=True),
        Column("used_at", MOMENT),
        ForeignKeyConstraint(["officer"], ["officers.id"]),
    )
    logins = Table(
        "officer_logins",
        made,
        Column("digest", WORD, primary_key=True),
        Column("state", WORD, nullable=False),
        Column("nonce", WORD, nullable=False),
        Column("verifier", WORD, nullable=False),
        Column("fresh", Boolean, nullable=False),
        Column("until", MOMENT, nullable=False, index=True),
    )
    sessions = Table(
        "officer_sessions",
        made,
        Column("digest", WORD, primary_key=True),
        Column("officer", WORD, nullable=False, index=True),
        Column("made_at", MOMENT, nullable=False),
        Column("seen_at", MOMENT, nullable=False),
        Column("proved_at", MOMENT, nullable=False),
        Column("until", MOMENT, nullable=False, index=True),
        ForeignKeyConstraint(["officer"], ["officers.id"]),
    )
    visits = Table(
        "officer_visits",
        made,
        Column("id", WORD, primary_key=True),
        Column("officer", WORD, nullable=False, index=True),
        Column("at", MOMENT, nullable=False, index=True),
        Column("what", WORD, nullable=False),
        ForeignKeyConstraint(["officer"], ["officers.id"]),
        one_of("what", "what", ("link-made", "login", "proved", "logout", "removed")),
    )
    return officers, links, logins, sessions, visits


def _read(made: MetaData) -> tuple[Table, ...]:
    reader = Table(
        "log_reader",
        made,
        Column("agency", WORD, primary_key=True),
        Column("at", MOMENT, primary_key=True),
        Column("idx", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", WORD, nullable=False),
        Index(None, "agency", "kind", "at", "idx"),
        Index(None, "idx"),
        sqlite_with_rowid=False,
    )
    size = Table(
        "log_reader_size",
        made,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("size", BigInteger, nullable=False),
        CheckConstraint("id = 0", name="one"),
    )
    return reader, size


def _figures(made: MetaData) -> tuple[Table, ...]:
    figures = Table(
        "figures",
        made,
        Column("agreement", WORD, primary_key=True),
        Column("period", WORD, primary_key=True),
        Column("dimension", WORD, primary_key=True),
        Column("frozen_at", MOMENT, nullable=False),
        Column("body", LargeBinary, nullable=False),
        ForeignKeyConstraint(["agreement"], ["agreements.digest"]),
        one_of("dimension", "dimension", ("total", "purpose", "category", "direction")),
    )
    tallies = Table(
        "tallies",
        made,
        Column("agreement", WORD, primary_key=True),
        Column("month", WORD, primary_key=True),
        Column("body", LargeBinary, nullable=False),
        ForeignKeyConstraint(["agreement"], ["agreements.digest"]),
    )
    counted = Table(
        "counted",
        made,
        Column("consent", WORD, primary_key=True),
        Column("year", WORD, primary_key=True),
        Column("number", BigInteger, nullable=False),
        ForeignKeyConstraint(["consent"], ["consents.digest"]),
    )
    return figures, tallies, counted
