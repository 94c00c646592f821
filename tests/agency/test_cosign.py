"""exchange.agency.cosign: a gateway that is a witness, without an open port."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exchange.agency import conflict, cosign
from exchange.agency import home as homes
from exchange.agency.home import Home
from exchange.audit.note import read_note, read_vkey, verified, verifying
from exchange.cli.main import main
from exchange.errors import Conflict, Held, Misconfigured
from exchange.witness.memory import file_name
from tests.agency.network import Network
from tests.logs import ORIGIN
from tests.simulator import SENDER

NAME = "witness.office.example/w1"
SOON_S = 60.0
"""More than a busy machine needs."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    found = homes.at(tmp_path / "gateway")
    homes.create(found)
    return found


def memory_of(home: Home) -> Path:
    return cosign.folder(home) / cosign.MEMORY / file_name(ORIGIN)


def test_a_gateway_is_made_a_witness_once_and_stays_the_same(home: Home) -> None:
    first = cosign.make(home, NAME, ORIGIN, anew=False)
    memory_of(home).write_bytes(b"something")
    again = cosign.make(home, NAME, ORIGIN, anew=True)

    assert verifying(first) == verifying(again)
    assert memory_of(home).read_bytes() == b"something"
    assert cosign.folder(home).stat().st_mode & 0o777 == 0o700


def test_a_key_serves_one_name(home: Home) -> None:
    cosign.make(home, NAME, ORIGIN, anew=False)

    with pytest.raises(Conflict, match="one name"):
        cosign.make(home, "witness.office.example/w2", ORIGIN, anew=False)


def test_a_name_that_cannot_be_makes_nothing(home: Home) -> None:
    with pytest.raises(Misconfigured, match="--name"):
        cosign.make(home, "two words", ORIGIN, anew=False)
    assert not cosign.folder(home).exists()


@pytest.mark.parametrize("also", [(), (cosign.NAME,)])
def test_a_witness_that_has_forgotten_is_told_to_say_so(home: Home, also: tuple[str, ...]) -> None:
    cosign.make(home, NAME, ORIGIN, anew=False)
    memory_of(home).unlink()
    for name in also:
        (cosign.folder(home) / name).unlink()

    with pytest.raises(Misconfigured, match="--init"):
        cosign.make(home, NAME, ORIGIN, anew=False)
    cosign.make(home, NAME, ORIGIN, anew=True)
    assert memory_of(home).read_bytes() == b""


@pytest.mark.parametrize("missing", [cosign.KEY, cosign.NAME])
def test_what_was_interrupted_is_gone_on_with(home: Home, missing: str) -> None:
    """As a crash leaves it: first the memory, then the key, then the name."""
    cosign.make(home, NAME, ORIGIN, anew=False)
    (cosign.folder(home) / cosign.NAME).unlink()
    if missing == cosign.KEY:
        (cosign.folder(home) / cosign.KEY).unlink()

    assert cosign.make(home, NAME, ORIGIN, anew=False).name == NAME


async def watching(network: Network, until: asyncio.Event) -> list[str]:
    """Let the sender's gateway watch until an event is set, and return what it logged."""
    stop = asyncio.Event()
    async with network.gateway(SENDER) as gateway:
        with capture_logs() as events:
            watch = asyncio.create_task(cosign.watch(gateway, stop))
            async with asyncio.timeout(SOON_S):
                await asyncio.wait(
                    {watch, asyncio.create_task(until.wait())},
                    return_when=asyncio.FIRST_COMPLETED,
                )
            stop.set()
            await watch
    return [one["event"] for one in events]


class Heard(list[bytes]):
    """What is handed in, and an event for the first of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = asyncio.Event()

    def append(self, body: bytes) -> None:
        """Take what was handed in."""
        super().append(body)
        self.first.set()


async def test_a_gateway_cosigns_what_its_hub_shows(network: Network) -> None:
    heard = network.double.ledger.handed_in = Heard()
    key = cosign.make(network.offices[SENDER].home, NAME, ORIGIN, anew=False)

    await watching(network, heard.first)

    note = read_note(heard[0])
    assert note.text == read_note(network.double.ledger.log().note()).text
    assert verified(note, [verifying(key)])


async def test_a_gateway_that_is_no_witness_cosigns_nothing(network: Network) -> None:
    stop = asyncio.Event()
    async with network.gateway(SENDER) as gateway, asyncio.timeout(SOON_S):
        await cosign.watch(gateway, stop)  # returns by itself

    assert network.double.ledger.handed_in == []


async def test_a_gateway_that_cannot_witness_says_so_and_goes_on(network: Network) -> None:
    home = network.offices[SENDER].home
    cosign.make(home, NAME, ORIGIN, anew=False)
    memory_of(home).unlink()
    never = asyncio.Event()

    assert await watching(network, never) == ["not_a_witness"]


async def test_a_hub_that_shows_another_history_is_spoken_to_no_more(network: Network) -> None:
    double, home = network.double, network.offices[SENDER].home
    double.ledger.document("policy", b"more")
    heard = double.ledger.handed_in = Heard()
    cosign.make(home, NAME, ORIGIN, anew=False)
    await watching(network, heard.first)
    held = memory_of(home).read_bytes()
    double.ledger = double.ledger.forked(0)
    told = double.ledger.handed_in = Heard()

    async with network.gateway(SENDER) as gateway:
        stop = asyncio.Event()
        watch = asyncio.create_task(cosign.watch(gateway, stop))
        async with asyncio.timeout(SOON_S):
            await told.first.wait()
            while not gateway.log.stopped:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        with pytest.raises(Held, match="log-split-view"):
            await gateway.client.inbox()
        stop.set()
        await watch

    assert told == [held]  # the hub is shown its own signature
    assert memory_of(home).read_bytes() == held
    evidence = next(one for one in home.conflict.iterdir() if one.suffix == ".txt").read_bytes()
    assert held in evidence
    assert double.ledger.log().note() in evidence
    with pytest.raises(Misconfigured, match="two histories"):
        conflict.check(home)


async def test_the_command_prints_the_public_key_each_time(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    home = network.offices[SENDER].home
    arguments = ["gateway", "witness", "--home", str(home.root), "--name", NAME]

    assert main(arguments) == 0
    assert main(arguments) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert read_vkey(first).name == NAME


async def test_the_command_tells_a_gateway_without_a_policy_what_to_do(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    home = network.offices[SENDER].home
    home.log_policy.unlink(missing_ok=True)

    assert main(["gateway", "witness", "--home", str(home.root), "--name", NAME]) == 1
    assert "exchange gateway log-policy FILE" in capsys.readouterr().err
