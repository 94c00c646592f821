"""tus 1.0.0 at /v1/disclosures/{id}/upload: pieces, resumption, the end of a consent in between."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from exchange.hub import upload
from exchange.hub.http.uploads import CREATE, OFFSET, OPTIONS
from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Letter, Simulator

TUS = {"Tus-Resumable": "1.0.0"}


async def announce(sim: Simulator, letter: Letter) -> Answer:
    return await sim.call(
        SENDER, routes.DISCLOSE, body=letter.manifest, headers={"Content-Type": routes.MANIFEST}
    )


async def patch(sim: Simulator, letter: Letter, start: int, piece: bytes, **headers: str) -> Answer:
    given = {
        **TUS,
        "Content-Type": routes.OFFSET_STREAM,
        "Upload-Offset": str(start),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return await sim.call(SENDER, routes.UPLOAD, id=letter.id, body=piece, headers=given)


async def offset(sim: Simulator, letter: Letter, agency: str = SENDER) -> Answer:
    return await sim.call(agency, OFFSET, id=letter.id, headers=TUS)


@pytest.fixture
async def letter(sim: Simulator) -> Letter:
    announced = sim.letter((await sim.consent()).digest)
    answer = await announce(sim, announced)
    assert answer.status == 201
    assert answer.json["state"] == "announced"
    assert answer.json["upload"] == f"{sim.origin}/v1/disclosures/{announced.id}/upload"
    return announced


async def test_pieces_arrive_and_the_last_one_stores_the_disclosure(
    sim: Simulator, letter: Letter
) -> None:
    middle = 1000
    assert (await sim.inbox()) == []

    first = await patch(sim, letter, 0, letter.sealed[:middle])
    between = await offset(sim, letter)
    second = await patch(sim, letter, middle, letter.sealed[middle:])
    after = await offset(sim, letter)

    assert (first.status, first.headers["Upload-Offset"]) == (204, "1000")
    assert between.headers["Upload-Length"] == str(len(letter.sealed))
    assert (second.status, second.headers["Upload-Offset"]) == (204, str(len(letter.sealed)))
    assert after.headers["Upload-Offset"] == str(len(letter.sealed))
    assert all(one.headers["Tus-Resumable"] == "1.0.0" for one in (first, between, after))
    (entry,) = await sim.inbox()
    assert entry["disclosure"]["id"] == letter.id
    assert (await sim.payload(letter)).body == letter.payload
    assert [one["kind"] for one in await sim.log("disclosure-stored")] == ["disclosure-stored"]


async def test_what_the_server_can_is_told_without_an_upload(sim: Simulator) -> None:
    answer = await sim.call(SENDER, OPTIONS, id="06060606-0606-4606-8606-060606060606")

    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation"
    assert int(answer.headers["Tus-Max-Size"]) == sim.hub.rules.max_size


async def test_creation_points_a_foreign_client_at_the_upload(
    sim: Simulator, letter: Letter
) -> None:
    size = str(len(letter.sealed))
    right = await sim.call(SENDER, CREATE, id=letter.id, headers={**TUS, "Upload-Length": size})
    again = await sim.call(SENDER, CREATE, id=letter.id, headers={**TUS, "Upload-Length": size})
    wrong = await sim.call(SENDER, CREATE, id=letter.id, headers={**TUS, "Upload-Length": "1"})

    assert (right.status, again.status, wrong.status) == (201, 201, 400)
    assert right.headers["Location"] == f"{sim.origin}/v1/disclosures/{letter.id}/upload"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus_Resumable": "0.2.2"}, 412),
        ({"Content_Type": "application/octet-stream"}, 415),
        ({"Upload_Offset": "1"}, 409),
        ({"Upload_Offset": "-1"}, 400),
        ({"Upload_Offset": "+0"}, 400),
        ({"Upload_Offset": "00"}, 400),
        ({"Upload_Offset": "99999999"}, 409),
    ],
)
async def test_a_piece_that_does_not_fit_is_refused_and_leaves_nothing(
    sim: Simulator, letter: Letter, headers: dict[str, str], status: int
) -> None:
    answer = await patch(sim, letter, 0, b"x" * 100, **headers)

    assert answer.status == status
    assert (await offset(sim, letter)).headers["Upload-Offset"] == "0"
    assert list((sim.home / "payloads").iterdir()) == []


async def test_more_bytes_than_announced_are_413_and_dropped(
    sim: Simulator, letter: Letter
) -> None:
    answer = await patch(sim, letter, 0, letter.sealed + b"x")

    assert answer.status == 413
    assert (await offset(sim, letter)).headers["Upload-Offset"] == "0"


async def test_of_two_racing_pieces_one_wins(sim: Simulator, letter: Letter) -> None:
    answers = await asyncio.gather(*(patch(sim, letter, 0, letter.sealed[:500]) for _ in range(4)))

    assert sorted(one.status for one in answers) == [204, 409, 409, 409]
    assert (await offset(sim, letter)).headers["Upload-Offset"] == "500"


async def test_an_upload_dies_with_its_consent_and_sends_nothing(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = sim.letter(consent.digest)
    await announce(sim, letter)
    await patch(sim, letter, 0, letter.sealed[:1000])

    await sim.withdraw(consent, SENDER)
    rest = await patch(sim, letter, 1000, letter.sealed[1000:])

    assert rest.status == 404
    assert (await offset(sim, letter)).status == 404
    assert await sim.inbox() == []
    assert await sim.log("disclosure-stored") == []


async def test_wrong_bytes_end_the_upload(sim: Simulator, letter: Letter) -> None:
    wrong = letter.sealed[:-1] + bytes([letter.sealed[-1] ^ 1])

    answer = await patch(sim, letter, 0, wrong)

    assert answer.status == 422
    assert (await offset(sim, letter)).status == 404
    assert await sim.inbox() == []
    assert await sim.count("headers") == 0


async def test_a_crash_before_completion_is_made_good_by_the_next_look(
    sim: Simulator, letter: Letter
) -> None:
    found = await upload.find(sim.hub, letter.id, SENDER)
    await upload.add_piece(sim.hub, found, SENDER, 0, arriving(letter.sealed))  # then a crash
    assert await sim.inbox() == []

    looked = await offset(sim, letter)

    assert looked.headers["Upload-Offset"] == str(len(letter.sealed))
    assert [one["disclosure"]["id"] for one in await sim.inbox()] == [letter.id]


async def arriving(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_announcing_twice_is_one_upload(sim: Simulator, letter: Letter) -> None:
    again = await announce(sim, letter)

    assert (again.status, again.json["state"]) == (201, "announced")
    assert await sim.count("disclosures") == 1


async def test_an_announced_document_may_still_come_in_one_shot(
    sim: Simulator, letter: Letter
) -> None:
    stored = await sim.send(letter)

    assert (stored.status, stored.json["state"]) == (201, "stored")
    assert (await sim.collect(letter, RECIPIENT)).status == 200
    assert (await offset(sim, letter, OUTSIDER)).status == 404


async def test_one_more_open_upload_than_allowed_is_refused(sim: Simulator) -> None:
    consent = await sim.consent()
    letters = [sim.letter(consent.digest) for _ in range(101)]

    answers = [await announce(sim, one) for one in letters]

    assert [one.status for one in answers] == 100 * [201] + [429]


async def test_the_pieces_go_as_soon_as_the_whole_is_stored(sim: Simulator, letter: Letter) -> None:
    await patch(sim, letter, 0, letter.sealed[:3000])
    await patch(sim, letter, 3000, letter.sealed[3000:])

    kept = [path.read_bytes() for path in (sim.home / "payloads").rglob("*") if path.is_file()]

    assert kept == [letter.payload]
    assert await sim.rows("SELECT * FROM upload_pieces") == []
