"""Schema 0008: an agency has several channels in order, quiet hours and a digest.

The first channel stays where it was, so that hubs of the release before go on sending.
"""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, Integer, MetaData, Table, text

from exchange.hub.storage.migrations.frozen import MOMENT, NAMES, WORD

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add a table, and columns that are empty for what there is."""
    for name in ("quiet_from", "quiet_until", "quiet_zone"):
        op.add_column("agencies", Column(name, WORD))
    op.add_column("agencies", Column("digest_s", Integer))
    for name in ("place", "refused"):
        op.add_column("notices", Column(name, Integer, nullable=False, server_default=text("0")))
    op.add_column("notices", Column("failing_since", MOMENT))
    made = MetaData(naming_convention=NAMES)
    Table("agencies", made, Column("id", WORD, primary_key=True))
    further = Table(
        "fallbacks",
        made,
        Column("agency", WORD, primary_key=True),
        Column("place", Integer, primary_key=True, autoincrement=False),
        Column("channel", WORD, nullable=False),
        Column("address", WORD, nullable=False),
        ForeignKeyConstraint(["agency"], ["agencies.id"]),
    )
    further.create(op.get_bind(), checkfirst=False)
