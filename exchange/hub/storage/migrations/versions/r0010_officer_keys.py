"""Schema 0010: an auditor's account may have a key, with which her own tool asks."""

from alembic import op
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from exchange.hub.storage.migrations.frozen import MOMENT, NAMES, WORD

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add a table."""
    made = MetaData(naming_convention=NAMES)
    Table("officers", made, Column("id", WORD, primary_key=True))
    keys = Table(
        "officer_keys",
        made,
        Column("kid", WORD, primary_key=True),
        Column("officer", WORD, nullable=False),
        Column("ed25519", LargeBinary, nullable=False),
        Column("set_at", MOMENT, nullable=False),
        Column("used_at", MOMENT),
        ForeignKeyConstraint(["officer"], ["officers.id"]),
        UniqueConstraint("officer"),
    )
    keys.create(op.get_bind(), checkfirst=False)
