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
    func,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from exchange.database import NAMES, Database, Moment
from exchange.errors import Conflict, Misconfigured, OutcomeUnknown, Unavailable
from exchange.hub.storage.vault import Epoch, Made, Sealed

T = TypeVar("T")

VERSION = 2
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
vault_epoch = Table(
    "vault_epoch",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("mark", LargeBinary, nullable=False),
    Column("began_at", Moment, nullable=False),
)
versions = Table("vault_version", metadata, Column("version", Integer, nullable=False))
_SEALED = (chain_key.c.chain, chain_key.c.epoch, chain_key.c.sealed)
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


def upgrade(conn: Connection) -> None:
    """Lead a vault from before there were epochs to this program's schema.

    Hubs of the release before may go on meanwhile: what they keep is of the first epoch. Before
    the vault changes its key they must be gone.
    """
    vault_epoch.create(conn, checkfirst=False)
    conn.execute(versions.update(), {"version": VERSION})


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
    if found < VERSION:
        raise Misconfigured(
            f"the vault has schema {found}, this program needs {VERSION}: run exchange hub migrate"
        )
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

    async def find(self, chains: Sequence[str]) -> Mapping[str, Sealed]:
        """See `Rows.find`."""
        return await self._database.look(_find, chains)

    async def some(self) -> Sealed | None:
        """See `Rows.some`."""
        return await self._database.look(_some)

    async def keep(self, made: Sequence[Made]) -> bool:
        """See `Rows.keep`."""
        return await _certain(self._database.write(_keep, made))

    async def made(self, *, before: datetime, limit: int, after: str) -> Sequence[str]:
        """See `Rows.made`."""
        return await self._database.read(_made, before, limit, after)

    async def erase(self, chains: Sequence[str]) -> bool:
        """See `Rows.erase`. The rest is up to the vault key and to how the cluster is kept."""
        await _certain(self._database.write(_erase, chains))
        return True

    async def epochs(self) -> Mapping[int, Epoch]:
        """See `Rows.epochs`."""
        return await self._database.look(_epochs)

    async def open_epoch(self, number: int, epoch: Epoch) -> None:
        """See `Rows.open_epoch`."""
        await _certain(self._database.write(_begin, number, epoch))

    async def count_older(self, epoch: int) -> int:
        """See `Rows.count_older`."""
        return await self._database.read(_count_older, epoch)

    async def older(self, epoch: int, *, after: str, limit: int) -> Sequence[Sealed]:
        """See `Rows.older`."""
        return await self._database.read(_older, epoch, after, limit)

    async def reseal(self, rows: Sequence[tuple[Sealed, Sealed]]) -> None:
        """See `Rows.reseal`."""
        await _certain(self._database.write(_reseal, rows))

    async def settled(self, epoch: int) -> bool:
        """See `Rows.settled`. Dead rows stay a while: noise once the old key is destroyed."""
        return await _certain(self._database.write(_settled, epoch))

    async def close(self) -> None:
        """See `Rows.close`."""
        await self._database.close()


async def _certain(writing: Awaitable[T]) -> T:
    """Return what was written; of an unknown outcome too, a repetition of the call knows more."""
    try:
        return await writing
    except OutcomeUnknown:
        raise Unavailable("the vault does not answer: OutcomeUnknown") from None


def _find(conn: Connection, chains: Sequence[str]) -> Mapping[str, Sealed]:
    query = select(*_SEALED).where(chain_key.c.chain.in_(list(chains)))
    return {row.chain: Sealed(*row) for row in conn.execute(query)}


def _some(conn: Connection) -> Sealed | None:
    row = conn.execute(select(*_SEALED).limit(1)).one_or_none()
    return None if row is None else Sealed(*row)


def _keep(conn: Connection, made: Sequence[Made]) -> bool:
    # Before the newest epoch is asked for: `_settled` waits for whoever still keeps under an
    # older one, and whoever comes behind it sees the new one.
    conn.exec_driver_sql("LOCK TABLE chain_key IN ROW EXCLUSIVE MODE")
    newest = conn.execute(select(func.max(vault_epoch.c.epoch))).scalar()
    if any(one.row.epoch != newest for one in made):
        return False
    written = [
        {
            "chain": one.row.chain,
            "epoch": one.row.epoch,
            "sealed": one.row.sealed,
            "key_id": one.key_id,
            "made_at": one.made_at,
        }
        for one in made
    ]
    # What is there already stays; a row of another hub that is not yet committed is waited for.
    conn.execute(insert(chain_key).on_conflict_do_nothing(), written)
    query = select(chain_key.c.chain, chain_key.c.key_id).where(
        or_(
            chain_key.c.chain.in_([one.row.chain for one in made]),
            chain_key.c.key_id.in_([one.key_id for one in made]),
        )
    )
    found = {(row.chain, row.key_id) for row in conn.execute(query)}
    if found != {(one.row.chain, one.key_id) for one in made}:
        raise Conflict("this log key was used before")
    return True


def _epochs(conn: Connection) -> Mapping[int, Epoch]:
    rows = conn.execute(select(vault_epoch))
    return {row.epoch: Epoch(row.mark, row.began_at) for row in rows}


def _begin(conn: Connection, number: int, epoch: Epoch) -> None:
    row = {"epoch": number, "mark": epoch.mark, "began_at": epoch.began_at}
    conn.execute(insert(vault_epoch).on_conflict_do_nothing(), row)
    query = select(vault_epoch.c.mark).where(vault_epoch.c.epoch == number)
    if conn.execute(query).scalar() != epoch.mark:
        raise Conflict("another vault key has begun")


def _count_older(conn: Connection, epoch: int) -> int:
    query = select(func.count()).select_from(chain_key).where(chain_key.c.epoch < epoch)
    return conn.execute(query).scalar_one()


def _older(conn: Connection, epoch: int, after: str, limit: int) -> Sequence[Sealed]:
    query = select(*_SEALED).where(chain_key.c.chain > after, chain_key.c.epoch < epoch)
    rows = conn.execute(query.order_by(chain_key.c.chain).limit(limit))
    return [Sealed(*row) for row in rows]


def _reseal(conn: Connection, rows: Sequence[tuple[Sealed, Sealed]]) -> None:
    # In the order of their chains, as `older` gave them: two that reseal do not lock each other.
    for old, new in rows:
        lies = (chain_key.c.chain == old.chain) & (chain_key.c.epoch == old.epoch)
        conn.execute(update(chain_key).where(lies).values(epoch=new.epoch, sealed=new.sealed))


def _settled(conn: Connection, epoch: int) -> bool:
    conn.exec_driver_sql("LOCK TABLE chain_key IN EXCLUSIVE MODE")
    query = select(chain_key.c.chain).where(chain_key.c.epoch < epoch).limit(1)
    if conn.execute(query).first() is not None:
        return False
    conn.execute(delete(vault_epoch).where(vault_epoch.c.epoch < epoch))
    return True


def _made(conn: Connection, before: datetime, limit: int, after: str) -> Sequence[str]:
    query = select(chain_key.c.chain).where(chain_key.c.made_at < before, chain_key.c.chain > after)
    return conn.execute(query.order_by(chain_key.c.chain).limit(limit)).scalars().all()


def _erase(conn: Connection, chains: Sequence[str]) -> None:
    conn.execute(delete(chain_key).where(chain_key.c.chain.in_(list(chains))))
