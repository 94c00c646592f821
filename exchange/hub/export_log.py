"""Export the log for an auditor who works at the hub: every entry and document, nothing opened.

Works while hubs serve: each tile and each bundle is read in a transaction of its own. What opens
entries stays in the vault; agencies export what they may open.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, select

from exchange.audit.merkle import HASH_SIZE, TILE_WIDTH
from exchange.audit.policy import judge
from exchange.audit.tiles import Bundle, Tile, encode_bundle
from exchange.canonical import b64u
from exchange.errors import NotFound
from exchange.hub.change_schema import server
from exchange.hub.settings import HubSettings
from exchange.hub.signer import read_signer
from exchange.hub.storage import checkpoints, log, tree
from exchange.hub.storage.engine import FILE
from exchange.hub.storage.log_tables import log_checkpoint
from exchange.sqlite_file import reader_engine
from exchange.verifier.entries import Progress
from exchange.verifier.export import Belongings, Export, Openings
from exchange.verifier.pack import pack

AUDITOR = "hub"
"""Whose coverage it is: what is public, and nobody's records."""

T = TypeVar("T")


class _Rows:
    """The log as it stands in the tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as conn:
            return work(conn)

    async def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile: the beginning of its row, which grows in place."""
        row = self.read(lambda conn: tree.row(conn, tile.level, tile.n))
        return row[: tile.width * HASH_SIZE]

    async def bundle(self, bundle: Bundle) -> bytes:
        """Return the entries of a bundle."""
        first = bundle.n * TILE_WIDTH
        return encode_bundle(self.read(lambda conn: tree.leaves(conn, first, bundle.width)))

    async def document(self, sha256: str) -> bytes:
        """Return a public document."""
        found = self.read(lambda conn: log.document(conn, b64u(bytes.fromhex(sha256))))
        if found is None:
            raise NotFound("a public document is missing")
        return found


async def export_log(settings: HubSettings, out: Path, progress: Progress) -> int:
    """Write an export of the log as it is published now, with every older head that is kept.

    Args:
        settings: of a hub, which may be serving.
        out: a folder, or a file ending in `.tar`; it must not exist.
        progress: told as the entries are read.

    Returns:
        How many entries the log has.

    Raises:
        NotFound: nothing is published yet.
        LogInvalid: the log does not hold; nothing is written.
        Conflict: `out` exists.
    """
    signer = read_signer(settings)
    with _engine(settings) as engine:
        rows = _Rows(engine)
        published = rows.read(checkpoints.published)
        if published is None:
            raise NotFound("the log has no published head yet")
        head = judge(signer.policy, rows.read(lambda c: checkpoints.served_note(c, published.size)))
        older = rows.read(_older)
        belongings = Belongings(agency=AUDITOR, policy=signer.policy_text, older=older)
        await pack(out, Export(rows, head, belongings).members(_nothing(), progress))
    return published.size


def _older(conn: Connection) -> dict[int, bytes]:
    """Return the kept heads, each with every line there is."""
    sizes = conn.execute(select(log_checkpoint.c.size)).scalars()
    return {size: checkpoints.served_note(conn, size) for size in sizes.all()}


async def _nothing() -> AsyncIterator[Openings]:
    for some in tuple[Openings, ...]():
        yield some


@contextmanager
def _engine(settings: HubSettings) -> Iterator[Engine]:
    if settings.database_url is not None:
        with server(settings.database_url) as engine:
            yield engine
        return
    engine = reader_engine(settings.home / FILE)
    try:
        yield engine
    finally:
        engine.dispose()
