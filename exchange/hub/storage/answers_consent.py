"""What was known of a consent at an earlier moment."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from exchange.hub.storage.tables import disclosures


def used_before(conn: Connection, consent: str, at: datetime) -> int:
    """Return how many uses of a consent were counted before `at` and never given back."""
    query = select(func.count()).where(
        disclosures.c.consent == consent,
        disclosures.c.stored_at < at,
        disclosures.c.use_returned.is_(False),
    )
    return conn.execute(query).scalar_one()
