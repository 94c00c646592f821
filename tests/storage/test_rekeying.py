"""The vault changes its key: row by row, beside others, interrupted, and for good."""

import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from exchange.errors import Conflict, Misconfigured, Unavailable
from exchange.hub.storage import migrate, vault_server
from exchange.hub.storage.log import Chain
from exchange.hub.storage.postgres import Pools, PostgresDatabase
from exchange.hub.storage.vault import Epoch, Rows, SealedVault
from exchange.hub.storage.vault_file import FileRows
from exchange.hub.storage.vault_keys import NEXT, KeyFiles, make_vault_key, mark
from exchange.hub.storage.vault_server import ServerRows
from tests.postgres import Server

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
POOLS = Pools(connections=1, urgent=1, readers=1)
COUNT = 30
V1 = """
CREATE TABLE chain_key (
    chain TEXT PRIMARY KEY NOT NULL, epoch INTEGER NOT NULL, sealed BLOB NOT NULL,
    key_id BLOB NOT NULL UNIQUE, made_at TEXT NOT NULL
) WITHOUT ROWID
"""


@pytest.fixture
def url(postgres_server: Server) -> Iterator[str]:
    """URL of a vault without a key in it."""
    with postgres_server.database() as found:
        migrate.make_vault(create_engine(found, poolclass=NullPool))
        yield found


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Rows]:
    """Where rows lie; each call opens the same place."""
    if request.param == "file":
        return lambda: FileRows(tmp_path / "vault.sqlite", shared=True)
    found: str = request.getfixturevalue("url")
    return lambda: ServerRows(PostgresDatabase(found, vault_server.check, pools=POOLS))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The key file of this machine."""
    path = tmp_path / "vault.key"
    make_vault_key(path)
    return path


def opened(rows: Rows, key: Path) -> SealedVault:
    return SealedVault(rows, KeyFiles(key), clock=lambda: NOW)


@pytest.fixture
async def vault(place: Callable[[], Rows], key: Path) -> AsyncIterator[SealedVault]:
    """A vault, whichever it is."""
    found = opened(place(), key)
    yield found
    await found.close()


@pytest.fixture
async def filed(tmp_path: Path, key: Path) -> AsyncIterator[SealedVault]:
    """A vault in a file."""
    found = opened(FileRows(tmp_path / "vault.sqlite", shared=True), key)
    yield found
    await found.close()


async def drawn(vault: SealedVault, count: int = COUNT) -> dict[str, Chain]:
    chains = [await vault.draw(str(uuid4())) for _ in range(count)]
    return {chain.uuid: chain for chain in chains}


async def resealed(vault: SealedVault, limit: int = 7) -> int:
    """Seal everything that is left anew, in small batches."""
    count, after = 0, ""
    while True:
        batch = await vault.reseal(after=after, limit=limit)
        count += batch.count
        if batch.last is None:
            return count
        after = batch.last


async def rekeyed(vault: SealedVault) -> int:
    left = await vault.begin_rekeying(prepared=False)
    assert await resealed(vault) == left
    assert await vault.settle()
    return left


def sealed_in(path: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(path)) as other:
        return dict(other.execute("SELECT chain, sealed FROM chain_key").fetchall())


async def test_every_key_opens_as_before_and_the_old_vault_key_is_gone(
    vault: SealedVault, key: Path
) -> None:
    chains = await drawn(vault)
    old = key.read_bytes()
    assert await rekeyed(vault) == COUNT
    assert await vault.chains(chains) == chains
    assert key.read_bytes() != old
    assert not key.with_name(key.name + NEXT).exists()
    assert key.stat().st_mode & 0o777 == 0o600
    another = await vault.draw(str(uuid4()))
    assert await rekeyed(vault) == COUNT + 1
    assert await vault.chain(another.uuid) == another


async def test_an_old_copy_of_the_vault_opens_nothing(
    filed: SealedVault, tmp_path: Path, key: Path
) -> None:
    chains = await drawn(filed)
    (tmp_path / "copy").mkdir()
    await filed.forget([])  # the WAL is in the file
    shutil.copy(tmp_path / "vault.sqlite", tmp_path / "copy")
    await rekeyed(filed)
    stolen = opened(FileRows(tmp_path / "copy" / "vault.sqlite"), key)
    with pytest.raises(Misconfigured, match="vault key"):
        await stolen.check_key()
    assert await stolen.chains(chains) == {}
    await stolen.close()


async def test_nothing_sealed_under_the_old_key_is_left_in_a_file(
    filed: SealedVault, tmp_path: Path
) -> None:
    await drawn(filed)
    before = sealed_in(tmp_path / "vault.sqlite")
    await rekeyed(filed)
    files = b"".join(path.read_bytes() for path in tmp_path.glob("vault.sqlite*"))
    assert [chain for chain, sealed in before.items() if sealed in files] == []


async def test_an_interrupted_change_goes_on_where_it_was(
    vault: SealedVault, place: Callable[[], Rows], key: Path
) -> None:
    chains = await drawn(vault)
    await vault.begin_rekeying(prepared=False)
    await vault.reseal(after="", limit=10)
    assert not await vault.settle()
    assert key.with_name(key.name + NEXT).exists()

    later = opened(place(), key)
    await later.check_key()
    assert await later.chains(chains) == chains
    fresh = await later.draw(str(uuid4()))
    assert await later.begin_rekeying(prepared=False) == COUNT - 10
    assert await resealed(later) == COUNT - 10
    assert await later.settle()
    assert await later.chains([*chains, fresh.uuid]) == {**chains, fresh.uuid: fresh}
    await later.close()


async def test_a_process_that_was_not_told_reads_and_keeps_under_the_new_key(
    vault: SealedVault, place: Callable[[], Rows], key: Path
) -> None:
    other = opened(place(), key)
    chains = await drawn(other)
    await vault.begin_rekeying(prepared=False)
    during = await other.draw(str(uuid4()))
    assert await resealed(vault) == COUNT  # what the other kept meanwhile is under the new key
    assert await vault.settle()
    assert await other.chains(chains) == chains
    after = await other.draw(str(uuid4()))
    assert await vault.chains([during.uuid, after.uuid]) == {
        during.uuid: during,
        after.uuid: after,
    }
    await other.close()


async def test_a_machine_without_the_next_key_fails_closed_until_it_has_it(
    vault: SealedVault, place: Callable[[], Rows], key: Path, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    theirs = tmp_path / "second" / key.name
    shutil.copy(key, theirs)
    other = opened(place(), theirs)
    chains = await drawn(other)
    await vault.begin_rekeying(prepared=False)
    await vault.reseal(after="", limit=1)
    with pytest.raises(Unavailable):
        await other.draw(str(uuid4()))
    assert await other.chains(chains) == {}
    with pytest.raises(Misconfigured, match="vault key"):
        await other.check_key()

    shutil.copy(key.with_name(key.name + NEXT), theirs.with_name(theirs.name + NEXT))
    assert await other.chains(chains) == chains
    await resealed(vault)
    assert await vault.settle()
    assert await other.settle()  # a loop does it on each machine
    assert theirs.read_bytes() == key.read_bytes()
    assert not theirs.with_name(theirs.name + NEXT).exists()
    await other.close()


async def test_where_several_machines_share_a_vault_the_next_key_is_made_first(
    vault: SealedVault, key: Path
) -> None:
    await drawn(vault, 1)
    with pytest.raises(Misconfigured, match="--prepare"):
        await vault.begin_rekeying(prepared=True)
    first = KeyFiles(key).prepare()
    assert KeyFiles(key).prepare() == first
    assert not KeyFiles(key).settle(mark(bytes(32)))
    assert await vault.settle()
    assert key.with_name(key.name + NEXT).exists()  # it has not begun
    assert await vault.begin_rekeying(prepared=True) == 1


async def test_a_key_that_is_erased_meanwhile_does_not_come_back(
    place: Callable[[], Rows], key: Path
) -> None:
    rows = place()
    vault = opened(rows, key)
    chains = await drawn(vault, 3)
    gone = min(chains)
    await vault.begin_rekeying(prepared=False)
    older = await rows.older(2, after="", limit=10)
    assert await vault.forget([gone])
    await rows.reseal([(row, row) for row in older])
    assert await vault.chains(chains) == {
        uuid: chain for uuid, chain in chains.items() if uuid != gone
    }
    await vault.close()


async def test_a_reader_in_the_way_keeps_the_old_key_until_it_has_gone(
    filed: SealedVault, tmp_path: Path, key: Path
) -> None:
    await drawn(filed)
    old = key.read_bytes()
    await filed.begin_rekeying(prepared=False)
    with closing(sqlite3.connect(tmp_path / "vault.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM chain_key").fetchone()
        await resealed(filed)
        assert not await filed.settle()
        assert key.read_bytes() == old
    assert await filed.settle()
    assert key.read_bytes() != old


async def test_a_crash_before_the_old_key_is_destroyed_is_repaired_by_the_next_look(
    place: Callable[[], Rows], key: Path
) -> None:
    rows = place()
    crashed = opened(rows, key)
    chains = await drawn(crashed)
    await crashed.begin_rekeying(prepared=False)
    await resealed(crashed)
    assert await rows.settled(2)  # and here it dies: both files are there
    await crashed.close()

    vault = opened(place(), key)
    await vault.check_key()
    assert await vault.chains(chains) == chains
    assert await vault.settle()
    assert not key.with_name(key.name + NEXT).exists()
    assert await vault.chains(chains) == chains
    await vault.close()


async def test_two_new_keys_cannot_begin_at_once(place: Callable[[], Rows], key: Path) -> None:
    rows = place()
    vault = opened(rows, key)
    await drawn(vault, 1)
    await rows.open_epoch(2, Epoch(mark(bytes(32)), NOW))
    await rows.open_epoch(2, Epoch(mark(bytes(32)), NOW))
    with pytest.raises(Conflict):
        await rows.open_epoch(2, Epoch(mark(bytes(31) + b"1"), NOW))
    await vault.close()


async def test_the_age_of_a_vault_key_is_that_of_its_epoch(vault: SealedVault) -> None:
    await drawn(vault, 1)
    assert await vault.key_since() == NOW


@pytest.mark.parametrize("right", [True, False])
async def test_a_vault_from_before_there_were_epochs_goes_on(
    tmp_path: Path, key: Path, right: bool
) -> None:
    made = opened(FileRows(tmp_path / "made.sqlite"), key)
    chain = await made.draw(str(uuid4()))
    await made.close()
    with closing(sqlite3.connect(tmp_path / "vault.sqlite")) as old:
        old.execute(V1)
        old.execute("ATTACH ? AS made", (str(tmp_path / "made.sqlite"),))
        old.execute("INSERT INTO main.chain_key SELECT * FROM made.chain_key")
        old.execute("PRAGMA main.user_version=1")
        old.commit()
    if not right:
        key.write_bytes(secrets.token_bytes(32))
    vault = opened(FileRows(tmp_path / "vault.sqlite"), key)
    if right:
        await vault.check_key()
        assert await vault.chain(chain.uuid) == chain
        assert await rekeyed(vault) == 1
    else:
        for _ in range(2):
            with pytest.raises(Misconfigured, match="vault key"):
                await vault.check_key()
    await vault.close()


def test_a_server_from_before_there_were_epochs_is_led_on_by_the_operator(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as conn:
        vault_server.vault_epoch.drop(conn)
        conn.execute(vault_server.versions.update().values(version=1))
    with pytest.raises(Misconfigured, match="run exchange hub migrate"):
        PostgresDatabase(url, vault_server.check, pools=POOLS)
    assert not migrate.find_vault(engine)
    migrate.make_vault(engine)
    assert migrate.find_vault(engine)


async def test_of_2000_keys_the_286_that_were_erased_are_in_no_file(
    filed: SealedVault, tmp_path: Path
) -> None:
    chains = [str(uuid4()) for _ in range(2000)]
    for chain in chains:
        await filed.draw(chain)
    sealed = sealed_in(tmp_path / "vault.sqlite")
    gone = chains[::7]
    assert len(gone) == 286
    assert await filed.forget(gone)
    files = b"".join(path.read_bytes() for path in tmp_path.glob("vault.sqlite*"))
    assert [chain for chain in gone if chain.encode() in files or sealed[chain] in files] == []
    assert all(sealed[chain] in files for chain in chains if chain not in set(gone))
