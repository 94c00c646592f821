"""The files of the log over HTTP: what is covered by a head, in one spelling, the same for ever."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from exchange.audit import merkle
from exchange.audit.checkpoint import Checkpoint, read_checkpoint
from exchange.audit.leaf import document_leaf
from exchange.audit.note import read_note
from exchange.audit.policy import judge, read_policy
from exchange.audit.submission import MOST_BYTES
from exchange.audit.tiles import (
    Bundle,
    Tile,
    bundle_path,
    bundles_of,
    read_bundle,
    tile_path,
    tiles_of,
)
from exchange.canonical import b64u, sha256_hex, unb64u
from exchange.hub import publish
from exchange.hub.read_log import LogFiles
from exchange.hub.storage import log
from exchange.wire import log_routes, routes
from exchange.wire.routes import Operation
from tests.simulator import OUTSIDER, SENDER, TICKS, Answer, Simulator, statements

LEAVES = 300
"""More than a tile is wide."""
IMMUTABLE = "max-age=31536000, immutable"


def named(path: str) -> Operation:
    return replace(log_routes.LOG_TILE, path=f"/log/{path}")


async def get(sim: Simulator, path: str, agency: str | None = None, **options: Any) -> Answer:
    return await sim.call(agency, named(path), **options)


async def grow(sim: Simulator, count: int) -> None:
    """Let the log grow by public documents, and sign it."""

    def record(conn: Any) -> None:
        for number in range(count):
            log.record_document(conn, f"key-statement/{SENDER}", b"%d" % number, sim.now)

    await sim.hub.db.write(record)
    await sim.settled()


async def name_a_candidate(sim: Simulator) -> Checkpoint:
    """Let so much time pass that the newest head is named, and return it."""
    sim.later(seconds=sim.settings.log.witness_interval_s)
    await publish.publish(sim.hub, sim.settings.log)
    return read_checkpoint(read_note((await get(sim, "candidate")).body).text)


def newest(sim: Simulator) -> Checkpoint:
    assert sim.hub.heads.newest is not None
    return read_checkpoint(read_note(sim.hub.heads.newest.note).text)


@pytest.fixture
async def grown(sim: Simulator) -> Simulator:
    await grow(sim, LEAVES)
    await name_a_candidate(sim)
    return sim


async def test_the_root_of_what_is_served_is_the_one_that_is_signed(grown: Simulator) -> None:
    served = await get(grown, "checkpoint")
    head = judge(grown.hub.signer.policy, served.body).checkpoint
    assert head.size > LEAVES
    leaves = [
        leaf
        for bundle in bundles_of(head.size)
        for leaf in read_bundle((await get(grown, bundle_path(bundle), SENDER)).body, bundle.width)
    ]
    made = merkle.append(merkle.Range(0, ()), map(merkle.leaf_hash, leaves))
    assert merkle.root(made.range) == head.root
    rows = {(piece.level, piece.n): piece.hashes for piece in merkle.pieces(made)}
    for tile in tiles_of(head.size):
        answer = await get(grown, tile_path(tile))
        assert answer.body == rows[tile.level, tile.n]
        assert answer.headers["Cache-Control"] == f"public, {IMMUTABLE}"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_every_past_width_is_the_beginning_of_its_row(grown: Simulator) -> None:
    head = newest(grown)
    tile = (await get(grown, "tile/0/000")).body
    bundle = (await get(grown, "tile/entries/000", SENDER)).body
    for width in (1, 2, 128, 255):
        assert (await get(grown, f"tile/0/000.p/{width}")).body == tile[: 32 * width]
        part = await get(grown, f"tile/entries/000.p/{width}", SENDER)
        assert part.body == bundle[: 51 * width]
    assert (await get(grown, "tile/1/000.p/1")).body == merkle.fold(tile)
    last = head.size - 256
    assert (await get(grown, f"tile/0/001.p/{last}")).status == 200
    for path in (f"tile/0/001.p/{last + 1}", "tile/0/001", "tile/1/000.p/2", "tile/2/000.p/1"):
        answer = await get(grown, path, SENDER)
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")


async def test_strangers_see_up_to_the_named_head_and_agencies_up_to_the_signed_one(
    grown: Simulator,
) -> None:
    candidate = await name_a_candidate(grown)
    await grow(grown, 3)
    ahead = newest(grown).size - 256
    path = f"tile/0/001.p/{ahead}"
    assert newest(grown).size == candidate.size + 3
    assert (await get(grown, path)).status == 404
    known = await get(grown, path, OUTSIDER)
    assert (known.status, known.headers["Cache-Control"]) == (200, f"private, {IMMUTABLE}")
    assert (await get(grown, "checkpoint")).body == (await get(grown, "candidate")).body
    assert await name_a_candidate(grown) == newest(grown)
    assert (await get(grown, path)).body == known.body


@pytest.mark.parametrize(
    "name",
    [
        "0/0",
        "0/00",
        "0/0000",
        "0/x000/000",
        "0/000.p/0",
        "0/000.p/01",
        "0/000.p/256",
        "0/000.p",
        "0/000.p/",
        "0/000/",
        "00/000",
        "64/000",
        "-1/000",
        "0/x001",
        "0",
        "entries",
        "0/1000",
        "0/x999/x999/x999/x999/x999/x999/999",
    ],
)
@pytest.mark.parametrize("kind", ["tile", "entries"])
async def test_every_other_spelling_of_a_tile_does_not_exist(
    served: Simulator, name: str, kind: str
) -> None:
    path = f"tile/{name}" if kind == "tile" else f"tile/entries/{name.removeprefix('0/')}"
    answer = await get(served, path, SENDER)
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")


@pytest.fixture
async def served(sim: Simulator) -> Simulator:
    await sim.settled()
    return sim


async def test_entries_are_for_agencies(served: Simulator) -> None:
    path = bundle_path(Bundle(0, 1))
    without = await get(served, path)
    assert (without.status, without.headers["Cache-Control"]) == (401, "no-store")
    found = await get(served, path, OUTSIDER)
    assert len(found.body) == 51
    assert found.headers["Cache-Control"] == f"private, {IMMUTABLE}"
    assert "Access-Control-Allow-Origin" not in found.headers


@pytest.fixture
async def opened(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Simulator]:
    """A hub whose entries are for everybody, with a key of ML-DSA-44 for its log."""
    simulator = Simulator(tmp_path, log={**TICKS, "entries": "open", "mldsa": True}, **stored_in)
    async with simulator.running():
        await simulator.arrange()
        await simulator.settled()
        yield simulator


async def test_entries_are_for_everybody_where_the_hub_says_so(opened: Simulator) -> None:
    await name_a_candidate(opened)
    found = await get(opened, "tile/entries/000.p/1")
    assert found.headers["Cache-Control"] == f"public, {IMMUTABLE}"
    assert found.headers["Access-Control-Allow-Origin"] == "*"
    (entry,) = read_bundle(found.body, 1)
    document = await get(opened, f"documents/{entry[17:].hex()}")
    assert document_leaf("opened", document.body) == entry


async def test_a_log_with_a_post_quantum_key_has_a_policy_of_its_own_for_it(
    opened: Simulator,
) -> None:
    candidate = await name_a_candidate(opened)
    policy = read_policy((await get(opened, "policy-pq")).body)
    note = (await get(opened, "candidate")).body
    assert judge(policy, note).checkpoint == candidate
    assert judge(opened.hub.signer.policy, note).checkpoint == candidate


async def test_policy_and_heads_say_when_they_have_not_changed(served: Simulator) -> None:
    await name_a_candidate(served)
    assert (await get(served, "policy")).body == served.hub.signer.policy_text
    assert (await get(served, "policy-pq")).status == 404
    for path in ("checkpoint", "candidate", "policy"):
        first = await get(served, path)
        assert first.status == 200, path
        assert first.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert first.headers["Cache-Control"] == "no-cache"
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        etag = first.headers["Etag"]
        again = await get(served, path, headers={"If-None-Match": f'"other", {etag}'})
        assert (again.status, again.body, again.headers["Etag"]) == (304, b"", etag)
        assert (await get(served, path, headers={"If-None-Match": '"other"'})).status == 200
        assert (await get(served, path, query="?a=b")).status == 400
    await served.publish(SENDER)
    await served.settled()
    before = await get(served, "candidate")
    await name_a_candidate(served)
    held = {"If-None-Match": before.headers["Etag"]}
    assert (await get(served, "candidate", headers=held)).status == 200


async def test_before_the_first_named_head_there_is_none(served: Simulator) -> None:
    async with served.still():  # else the next look names a head again
        await served.hub.db.write(_forget_names)
        for path in ("checkpoint", "candidate"):
            assert (await get(served, path)).status == 404
        assert (await get(served, "tile/0/000.p/1")).status == 404


def _forget_names(conn: Any) -> None:
    conn.execute(text("UPDATE log_checkpoint SET candidate_at = NULL, published_at = NULL"))


async def test_a_document_is_found_by_its_digest_once_it_is_an_entry(served: Simulator) -> None:
    stored = await served.publish(SENDER)
    digest = unb64u(stored.json["digest"], size=32).hex()
    await served.settled()
    found = await get(served, f"documents/{digest}")
    assert sha256_hex(found.body) == digest
    assert found.headers["Cache-Control"] == f"public, {IMMUTABLE}"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["Content-Type"] == "application/octet-stream"
    for other in (digest.upper(), digest[:-2], digest + "00", b64u(bytes(32)), "0" * 64, "x" * 64):
        assert (await get(served, f"documents/{other}")).status == 404


async def test_what_an_event_says_is_no_document(served: Simulator) -> None:
    (row,) = await served.rows("SELECT body FROM log_event WHERE chain IS NOT NULL LIMIT 1")
    assert (await get(served, f"documents/{sha256_hex(row.body)}")).status == 404


async def test_a_row_that_is_shorter_than_its_tree_says_is_not_served(grown: Simulator) -> None:
    def cut(conn: Any) -> None:
        conn.exec_driver_sql("UPDATE log_tile SET hashes = substr(hashes, 1, 64) WHERE level = 0")

    await grown.hub.db.write(cut)
    answer = await get(grown, "tile/0/000")
    assert answer.status == 503


async def test_full_tiles_are_kept_in_memory_while_there_is_room(grown: Simulator) -> None:
    roomy, narrow = LogFiles(grown.hub), LogFiles(grown.hub, room=10_000)
    for files, read_again in ((roomy, 0), (narrow, 2)):
        await files.tile(Tile(0, 0), known=True)
        await files.bundle(Bundle(0), known=True)
        with statements(grown.home) as seen:
            await files.tile(Tile(0, 0), known=True)
            await files.bundle(Bundle(0), known=True)
        tiles = [one for one in seen if "FROM log_tile" in one or "FROM log_entry" in one]
        assert len(tiles) >= read_again
        assert bool(tiles) is bool(read_again)


async def test_a_cosignature_is_handed_in_as_text_and_as_little_as_it_needs(
    served: Simulator,
) -> None:
    async def hand_in(body: bytes, kind: str = routes.TEXT, query: str = "") -> int:
        headers = {"Content-Type": kind}
        given = await served.call(
            None, log_routes.LOG_COSIGNATURES, body=body, headers=headers, query=query
        )
        return given.status

    await name_a_candidate(served)
    note = (await get(served, "candidate")).body
    assert await hand_in(note) == 200  # a head of ours that fits: no evidence against it
    assert await hand_in(note, query="?a=b") == 400
    assert await hand_in(note, "application/json") == 415
    assert await hand_in(b"no note") == 400
    assert await hand_in(note[: note.index(b"\n\n") + 2] + b"\xe2\x80\x94 a AAAAAA==\n") in {
        400,
        403,
    }
    assert await hand_in(b"x" * (MOST_BYTES + 1)) == 413


async def test_an_address_that_hands_in_too_much_is_slowed_down(served: Simulator) -> None:
    headers = {"Content-Type": routes.TEXT}
    statuses = [
        (await served.call(None, log_routes.LOG_COSIGNATURES, body=b"x", headers=headers)).status
        for _ in range(60)
    ]
    assert statuses[:50] == [400] * 50
    assert 429 in statuses
