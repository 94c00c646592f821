"""Which documents answer what this agency has asked for: their manifests name the request."""

from datetime import datetime

from sqlalchemy import Connection, select

from exchange.agency import tables
from exchange.agency.arrivals import context_in
from exchange.agency.home import Home
from exchange.sqlite_file import reader_engine


def by_request(home: Home, *, since: datetime) -> dict[str, list[str]]:
    """Return the ids of received disclosures by the digest of the request they name.

    Reads beside a running gateway. Manifests were verified when they were received.

    Args:
        home: of the gateway.
        since: when the oldest request was made; no answer is older.
    """
    if not home.state_file.exists():
        return {}
    engine = reader_engine(home.state_file)
    found: dict[str, list[str]] = {}
    try:
        with engine.connect() as connection:
            for manifest in _manifests(connection, since):
                context = context_in(manifest)
                if context.request is not None:
                    found.setdefault(context.request, []).append(context.id)
    finally:
        engine.dispose()
    return found


def _manifests(conn: Connection, since: datetime) -> list[bytes]:
    query = (
        select(tables.evidence.c.data)
        .join(tables.received, tables.received.c.digest == tables.evidence.c.digest)
        .where(tables.evidence.c.kind == "manifest", tables.received.c.seen_at >= since)
        .order_by(tables.received.c.seen_at)
    )
    return list(conn.execute(query).scalars())
