"""A gateway killed at every durable point of sending and receiving, and started again.

What the world looks like afterwards is what it looks like without the death (THREATS F1, F24).
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from exchange.agency import arrivals, handed, send, state
from exchange.agency.state import Receiving, Sending
from tests.agency.double import Double
from tests.agency.network import LETTER, RECIPIENT, SENDER, Network, draft, files_below
from tests.agency.tool import SETTINGS, Tool
from tests.crashes.zygote import KILLED

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("crashes")]
Run = Callable[..., Awaitable[tuple[int, int]]]


@asynccontextmanager
async def zygote() -> AsyncIterator[Run]:
    """Yield a function that runs a verb of an office in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crashes.zygote",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )

    async def run(network: Network, agency: str, verb: str, *, die: int = 0) -> tuple[int, int]:
        command = {
            "root": str(network.offices[agency].home.root),
            "verb": verb,
            "now": network.now.isoformat(),
            "die": die,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(command).encode() + b"\n")
        line = await process.stdout.readline()
        assert line, "the zygote has died"
        answer = json.loads(line)
        return answer["code"], answer["seen"]

    try:
        yield run
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def fresh(root: Path) -> AsyncIterator[Network]:
    """Yield a network that nothing has happened in."""
    root.mkdir()
    network = Network(root)
    async with network.double.running():
        network.arrange()
        yield network


def no_plaintext(folder: Path) -> None:
    """No file below `folder` holds what was sent."""
    for name, data in files_below(folder).items():
        assert b"CANARY-LETTER" not in data, name
        assert b"CANARY-REMARK" not in data, name


async def check_sent(network: Network) -> None:
    """One disclosure is at the hub, nothing is left in the spool, and the state says so."""
    home = network.offices[SENDER].home
    async with network.gateway(SENDER) as gateway:
        known = await gateway.state.read(state.list_sent)
    assert [sent.state for sent in known] == [Sending.STORED]
    assert list(network.double.kept) == [known[0].id]
    assert network.double.kept[known[0].id].manifest == known[0].manifest
    assert files_below(home.outgoing) == {}
    no_plaintext(home.root)


async def test_killed_at_every_point_of_sending(tmp_path: Path) -> None:
    async with zygote() as run:
        async with fresh(tmp_path / "none") as network:
            code, points = await run(network, SENDER, "send")
            assert code == 0
            await check_sent(network)
        assert points > 10

        for die in range(1, points + 1):
            async with fresh(tmp_path / str(die)) as network:
                code, _ = await run(network, SENDER, "send", die=die)
                assert code == KILLED
                no_plaintext(network.offices[SENDER].home.root)

                assert (await run(network, SENDER, "resume"))[0] == 0
                await send_again_if_nothing_was_signed(network)
                await check_sent(network)


async def send_again_if_nothing_was_signed(network: Network) -> None:
    """Do what the office does whose gateway was killed before anything was signed."""
    async with network.gateway(SENDER) as gateway:
        if not await gateway.state.read(state.list_sent):
            await send.send(gateway, draft())


def once_signed(double: Double) -> list[bytes]:
    """Record every acknowledgement the double is given."""
    given: list[bytes] = []
    honest = double.acknowledge

    async def acknowledge(request: web.Request) -> web.StreamResponse:
        given.append(json.loads(await request.read())["statement"].encode())
        return await honest(request)

    double.replaced["acknowledge"] = acknowledge
    return given


async def check_received(network: Network, given: list[bytes]) -> None:
    """The document is in the spool once, answered once, and nowhere else."""
    home = network.offices[RECIPIENT].home
    async with network.gateway(RECIPIENT) as gateway:
        light = await gateway.state.read(arrivals.list_received)
        known = [await gateway.state.read(arrivals.whole, one) for one in light]
        held = await gateway.state.read(state.list_held)
    assert [(one.state, one.result, one.header) for one in known] == [
        (Receiving.DONE, "accepted", None)
    ]
    assert held == []
    assert len(list(home.spool.iterdir())) == 1
    assert list(files_below(home.spool).values()).count(LETTER) == 1
    assert files_below(home.incoming) == {}
    assert files_below(home.quarantine) == {}
    assert set(given) == {known[0].acknowledgement}


async def test_killed_at_every_point_of_receiving(tmp_path: Path) -> None:
    async with zygote() as run:
        async with fresh(tmp_path / "none") as network:
            await run(network, SENDER, "send")
            given = once_signed(network.double)
            code, points = await run(network, RECIPIENT, "fetch")
            assert code == 0
            await check_received(network, given)
        assert points > 20

        for die in range(1, points + 1):
            async with fresh(tmp_path / str(die)) as network:
                await run(network, SENDER, "send")
                given = once_signed(network.double)
                code, _ = await run(network, RECIPIENT, "fetch", die=die)
                assert code == KILLED

                assert (await run(network, RECIPIENT, "fetch"))[0] == 0
                await check_received(network, given)


async def check_delivered(network: Network, tool: Tool) -> None:
    """The case tool has the document once, the spool no longer, and nothing waits."""
    async with network.gateway(RECIPIENT) as gateway:
        assert await gateway.state.read(handed.list_open) == []
        (known,) = await gateway.state.read(arrivals.list_received)
    assert list(tool.kept()) == [known.id]
    assert files_below(network.offices[RECIPIENT].home.spool) == {}


async def test_killed_at_every_point_of_delivering(tmp_path: Path) -> None:
    async def arranged(run: Run, network: Network) -> Tool:
        with network.offices[RECIPIENT].home.settings_file.open("a") as file:
            file.write(SETTINGS)
        await run(network, SENDER, "send")
        await run(network, RECIPIENT, "fetch")
        return Tool(network.offices[RECIPIENT].home.root.parent / "tool")

    async with zygote() as run:
        async with fresh(tmp_path / "none") as network:
            tool = await arranged(run, network)
            code, points = await run(network, RECIPIENT, "deliver")
            assert code == 0
            await check_delivered(network, tool)
        assert points > 3

        for die in range(1, points + 1):
            async with fresh(tmp_path / str(die)) as network:
                tool = await arranged(run, network)
                code, _ = await run(network, RECIPIENT, "deliver", die=die)
                assert code == KILLED

                network.sleep(hours=1)
                assert (await run(network, RECIPIENT, "deliver"))[0] == 0
                await check_delivered(network, tool)
