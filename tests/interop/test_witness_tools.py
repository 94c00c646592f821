"""A witness written elsewhere, in Go on `sumdb/note` and `tlog`: it and ours answer alike."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from exchange.audit.merkle import consistency_path
from exchange.audit.note import ED25519, Note, SigningKey, read_note, sign, write_line, write_note
from exchange.audit.submission import Refusal, Submission, write_submission
from exchange.statement import seconds
from exchange.witness.endpoint import STATUS
from tests import needs
from tests.hub.witnessing import Watching, offering, watched, witness_key
from tests.logs import AT, LOG_KEY, ORIGIN, WITNESS_KEY, Log, random_leaves, vkey
from tests.witness.watching import Clock, witness

SOURCE = needs.FOREIGN.parent / "logwitness" / "logwitness.go"
GO_LIBRARIES = Path("/usr/share/gocode")
"""Where Debian's packages of Go libraries lie; nothing is fetched."""
LOG = Log(random_leaves(600))
FORK = Log([*random_leaves(5), *random_leaves(595, "fork")])
EMPTY_OF_SOME = f"{ORIGIN}\n0\nntDvnYlPbOU/FQBtrOry7B1Y+lvzVtGBvq5hfe3HFxA=\n".encode()

go = needs.tool("go", "golang-go golang-golang-x-mod-dev")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built from source."""
    folder = tmp_path_factory.mktemp("logwitness")
    offline = {
        "GO111MODULE": "off",
        "GOPATH": str(GO_LIBRARIES),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOCACHE": str(folder / "cache"),
    }
    subprocess.run(
        ["go", "build", "-o", folder / "logwitness", SOURCE],
        env={**os.environ, **offline},
        check=True,
    )
    return folder / "logwitness"


class Foreign:
    """The Go witness: one request after the other, over a pipe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def add(self, body: bytes, now: int) -> tuple[int, bytes]:
        """Return status and body of its answer."""
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        writer.write(f"{now} {len(body)}\n".encode() + body)
        await writer.drain()
        status, size = map(int, (await reader.readline()).split())
        return status, await reader.readexactly(size)


@asynccontextmanager
async def foreign(program: Path, log: SigningKey, key: SigningKey) -> AsyncIterator[Foreign]:
    process = await asyncio.create_subprocess_exec(
        *(program, vkey(log), key.name, key.seed.hex()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Foreign(process)
    finally:
        process.kill()
        await process.wait()


def request(old: int, size: int, log: Log = LOG, proof: Log = LOG) -> bytes:
    path = consistency_path(proof.row, old, size) if 0 < old < size else ()
    return write_submission(Submission(old, path, log.note(size)))


def requests() -> Iterator[bytes]:
    """Every row of the protocol's table, in an order in which each is met."""
    other = SigningKey("other.example/log", ED25519, b"\x08" * 32)
    strangers = [
        SigningKey(f"stranger.example/{number}", WITNESS_KEY.type, bytes([number + 20]) * 32)
        for number in range(15)
    ]
    false = read_note(LOG.note(5))
    yield from (b"", b"old 0\n", b"old 01\n\n" + LOG.note(5), b"new 0\n\n" + LOG.note(5))
    yield b"old 0\nAAAA\n\n" + LOG.note(5)
    yield b"old 0\n\nnothing"
    yield write_submission(Submission(0, (), Log(LOG.leaves, other, origin=other.name).note(5)))
    yield write_submission(Submission(0, (), Log(LOG.leaves, other).note(5)))
    yield write_submission(
        Submission(0, (), write_note(Note(false.text, (sign(b"else\n", LOG_KEY),))))
    )
    yield write_submission(Submission(9, (), LOG.note(5)))  # old above the offered size
    yield request(3, 5)  # nothing is held
    yield write_submission(
        Submission(0, (), write_note(Note(EMPTY_OF_SOME, (sign(EMPTY_OF_SOME, LOG_KEY),))))
    )
    yield write_submission(Submission(0, (b"\0" * 32,), LOG.note(5)))
    yield write_submission(Submission(0, (), Log([]).note(0)))
    yield request(0, 5)
    yield request(0, 5)
    yield request(5, 5)
    yield request(4, 600)
    yield write_submission(Submission(5, (), FORK.note(6)))
    yield request(5, 256, log=FORK, proof=LOG)
    yield request(5, 256, log=LOG, proof=FORK)
    for old, size in ((5, 255), (255, 256), (256, 257), (257, 512), (512, 513), (513, 600)):
        yield request(old, size)
    yield request(600, 600, log=FORK)
    yield write_submission(Submission(600, (b"\0" * 32,), LOG.note(600)))
    yield write_submission(Submission(600, (), Log(LOG.leaves, witnesses=strangers).note(600)))


@go
async def test_both_witnesses_give_the_same_answers_to_every_row_of_the_table(
    program: Path, tmp_path: Path
) -> None:
    statuses = []
    with witness(tmp_path / "state", Clock()) as cosigner:
        async with foreign(program, LOG_KEY, WITNESS_KEY) as other:
            for number, body in enumerate(requests()):
                own = cosigner.add(body)
                if isinstance(own, Refusal):
                    held = f"{own.held}\n".encode() if STATUS[own.reason] == 409 else b""
                    ours = (int(STATUS[own.reason]), held)
                else:
                    ours = (200, write_line(own.line))
                assert await other.add(body, AT) == ours, number
                statuses.append(ours[0])

    assert set(statuses) == {200, 400, 403, 404, 409, 422}


@go
async def test_a_hub_is_witnessed_by_a_witness_written_elsewhere(
    program: Path, tmp_path: Path
) -> None:
    """It verifies our signatures and proofs, and we its cosignatures, head after head."""
    others: list[Foreign] = []

    def answering(_watching: Watching) -> web.Application:
        async def add(request: web.Request) -> web.Response:
            status, body = await others[0].add(await request.read(), seconds(sim.now))
            return web.Response(status=status, body=body)

        app = web.Application()
        app.router.add_post("/add-checkpoint", add)
        return app

    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(watched(tmp_path, "a", served=answering))
        log_key = sim.hub.signer.key
        others.append(await stack.enter_async_context(foreign(program, log_key, witness_key("a"))))
        heads = []
        for again in range(3):
            heads.append(await sim.candidate())
            async with offering(sim) as offers:  # anew each time: told by 409 where it stands
                await offers.look()
            assert await sim.is_witnessed(heads[-1]), again
            await sim.grow(again + 1)

    assert len({head.size for head in heads}) == 3
