"""`exchange hub move-blobs`: at every moment every payload is in one store at least."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from exchange.errors import ExchangeError, Unavailable
from exchange.hub import control
from exchange.hub.app import commands
from exchange.hub.move_blobs import Moved, described, move_blobs
from exchange.hub.parts import Hub
from exchange.hub.settings import S3
from exchange.hub.storage.blobs import Blobs, Kept, new_name
from exchange.hub.storage.file_blobs import FileBlobs
from tests.hub.test_uploads import announce, patch
from tests.simulator import Letter, Simulator, sealed_to
from tests.swift import KEY, SECRET, Server

NEW, OLD = "new", "payloads"
LONG = 3 * 1024 * 1024
"""Bytes of a document that takes more than one read of a file."""


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    """A hub whose payloads are to move from one directory to another."""
    simulator = Simulator(tmp_path, blobs=NEW, blobs_also=OLD)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


async def sent(sim: Simulator, count: int) -> list[Letter]:
    """Store letters, and lay their payloads where they were before the settings changed."""
    consent = await sim.consent(uses="recurring")
    letters = [await sim.sent(consent) for _ in range(count)]
    for file in (sim.home / NEW).iterdir():
        file.rename(sim.home / OLD / file.name)
    return letters


async def moved(
    hub: Hub, home: Path, told: list[tuple[int, int, int]] | None = None, **stores: Blobs
) -> Moved:
    async def rows(names: Sequence[str]) -> Any:
        return await described(hub, names)

    return await move_blobs(
        stores.get("source", FileBlobs(home / OLD)),
        stores.get("target", FileBlobs(home / NEW)),
        rows,
        parallel=3,
        progress=lambda *figures: (told if told is not None else []).append(figures),
    )


def files(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


async def test_payloads_and_pieces_move_and_are_served_before_and_after(sim: Simulator) -> None:
    letters = await sent(sim, 5)
    begun = sim.letter((await sim.consent()).digest)
    await announce(sim, begun)
    await patch(sim, begun, 0, begun.sealed[:1000])
    (piece,) = files(sim.home / NEW)
    (sim.home / NEW / piece).rename(sim.home / OLD / piece)
    assert [(await sim.payload(one)).body for one in letters] == [one.payload for one in letters]

    told: list[tuple[int, int, int]] = []
    found = await moved(sim.hub, sim.home, told)

    size = sum(len(one.payload) for one in letters) + 1000
    assert found == Moved(blobs=6, size=size)
    assert told[-1] == (6, 6, size)
    assert files(sim.home / OLD) == []
    assert [(await sim.payload(one)).body for one in letters] == [one.payload for one in letters]
    assert (await patch(sim, begun, 1000, begun.sealed[1000:])).status == 204
    assert (await sim.payload(begun)).body == begun.payload
    assert await moved(sim.hub, sim.home) == Moved()


async def test_what_no_row_names_stays_and_is_said(sim: Simulator) -> None:
    await sent(sim, 1)
    lost = new_name()
    (sim.home / OLD / lost).write_bytes(b"left by a crash")

    assert await moved(sim.hub, sim.home) == Moved(blobs=1, size=3616, unnamed=1)
    assert files(sim.home / OLD) == [lost]


@pytest.mark.parametrize("content", [b"x" * 3616, b"cut short"])
async def test_what_is_not_what_its_row_says_stays_and_is_said(
    sim: Simulator, content: bytes
) -> None:
    await sent(sim, 2)
    damaged = files(sim.home / OLD)[0]
    (sim.home / OLD / damaged).write_bytes(content)

    assert await moved(sim.hub, sim.home) == Moved(blobs=1, size=3616, damaged=1)
    assert files(sim.home / OLD) == [damaged]
    assert damaged not in files(sim.home / NEW)


async def test_what_lies_in_both_is_compared_before_one_goes(sim: Simulator) -> None:
    await sent(sim, 2)
    same, other = files(sim.home / OLD)
    (sim.home / NEW / same).write_bytes((sim.home / OLD / same).read_bytes())
    (sim.home / NEW / other).write_bytes(b"x" * 3616)

    assert await moved(sim.hub, sim.home) == Moved(blobs=1, size=3616, damaged=1)
    assert files(sim.home / OLD) == [other]


async def test_two_runs_at_once_lose_nothing(sim: Simulator) -> None:
    letters = await sent(sim, 12)

    both = await asyncio.gather(*(moved(sim.hub, sim.home) for _ in range(2)))

    assert [one.damaged for one in both] == [0, 0]
    assert files(sim.home / OLD) == []
    assert [(await sim.payload(one)).body for one in letters] == [one.payload for one in letters]


async def test_what_is_deleted_while_it_moves_is_no_loss(sim: Simulator) -> None:
    (letter,) = await sent(sim, 1)
    (name,) = files(sim.home / OLD)

    class Deleting(FileBlobs):
        """The hub acknowledges a letter between the listing and the copy."""

        async def put(self, name: str, chunks: Any, *, limit: int, known: bool = False) -> Kept:
            await sim.collect(letter)
            await sim.acknowledge(letter)
            await sim.hub.blobs.delete(name)
            await sim.hub.db.write(forget, letter.id)
            return await super().put(name, chunks, limit=limit, known=known)

    from exchange.hub.storage.disclosures import forget_blob as forget

    found = await moved(sim.hub, sim.home, target=Deleting(sim.home / NEW))

    assert found == Moved()
    assert files(sim.home / NEW) == files(sim.home / OLD) == []
    assert name


async def test_a_store_that_fails_ends_the_run_and_the_next_one_goes_on(sim: Simulator) -> None:
    letters = await sent(sim, 6)

    class Failing(FileBlobs):
        left = 3

        async def put(self, name: str, chunks: Any, *, limit: int, known: bool = False) -> Kept:
            self.left -= 1
            if self.left < 0:
                raise Unavailable
            return await super().put(name, chunks, limit=limit, known=known)

    with pytest.raises(Unavailable):
        await moved(sim.hub, sim.home, target=Failing(sim.home / NEW))
    assert [(await sim.payload(one)).body for one in letters] == [one.payload for one in letters]

    assert (await moved(sim.hub, sim.home)).damaged == 0
    assert files(sim.home / OLD) == []


async def test_a_hub_that_reads_from_one_store_only_lets_nothing_move(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path)
    async with simulator.running():
        with pytest.raises(ExchangeError, match="blobs_also"):
            await described(simulator.hub, [])


# The command


def command(home: Path, source: str, target: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "exchange.cli.main", "hub", "move-blobs"),
            *(source, target, "--home", str(home)),
        ],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def until(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """Wait until a process has come so far, or has ended."""
    while not reached() and process.poll() is None:  # noqa: ASYNC110 - another process's files
        await asyncio.sleep(0.001)


async def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    said, complained = await asyncio.to_thread(process.communicate, timeout=100)
    return process.returncode, said.decode(), complained.decode()


def write_settings(sim: Simulator, **names: str) -> None:
    lines = [f'{name} = "{value}"' for name, value in names.items()]
    (sim.home / "hub.toml").write_text("\n".join([f'origin = "{sim.origin}"', *lines]) + "\n")


@pytest.mark.parametrize("names", [{}, {"blobs": OLD, "blobs_also": NEW}, {"blobs": NEW}])
async def test_nothing_moves_before_the_settings_say_so(
    sim: Simulator, names: dict[str, str]
) -> None:
    write_settings(sim, **names)

    code, said, complained = await ended(command(sim.home, OLD, NEW))

    assert (code, said) == (1, "")
    assert complained.startswith("exchange: set blobs to TO")
    assert complained.count("\n") == 1


async def test_killed_without_a_hub_and_run_again_it_has_lost_nothing(tmp_path: Path) -> None:
    sim = Simulator(tmp_path, blobs=NEW, blobs_also=OLD)
    async with sim.running():
        await sim.arrange()
        letters = await sent(sim, 24)
    write_settings(sim, blobs=NEW, blobs_also=OLD)
    (sim.home / OLD / new_name()).write_bytes(b"left by a crash")

    killed = command(sim.home, OLD, NEW)
    await until(killed, lambda: len(files(sim.home / NEW)) >= 8)
    killed.kill()
    await ended(killed)
    assert len({*files(sim.home / NEW), *files(sim.home / OLD)}) >= 25
    code, said, _ = await ended(command(sim.home, OLD, NEW))

    assert code == 3
    assert "1 are left in FROM that no row names" in said
    assert len(files(sim.home / OLD)) == 1
    async with sim.running():
        bodies = [(await sim.payload(one)).body for one in letters]
    assert bodies == [one.payload for one in letters]


@asynccontextmanager
async def listening(sim: Simulator) -> AsyncIterator[None]:
    """Answer the operator's commands as a served hub does."""
    async with control.listening(sim.home, commands(sim.hub)):
        yield


@pytest.mark.xdist_group("s3")
async def test_to_s3_while_the_hub_serves_takes_and_ends_documents(
    tmp_path: Path, s3_server: Server
) -> None:
    place = f"s3://{await s3_server.make_bucket()}/payloads"
    s3 = S3(endpoint=s3_server.endpoint, key=KEY, secret=SecretStr(SECRET), allow_http=True)
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        long = sealed_to("jobcentre-a", bytes(LONG))
        consent = await sim.consent(uses="recurring")
        letters = [await sim.sent(consent) for _ in range(12)]
        letters += [await sim.sent(consent, sealed=long) for _ in range(2)]
    changed = {"blobs": place, "blobs_also": OLD, "s3": s3}
    sim.settings = sim.settings.model_copy(update=changed)
    write_settings(sim, blobs=place, blobs_also=OLD)
    given = {**s3.model_dump(), "secret": SECRET}
    variables = {f"EXCHANGE_HUB_S3__{name.upper()}": str(value) for name, value in given.items()}

    async with sim.running(), listening(sim):
        before = len(files(sim.home / OLD))
        killed = command(sim.home, OLD, place, **variables)
        await until(killed, lambda: len(files(sim.home / OLD)) < before - 3)
        killed.kill()
        await ended(killed)
        assert files(sim.home / OLD) != []

        running = command(sim.home, OLD, place, **variables)
        while running.poll() is None:
            for letter in letters:
                assert (await sim.payload(letter)).body == letter.payload
            letters.append(await sim.sent(consent))
        code, said, complained = await ended(running)

        assert (code, complained.count("\n")) == (0, 1), complained
        assert "FROM is empty" in said
        assert files(sim.home / OLD) == []
        assert [(await sim.payload(one)).body for one in letters] == [
            one.payload for one in letters
        ]
