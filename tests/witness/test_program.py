"""`exchange log witness`: the program, killed without warning as often as one likes."""

import asyncio
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from exchange.audit.head import read_signed
from exchange.audit.note import read_note, read_vkey, verified
from exchange.cli.main import main
from exchange.witness.memory import file_name
from tests.logs import LOG_KEY, ORIGIN, Log, random_leaves, vkey
from tests.witness.watching import LOGS, Served, asked, serving

NAME = "witness.example/w1"
LOG = Log(random_leaves(3000))
KILLS = int(os.environ.get("EXCHANGE_WITNESS_KILLS", "6"))
"""How often the program is killed; more by the environment."""
PATIENCE_S = 60.0


@dataclass
class Place:
    """Where a witness of tests keeps its things."""

    root: Path

    @property
    def state(self) -> Path:
        """What it remembers."""
        return self.root / "state"

    def arguments(self, *more: str) -> list[str]:
        """Return the command line, with `more` behind it."""
        key = ["--key", str(self.root / "witness.key"), "--state", str(self.state)]
        return ["log", "witness", "--name", NAME, *key, "--log", vkey(LOG_KEY), *more]


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    """A witness with a key and an empty memory."""
    found = Place(tmp_path)
    assert main(found.arguments("--make-key")) == 0
    assert main(found.arguments("--init")) == 0
    capsys.readouterr()
    return found


@asynccontextmanager
async def started(arguments: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "exchange.cli.main", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def said(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return (await process.stdout.readline()).decode()


async def port_of(process: asyncio.subprocess.Process) -> str:
    found = re.search(r"listens at port (\d+)", await said(process))
    assert found is not None
    return f"http://127.0.0.1:{found[1]}"


def test_a_key_is_made_once_and_its_public_half_is_printed_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(Place(tmp_path).arguments("--make-key")) == 0
    first, second = capsys.readouterr().out.splitlines()

    assert first == second
    key = read_vkey(first)
    assert (key.name, key.type) == (NAME, 4)


def test_without_its_memory_it_refuses_to_start_and_says_why(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.state / file_name(ORIGIN)).unlink()

    assert main(place.arguments("--listen", "127.0.0.1:0")) == 1
    said_why = capsys.readouterr().err
    assert "--init" in said_why
    assert ORIGIN in said_why
    assert said_why.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "--listen HOST:PORT, or --pull URL"),
        (("--listen", "127.0.0.1:0", "--pull", "https://hub.example/log"), "--pull URL"),
        (("--listen", "nowhere"), "--listen is HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "--listen is HOST:PORT"),
        (("--listen", "127.0.0.1:0", "--mirror", "copy"), "--mirror goes with --pull"),
        (("--pull", "https://hub.example/log", "--token", "t"), "--token goes with --mirror"),
        (("--pull", "http://hub.example/log"), "https"),
        (("--pull", "https://hub.example/log", "--log", "no key"), "--log"),
    ],
)
def test_a_command_line_that_cannot_be_is_one_line_of_advice(
    more: tuple[str, ...], why: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(place.arguments(*more)) == 1
    said_why = capsys.readouterr().err
    assert why in said_why
    assert said_why.count("\n") == 1


def test_the_key_of_a_witness_is_not_watched_as_a_log(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    main(place.arguments("--make-key"))
    own = capsys.readouterr().out.strip()

    assert main(place.arguments("--log", own, "--listen", "127.0.0.1:0")) == 1
    assert "that of a witness" in capsys.readouterr().err


async def test_a_second_program_with_the_same_state_is_refused(place: Place) -> None:
    arguments = place.arguments("--listen", "127.0.0.1:0")
    async with started(arguments) as first:
        await port_of(first)
        async with started(arguments) as second:
            async with asyncio.timeout(PATIENCE_S):
                _, told = await second.communicate()
            assert second.returncode == 1
            assert b"another witness" in told


async def test_it_pulls_a_log_and_ends_in_good_order_when_it_is_told_to(place: Place) -> None:
    served = Served(LOG, 700)
    async with serving(served) as prefix:
        copy = place.root / "copy"
        async with started(place.arguments("--pull", prefix, "--mirror", str(copy))) as process:
            assert prefix in await said(process)
            async with asyncio.timeout(PATIENCE_S):
                while not (copy / "checkpoint").exists():  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_S):
                _, events = await process.communicate()
            assert process.returncode == 0

    assert b'"looked"' in events
    assert b"hub.example" not in events  # events name no addresses
    (line,) = read_note(served.handed_in[0]).lines
    assert line.name == NAME


async def test_a_witness_that_is_killed_again_and_again_never_goes_back(place: Place) -> None:
    """What it has cosigned for anybody it still holds after the next start, or more."""
    acknowledged, offered = 0, {0}
    for _ in range(KILLS):
        async with started(place.arguments("--listen", "127.0.0.1:0")) as process:
            address = await port_of(process)
            async with aiohttp.ClientSession() as session:
                held = await _held(session, address)
                assert held >= acknowledged
                assert held in offered
                killing = asyncio.create_task(_kill(process))
                with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                    while held < len(LOG.leaves):
                        offered.add(held + 1)
                        body = asked(LOG, held, held + 1)
                        async with session.post(f"{address}/add-checkpoint", data=body) as answer:
                            assert answer.status == 200
                            await answer.read()
                        held = acknowledged = held + 1
                await killing
    assert acknowledged


async def _kill(process: asyncio.subprocess.Process) -> None:
    await asyncio.sleep(0.05 + secrets.randbelow(200) / 1000)
    process.kill()
    await process.wait()


async def _held(session: aiohttp.ClientSession, address: str) -> int:
    async with session.get(f"{address}/{file_name(ORIGIN)}/checkpoint") as answer:
        if answer.status == 404:
            return 0
        raw = await answer.read()
    head = read_signed(raw, LOGS[ORIGIN])
    assert head.checkpoint.root == LOG.root(head.checkpoint.size)
    assert len(verified(head.note, LOGS[ORIGIN])) == 1
    return head.checkpoint.size
