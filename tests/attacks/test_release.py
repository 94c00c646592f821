"""A47: the header by any other way than the gate."""

import asyncio
from typing import Any

import pytest

from exchange.canonical import b64u, unb64u
from exchange.wire import routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import Operation
from tests import needs
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Letter, sealed_to

pytestmark = [pytest.mark.gate, needs.both_databases()]


def pieces(letter: Letter) -> list[bytes]:
    """Return what would give the header away: its stanza and its code, raw and as JSON has it."""
    header = letter.header
    body = header.split(b"\n")[2]
    mac = header.rsplit(b"--- ", 1)[1].strip()
    return [body[:32], mac, b64u(header).encode()[:64]]


async def test_no_route_but_the_collection_shows_a_byte_of_the_header(parties: Parties) -> None:
    world = await parties.world("stored")
    marks = pieces(world.letter)
    for caller in (SENDER, RECIPIENT, COLLECTOR, PARTY, OUTSIDER):
        for operation in OPERATIONS:
            if operation.method != "GET" or not operation.authenticated:
                continue
            options: dict[str, Any] = (
                {"id": parties._id(operation, world)} if "{id}" in operation.path else {}
            )
            answer = await parties.call(caller, operation, **options)
            assert not [mark for mark in marks if mark in answer.body], operation.name


@pytest.mark.parametrize(
    "ranges", ["bytes=0-10", "bytes=-1", "bytes=0-", "bytes=0-0,1-1", "bytes=-99999", "bytes=1-0"]
)
async def test_a_payload_begins_behind_the_header_whatever_range_is_asked(
    parties: Parties, ranges: str
) -> None:
    world = await parties.world("stored")
    answer = await parties.payload(world.letter, headers={"Range": ranges})

    assert answer.status in {200, 206, 416}
    if answer.status != 416:
        assert answer.body in world.letter.payload
        total = answer.headers.get("Content-Range", f"/{len(answer.body)}").split("/")[1]
        assert int(total) == len(world.letter.payload)


async def test_nothing_is_released_before_it_is_stored(parties: Parties) -> None:
    world = await parties.world("announced")
    half = len(world.letter.sealed) // 2
    assert (await parties.patch(world.letter, 0, world.letter.sealed[:half])).status == 204
    for caller in (RECIPIENT, SENDER):
        assert (await parties.collect(world.letter, caller)).status == 404
        assert (await parties.payload(world.letter, caller)).status == 404


async def test_a_collection_is_decided_anew_every_time(parties: Parties) -> None:
    key = {"Idempotency-Key": "once-collected"}
    world = await parties.world("stored")
    first = await parties.collect(world.letter, headers=key)
    second = await parties.collect(world.letter, headers=key)
    assert unb64u(first.json["header"]) == unb64u(second.json["header"]) == world.letter.header
    assert len(await parties.log("disclosure-collected")) == 1

    assert (await parties.withdraw(world.consent)).status == 200

    for headers in ({}, key, {"If-None-Match": "*"}, {"Cache-Control": "only-if-cached"}):
        again = await parties.collect(world.letter, headers=headers)
        assert again.status == 404
        assert not [mark for mark in pieces(world.letter) if mark in again.body]


@pytest.mark.parametrize("method", ["HEAD", "GET", "OPTIONS", "PUT"])
async def test_a_collection_has_one_method(parties: Parties, method: str) -> None:
    world = await parties.world("stored")
    other = Operation(name="x", method=method, path=routes.COLLECT.path, summary="")
    answer = await parties.call(RECIPIENT, other, id=world.letter.id)

    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert await parties.log("disclosure-collected") == []


async def test_answers_with_a_header_are_kept_by_nobody(parties: Parties) -> None:
    world = await parties.world("stored")
    for answer in (await parties.payload(world.letter), await parties.collect(world.letter)):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_header_lies_in_one_column_and_nowhere_else(parties: Parties) -> None:
    key = {"Idempotency-Key": "kept"}
    world = await parties.world("stored")
    assert (await parties.collect(world.letter, headers=key)).status == 200
    holding = set()
    for table in await parties.table_names():
        for row in await parties.rows(f"SELECT * FROM {table}"):  # noqa: S608 - our own tables
            for value in row:
                raw = value if isinstance(value, bytes) else str(value).encode()
                if any(mark in raw for mark in pieces(world.letter)):
                    holding.add(table)
    assert holding == {"headers"}
    blobs = [path for path in (parties.home / "payloads").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in blobs] == [world.letter.payload]

    await parties.withdraw(world.consent)
    assert await parties.count("headers") == 0


async def test_a_withdrawal_cuts_a_payload_that_is_under_way(parties: Parties) -> None:
    consent = await parties.consent()
    letter = parties.letter(consent.digest, sealed=sealed_to(RECIPIENT, bytes(31 * 1024 * 1024)))
    assert (await parties.send(letter)).status == 201
    reader, writer = await asyncio.open_connection("127.0.0.1", parties.port, limit=4096)
    writer.write(
        f"GET /v1/disclosures/{letter.id}/payload HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{parties.port}\r\n"
        f"Authorization: Bearer {parties.token(RECIPIENT)}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    assert (await parties.withdraw(consent)).status == 200

    got = 0
    try:
        async with asyncio.timeout(60):
            while piece := await reader.read(65536):
                got += len(piece)
    except ConnectionResetError:
        pass
    writer.close()
    assert got < len(letter.payload)
