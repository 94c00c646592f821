"""A46: resumable uploads: what is announced, what arrives, in which order, and from whom."""

import asyncio
import io
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiotus
import pytest
from tusclient import client as tusclient

from exchange.hub.http.uploads import CREATE, OPTIONS
from exchange.hub.sweep import sweep
from exchange.wire import routes
from exchange.wire.routes import Operation
from tests import needs
from tests.attacks.parties import TUS, Parties
from tests.ports import free_port
from tests.simulator import (
    GENEROUS,
    OUTSIDER,
    RECIPIENT,
    SENDER,
    Letter,
    sealed_to,
)

SCRIPT: Final = needs.FOREIGN.parent / "tus.mjs"

pytestmark = pytest.mark.gate


@pytest.fixture
async def letter(parties: Parties) -> Letter:
    found = parties.letter((await parties.consent()).digest)
    assert (await parties.announce(found)).json["state"] == "announced"
    return found


async def offset(parties: Parties, letter: Letter) -> int:
    found = await parties.offset(letter)
    assert found.status == 200
    return int(found.headers["Upload-Offset"])


async def test_only_the_announced_length_is_taken(parties: Parties, letter: Letter) -> None:
    size = len(letter.sealed)
    wrong = [
        {"Upload-Length": str(size + 1)},
        {"Upload-Length": str(size - 1)},
        {"Upload-Length": "0"},
        {"Upload-Length": f"+{size}"},
        {"Upload-Length": f"0{size}"},
        {"Upload-Length": "-1"},
        {"Upload-Length": "99999999999999999999"},
        {"Upload-Defer-Length": "1"},
        {},
    ]
    for headers in wrong:
        answer = await parties.call(SENDER, CREATE, id=letter.id, headers={**TUS, **headers})
        assert answer.status == 400, headers
    right = {**TUS, "Upload-Length": str(size)}
    created = await parties.call(SENDER, CREATE, id=letter.id, headers=right)
    assert created.status == 201
    assert created.headers["Location"].startswith(parties.origin)
    assert await offset(parties, letter) == 0


async def test_extensions_that_are_not_offered_do_nothing(parties: Parties, letter: Letter) -> None:
    size = str(len(letter.sealed))
    for headers in ({"Upload-Concat": "partial"}, {"Upload-Metadata": "filename AAAA"}):
        answer = await parties.call(
            SENDER, CREATE, id=letter.id, headers={**TUS, "Upload-Length": size, **headers}
        )
        assert answer.status in {201, 400}
    override = await parties.patch(letter, 0, b"x", X_HTTP_Method_Override="DELETE")
    assert override.status in {204, 400}
    delete = Operation(name="x", method="DELETE", path=routes.UPLOAD.path, summary="")
    assert (await parties.call(SENDER, delete, id=letter.id, headers=TUS)).status == 405
    offered = await parties.call(SENDER, OPTIONS, id=letter.id, headers=TUS)
    assert offered.headers["Tus-Extension"] == "creation"


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0", "1.0.0, 1.0.0", "2.0.0"])
async def test_another_version_is_refused(parties: Parties, letter: Letter, version: str) -> None:
    answer = await parties.patch(letter, 0, b"x", Tus_Resumable=version)
    assert answer.status == 412
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert await offset(parties, letter) == 0


async def test_another_media_type_or_offset_is_refused(parties: Parties, letter: Letter) -> None:
    assert (await parties.patch(letter, 0, letter.sealed[:10])).status == 204
    for media in ("application/octet-stream", "text/plain", routes.MANIFEST):
        assert (await parties.patch(letter, 10, b"x", Content_Type=media)).status == 415
    for start in ("9", "11", "0", str(len(letter.sealed)), "9007199254740992"):
        answer = await parties.patch(letter, 10, b"x", Upload_Offset=start)
        assert answer.status in {409, 413}, start
    for start in ("-1", "+10", "010", "0x0a", "1e1", "10.0", "", " ", "99999999999999999"):
        answer = await parties.patch(letter, 10, b"x", Upload_Offset=start)
        assert answer.status == 400, start
    assert await offset(parties, letter) == 10


async def test_more_bytes_than_announced_are_dropped(parties: Parties, letter: Letter) -> None:
    before = await offset(parties, letter)
    assert (await parties.patch(letter, 0, letter.sealed + b"x")).status == 413
    assert await offset(parties, letter) == before
    assert (await parties.patch(letter, 0, letter.sealed)).status == 204
    assert (await parties.collect(letter)).status == 200


async def test_of_two_pieces_for_one_place_one_is_taken(parties: Parties, letter: Letter) -> None:
    half = len(letter.sealed) // 2
    for start, end in ((0, half), (half, len(letter.sealed))):
        pieces = [parties.patch(letter, start, letter.sealed[start:end]) for _ in range(4)]
        statuses = sorted(answer.status for answer in await asyncio.gather(*pieces))
        assert statuses[0] == 204
        assert set(statuses[1:]) <= {404, 409}
    assert len(await parties.log("disclosure-stored")) == 1
    assert await offset(parties, letter) == len(letter.sealed)
    assert (await parties.collect(letter)).status == 200


async def test_nothing_is_patched_after_completion_end_or_expiry(parties: Parties) -> None:
    consent = await parties.consent()
    done, recalled, late, ended = (parties.letter(consent.digest) for _ in range(4))
    for one in (done, recalled, late, ended):
        assert (await parties.announce(one)).status == 201
    assert (await parties.patch(done, 0, done.sealed)).status == 204
    assert (await parties.call(SENDER, routes.RECALL, id=recalled.id)).status == 200
    for one in (done, recalled):
        assert (await parties.patch(one, len(one.sealed), b"x")).status == 404
        assert (await parties.patch(one, 0, one.sealed)).status == 404
    assert (await parties.withdraw(consent)).status == 200
    assert (await parties.patch(ended, 0, ended.sealed)).status == 404
    assert (await parties.offset(ended)).status == 404

    other = await parties.consent()
    late = parties.letter(other.digest)
    assert (await parties.announce(late)).status == 201
    assert (await parties.patch(late, 0, late.sealed[:9])).status == 204
    parties.later(days=1, seconds=1)
    await sweep(parties.hub, leftovers=True)
    assert (await parties.patch(late, 9, late.sealed[9:])).status == 404
    assert await parties.count("upload_pieces") == 0
    assert len(await parties.log("disclosure-stored")) == 1


async def test_a_foreign_sender_finds_no_upload(parties: Parties, letter: Letter) -> None:
    for caller in (OUTSIDER, RECIPIENT):
        assert (await parties.patch(letter, 0, letter.sealed, caller)).status == 404
        assert (await parties.offset(letter, caller)).status == 404
    assert await offset(parties, letter) == 0


async def test_the_hundred_and_first_open_upload_is_refused(parties: Parties) -> None:
    consent = await parties.consent()
    statuses = [(await parties.announce(parties.letter(consent.digest))).status for _ in range(101)]
    assert statuses == [201] * 100 + [429]
    (used,) = await parties.rows("SELECT used FROM consents")
    assert used[0] == 0


async def test_pieces_that_are_not_the_document_end_the_upload(
    parties: Parties, letter: Letter
) -> None:
    wrong = letter.sealed[:-1] + bytes([letter.sealed[-1] ^ 1])
    assert (await parties.patch(letter, 0, wrong)).status in {400, 422}
    assert (await parties.offset(letter)).status == 404
    assert await parties.log("disclosure-stored") == []
    await sweep(parties.hub, leftovers=True)
    assert [path for path in (parties.home / "payloads").rglob("*") if path.is_file()] == []


class Cutting:
    """A way to the hub that breaks connections after so many bytes each, as often as told."""

    def __init__(self, after: list[int]) -> None:
        self.after = after
        self.port = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, into = await asyncio.open_connection("127.0.0.1", self.port)
        back = asyncio.create_task(self._pump(onward, writer))
        await self._pump(reader, into, cut=True)
        into.close()
        back.cancel()
        await asyncio.wait({back})
        writer.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, cut: bool = False
    ) -> None:
        carried = 0
        with suppress(ConnectionError, asyncio.CancelledError):
            while piece := await source.read(16_384):
                carried += len(piece)
                sink.write(piece)
                await sink.drain()
                if cut and self.after and carried >= self.after[0]:
                    self.after.pop(0)
                    return


@asynccontextmanager
async def behind(root: Path, cutting: Cutting) -> AsyncIterator[tuple[Parties, Letter]]:
    """Serve a hub that is reached through `cutting` only, with a large document announced."""
    parties = Parties(root, agency=GENEROUS)
    reached, parties.port = parties.port, free_port()
    cutting.port = parties.port
    server = await asyncio.start_server(cutting.carry, "127.0.0.1", reached)
    async with server, parties.running():
        await parties.arrange()
        consent = await parties.consent()
        letter = parties.letter(consent.digest, sealed=sealed_to(RECIPIENT, bytes(1024 * 1024)))
        assert (await parties.announce(letter)).status == 201
        yield parties, letter


async def test_an_unmodified_aiotus_gets_through_broken_connections(tmp_path: Path) -> None:
    cutting = Cutting([300_000, 200_000])
    async with behind(tmp_path, cutting) as (parties, letter):
        location = await aiotus.upload(
            parties.origin + routes.UPLOAD.path.replace("{id}", letter.id),
            io.BytesIO(letter.sealed),
            client_session=parties.http,
            chunksize=500_000,
            headers={"Authorization": f"Bearer {parties.token(SENDER)}"},
            config=aiotus.RetryConfiguration(retry_attempts=9, max_retry_period_seconds=0.2),
        )
        assert location is not None
        assert cutting.after == []
        assert (await parties.collect(letter)).status == 200


async def test_an_unmodified_tuspy_resumes_where_it_broke(tmp_path: Path) -> None:
    cutting = Cutting([300_000, 200_000])
    async with behind(tmp_path, cutting) as (parties, letter):
        place = parties.origin + routes.UPLOAD.path.replace("{id}", letter.id)
        headers = {"Authorization": f"Bearer {parties.token(SENDER)}"}

        def upload(stop_at: int | None) -> None:
            client = tusclient.TusClient(place, headers=headers)
            with io.BytesIO(letter.sealed) as stream:
                uploader = client.uploader(
                    file_stream=stream, url=place, chunk_size=400_000, retries=9, retry_delay=0
                )
                uploader.upload(stop_at=stop_at)

        for stop_at in (400_000, None):  # the second time by a process that knows only the place
            await asyncio.to_thread(upload, stop_at)

        assert cutting.after == []
        assert await offset(parties, letter) == len(letter.sealed)
        assert (await parties.collect(letter)).status == 200


async def tus_js_client(
    parties: Parties, letter: Letter, root: Path, *stop_after: str
) -> tuple[int, list[list[str]]]:
    """Upload in a process of its own; return its exit code and its requests: method, offset."""
    (root / "sealed").write_bytes(letter.sealed)
    place = parties.origin + routes.UPLOAD.path.replace("{id}", letter.id)
    client = await asyncio.create_subprocess_exec(
        *("node", str(SCRIPT), place, str(root / "sealed"), str(root / "places.json")),
        *stop_after,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    made, _ = await client.communicate(f"Bearer {parties.token(SENDER)}".encode())
    assert client.returncode is not None
    return client.returncode, [line.split() for line in made.decode().splitlines()]


@needs.node()
@needs.foreign("tus-js-client")
async def test_an_unmodified_tus_js_client_resumes_after_it_was_killed(tmp_path: Path) -> None:
    cutting = Cutting([300_000, 200_000])
    async with behind(tmp_path, cutting) as (parties, letter):
        killed, first = await tus_js_client(parties, letter, tmp_path, "400000")
        assert killed == -signal.SIGKILL
        assert first[:3] == [["POST"], ["PATCH", "0"], ["HEAD"]]
        assert cutting.after == []
        kept = await offset(parties, letter)
        assert 400_000 <= kept < len(letter.sealed)

        done, second = await tus_js_client(parties, letter, tmp_path)
        assert done == 0
        assert second[:2] == [["HEAD"], ["PATCH", str(kept)]]
        assert ["POST"] not in second
        assert await offset(parties, letter) == len(letter.sealed)
        assert (await parties.collect(letter)).status == 200
