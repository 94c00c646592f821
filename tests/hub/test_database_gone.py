"""The database stopped, frozen, slow, or no longer the one to ask: 503, and then all goes on.

The hub is never restarted and keeps its loops: what was refused is asked again, word for word,
and has happened once. The server is one of our own, behind a cable that a test can spoil.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from exchange.hub import app, serve
from exchange.hub.storage import postgres, schema
from exchange.wire import routes
from tests.hub.cable import Cable, cable
from tests.hub.every_request import SOON_S, Asked, all_of, in_turn
from tests.hub.test_uploads import TUS, announce, offset, patch
from tests.postgres import Absent, PrivateServer, private_server
from tests.simulator import RECIPIENT, SENDER, Answer, Simulator, sealed_to

CUT_S = 1.0
"""In place of the ten seconds after which the hub gives a connection up: tests are to be short."""


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    """A server that tests stop, start, freeze and set as they like."""
    try:
        with private_server() as found:
            yield found
    except Absent as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def template(server: PrivateServer) -> str:
    return server.template(schema.make)


@pytest.fixture
def cabled(server: PrivateServer, template: str) -> Iterator[tuple[Cable, str]]:
    """The cable to a database of one's own, and the URL at its near end."""
    with server.database(template) as url, cable(url) as found:
        yield found


@pytest.fixture
def line(cabled: tuple[Cable, str]) -> Cable:
    return cabled[0]


@pytest.fixture
async def sim(tmp_path: Path, cabled: tuple[Cable, str]) -> AsyncIterator[Simulator]:
    """A hub with its loops. One that ends by itself would stop the hub: it fails the test."""
    simulator = Simulator(tmp_path, database_url=cabled[1], postgres={"wait_s": 30})
    stop = asyncio.Event()
    async with simulator.running():
        simulator.hub.directory.ticks = lambda: 0.0  # the machine may stand still for long as well
        found = app.Opened(hub=simulator.hub, database=simulator.database)
        async with serve.looping(stop, serve.loops(found, simulator.settings, stop)):
            await simulator.arrange()
            yield simulator
            assert not stop.is_set()
            stop.set()


@asynccontextmanager
async def gone(server: PrivateServer) -> AsyncIterator[None]:
    """Stop the server while the block runs."""
    await asyncio.to_thread(server.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


def unavailable(answer: Answer) -> bool:
    """Tell whether it is the one answer for this, as a problem or as a page."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    told = kind in {"application/problem+json", "text/html"}
    return told and (answer.status, answer.headers.get("Retry-After")) == (503, "2")


async def ready(sim: Simulator) -> bool:
    return (await sim.call(None, routes.READYZ)).status == 200


async def well_again(sim: Simulator) -> None:
    """Wait until the hub says that it can work, then it can."""
    async with asyncio.timeout(SOON_S):
        while not await ready(sim):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


def payloads(sim: Simulator) -> set[str]:
    return {found.name for found in (sim.home / app.BLOBS).iterdir()}


# Stopped


async def test_a_server_that_is_gone_is_told_by_every_request_and_met_again_without_a_restart(
    sim: Simulator, server: PrivateServer, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = await Asked(sim).arrange()
    requests, kept = asked.all(), payloads(sim)

    async with gone(server):
        answers = await all_of(requests)
        assert [name for name, one in answers.items() if not unavailable(one)] == []
        assert (await sim.call(None, routes.HEALTHZ)).status == 200
        assert (await sim.http.get(f"{sim.origin}/p/")).status == 200
        assert payloads(sim) == kept
    await well_again(sim)

    assert await in_turn(requests) == {name: status for name, (_, status) in requests.items()}
    await asked.once()
    await in_turn(requests)
    await asked.once()
    told = capsys.readouterr().out
    # Once; one more each if an attempt of before ends after the first one of afterwards.
    assert told.count("database-away") == told.count("database-back") in {1, 2}


async def test_a_poll_that_waited_all_the_while_is_told_what_came_afterwards(
    sim: Simulator, server: PrivateServer
) -> None:
    letter = sim.letter((await sim.consent()).digest)
    polling = asyncio.create_task(sim.inbox(RECIPIENT, "?wait=30"))
    await until(lambda: RECIPIENT in sim.hub.news.waiting())
    for _ in range(20):  # until it has looked itself, and waits
        await sim.call(SENDER, routes.INBOX)

    async with gone(server):
        assert unavailable(await sim.call(SENDER, routes.INBOX))
    await well_again(sim)
    assert not polling.done()
    assert (await sim.send(letter)).status == 201

    (entry,) = await polling
    assert entry["disclosure"]["id"] == letter.id


@pytest.mark.parametrize("how", ["one shot", "piece"])
async def test_a_document_that_is_on_its_way_when_the_server_goes_leaves_nothing(
    sim: Simulator, server: PrivateServer, how: str
) -> None:
    sealed = sealed_to(RECIPIENT, bytes(4 << 20))  # more than waits for the rest in memory
    letter = sim.letter((await sim.consent(uses="once")).digest, sealed=sealed)
    if how == "piece":
        await announce(sim, letter)
    before, going = payloads(sim), asyncio.Event()

    async def slowly(whole: bytes) -> AsyncIterator[bytes]:
        yield whole[:-100]
        await going.wait()
        yield whole[-100:]

    if how == "piece":
        headers = {**TUS, "Content-Type": routes.OFFSET_STREAM, "Upload-Offset": "0"}
        arriving = sim.call(
            SENDER, routes.UPLOAD, id=letter.id, body=slowly(letter.sealed), headers=headers
        )
    else:
        headers = {"Content-Type": routes.DISCLOSURE}
        arriving = sim.call(SENDER, routes.DISCLOSE, body=slowly(letter.one_shot), headers=headers)
    sending = asyncio.create_task(arriving)
    await until(lambda: payloads(sim) != before)
    async with gone(server):
        going.set()
        assert unavailable(await sending)
        assert payloads(sim) == before
    await well_again(sim)

    assert await sim.count("headers") == 0
    if how == "piece":
        assert (await offset(sim, letter)).headers["Upload-Offset"] == "0"
        assert (await patch(sim, letter, 0, letter.sealed)).status == 204
    else:
        assert await sim.count("disclosures") == 0
        assert (await sim.send(letter)).status == 201
    assert (await sim.payload(letter)).body == letter.payload


# Frozen, slow, cut


async def test_what_is_asked_while_the_server_stands_still_is_answered_when_it_goes_on(
    sim: Simulator, server: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await Asked(sim).arrange()
    requests = asked.all()
    monkeypatch.setattr(postgres, "RUN_S", SOON_S)  # the machine may stand still as well

    with server.frozen():
        waiting = asyncio.create_task(in_turn(requests))
        await asyncio.sleep(1)
        assert not waiting.done()

    assert await waiting == {name: status for name, (_, status) in requests.items()}
    await asked.once()


async def test_a_server_that_falls_silent_is_given_up_and_what_was_refused_happens_once(
    sim: Simulator, line: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by those who connect anew: it greets them, and then says no more."""
    asked = await Asked(sim).arrange()
    requests = asked.all()
    monkeypatch.setattr(postgres, "RUN_S", CUT_S)

    line.silent = True
    for _ in range(2):
        answers = await all_of(requests)
        assert [name for name, one in answers.items() if not unavailable(one)] == []
    line.silent = False
    monkeypatch.undo()
    await well_again(sim)

    assert await in_turn(requests) == {name: status for name, (_, status) in requests.items()}
    await asked.once()


async def test_a_slow_server_is_waited_for_or_given_up_and_nothing_happens_twice(
    sim: Simulator, line: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await Asked(sim).arrange()
    requests = asked.all()
    monkeypatch.setattr(postgres, "RUN_S", CUT_S)

    line.delay_s = CUT_S / 10  # as one second is to the ten of the hub
    answers = await all_of(requests)
    wrong = {
        name: one.status
        for name, one in answers.items()
        if not unavailable(one) and one.status not in {requests[name][1], 404}
    }
    assert wrong == {}
    line.delay_s = 0
    monkeypatch.undo()
    await well_again(sim)

    await in_turn(requests)
    await asked.once()


async def test_a_commit_whose_answer_is_lost_is_repeated_by_its_id_and_happens_once(
    sim: Simulator, line: Cable
) -> None:
    asked = await Asked(sim).arrange()
    requests = asked.all()
    for name in ("record", "disclose", "collect", "acknowledge", "recall", "withdraw"):
        ask, _ = requests[name]
        line.loses_commits, before = True, line.lost
        assert unavailable(await ask()), name
        assert line.lost > before
        line.loses_commits = False
        assert (await ask()).status in {200, 201}, name

    assert (await sim.payload(asked.letter)).body == asked.letter.payload
    await in_turn(requests)
    await asked.once()


async def test_withdrawals_pass_while_every_other_connection_waits(
    sim: Simulator, server: PrivateServer, cabled: tuple[Cable, str]
) -> None:
    locked, free = await sim.consent(uses="recurring"), await sim.consent()
    letters = [sim.letter(locked.digest) for _ in range(sim.settings.postgres.connections)]
    with psycopg.connect(cabled[1].replace("+psycopg", "")) as outside:
        outside.execute("SELECT 1 FROM consents WHERE id = %s FOR UPDATE", [locked.id])
        stuck = [asyncio.create_task(sim.send(letter)) for letter in letters]
        # All of them, unless this machine is so busy that the first has given up by then.
        await until(
            lambda: locks_awaited(server) >= len(letters) or any(one.done() for one in stuck)
        )
        assert (await sim.withdraw(free)).status == 200
    for letter, answer in zip(letters, await asyncio.gather(*stuck), strict=True):
        assert answer.status == 201 or unavailable(answer)
        assert (await sim.send(letter)).status == 201
    assert await sim.count("disclosures") == len(letters)


# Not the one to ask


async def test_a_standby_is_refused_until_it_is_promoted(
    sim: Simulator, server: PrivateServer
) -> None:
    letter = await sim.sent()
    async with gone(server):
        (server.data / "standby.signal").touch()

    try:
        for _ in range(3):
            assert unavailable(await sim.call(None, routes.READYZ))
            assert unavailable(await sim.collect(letter))
            assert unavailable(await sim.payload(letter))
    finally:
        server.execute("SELECT pg_promote()")

    await well_again(sim)
    assert (await sim.collect(letter)).status == 200


async def test_a_server_that_was_closed_for_writing_is_refused(
    sim: Simulator, server: PrivateServer, cabled: tuple[Cable, str]
) -> None:
    """As a fence around an old primary does it, or a landlord whose disk is nearly full."""
    letter = await sim.sent()
    name = make_url(cabled[1]).database
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    server.execute(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - our own name
    )

    for _ in range(3):
        assert unavailable(await sim.call(None, routes.READYZ))
        assert unavailable(await sim.collect(letter))

    server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await well_again(sim)
    assert (await sim.collect(letter)).status == 200


def locks_awaited(server: PrivateServer) -> int:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return int(server.execute(waiting)[0][0])


async def until(true: Callable[[], object]) -> None:
    """Wait until `true()` is."""
    async with asyncio.timeout(SOON_S):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
