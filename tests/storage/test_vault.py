"""exchange.hub.storage.vault: sealed, seen once, drawn in advance, and really forgotten."""

import asyncio
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from exchange.errors import Conflict, Misconfigured, Unavailable
from exchange.hub.storage import vault as vault_module
from exchange.hub.storage.vault import SqliteVault, make_vault_key, read_vault_key

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
VAULT_KEY = bytes(range(32))


def clock() -> datetime:
    return NOW


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[SqliteVault]:
    opened = SqliteVault(tmp_path / "vault.sqlite", VAULT_KEY, clock=clock)
    yield opened
    await opened.close()


def chain_id() -> str:
    return str(uuid4())


def found_in(directory: Path, octets: bytes) -> list[str]:
    return [path.name for path in directory.iterdir() if octets in path.read_bytes()]


async def test_a_key_comes_back_under_its_chain(vault: SqliteVault) -> None:
    chain, key = chain_id(), secrets.token_bytes(32)
    assert (await vault.add(chain, key)).key == key
    assert (await vault.chain(chain)).key == key
    assert (await vault.add(chain, key)).key == key  # a retry
    assert not (await vault.chain(chain)).single


async def test_a_key_that_was_seen_before_is_refused(vault: SqliteVault) -> None:
    chain, key = chain_id(), secrets.token_bytes(32)
    await vault.add(chain, key)
    with pytest.raises(Conflict):
        await vault.add(chain_id(), key)
    with pytest.raises(Conflict):
        await vault.add(chain, secrets.token_bytes(32))
    assert (await vault.chain(chain)).key == key


async def test_a_drawn_key_is_the_same_the_next_time(vault: SqliteVault) -> None:
    chain = chain_id()
    first = await vault.draw(chain)
    assert first.key is not None
    assert len(first.key) == 32
    assert await vault.draw(chain) == first


async def test_an_unknown_chain_is_unavailable(vault: SqliteVault) -> None:
    known = await vault.draw(chain_id())
    with pytest.raises(Unavailable):
        await vault.chain(chain_id())
    assert await vault.chains([known.uuid, chain_id()]) == {known.uuid: known}


async def test_no_key_stands_in_the_file_in_clear(vault: SqliteVault, tmp_path: Path) -> None:
    for _ in range(20):
        key = secrets.token_bytes(32)
        await vault.add(chain_id(), key)
        assert found_in(tmp_path, key) == []
    single = await vault.single()
    assert single.key is not None
    assert found_in(tmp_path, single.key) == []


async def test_the_key_of_a_chain_is_not_in_its_repr(vault: SqliteVault) -> None:
    chain = await vault.draw(chain_id())
    assert chain.key is not None
    assert repr(chain.key) not in repr(chain)


async def test_forgotten_keys_are_in_no_file_even_sealed(
    vault: SqliteVault, tmp_path: Path
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
    vault: SqliteVault, tmp_path: Path
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
    vault: SqliteVault, tmp_path: Path
) -> None:
    first = await vault.single()
    changes = _writes(tmp_path)
    others = [await vault.single() for _ in range(20)]
    assert _writes(tmp_path) == changes  # no write: as for a chain that exists
    assert len({chain.key for chain in (first, *others)}) == 21
    assert all(chain.single for chain in others)


async def test_the_pool_is_refilled_before_it_is_empty(
    vault: SqliteVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_module, "POOL", 8)
    seen = set()
    for _ in range(40):
        seen.add((await vault.single()).key)
        await asyncio.sleep(0.001)
    assert len(seen) == 40


async def test_keys_of_a_pool_from_an_earlier_run_are_never_used_again(tmp_path: Path) -> None:
    used = set()
    for _ in range(3):
        vault = SqliteVault(tmp_path / "vault.sqlite", VAULT_KEY, clock=clock)
        used.add((await vault.single()).uuid)
        await vault.close()
    assert len(used) == 3


async def test_orphans_are_old_and_not_waiting_in_the_pool(tmp_path: Path) -> None:
    vault = SqliteVault(tmp_path / "vault.sqlite", VAULT_KEY, clock=clock)
    chain = await vault.draw(chain_id())
    single = await vault.single()
    later = NOW + timedelta(seconds=1)
    assert await vault.orphans(before=NOW, limit=1000) == ()
    assert set(await vault.orphans(before=later, limit=1000)) == {chain.uuid, single.uuid}
    await vault.close()


async def test_another_vault_key_does_not_open_the_vault(tmp_path: Path) -> None:
    vault = SqliteVault(tmp_path / "vault.sqlite", VAULT_KEY, clock=clock)
    await vault.draw(chain_id())
    await vault.close()
    with pytest.raises(Misconfigured, match="vault key"):
        SqliteVault(tmp_path / "vault.sqlite", bytes(32), clock=clock)
    again = SqliteVault(tmp_path / "vault.sqlite", VAULT_KEY, clock=clock)
    await again.close()


async def test_a_row_moved_to_another_chain_does_not_open(
    vault: SqliteVault, tmp_path: Path
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


async def test_a_second_process_and_another_schema_are_refused(
    vault: SqliteVault, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured):
        SqliteVault(tmp_path / "vault.sqlite", VAULT_KEY, clock=clock)
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("PRAGMA user_version=9")
    other.close()
    with pytest.raises(Misconfigured, match="schema 9"):
        SqliteVault(tmp_path / "other.sqlite", VAULT_KEY, clock=clock)


async def test_a_vault_that_is_away_fails_closed_and_defers_what_may_not_wait(
    tmp_path: Path,
) -> None:
    vault = SqliteVault(tmp_path / "vault.sqlite", VAULT_KEY, clock=clock)
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
