"""Schema 0005: consents whose time is over are found, and what is erased is proven."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, text

from exchange.hub.storage.migrations.frozen import MOMENT, NAMES, WORD

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add indexes of what is to be erased, and three tables."""
    _index("ix_consents_agreement_consents_valid_until", "consents", "agreement", "valid_until")
    _index(
        "ix_consents_agreement_consents_ended_at",
        "consents",
        *("agreement", "ended_at"),
        where="ended_at IS NOT NULL",
    )
    _index("ix_requests_consent", "requests", "consent", where="consent IS NOT NULL")
    _index("ix_log_erased_idx", "log_erased", "idx", where="tombstone IS NULL")
    made = MetaData(naming_convention=NAMES)
    Table(
        "log_erasing",
        made,
        Column("chain", WORD, primary_key=True),
        Column("queued_at", MOMENT, nullable=False),
        Column("erased_at", MOMENT),
    )
    Table(
        "log_tombstone",
        made,
        Column("digest", WORD, primary_key=True),
        Column("made_at", MOMENT, nullable=False, index=True),
        Column("document", LargeBinary, nullable=False),
    )
    Table(
        "deletions",
        made,
        Column("run", WORD, primary_key=True),
        Column("class", WORD, primary_key=True),
        Column("period", WORD, primary_key=True),
        Column("count", BigInteger, nullable=False),
        Column("at", MOMENT, nullable=False),
    )
    made.create_all(op.get_bind(), checkfirst=False)


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    condition = None if where is None else text(where)
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
