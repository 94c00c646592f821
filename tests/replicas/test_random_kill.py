"""Two replicas and their database killed at random while many work with them (F2).

Clients make each statement once and send it, now to one replica and now to the other, until they
are told. Afterwards everything that was acknowledged is there, once, and every invariant holds.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import create_engine

from exchange.hub import high_water
from exchange.hub.storage import schema
from exchange.hub.storage.tables import metadata
from tests import postgres
from tests.crashes.hubs import Faults, Hubs, forking
from tests.crashes.remote import Life, Remote, world
from tests.crashes.test_hub_random_kill import Told, working
from tests.invariants import check
from tests.ports import free_port
from tests.simulator import Answer

SECONDS = float(os.environ.get("EXCHANGE_KILLS_SECONDS", "12"))
CLIENTS = 6
AWAY = (
    "the database cannot be reached",
    "the database does not answer",
    "the database is gone",
)
"""What a hub may say that starts while the database crashes: before, during, after a question."""

pytestmark = [pytest.mark.xdist_group("replicas"), pytest.mark.timeout(200 + 2 * SECONDS)]


class OfTwo(Remote):
    """Speaks to either of two replicas, whichever the dice say; both have one name."""

    ports: tuple[int, int]
    dice: random.Random

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.dice.choice(self.ports)}"

    async def call(
        self, *asked: Any, headers: Mapping[str, str] | None = None, **named: Any
    ) -> Answer:
        host = self.settings.origin.partition("://")[2]
        return await super().call(*asked, headers={"Host": host, **(headers or {})}, **named)


class Patient(Told):
    """Repeats as well what was answered by: not now."""

    async def until_answered(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        async def asked() -> Answer:
            answer = await ask()
            if answer.status == 503:
                raise aiohttp.ClientError
            return answer

        return await super().until_answered(asked)


@asynccontextmanager
async def arranged(root: Path, url: str) -> AsyncIterator[OfTwo]:
    """Yield parties and their agreement, their hub not yet served; its home is in `root`."""
    sim = OfTwo(root, database_url=url)
    sim.ports, sim.dice = (sim.port, sim.port), random.Random(0)  # noqa: S311
    async with sim.running():
        await sim.arrange()
    sim.write_settings()
    sim.ports = (sim.port, free_port())
    async with sim.connected():
        yield sim


def replica(hubs: Hubs, sim: OfTwo, folder: Path, port: int) -> Life:
    """Return a replica with a home of its own: the same keys, vault and payloads."""
    home = folder / "hub"
    home.mkdir(parents=True, mode=0o700)
    for secret in (*sim.home.glob("*.key"), sim.home / high_water.FILE):
        (home / secret.name).write_bytes(secret.read_bytes())
        (home / secret.name).chmod(0o600)
    for shared in ("vault", "payloads"):
        (home / shared).symlink_to(sim.home / shared)
    assert sim.settings.database_url is not None
    text = (sim.home / "hub.toml").read_text().replace(f"port = {sim.port}", f"port = {port}")
    url = sim.settings.database_url.get_secret_value()
    (home / "hub.toml").write_text(f'database_url = "{url}"\n{text}')
    return Life(hubs, home, Faults(folder / "control"), sim.now)


async def killing(life: Life, dice: random.Random, until: float) -> int:
    """Kill and start again, and return how often."""
    kills = 0
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0.2, 3.0))
        os.kill(life.pid, signal.SIGKILL)
        assert await life.ended() == -signal.SIGKILL
        while True:
            try:
                await life.start()
            except AssertionError:  # it ends where the database does not answer, as it should
                assert any(words in life.said for words in AWAY), life.said
                continue
            break
        kills += 1
    return kills


async def crashing(server: postgres.PrivateServer, seconds: float) -> None:
    """Let the database crash twice; what it has acknowledged it knows afterwards."""
    for _ in range(2):
        await asyncio.sleep(seconds / 3)
        await asyncio.to_thread(server.stop, signal.SIGQUIT)
        await asyncio.to_thread(server.start)


def at_rest(url: str, home: Path) -> Path:
    """Copy the database into a file beside the payloads, for those who look at files."""
    engines = create_engine(url), create_engine(f"sqlite:///{home / 'hub.sqlite'}")
    with engines[0].connect() as source, engines[1].begin() as target:
        schema.make(target)
        for table in metadata.sorted_tables:
            target.execute(table.delete())  # what a new database begins with
            if rows := [row._asdict() for row in source.execute(table.select())]:
                target.execute(table.insert(), rows)
    for engine in engines:
        engine.dispose()
    return home


@contextmanager
def own_server() -> Iterator[postgres.PrivateServer]:
    """Run a server that the test may crash."""
    try:
        with postgres.private_server(durable=True) as server:
            yield server
    except postgres.Absent as error:
        pytest.skip(str(error))


async def test_random_kills_of_replicas_and_database_lose_nothing_and_double_nothing(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice, told = random.Random(seed), Patient()  # noqa: S311 - repeatable, not secret
    with own_server() as server:
        template = server.template(schema.make)
        async with arranged(tmp_path, server.of(template)) as sim, forking(None) as hubs:
            sim.dice = random.Random(seed)  # noqa: S311
            lives = [
                replica(hubs, sim, tmp_path / str(number), port)
                for number, port in enumerate(sim.ports)
            ]
            for life in lives:
                await life.start()
            until = time.monotonic() + SECONDS
            async with asyncio.TaskGroup() as group:
                nemeses = [
                    group.create_task(killing(life, random.Random(dice.random()), until))  # noqa: S311
                    for life in lives
                ]
                group.create_task(crashing(server, SECONDS))
                for _ in range(CLIENTS):
                    own = random.Random(dice.random())  # noqa: S311
                    group.create_task(
                        working(sim, told, own, lambda: all(one.done() for one in nemeses))
                    )
            assert [await life.stop() for life in lives] == [0, 0]
        at_rest(server.of(template), sim.home)

    kills = [nemesis.result() for nemesis in nemeses]
    print(f"{kills} kills, {len(told.states)} disclosures, {told.repeated} repetitions")
    assert sum(kills) >= 2
    assert told.repeated > 0
    assert check(sim.home, now=sim.now) == []
    known = world(sim.home)
    assert {row[0]: row[3] for row in known["disclosures"]} == told.states
    assert {row[0] for row in known["consents"] if row[3] is not None} == told.withdrawn
