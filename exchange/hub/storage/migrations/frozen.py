"""What revisions are written with. Frozen with them: a changed type gets a new name here."""

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Integer, Text

NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints and indexes."""
WORD = Text().with_variant(Text(collation="C"), "postgresql")
"""ASCII text, compared by its bytes."""
MOMENT = DateTime()
"""UTC, with microseconds."""
NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""A number that is a primary key."""


def one_of(name: str, column: str, words: tuple[str, ...]) -> CheckConstraint:
    """Return the constraint that a column has one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=name)
