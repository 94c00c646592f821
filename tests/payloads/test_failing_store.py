"""S3 gone, slow, lying or forgetful: a clear 503, nothing half done, and then all goes on.

The hub is never restarted: each test ends with the very document that was refused before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from exchange.hub.storage.object_blobs import PART
from exchange.hub.sweep import remove_leftovers
from exchange.wire import routes
from tests.hub.test_uploads import announce, offset, patch
from tests.payloads.double import Asked, Double, Fault, well
from tests.simulator import RECIPIENT, SENDER, Answer, Letter, Simulator, sealed_to


@pytest.fixture
async def double(request: pytest.FixtureRequest) -> AsyncIterator[Double]:
    """A store; the hub is impatient where it will fall silent."""
    double = Double(answer_s=2) if "silent" in request.node.name else Double()
    async with double.running() as served:
        yield served


@pytest.fixture
async def sim(tmp_path: Path, double: Double) -> AsyncIterator[Simulator]:
    """A hub whose payloads lie in the double."""
    simulator = Simulator(tmp_path, **double.settings)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


@pytest.fixture
def large() -> bytes:
    """A sealed document that goes to the store in parts."""
    return sealed_to(RECIPIENT, bytes(2 * PART))


def on(method: str, fault: Fault, *, times: int = 1 << 30, query: str = "") -> "Counted":
    return Counted(method, fault, times, query)


class Counted:
    """A script that plays one fault for the first requests of a kind."""

    def __init__(self, method: str, fault: Fault, times: int, query: str) -> None:
        self.method, self.fault, self.times, self.query = method, fault, times, query

    def __call__(self, asked: Asked) -> Fault:
        if asked.method != self.method or self.query not in {"", *asked.query} or not self.times:
            return Fault()
        self.times -= 1
        return self.fault


def unavailable(answer: Answer) -> bool:
    problem = answer.json["type"].rpartition(":")[2]
    return (answer.status, problem, "Retry-After" in answer.headers) == (503, "unavailable", True)


async def nothing_is_stored(sim: Simulator) -> bool:
    (uses,) = await sim.rows("SELECT coalesce(sum(used), 0) FROM consents")
    counts = [await sim.count(table) for table in ("disclosures", "headers", "notices")]
    return [*counts, uses[0]] == [0, 0, 0, 0] and await sim.log("disclosure-stored") == []


async def arrives(sim: Simulator, letter: Letter) -> None:
    """Send a letter and fetch it, now that all is well."""
    assert (await sim.send(letter)).status == 201
    assert (await sim.payload(letter)).body == letter.payload
    assert (await sim.collect(letter)).status == 200
    assert await sim.count("disclosures") == 1


SCRIPTS: dict[str, Callable[[], Counted]] = {
    "500": lambda: on("PUT", Fault(before=500)),
    "503": lambda: on("PUT", Fault(before=503)),
    "403": lambda: on("PUT", Fault(before=403)),
    "404": lambda: on("PUT", Fault(before=404)),
    "500 after storing": lambda: on("PUT", Fault(after=500), times=1),
    "silent": lambda: on("PUT", Fault(silent=True)),
}


@pytest.mark.parametrize("name", set(SCRIPTS) - {"500 after storing"})
async def test_a_document_that_cannot_be_kept_is_refused_and_sent_again(
    sim: Simulator, double: Double, name: str
) -> None:
    letter = sim.letter((await sim.consent(uses="once")).digest)
    double.script = SCRIPTS[name]()

    assert unavailable(await sim.send(letter))
    assert await nothing_is_stored(sim)

    double.script = well
    await arrives(sim, letter)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("500", ("POST", "uploads")),
        ("500", ("PUT", "partNumber")),
        ("500", ("POST", "uploadId")),
        ("silent", ("PUT", "partNumber")),
    ],
)
async def test_a_large_document_fails_at_any_of_its_calls_and_is_sent_again(
    sim: Simulator, double: Double, large: bytes, name: str, call: tuple[str, str]
) -> None:
    letter = sim.letter((await sim.consent(uses="once")).digest, sealed=large)
    method, query = call
    double.script = on(method, SCRIPTS[name]().fault, query=query)

    assert unavailable(await sim.send(letter))
    assert await nothing_is_stored(sim)
    assert not double.objects

    double.script = well
    await arrives(sim, letter)


async def test_what_was_stored_although_it_said_500_is_recognised(
    sim: Simulator, double: Double
) -> None:
    """The library repeats the request and is told that the name is taken: by itself."""
    letter = sim.letter((await sim.consent(uses="once")).digest)
    double.script = on("PUT", Fault(after=500), times=1)

    await arrives(sim, letter)

    assert [*map(len, double.objects)] == [32]


async def test_what_is_stored_and_always_said_to_have_failed_is_swept(
    sim: Simulator, double: Double
) -> None:
    letter = sim.letter((await sim.consent(uses="once")).digest)
    double.script = on("PUT", Fault(after=500), times=2)

    assert unavailable(await sim.send(letter))
    assert await nothing_is_stored(sim)
    assert [*map(len, double.objects)] == [32]

    await remove_leftovers(sim.hub)
    assert not double.objects
    await arrives(sim, letter)


async def test_a_part_with_a_wrong_etag_is_no_document(
    sim: Simulator, double: Double, large: bytes
) -> None:
    letter = sim.letter((await sim.consent(uses="once")).digest, sealed=large)
    double.script = on("PUT", Fault(etag='"wrong"'), query="partNumber")

    assert unavailable(await sim.send(letter))
    assert await nothing_is_stored(sim)
    double.script = well
    await arrives(sim, letter)


async def test_a_store_that_is_gone_takes_no_document_but_every_withdrawal(
    sim: Simulator, double: Double
) -> None:
    consent, other = await sim.consent(uses="once"), await sim.consent()
    stored = await sim.sent(other)
    assert (await sim.call(None, routes.READYZ)).status == 200
    double.script = lambda _: Fault(before=500)
    letter = sim.letter(consent.digest)

    assert unavailable(await sim.send(letter))
    assert unavailable(await sim.payload(stored))
    assert unavailable(await sim.call(None, routes.READYZ))
    assert (await sim.withdraw(other)).status == 200
    assert await sim.count("headers") == 0
    assert (await sim.payload(stored)).status == 404

    double.script = well
    assert (await sim.call(None, routes.READYZ)).status == 200
    assert (await sim.send(letter)).status == 201
    assert (await sim.payload(letter)).body == letter.payload


async def test_a_store_whose_port_is_closed_comes_back_without_a_restart(tmp_path: Path) -> None:
    double = Double()
    async with double.running():
        sim = Simulator(tmp_path, **double.settings)
        # Opened by hand: the hub lives longer than the store.
        hub = sim.running()
        await hub.__aenter__()
        await sim.arrange()
        letter = sim.letter((await sim.consent(uses="once")).digest)
    assert unavailable(await sim.send(letter))
    assert await nothing_is_stored(sim)
    async with double.running():
        await arrives(sim, letter)
    await hub.__aexit__(None, None, None)


async def test_a_slow_store_slows_nobody_else(sim: Simulator, double: Double) -> None:
    consent = await sim.consent(uses="recurring")
    slow = sim.letter(consent.digest)
    going, before = asyncio.Event(), len(double.asked)
    double.script = lambda _: Fault(until=going)

    sending = asyncio.create_task(sim.send(slow))
    while len(double.asked) == before:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    for _ in range(5):
        assert (await sim.call(SENDER, routes.INBOX)).status == 200
    assert not sending.done()
    going.set()

    assert (await sending).status == 201
    assert (await sim.payload(slow)).body == slow.payload


async def test_what_is_not_seen_yet_is_fetched_later(sim: Simulator, double: Double) -> None:
    double.hidden_s = 3600
    letter = await sim.sent()

    assert unavailable(await sim.payload(letter))

    double.hidden_s = 0
    assert (await sim.payload(letter)).body == letter.payload


async def test_pieces_that_are_not_seen_yet_are_joined_later(
    sim: Simulator, double: Double
) -> None:
    letter = sim.letter((await sim.consent()).digest)
    await announce(sim, letter)
    assert (await patch(sim, letter, 0, letter.sealed[:1000])).status == 204
    double.hidden_s = 3600

    assert unavailable(await patch(sim, letter, 1000, letter.sealed[1000:]))
    assert await sim.count("headers") == 0

    double.hidden_s = 0
    looked = await offset(sim, letter)
    assert looked.headers["Upload-Offset"] == str(len(letter.sealed))
    assert (await sim.payload(letter)).body == letter.payload


async def test_a_piece_that_cannot_be_kept_moves_no_offset(sim: Simulator, double: Double) -> None:
    letter = sim.letter((await sim.consent()).digest)
    await announce(sim, letter)
    double.script = on("PUT", Fault(before=500))

    assert unavailable(await patch(sim, letter, 0, letter.sealed[:1000]))
    assert (await offset(sim, letter)).headers["Upload-Offset"] == "0"

    double.script = well
    assert (await patch(sim, letter, 0, letter.sealed)).status == 204
    assert (await sim.payload(letter)).body == letter.payload


async def test_an_object_that_vanished_is_told_as_unavailable_never_as_unknown(
    sim: Simulator, double: Double
) -> None:
    letter = await sim.sent()
    double.objects.clear()

    assert unavailable(await sim.payload(letter))
    assert (await sim.payload(letter, "youth-c")).status == 404


async def test_half_a_body_is_asked_for_again(sim: Simulator, double: Double) -> None:
    letter = await sim.sent()
    double.script = on("GET", Fault(half=True), times=1)

    assert (await sim.payload(letter)).body == letter.payload


async def test_half_a_body_again_and_again_ends_the_download_short_never_wrong(
    sim: Simulator, double: Double
) -> None:
    letter = await sim.sent()
    double.script = on("GET", Fault(half=True))

    assert unavailable(await sim.payload(letter))

    double.script = well
    assert (await sim.payload(letter)).body == letter.payload


async def test_what_cannot_be_deleted_now_is_deleted_later(sim: Simulator, double: Double) -> None:
    from exchange.hub.sweep import sweep

    letter = await sim.sent()
    await sim.collect(letter)
    await sim.acknowledge(letter)
    double.script = on("POST", Fault(before=500), query="delete")
    await sweep(sim.hub, leftovers=False)
    assert [*map(len, double.objects)] == [32]

    double.script = well
    await sweep(sim.hub, leftovers=False)
    assert not double.objects


async def test_a_refused_document_is_refused_although_its_payload_cannot_be_deleted(
    sim: Simulator, double: Double
) -> None:
    letter = sim.letter((await sim.consent()).digest)
    damaged = letter.sealed[:-1] + bytes([letter.sealed[-1] ^ 1])
    double.script = on("POST", Fault(before=500), query="delete")

    answer = await sim.call(
        SENDER,
        routes.DISCLOSE,
        body=letter.manifest + b"\n" + damaged,
        headers={"Content-Type": routes.DISCLOSURE},
    )

    assert answer.status == 422
    assert [*map(len, double.objects)] == [32]  # a row names it no more than what a crash leaves
    double.script = well
    await remove_leftovers(sim.hub)
    assert not double.objects


async def test_every_body_that_is_put_is_signed_with_its_digest(
    sim: Simulator, double: Double, large: bytes
) -> None:
    """The double refuses any other, as a real server does: that is what guards the way there."""
    await sim.sent(sealed=large)

    kinds = {(one.method, "partNumber" in one.query) for one in double.asked}
    assert {("PUT", True), ("POST", False)} <= kinds
