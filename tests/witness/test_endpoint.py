"""exchange.witness.endpoint: the protocol's table over real sockets, answer by answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from exchange.audit.note import Note, SigningKey, read_lines, read_note, verified, verifying
from exchange.audit.submission import MOST_BYTES, Submission, write_submission
from exchange.witness import endpoint
from exchange.witness.cosign import Cosigner
from exchange.witness.endpoint import application
from exchange.witness.memory import file_name
from tests.logs import LOG_KEY, ORIGIN, WITNESS_KEY, Log, random_leaves
from tests.witness.watching import Clock, asked, witness

LOG = Log(random_leaves(300))
FORK = Log(random_leaves(300, "fork"))
SOON_S = 60.0
"""More than a busy machine needs."""
OTHER = SigningKey("other.example/log", LOG_KEY.type, b"\x08" * 32)


@dataclass
class Asked:
    """A witness that listens, and somebody who asks it over one connection."""

    session: aiohttp.ClientSession
    address: str
    cosigner: Cosigner
    clock: Clock

    async def add(self, body: bytes) -> tuple[int, bytes, str]:
        """Return status, body and media type of an answer."""
        async with self.session.post(f"{self.address}/add-checkpoint", data=body) as answer:
            return answer.status, await answer.read(), answer.headers["Content-Type"]

    async def show(self, name: str) -> tuple[int, bytes]:
        """Return status and body of what the witness shows of a log."""
        async with self.session.get(f"{self.address}/{name}/checkpoint") as answer:
            return answer.status, await answer.read()


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Asked]:
    clock = Clock()
    with witness(tmp_path / "state", clock) as cosigner:
        runner = web.AppRunner(application(cosigner), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with aiohttp.ClientSession() as session:
                yield Asked(session, address, cosigner, clock)
        finally:
            await runner.cleanup()


async def test_a_head_that_continues_is_cosigned_and_shown(listening: Asked) -> None:
    assert await listening.show(file_name(ORIGIN)) == (404, b"404: Not Found")

    for old, size in ((0, 1), (1, 2), (2, 300), (300, 300)):
        status, line, kind = await listening.add(asked(LOG, old, size))

        assert (status, kind) == (200, "text/plain")
        note = read_note(LOG.note(size))
        assert verified(Note(note.text, read_lines(line)), [verifying(WITNESS_KEY)])
        assert await listening.show(file_name(ORIGIN)) == (200, LOG.note(size) + line)


async def test_what_is_malformed_is_400(listening: Asked) -> None:
    extension = write_submission(Submission(0, (), LOG.note(1).replace(b"\n1\n", b"\n01\n")))
    for body in (b"", b"old 1\n", b"old 01\n\n" + LOG.note(3), b"old 0\n\nnothing", extension):
        assert (await listening.add(body))[0] == 400


async def test_a_log_that_is_not_watched_is_404(listening: Asked) -> None:
    note = Log(LOG.leaves, key=OTHER, origin=OTHER.name).note(3)

    assert (await listening.add(write_submission(Submission(0, (), note))))[0] == 404
    assert (await listening.show(file_name(OTHER.name)))[0] == 404
    assert (await listening.show("not-a-name"))[0] == 404


async def test_what_its_log_has_not_signed_is_403(listening: Asked) -> None:
    note = Log(LOG.leaves, key=OTHER).note(3)

    assert (await listening.add(write_submission(Submission(0, (), note))))[0] == 403
    assert (await listening.show(file_name(ORIGIN)))[0] == 404


async def test_an_old_size_above_the_offered_one_is_400(listening: Asked) -> None:
    assert (await listening.add(write_submission(Submission(4, (), LOG.note(3)))))[0] == 400


async def test_another_old_size_is_409_with_the_right_one(listening: Asked) -> None:
    assert await listening.add(asked(LOG, 2, 3)) == (409, b"0\n", "text/x.tlog.size")
    await listening.add(asked(LOG, 0, 7))
    assert await listening.add(asked(LOG, 0, 9)) == (409, b"7\n", "text/x.tlog.size")
    assert (await listening.add(asked(LOG, 7, 9)))[0] == 200


async def test_a_fork_is_422_and_changes_nothing(listening: Asked, tmp_path: Path) -> None:
    _, line, _ = await listening.add(asked(LOG, 0, 7))

    for request in (asked(FORK, 7, 7), asked(FORK, 7, 300)):
        assert (await listening.add(request))[:2] == (422, b"")
    assert await listening.show(file_name(ORIGIN)) == (200, LOG.note(7) + line)
    assert len(list((tmp_path / "state" / "conflict").iterdir())) == 2


async def test_a_clock_that_went_back_is_503_and_nothing_is_signed(listening: Asked) -> None:
    _, line, _ = await listening.add(asked(LOG, 0, 7))
    listening.clock.move(-60)

    assert (await listening.add(asked(LOG, 7, 9)))[:2] == (503, b"")
    assert await listening.show(file_name(ORIGIN)) == (200, LOG.note(7) + line)


async def test_a_note_with_sixteen_lines_is_cosigned(listening: Asked) -> None:
    strangers = [
        SigningKey(f"stranger.example/{number}", WITNESS_KEY.type, bytes([number + 20]) * 32)
        for number in range(15)
    ]
    crowded = Log(LOG.leaves, witnesses=strangers).note(7)

    status, line, _ = await listening.add(write_submission(Submission(0, (), crowded)))

    assert status == 200
    assert await listening.show(file_name(ORIGIN)) == (200, LOG.note(7) + line)


async def test_a_body_above_the_largest_is_refused(listening: Asked) -> None:
    assert (await listening.add(b"old 0\n\n" + b"x" * (MOST_BYTES - 7)))[0] == 400
    status, body, _ = await listening.add(b"old 0\n\n" + b"x" * MOST_BYTES)
    assert status == 413
    assert b"xxx" not in body


async def test_of_two_requests_at_once_one_is_told_the_other_size(listening: Asked) -> None:
    await listening.add(asked(LOG, 0, 5))

    answers = await asyncio.gather(
        *(listening.add(asked(LOG, 5, size)) for size in (9, 10, 11, 12))
    )

    (won,) = (size for size, one in zip((9, 10, 11, 12), answers, strict=True) if one[0] == 200)
    assert sorted(one[0] for one in answers) == [200, 409, 409, 409]
    assert {one[1] for one in answers if one[0] == 409} == {f"{won}\n".encode()}
    assert (await listening.show(file_name(ORIGIN)))[1].startswith(LOG.note(won))


async def test_many_requests_share_one_connection(listening: Asked) -> None:
    connector = aiohttp.TCPConnector(limit=1)
    opened: list[None] = []
    trace = aiohttp.TraceConfig()

    async def counted(*_: object) -> None:
        opened.append(None)

    trace.on_connection_create_end.append(counted)
    async with aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session:
        asker = Asked(session, listening.address, listening.cosigner, listening.clock)
        for old, size in ((0, 1), (1, 2), (0, 9), (2, 3)):
            await asker.add(asked(LOG, old, size))

    assert len(opened) == 1


async def test_a_request_that_does_not_arrive_is_not_waited_for(
    listening: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "BODY_S", 0.2)
    port = int(listening.address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nold")
    async with asyncio.timeout(SOON_S):
        assert (await reader.readline()).split()[1] == b"408"
    writer.close()
    await writer.wait_closed()
