"""exchange.hub.storage.vault: sealed, seen once, drawn in advance, and really forgotten.

What every vault promises runs on both places for its rows.
"""

import asyncio
import fcntl
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from exchange.errors import Conflict, Misconfigured, OutcomeUnknown, Unavailable
from exchange.hub.storage import migrate, vault_file, vault_server
from exchange.hub.storage import vault as vault_module
from exchange.hub.storage.log import Chain
from exchange.hub.storage.postgres import Pools, PostgresDatabase
from exchange.hub.storage.vault import Rows, SealedVault
from exchange.hub.storage.vault_file import FileRows
from exchange.hub.storage.vault_keys import KeyFiles, make_vault_key, read_vault_key
from exchange.hub.storage.vault_server import ServerRows
from tests.postgres import Server

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
VAULT_KEY = bytes(range(32))
POOLS = Pools(connections=1, urgent=1, readers=1)


class Clock:
    """A clock that stands."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def keys_in(directory: Path, key: bytes = VAULT_KEY) -> KeyFiles:
    """Return the key files in `directory`, with `key` in use if there is none."""
    path = directory / "vault.key"
    if not path.exists():
        directory.mkdir(exist_ok=True)
        path.touch(0o600)
        path.write_bytes(key)
    return KeyFiles(path)


def in_file(directory: Path, **shared: bool) -> SealedVault:
    """Open a vault in a file of `directory`, or make it."""
    rows = FileRows(directory / "vault.sqlite", **shared)
    return SealedVault(rows, keys_in(directory), clock=lambda: NOW)


@pytest.fixture
def empty_url(postgres_server: Server) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def url(empty_url: str) -> str:
    """URL of a vault without a key in it."""
    engine = create_engine(empty_url, poolclass=NullPool)
    with engine.begin() as conn:
        vault_server.make(conn)
    return empty_url


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Rows]:
    """Where rows lie; each call opens the same place."""
    if request.param == "file":
        return lambda: FileRows(tmp_path / "vault.sqlite", shared=True)
    url: str = request.getfixturevalue("url")
    return lambda: ServerRows(PostgresDatabase(url, vault_server.check, pools=POOLS))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFiles:
    return keys_in(tmp_path)


@pytest.fixture
async def either(
    place: Callable[[], Rows], keys: KeyFiles, clock: Clock
) -> AsyncIterator[SealedVault]:
    """A vault, whichever it is."""
    opened = SealedVault(place(), keys, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[SealedVault]:
    """A vault in a file."""
    opened = in_file(tmp_path)
    yield opened
    await opened.close()


def chain_id() -> str:
    return str(uuid4())


def found_in(directory: Path, octets: bytes) -> list[str]:
    return [path.name for path in directory.iterdir() if octets in path.read_bytes()]


async def test_a_key_comes_back_under_its_chain(either: SealedVault) -> None:
    chain, key = chain_id(), secrets.token_bytes(32)
    assert (await either.add(chain, key)).key == key
    assert (await either.chain(chain)).key == key
    assert (await either.add(chain, key)).key == key  # a retry
    assert not (await either.chain(chain)).single


async def test_a_key_that_was_seen_before_is_refused(either: SealedVault) -> None:
    chain, key = chain_id(), secrets.token_bytes(32)
    await either.add(chain, key)
    with pytest.raises(Conflict):
        await either.add(chain_id(), key)
    with pytest.raises(Conflict):
        await either.add(chain, secrets.token_bytes(32))
    assert (await either.chain(chain)).key == key


async def test_a_drawn_key_is_the_same_the_next_time(either: SealedVault) -> None:
    chain = chain_id()
    first = await either.draw(chain)
    assert first.key is not None
    assert len(first.key) == 32
    assert await either.draw(chain) == first


async def test_an_unknown_chain_is_unavailable(either: SealedVault) -> None:
    known = await either.draw(chain_id())
    with pytest.raises(Unavailable):
        await either.chain(chain_id())
    assert await either.chains([known.uuid, chain_id()]) == {known.uuid: known}


async def test_no_key_stands_in_the_file_in_clear(vault: SealedVault, tmp_path: Path) -> None:
    for _ in range(20):
        key = secrets.token_bytes(32)
        await vault.add(chain_id(), key)
        assert found_in(tmp_path, key) == []
    single = await vault.single()
    assert single.key is not None
    assert found_in(tmp_path, single.key) == []


async def test_the_key_of_a_chain_is_not_in_its_repr(either: SealedVault) -> None:
    chain = await either.draw(chain_id())
    assert chain.key is not None
    assert repr(chain.key) not in repr(chain)


async def test_forgotten_keys_are_in_no_file_even_sealed(
    vault: SealedVault, tmp_path: Path
) -> None:
    chains = [await vault.draw(chain_id()) for _ in range(40)]
    other = sqlite3.connect(tmp_path / "vault.sqlite")
    sealed = dict(other.execute("SELECT chain, sealed FROM chain_key").fetchall())
    other.close()
    gone = [chain.uuid for chain in chains[:10]]
    assert await vault.forget(gone)
    for chain in gone:
        assert found_in(tmp_path, sealed[chain]) == []
        with pytest.raises(Unavailable):
            await vault.chain(chain)
    for left in chains[10:]:
        assert await vault.chain(left.uuid) == left


async def test_a_reader_in_the_way_delays_forgetting_instead_of_faking_it(
    vault: SealedVault, tmp_path: Path
) -> None:
    chain = await vault.draw(chain_id())
    other = sqlite3.connect(tmp_path / "vault.sqlite", isolation_level=None)
    other.execute("BEGIN")
    (sealed,) = other.execute("SELECT sealed FROM chain_key").fetchone()
    assert not await vault.forget([chain.uuid])
    assert found_in(tmp_path, sealed) != []
    other.execute("COMMIT")
    other.close()
    assert await vault.forget([chain.uuid])
    assert found_in(tmp_path, sealed) == []


async def test_single_keys_are_fresh_and_made_in_advance(
    vault: SealedVault, tmp_path: Path
) -> None:
    first = await vault.single()
    changes = _writes(tmp_path)
    others = [await vault.single() for _ in range(20)]
    assert _writes(tmp_path) == changes  # no write: as for a chain that exists
    assert len({chain.key for chain in (first, *others)}) == 21
    assert all(chain.single for chain in others)


async def test_the_pool_is_refilled_before_it_is_empty(
    either: SealedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_module, "POOL", 8)
    seen = set()
    for _ in range(40):
        seen.add((await either.single()).key)
        await asyncio.sleep(0.001)
    assert len(seen) == 40


async def test_keys_of_a_pool_from_an_earlier_run_are_never_used_again(
    place: Callable[[], Rows], clock: Clock, keys: KeyFiles
) -> None:
    used = set()
    for _ in range(3):
        vault = SealedVault(place(), keys, clock=clock)
        used.add((await vault.single()).uuid)
        await vault.close()
    assert len(used) == 3


async def test_keys_that_waited_too_long_are_not_used_since_another_process_may_sweep_them(
    either: SealedVault, place: Callable[[], Rows], clock: Clock, keys: KeyFiles
) -> None:
    await either.single()
    clock.now += timedelta(hours=25)
    other = SealedVault(place(), keys, clock=clock)
    found = await other.orphans(before=clock.now - timedelta(hours=24), limit=1000)
    assert len(found) == vault_module.POOL
    await other.forget(found)
    await other.close()
    assert (await either.single()).uuid not in found


async def test_orphans_are_old_in_their_order_and_not_waiting_in_the_pool(
    either: SealedVault,
) -> None:
    chain = await either.draw(chain_id())
    single = await either.single()
    later = NOW + timedelta(seconds=1)
    assert await either.orphans(before=NOW, limit=1000) == ()
    found = await either.orphans(before=later, limit=1000)
    assert found == tuple(sorted((chain.uuid, single.uuid)))
    assert await either.orphans(before=later, limit=1000, after=found[0]) == found[1:]


async def test_what_one_process_keeps_another_finds_at_once(
    either: SealedVault, place: Callable[[], Rows], clock: Clock, keys: KeyFiles
) -> None:
    other = SealedVault(place(), keys, clock=clock)
    chains = [chain_id() for _ in range(20)]
    made = await asyncio.gather(
        *((either, other)[number % 2].draw(chain) for number, chain in enumerate(chains))
    )
    for vault in (either, other):
        assert await vault.chains(chains) == {chain.uuid: chain for chain in made}
    assert await other.forget([chains[0]])
    with pytest.raises(Unavailable):
        await either.chain(chains[0])
    await other.close()


async def test_of_two_processes_that_bring_a_chain_one_wins(
    either: SealedVault, place: Callable[[], Rows], clock: Clock, keys: KeyFiles
) -> None:
    other = SealedVault(place(), keys, clock=clock)
    chain = chain_id()
    brought = await asyncio.gather(
        *(vault.add(chain, secrets.token_bytes(32)) for vault in (either, other)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in brought) == ["Chain", "Conflict"]
    (kept,) = (one for one in brought if isinstance(one, Chain))
    assert await either.chain(chain) == kept
    await other.close()


async def test_another_vault_key_does_not_open_the_vault(
    either: SealedVault, place: Callable[[], Rows], clock: Clock, tmp_path: Path
) -> None:
    await either.check_key()
    await either.draw(chain_id())
    await either.check_key()
    other = SealedVault(place(), keys_in(tmp_path / "other", bytes(32)), clock=clock)
    with pytest.raises(Misconfigured, match="vault key"):
        await other.check_key()
    await other.close()


async def test_a_row_moved_to_another_chain_does_not_open(
    vault: SealedVault, tmp_path: Path
) -> None:
    one, other = await vault.draw(chain_id()), await vault.draw(chain_id())
    connection = sqlite3.connect(tmp_path / "vault.sqlite")
    connection.execute(
        "UPDATE chain_key SET sealed = (SELECT sealed FROM chain_key WHERE chain = ?) "
        "WHERE chain = ?",
        (one.uuid, other.uuid),
    )
    connection.commit()
    connection.close()
    with pytest.raises(Unavailable):
        await vault.chain(other.uuid)
    assert await vault.chains([other.uuid]) == {}


async def test_another_process_is_refused_unless_both_share(tmp_path: Path) -> None:
    vault = in_file(tmp_path)
    for shared in (False, True):
        with pytest.raises(Misconfigured, match="another process"):
            in_file(tmp_path, shared=shared)
    await vault.close()
    sharing = in_file(tmp_path, shared=True)
    with pytest.raises(Misconfigured, match="another process"):
        in_file(tmp_path)
    await in_file(tmp_path, shared=True).close()
    await sharing.close()


async def test_a_process_that_does_not_let_go_stops_writing_and_not_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = in_file(tmp_path, shared=True)
    chain = await vault.draw(chain_id())
    monkeypatch.setattr(vault_file, "PATIENCE_S", 0.05)
    with (tmp_path / "vault.sqlite.turn").open() as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(Unavailable):
            await vault.draw(chain_id())
        with pytest.raises(Unavailable):
            await vault.forget([chain.uuid])
        assert await vault.chain(chain.uuid) == chain
        with pytest.raises(Misconfigured, match="does not let go"):
            in_file(tmp_path, shared=True)
    await vault.draw(chain_id())
    with (tmp_path / "vault.sqlite.turn").open() as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        await vault.close()
    await in_file(tmp_path).close()


def test_another_schema_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "vault.sqlite")
    other.execute("PRAGMA user_version=9")
    other.close()
    with pytest.raises(Misconfigured, match="schema 9"):
        FileRows(tmp_path / "vault.sqlite")


def test_a_server_that_holds_no_vault_is_refused_and_left_as_it_is(empty_url: str) -> None:
    engine = create_engine(empty_url, poolclass=NullPool)

    def opened() -> None:
        PostgresDatabase(empty_url, vault_server.check, pools=POOLS)

    with pytest.raises(Misconfigured, match="is empty: make its table with exchange hub migrate"):
        opened()
    migrate.make_vault(engine)
    migrate.make_vault(engine)
    assert migrate.find_vault(engine)
    with engine.begin() as conn:
        conn.execute(vault_server.versions.update().values(version=9))
    for refused in (opened, lambda: migrate.make_vault(engine), lambda: migrate.find_vault(engine)):
        with pytest.raises(Misconfigured, match="schema 9"):
            refused()
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP TABLE vault_version")
    with pytest.raises(Misconfigured, match="is not a vault"):
        opened()


async def test_a_server_that_is_away_fails_closed_and_defers_what_may_not_wait(
    url: str, keys: KeyFiles
) -> None:
    database = PostgresDatabase(url, vault_server.check, pools=POOLS)
    vault = SealedVault(ServerRows(database), keys, clock=lambda: NOW)
    chain = await vault.draw(chain_id())
    await vault.close()
    for asked in (
        vault.chain(chain.uuid),
        vault.add(chain_id(), secrets.token_bytes(32)),
        vault.single(),
        vault.orphans(before=NOW, limit=1),
        vault.forget([chain.uuid]),
    ):
        with pytest.raises(Unavailable):
            await asked
    assert await vault.chains([chain.uuid]) == {}


async def test_whether_a_key_was_kept_is_settled_by_bringing_it_again(
    url: str, keys: KeyFiles
) -> None:
    class Uncertain(PostgresDatabase):
        """Commits, and says that it does not know."""

        async def write(self, *given: Any, **named: Any) -> Any:
            await super().write(*given, **named)
            raise OutcomeUnknown

    chain, key = chain_id(), secrets.token_bytes(32)
    uncertain = Uncertain(url, vault_server.check, pools=POOLS)
    vault = SealedVault(ServerRows(uncertain), keys, clock=lambda: NOW)
    with pytest.raises(Unavailable):
        await vault.add(chain, key)
    await vault.close()
    again = ServerRows(PostgresDatabase(url, vault_server.check, pools=POOLS))
    settled = SealedVault(again, keys, clock=lambda: NOW)
    assert (await settled.add(chain, key)).key == key
    await settled.close()


async def test_a_vault_that_is_away_fails_closed_and_defers_what_may_not_wait(
    tmp_path: Path,
) -> None:
    vault = in_file(tmp_path)
    chain = await vault.draw(chain_id())
    await vault.close()
    with pytest.raises(Unavailable):
        await vault.chain(chain.uuid)
    with pytest.raises(Unavailable):
        await vault.add(chain_id(), secrets.token_bytes(32))
    with pytest.raises(Unavailable):
        await vault.single()
    with pytest.raises(Unavailable):
        await vault.orphans(before=NOW, limit=1)
    assert await vault.chains([chain.uuid]) == {}


def test_a_vault_key_is_32_bytes_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    with pytest.raises(Misconfigured):
        read_vault_key(path)
    make_vault_key(path)
    assert len(read_vault_key(path)) == 32
    with pytest.raises(FileExistsError):
        make_vault_key(path)
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        read_vault_key(path)
    path.chmod(0o600)
    path.write_bytes(bytes(31))
    with pytest.raises(Misconfigured, match="size"):
        read_vault_key(path)


def _writes(directory: Path) -> tuple[int, int]:
    return tuple(
        os.stat(directory / name).st_mtime_ns  # noqa: PTH116 - follows the WAL too
        for name in ("vault.sqlite", "vault.sqlite-wal")
    )  # type: ignore[return-value] # two names, two times


async def test_two_that_make_the_same_file_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite refuses one of two that turn a new file into one with a WAL at the same moment."""
    file = tmp_path / "vault.sqlite"
    with (tmp_path / "vault.sqlite.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        opening = asyncio.create_task(asyncio.to_thread(FileRows, file, shared=True))
        await asyncio.wait({opening}, timeout=0.2)
        assert not file.exists()
    rows = await opening
    assert file.exists()
    await rows.close()
