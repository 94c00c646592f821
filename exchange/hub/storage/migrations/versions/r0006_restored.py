"""Schema 0006: a database knows that it came from a backup."""

from alembic import op
from sqlalchemy import BigInteger, Column, MetaData, Table

from exchange.hub.storage.migrations.frozen import MOMENT, NAMES

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a table."""
    made = MetaData(naming_convention=NAMES)
    Table(
        "restorations",
        made,
        Column("at", MOMENT, primary_key=True),
        Column("made_at", MOMENT),
        Column("size", BigInteger, nullable=False),
        Column("ready_at", MOMENT),
    )
    made.create_all(op.get_bind(), checkfirst=False)
