"""exchange.agency.serve: several agencies in one process, each for itself, until told to stop."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from exchange.agency import api_token, poll, state
from exchange.agency.hand_over import Reception
from exchange.agency.home import Home
from exchange.agency.office import Office, open_office
from exchange.agency.parts import Gateway
from exchange.agency.serve import Told, serve
from exchange.agency.state import Sending
from exchange.agency.submit import Submission, submit
from exchange.errors import Misconfigured
from tests.agency.network import LETTER, RECIPIENT, SENDER, Network, draft, files_below
from tests.ports import free_port

SOON_S = 60


@dataclass
class Running:
    """A gateway of the network's homes, running in this process."""

    stop: asyncio.Event
    offices: dict[str, Office] = field(default_factory=dict)
    failures: list[tuple[Path, Exception]] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    good: bool = False

    def failed(self, root: Path, error: Exception) -> None:
        self.failures.append((root, error))
        self.changed.set()

    def told_ready(self, offices: Sequence[Office]) -> None:
        self.offices = {office.agency: office for office in offices}
        self.ready.set()


@asynccontextmanager
async def running(network: Network, *agencies: str) -> AsyncIterator[Running]:
    """Run the homes of `agencies`, wait until they are ready, and end in good order."""
    roots = [network.offices[agency].home.root for agency in agencies]
    found = Running(asyncio.Event())

    async def run() -> None:
        found.good = await serve(
            roots,
            lambda root: open_office(root, clock=lambda: network.now),
            found.stop,
            Told(ready=found.told_ready, failed=found.failed),
        )
        found.ready.set()

    task = asyncio.create_task(run())
    try:
        async with asyncio.timeout(SOON_S):
            await found.ready.wait()
            yield found
            found.stop.set()
            await task
    finally:
        found.stop.set()
        await asyncio.gather(task, return_exceptions=True)


def listen(network: Network, agency: str, listen: str) -> None:
    settings = network.offices[agency].home.settings_file
    text = settings.read_text().replace('listen = ""', f'listen = "{listen}"')
    settings.write_text(text)


def home(network: Network, agency: str) -> Home:
    return network.offices[agency].home


async def until_acknowledged(office: Office) -> None:
    """Wait until everything an office has sent is acknowledged."""
    while True:
        sent = await office.gateway.state.read(state.list_sent)
        if sent and all(one.state is Sending.ACKNOWLEDGED for one in sent):
            return
        await asyncio.sleep(0.05)


async def test_one_process_sends_for_one_agency_and_receives_for_another(
    network: Network,
) -> None:
    async with running(network, SENDER, RECIPIENT) as gateway:
        assert set(gateway.offices) == {SENDER, RECIPIENT}
        await submit(gateway.offices[SENDER], Submission(draft=draft()))
        await until_acknowledged(gateway.offices[SENDER])

    assert gateway.good
    assert LETTER in files_below(home(network, RECIPIENT).spool).values()
    assert LETTER not in files_below(home(network, SENDER).root).values()


async def test_a_token_speaks_for_its_agency_alone(network: Network) -> None:
    address = f"127.0.0.1:{free_port()}"
    for agency in (SENDER, RECIPIENT):
        listen(network, agency, address)
    async with running(network, SENDER, RECIPIENT), aiohttp.ClientSession() as browser:
        for agency in (SENDER, RECIPIENT):
            token = api_token.read(home(network, agency))
            headers = {"Authorization": f"Bearer {token}"}
            async with browser.get(f"http://{address}/v1/status", headers=headers) as answer:
                assert (answer.status, (await answer.json())["agency"]) == (200, agency)
        async with browser.get(f"http://{address}/v1/status") as answer:
            assert answer.status == 401


async def test_a_home_that_cannot_be_opened_stops_no_other(network: Network) -> None:
    broken = home(network, SENDER)
    (broken.keys / "identity-ed25519.pem").write_text("no key")
    async with running(network, SENDER, RECIPIENT) as gateway:
        assert set(gateway.offices) == {RECIPIENT}
        ((root, error),) = gateway.failures
        assert root == broken.root
        assert isinstance(error, Misconfigured)

    assert not gateway.good


async def test_a_plugin_that_cannot_be_loaded_stops_no_other_agency(network: Network) -> None:
    settings = home(network, SENDER).settings_file
    settings.write_text(settings.read_text() + '[intake]\nplugin = "nowhere"\n')
    async with running(network, SENDER, RECIPIENT) as gateway:
        assert set(gateway.offices) == {RECIPIENT}

    assert [root for root, _ in gateway.failures] == [home(network, SENDER).root]
    assert not gateway.good


async def test_what_stops_one_agency_at_work_lets_the_other_go_on(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = poll.fetch
    rounds = asyncio.Semaphore(0)

    async def fetch(gateway: Gateway, reception: Reception) -> poll.Round:
        if gateway.agency == SENDER:
            raise ZeroDivisionError
        rounds.release()
        return await real(gateway, reception)

    monkeypatch.setattr(poll, "fetch", fetch)
    async with running(network, SENDER, RECIPIENT) as gateway:
        await gateway.changed.wait()
        for _ in range(3):  # the third began after the other agency had stopped
            gateway.offices[RECIPIENT].stir.set()
            await rounds.acquire()

    assert [(root, type(error)) for root, error in gateway.failures] == [
        (home(network, SENDER).root, ZeroDivisionError)
    ]
    assert not gateway.good


async def test_it_ends_by_itself_when_no_agency_is_left(network: Network) -> None:
    for agency in (SENDER, RECIPIENT):
        (home(network, agency).keys / "identity.json").unlink()
    async with running(network, SENDER, RECIPIENT) as gateway:
        assert gateway.offices == {}

    assert len(gateway.failures) == 2
    assert not gateway.good


async def test_two_homes_with_one_token_are_not_both_served(network: Network) -> None:
    for agency in (SENDER, RECIPIENT):
        home(network, agency).api_token.write_text("x" * 43)
        home(network, agency).api_token.chmod(0o600)
    async with running(network, SENDER, RECIPIENT) as gateway:
        assert set(gateway.offices) == {SENDER}
        ((root, error),) = gateway.failures

    assert root == home(network, RECIPIENT).root
    assert "api-token" in str(error)


async def test_two_homes_that_watch_one_folder_are_not_both_served(
    network: Network, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    for agency in (SENDER, RECIPIENT):
        settings = home(network, agency).settings_file
        settings.write_text(settings.read_text() + f'[watch]\nout = "{tmp_path}/out"\n')
    async with running(network, SENDER, RECIPIENT) as gateway:
        assert set(gateway.offices) == {SENDER}
        ((root, error),) = gateway.failures

    assert root == home(network, RECIPIENT).root
    assert "[watch]" in str(error)


async def test_an_address_that_is_taken_is_named(network: Network) -> None:
    busy = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = busy.sockets[0].getsockname()[1]
    listen(network, SENDER, f"127.0.0.1:{port}")
    try:
        async with running(network, SENDER, RECIPIENT) as gateway:
            assert set(gateway.offices) == {RECIPIENT}
            ((root, error),) = gateway.failures
    finally:
        busy.close()
        await busy.wait_closed()

    assert root == home(network, SENDER).root
    assert str(error).startswith(f"another program listens at 127.0.0.1:{port}; name another")


async def test_a_stirred_office_makes_a_whole_round_at_once(network: Network) -> None:
    settings = home(network, RECIPIENT).settings_file
    settings.write_text(settings.read_text().replace("look_again_s = 1", "look_again_s = 3600"))
    rounds = asyncio.Semaphore(0)
    honest = network.double.list_erasures

    async def counted(request: web.Request) -> web.StreamResponse:
        rounds.release()
        return await honest(request)

    network.double.replaced["erasures"] = counted
    async with running(network, RECIPIENT) as gateway:
        await rounds.acquire()
        gateway.offices[RECIPIENT].stir.set()
        await rounds.acquire()


def test_a_gateway_may_open_as_many_files_as_a_document_has() -> None:
    program = (
        "import resource as r; from exchange.cli.gateway_run import raise_limit;"
        "_, most = r.getrlimit(r.RLIMIT_NOFILE); r.setrlimit(r.RLIMIT_NOFILE, (64, most));"
        "raise_limit(); assert r.getrlimit(r.RLIMIT_NOFILE) == (most, most)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
