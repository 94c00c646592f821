"""The rows of a vault on PostgreSQL, in a cluster of its own: for hubs on several machines.

A deleted row stays in the server's files and its write-ahead log for a while: there it is the
vault key that makes it noise, once that key is changed and the old one destroyed. So the cluster
has no standby and no archive, and is never the one with the hub's records.
"""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    inspect,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from exchange.database import NAMES, Database, Moment
from exchange.errors import Conflict, Misconfigured, OutcomeUnknown, Unavailable
from exchange.hub.storage.vault import Sealed

T = TypeVar("T")

VERSION = 1
"""Schema of the database."""

metadata = MetaData(naming_convention=NAMES)

chain_key = Table(
    "chain_key",
    metadata,
    Column("chain", Text(collation="C"), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("key_id", LargeBinary, nullable=False, unique=True),
    Column("made_at", Moment, nullable=False),
)
versions = Table("vault_version", metadata, Column("version", Integer, nullable=False))
_FORGETS = (
    "ALTER TABLE chain_key SET "
    "(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50)"
)
"""The sooner a dead row is written over, the better."""


class Serving(Database, Protocol):
    """A database that can be closed."""

    async def close(self) -> None:
        """Finish what waits, then close."""
        ...


def make(conn: Connection) -> None:
    """Make the tables of a vault in an empty database."""
    metadata.create_all(conn, checkfirst=False)
    conn.exec_driver_sql(_FORGETS)
    conn.execute(versions.insert(), {"version": VERSION})


def version(conn: Connection) -> int | None:
    """Return the schema of the vault, None if the database is empty.

    Raises:
        Misconfigured: it holds other tables.
    """
    names = inspect(conn).get_table_names()
    if not names:
        return None
    if versions.name not in names:
        raise Misconfigured("the database of vault.url is not a vault")
    return int(conn.execute(select(versions.c.version)).scalar_one())


def check(conn: Connection) -> None:
    """Refuse a database that is not a vault of this program; changes nothing.

    Raises:
        Misconfigured: empty, or of another version.
    """
    found = version(conn)
    if found is None:
        raise Misconfigured("the vault is empty: make its table with exchange hub migrate")
    if found != VERSION:
        raise Misconfigured(f"the vault has schema {found}, this program knows {VERSION}")


def cluster(conn: Connection) -> int:
    """Return the number that tells one cluster of PostgreSQL from every other."""
    query = "SELECT system_identifier FROM pg_control_system()"
    return int(conn.exec_driver_sql(query).scalar_one())


class ServerRows:
    """`Rows` on PostgreSQL."""

    def __init__(self, database: Serving) -> None:
        """Take over a database that `check` has accepted; it is closed with the vault."""
        self._database = database

    async def find(self, chains: Sequence[str]) -> Mapping[str, bytes]:
        """See `Rows.find`."""
        return await self._database.look(_find, chains)

    async def some(self) -> tuple[str, bytes] | None:
        """See `Rows.some`."""
        return await self._database.look(_some)

    async def keep(self, rows: Sequence[Sealed]) -> None:
        """See `Rows.keep`."""
        await _certain(self._database.write(_keep, rows))

    async def made(self, *, before: datetime, limit: int, after: str) -> Sequence[str]:
        """See `Rows.made`."""
        return await self._database.read(_made, before, limit, after)

    async def erase(self, chains: Sequence[str]) -> bool:
        """See `Rows.erase`. The rest is up to the vault key and to how the cluster is kept."""
        await _certain(self._database.write(_erase, chains))
        return True

    async def close(self) -> None:
        """See `Rows.close`."""
        await self._database.close()


async def _certain(writing: Awaitable[T]) -> T:
    """Return what was written; of an unknown outcome too, a repetition of the call knows more."""
    try:
        return await writing
    except OutcomeUnknown:
        raise Unavailable("the vault does not answer: OutcomeUnknown") from None


def _find(conn: Connection, chains: Sequence[str]) -> Mapping[str, bytes]:
    asked = chain_key.c.chain.in_(list(chains))
    query = select(chain_key.c.chain, chain_key.c.sealed).where(asked)
    return {row.chain: row.sealed for row in conn.execute(query)}


def _some(conn: Connection) -> tuple[str, bytes] | None:
    row = conn.execute(select(chain_key.c.chain, chain_key.c.sealed).limit(1)).one_or_none()
    return None if row is None else (row.chain, row.sealed)


def _keep(conn: Connection, rows: Sequence[Sealed]) -> None:
    written = [
        {
            "chain": row.chain,
            "epoch": row.epoch,
            "sealed": row.sealed,
            "key_id": row.key_id,
            "made_at": row.made_at,
        }
        for row in rows
    ]
    # What is there already stays; a row of another hub that is not yet committed is waited for.
    conn.execute(insert(chain_key).on_conflict_do_nothing(), written)
    query = select(chain_key.c.chain, chain_key.c.key_id).where(
        or_(
            chain_key.c.chain.in_([row.chain for row in rows]),
            chain_key.c.key_id.in_([row.key_id for row in rows]),
        )
    )
    found = {(row.chain, row.key_id) for row in conn.execute(query)}
    if found != {(row.chain, row.key_id) for row in rows}:
        raise Conflict("this log key was used before")


def _made(conn: Connection, before: datetime, limit: int, after: str) -> Sequence[str]:
    query = select(chain_key.c.chain).where(chain_key.c.made_at < before, chain_key.c.chain > after)
    return conn.execute(query.order_by(chain_key.c.chain).limit(limit)).scalars().all()


def _erase(conn: Connection, chains: Sequence[str]) -> None:
    conn.execute(delete(chain_key).where(chain_key.c.chain.in_(list(chains))))
