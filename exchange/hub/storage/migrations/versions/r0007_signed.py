"""Schema 0007: heads are found by what became of them, and evidence against them is kept."""

from alembic import op
from sqlalchemy import Column, LargeBinary, MetaData, Table, text

from exchange.hub.storage.migrations.frozen import MOMENT, NAMES, WORD

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add three indexes and a table."""
    for name, column in (
        ("log_checkpoint_candidates", "candidate_at"),
        ("log_checkpoint_published", "published_at"),
        ("log_checkpoint_witnessed", "witnessed_at"),
    ):
        where = text(f"{column} IS NOT NULL")
        op.create_index(
            name, "log_checkpoint", ["size"], sqlite_where=where, postgresql_where=where
        )
    made = MetaData(naming_convention=NAMES)
    Table(
        "log_evidence",
        made,
        Column("digest", WORD, primary_key=True),
        Column("found_at", MOMENT, nullable=False),
        Column("note", LargeBinary, nullable=False),
    )
    made.create_all(op.get_bind(), checkfirst=False)
