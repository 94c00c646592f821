"""The hub killed at every durable call of an erasure and of a new vault key, and asked again."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.errors import ExchangeError, NotFound, Unavailable
from exchange.hub import control
from exchange.hub.storage.vault import NONCE_SIZE
from exchange.hub.storage.vault_keys import NEXT
from tests import needs
from tests.crashes.hubs import Mode, compiled, forking
from tests.crashes.remote import Life, Remote, arranged
from tests.hub.erasable import chain_of, grow, used
from tests.invariants import check

pytestmark = [pytest.mark.timeout(300), needs.tool("cc", "gcc")]
AGE = timedelta(days=91)
PATIENCE_S = 60.0

Ask = Callable[[Life], Awaitable[None]]


async def asked(life: Life, **command: Any) -> Any:
    return await asyncio.to_thread(control.ask, life.home, command)


async def survived(life: Life, ask: Ask) -> bool:
    """Tell whether the hub lived through what it was asked for."""
    try:
        await ask(life)
    except (ConnectionError, Unavailable, ExchangeError):
        return False
    return True


async def test_an_erasure_is_finished_wherever_it_was_killed(place: Path) -> None:
    async def prepare(sim: Remote) -> tuple[str, list[bytes]]:
        consent = await sim.consent()
        chain = await chain_of(sim, consent)
        letter = await used(sim, consent)
        await grow(sim)
        traces = (consent.digest, consent.id, chain, letter.id, letter.digest)
        return consent.digest, [trace.encode() for trace in traces]

    async with (
        forking(compiled(place)) as hubs,
        arranged(place / "arranged", prepare) as (sim, (digest, traces)),
    ):
        sim.now += AGE

        async def erase(life: Life) -> None:
            await asked(life, do="erase-consent", consent=digest)

        async def gone(life: Life) -> None:
            """Ask once more; then the sweeper has the rest to do."""
            with suppress(NotFound):
                await erase(life)
            for _ in range(int(PATIENCE_S / 0.02)):
                if not found_in(life.home / "vault", traces):
                    return
                await asyncio.sleep(0.02)

        async for life in each_death(hubs, sim, place, erase):
            await gone(life)
            assert await life.stop() == 0
            assert found_in(life.home, traces) == []
            assert check(life.home, now=sim.now) == []
            with closing(sqlite3.connect(life.home / "hub.sqlite")) as rows:
                (cut,) = rows.execute("SELECT count(*) FROM log_entry WHERE rid IS NULL").fetchone()
                (noted,) = rows.execute("SELECT count(*) FROM log_erased").fetchone()
                (keys,) = rows.execute("SELECT count(*) FROM log_erasing").fetchone()
            assert (cut > 5, noted, keys) == (True, cut, 1)


async def test_a_new_vault_key_is_finished_wherever_it_was_killed(place: Path) -> None:
    async def prepare(sim: Remote) -> None:
        for _ in range(3):
            await sim.consent()

    async with (
        forking(compiled(place)) as hubs,
        arranged(place / "arranged", prepare) as (sim, _),
    ):
        key = (sim.home / "vault" / "vault.key").read_bytes()
        chains = opened(sim.home)

        async def rekey(life: Life) -> None:
            await asked(life, do="rekey-vault", step="begin", prepared=False)
            after: str | None = ""
            while after is not None:
                after = (await asked(life, do="rekey-vault", step="batch", after=after))["last"]
            assert (await asked(life, do="rekey-vault", step="end"))["done"]

        async for life in each_death(hubs, sim, place, rekey):
            in_use = life.home / "vault" / "vault.key"
            following = in_use.with_name(in_use.name + NEXT)
            if following.exists() or in_use.read_bytes() == key:
                await rekey(life)
            assert await life.stop() == 0
            assert in_use.read_bytes() != key
            assert not following.exists()
            assert opened(life.home).items() >= chains.items()


async def each_death(hubs: Any, sim: Remote, place: Path, ask: Ask) -> Any:
    """Yield a hub that is up again, for each durable call before which it was killed."""
    life = Life.copied(hubs, sim.home, place / "none", sim.now)
    await life.start_settled()
    life.faults.arm(Mode.COUNT)
    await ask(life)
    points = life.faults.seen
    assert points > 5
    yield life
    for die in range(1, points + 1):
        life = Life.copied(hubs, sim.home, place / f"{die}", sim.now)
        await life.start_settled()
        life.faults.arm(Mode.KILL_BEFORE, die)
        if await survived(life, ask):  # there was one call less
            life.faults.disarm()
        else:
            assert await life.ended() == -9
            life.faults.disarm()
            await life.start()
        yield life


def found_in(directory: Path, traces: list[bytes]) -> list[str]:
    """Return the files of databases in which one of these still stands."""
    return [
        file.name
        for file in directory.rglob("*.sqlite*")
        if any(trace in file.read_bytes() for trace in traces)
    ]


def opened(home: Path) -> dict[str, bytes]:
    """Return the keys of all chains, opened with the vault key that is there."""
    seal = AESGCM((home / "vault" / "vault.key").read_bytes())
    with closing(sqlite3.connect(home / "vault" / "vault.sqlite")) as rows:
        return {
            chain: seal.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], chain.encode())
            for chain, sealed in rows.execute("SELECT chain, sealed FROM chain_key")
        }
