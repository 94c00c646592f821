"""A hub that has too much to do: what it puts off, what it never puts off, and whom it answers.

Faults F7 (every connection taken) and F21 (something keeps the event loop busy).
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.hub.storage.postgres import PostgresDatabase
from exchange.wire import routes
from tests.person import consent_with_code
from tests.simulator import RECIPIENT, SENDER, Simulator, office

LAG_S = 0.1
PROBE_S = 0.005
LARGE = 32 << 20


@contextmanager
def _lag() -> Iterator[list[float]]:
    """Collect how long the loop was busy between two of its turns while the block runs.

    In processor time of its thread: other work on the machine makes it wait, but not busy.
    """
    found: list[float] = []

    async def probe() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(PROBE_S)
            found.append(time.thread_time() - before)

    probing = asyncio.create_task(probe())
    try:
        yield found
    finally:
        probing.cancel()


async def test_nothing_keeps_the_loop_from_answering_others(tmp_path: Path) -> None:
    encryptor = Encryptor([HybridRecipient(office(RECIPIENT).key.recipient)])
    sealed = encryptor.update(bytes(LARGE)) + encryptor.finalize()
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        given, _ = await consent_with_code(sim)
        large = sim.letter(given.digest, sealed=sealed)
        small = [sim.letter(given.digest) for _ in range(20)]
        with _lag() as found:
            stored = await asyncio.gather(
                sim.send(large), *(sim.send(letter) for letter in small[:4])
            )
            for letter in small[4:]:
                stored.append(await sim.send(letter))
            fetched = await sim.payload(large)
            await sim.call(SENDER, routes.CONSENTS)
            await sim.inbox()
            await sim.withdraw(given)
        assert {answer.status for answer in stored} == {201}
        assert len(fetched.body) == len(large.payload)
    assert len(found) > 20
    assert max(found) < LAG_S


async def test_the_probe_sees_what_keeps_the_loop_busy() -> None:
    with _lag() as found:
        await asyncio.sleep(0)
        start = time.thread_time()
        while time.thread_time() - start < 1.5 * LAG_S:
            pass
        await asyncio.sleep(4 * PROBE_S)
    assert max(found) > LAG_S


@asynccontextmanager
async def _taken(sim: Simulator) -> AsyncIterator[None]:
    """Keep the hub's one connection for documents busy while the block runs."""
    begun, over = threading.Event(), threading.Event()

    def unit(_conn: Connection) -> None:
        begun.set()
        over.wait(60)

    running = asyncio.create_task(sim.hub.db.write(unit))
    await asyncio.to_thread(begun.wait, 60)
    try:
        yield
    finally:
        over.set()
        await running


async def test_with_every_connection_taken_documents_wait_and_withdrawals_do_not(
    tmp_path: Path, postgres_url: str
) -> None:
    few = {"connections": 1, "urgent": 1, "wait_s": 30}
    sim = Simulator(tmp_path, database_url=postgres_url, postgres=few)
    async with sim.running():
        await sim.arrange()
        given, other = await sim.consent(), await sim.consent()
        letter = sim.letter(other.digest)
        lane = cast("PostgresDatabase", sim.database)._writers
        patient = lane._bounds
        assert patient is not None
        async with _taken(sim):
            lane._bounds = replace(patient, wait_s=0.2)
            put_off = await sim.send(letter)
            withdrawn = await sim.withdraw(given)
            lane._bounds = patient
        again = await sim.send(letter)
    assert put_off.status == 503
    assert int(put_off.headers["Retry-After"]) > 0
    assert withdrawn.status == 200
    assert again.status == 201
