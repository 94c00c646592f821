"""exchange.witness.pull and mirror: a witness without an open port, and the copy it keeps."""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exchange.audit.cosignature import time_of
from exchange.audit.leaf import document_leaf
from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.note import (
    ED25519,
    Note,
    SigningKey,
    read_note,
    verified,
    verifying,
    write_note,
)
from exchange.audit.submission import MOST_BYTES
from exchange.audit.tiles import bundle_path, bundles_of, tile_path, tiles_of
from exchange.errors import (
    LogInvalid,
    Malformed,
    Misconfigured,
    NotFound,
    SplitView,
    Unauthenticated,
    Unavailable,
)
from exchange.witness.look import Copying, Look, look_on, look_once
from exchange.witness.mirror import CHECKPOINT, Mirror, mirror
from exchange.witness.pull import AGAIN, Last, Pulled, pull
from exchange.witness.road import Way, open_road
from tests.logs import AT, ORIGIN, WITNESS_KEY, Log, random_leaves
from tests.witness.watching import Clock, Served, asked, reached, witness

LOG = Log(random_leaves(1300))
FORK = Log([*random_leaves(100), *random_leaves(1200, "fork")])


async def test_a_log_that_grows_is_cosigned_head_by_head(tmp_path: Path) -> None:
    served, clock, last = Served(LOG, 1), Clock(), Last()
    with witness(tmp_path / "state", clock) as cosigner:
        async with reached(served) as road:
            for size in (1, 2, 255, 256, 257, 700, 1300):
                served.size = size

                assert await pull(cosigner, road, ORIGIN, last, now=clock()) is Pulled.COSIGNED

                cosigned = read_note(served.handed_in[-1])
                assert write_note(Note(cosigned.text, read_note(LOG.note(size)).lines)) == (
                    LOG.note(size)
                )
                assert verified(cosigned, [verifying(WITNESS_KEY)])
                assert len(cosigned.lines) == 1
                assert (await pull(cosigner, road, ORIGIN, last, now=clock())) is (
                    Pulled.NOTHING_NEW
                )
    assert len(served.handed_in) == 7


async def test_an_unchanged_head_is_cosigned_again_after_ten_minutes(tmp_path: Path) -> None:
    served, clock, last = Served(LOG, 5), Clock(), Last()
    with witness(tmp_path / "state", clock) as cosigner:
        async with reached(served) as road:
            await pull(cosigner, road, ORIGIN, last, now=clock())
            clock.move(AGAIN.total_seconds() - 1)
            assert await pull(cosigner, road, ORIGIN, last, now=clock()) is Pulled.NOTHING_NEW
            clock.move(1)
            assert await pull(cosigner, road, ORIGIN, last, now=clock()) is Pulled.COSIGNED

    assert [time_of(read_note(one).lines[0]) for one in served.handed_in] == [AT, AT + 600]


async def test_what_could_not_be_handed_in_is_handed_in_by_the_next_program(
    tmp_path: Path,
) -> None:
    served = Served(LOG, 5, status=503)
    async with reached(served) as road:
        with witness(tmp_path / "state") as cosigner:
            with pytest.raises(Unavailable, match="does not take"):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
            assert cosigner.note(ORIGIN) is not None
        served.status = 200  # and the candidate does not travel again
        with witness(tmp_path / "state") as cosigner:
            assert await pull(cosigner, road, ORIGIN, Last(), now=Clock()()) is Pulled.COSIGNED

    assert served.handed_in[0] == served.handed_in[1]


@pytest.mark.parametrize("status", [403, 404])
async def test_a_log_that_does_not_want_the_cosignature_is_not_asked_again_at_once(
    status: int, tmp_path: Path
) -> None:
    served, last = Served(LOG, 5, status=status), Last()
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            looks = [await pull(cosigner, road, ORIGIN, last, now=Clock()()) for _ in range(2)]

    assert looks == [Pulled.NOT_WANTED, Pulled.NOTHING_NEW]
    assert len(served.handed_in) == 1


async def test_a_log_that_shows_less_is_reminded_of_its_own_signature(tmp_path: Path) -> None:
    served = Served(LOG, 9)
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
            served.size = 5

            assert await pull(cosigner, road, ORIGIN, Last(), now=Clock()()) is Pulled.BEHIND

        held = cosigner.note(ORIGIN)
        assert held is not None
        assert held.startswith(LOG.note(9))
        assert served.handed_in[-1] == held


@pytest.mark.parametrize("size", [200, 1300])
async def test_a_fork_is_evidence_and_the_log_is_shown_its_own_signature(
    size: int, tmp_path: Path
) -> None:
    served = Served(LOG, 200)
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
            held = cosigner.note(ORIGIN)
            served.log, served.size = FORK, size

            with pytest.raises(SplitView) as found:
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())

        assert found.value.notes == (held, FORK.note(size))
        assert served.handed_in[-1] == held
        assert cosigner.note(ORIGIN) == held
        (kept,) = (tmp_path / "state" / "conflict").iterdir()
        assert FORK.note(size) in kept.read_bytes()


async def test_tiles_of_another_tree_prove_nothing(tmp_path: Path) -> None:
    """A log that lies in its tiles only is not cosigned either."""
    served = Served(LOG, 200)
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
            served.log, served.note = FORK, LOG.note(300)

            with pytest.raises(SplitView):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())

        last = cosigner.last(ORIGIN)
        assert last is not None
        assert last.size == 200


async def test_a_tile_that_is_too_short_is_no_proof(tmp_path: Path) -> None:
    served = Served(LOG, 200)
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
            served.log, served.note = Log(LOG.leaves[:250]), LOG.note(300)

            with pytest.raises(LogInvalid, match="shorter"):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())


async def test_another_log_at_the_same_place_is_refused(tmp_path: Path) -> None:
    served = Served(Log(LOG.leaves, origin="other.example/log"), 5)
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            with pytest.raises(LogInvalid, match="another log"):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
        assert cosigner.note(ORIGIN) is None


async def test_what_is_no_note_or_not_signed_by_the_log_is_refused(tmp_path: Path) -> None:
    served = Served(LOG, 5, note=b"nothing")
    unsigned = Log(LOG.leaves, key=SigningKey(ORIGIN, ED25519, b"\x09" * 32)).note(5)
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            with pytest.raises(Malformed):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
            served.note = unsigned
            with pytest.raises(LogInvalid, match="not its own"):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
        assert cosigner.note(ORIGIN) is None
    assert served.handed_in == []


async def test_a_log_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    with witness(tmp_path / "state") as cosigner:
        async with open_road(Way("http://127.0.0.1:9/log")) as road:
            with pytest.raises(Unavailable):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())


@pytest.mark.parametrize(
    "prefix",
    [
        "http://hub.example/log",
        "ftp://127.0.0.1/log",
        "https:///log",
        "https://u:p@hub.example/log",
    ],
)
async def test_a_log_is_pulled_encrypted_or_from_this_machine(prefix: str) -> None:
    with pytest.raises(Misconfigured, match="https"):
        async with open_road(Way(prefix)):
            pytest.fail("it was opened")


# The copy


def copied(directory: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(directory)): one.read_bytes()
        for one in directory.rglob("*")
        if one.is_file()
    }


def expected(log: Log, size: int, tmp_path: Path) -> dict[str, bytes]:
    return copied(Log(log.leaves[:size]).write(tmp_path / f"expected-{size}"))


async def test_a_copy_is_the_log_file_by_file_however_it_grew(tmp_path: Path) -> None:
    served, copy = Served(LOG, 0), Mirror(tmp_path / "copy")
    sizes = (1, 2, 255, 256, 257, 511, 512, 700, 1300)
    async with reached(served) as road:
        for before, size in zip((0, *sizes), sizes, strict=False):
            assert await mirror(copy, road, LOG.note(size)) == size - before
            assert copied(copy.directory) == expected(LOG, size, tmp_path)
            assert await mirror(copy, road, LOG.note(size)) == 0


async def test_a_copy_asks_only_for_what_is_new(tmp_path: Path) -> None:
    served, copy = Served(LOG, 0), Mirror(tmp_path / "copy")
    async with reached(served) as road:
        await mirror(copy, road, LOG.note(700))
        served.asked.clear()
        await mirror(copy, road, LOG.note(1300))

    assert served.asked == [bundle_path(one) for one in bundles_of(1300) if one.n >= 2]


def with_documents() -> tuple[Log, dict[str, bytes]]:
    """Return a log of 300 entries of which two are public, and their documents."""
    leaves, documents = random_leaves(300), [b"a policy", b"a statement about keys"]
    for at, document in zip((3, 290), documents, strict=True):
        leaves[at] = document_leaf("policy", document)
    return Log(leaves), {sha256(one).hexdigest(): one for one in documents}


async def test_a_copy_has_the_public_documents(tmp_path: Path) -> None:
    log, documents = with_documents()
    served, copy = Served(log, 0, documents=documents), Mirror(tmp_path / "copy")
    async with reached(served) as road:
        for size in (280, 300):
            await mirror(copy, road, log.note(size))

    assert copied(copy.directory) == copied(
        log.write(tmp_path / "expected", documents=documents.values())
    )
    assert sorted(one for one in served.asked if one.startswith("documents/")) == sorted(
        f"documents/{name}" for name in documents
    )


@pytest.mark.parametrize(
    ("served_as", "fault"), [(b"another policy", LogInvalid), (None, NotFound)]
)
async def test_a_copy_waits_for_a_public_document(
    served_as: bytes | None, fault: type[Exception], tmp_path: Path
) -> None:
    log, documents = with_documents()
    later = sha256(b"a statement about keys").hexdigest()
    wrong = {name: served_as if name == later else one for name, one in documents.items()}
    served, copy = Served(log, 0), Mirror(tmp_path / "copy")
    served.documents = {name: one for name, one in wrong.items() if one is not None}
    async with reached(served) as road:
        await mirror(copy, road, log.note(280))
        with pytest.raises(fault):
            await mirror(copy, road, log.note(300))
        found = copy.head()
        assert found is not None
        assert found.size == 280

        served.documents = documents
        assert await mirror(copy, road, log.note(300)) == 20


@pytest.mark.parametrize("at", [10, 600, 699, 1299])
async def test_an_entry_that_is_another_is_not_copied(at: int, tmp_path: Path) -> None:
    served, copy = Served(LOG, 0), Mirror(tmp_path / "copy")
    async with reached(served) as road:
        await mirror(copy, road, LOG.note(600))
        leaves = list(LOG.leaves)
        leaves[at] = random_leaves(1, "another")[0]
        served.log = Log(leaves)
        if at == 10:  # copied before, and not asked for again
            assert await mirror(copy, road, LOG.note(1300)) == 700
            return
        with pytest.raises(LogInvalid):
            await mirror(copy, road, LOG.note(1300))
        assert copy.head() is not None
        served.log = LOG
        assert await mirror(copy, road, LOG.note(1300)) == 700
    assert copied(copy.directory) == expected(LOG, 1300, tmp_path)


async def test_an_entry_copied_before_cannot_change_within_its_bundle(tmp_path: Path) -> None:
    served, copy = Served(LOG, 0), Mirror(tmp_path / "copy")
    leaves = list(LOG.leaves)
    leaves[513] = random_leaves(1, "another")[0]
    async with reached(served) as road:
        await mirror(copy, road, LOG.note(600))
        served.log = Log(leaves)
        with pytest.raises(LogInvalid, match="others than before"):
            await mirror(copy, road, LOG.note(700))


async def test_a_copy_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    served, copy = Served(LOG, 0), Mirror(tmp_path / "copy")
    async with reached(served) as road:
        await mirror(copy, road, LOG.note(300))
        head = (copy.directory / CHECKPOINT).read_bytes()
        await mirror(copy, road, LOG.note(1300))
        # As a crash before the last step leaves it: everything written but the head.
        (copy.directory / CHECKPOINT).write_bytes(head)
        before = Log(LOG.leaves[:300])
        for tile in tiles_of(300):
            if tile.width < TILE_WIDTH:
                copy.write(tile_path(tile), before.row(tile.level, tile.n))
        for bundle in bundles_of(300):
            if bundle.width < TILE_WIDTH:
                name = bundle_path(bundle)
                copy.write(name, expected(LOG, 300, tmp_path)[name])

        assert await mirror(copy, road, LOG.note(1300)) == 1000
    assert copied(copy.directory) == expected(LOG, 1300, tmp_path)


@pytest.mark.parametrize("name", ["tile/0/002.p/88", "tile/1/000.p/2", CHECKPOINT])
async def test_a_damaged_copy_is_not_built_upon(name: str, tmp_path: Path) -> None:
    served, copy = Served(LOG, 0), Mirror(tmp_path / "copy")
    async with reached(served) as road:
        await mirror(copy, road, LOG.note(600))
        damaged = bytearray((copy.directory / name).read_bytes())
        damaged[5] ^= 1
        copy.write(name, bytes(damaged))
        with pytest.raises(Misconfigured, match=r"damaged|another log"):
            await mirror(copy, road, LOG.note(1300))


async def test_entries_behind_a_token_need_it_and_it_is_read_each_time(tmp_path: Path) -> None:
    served, copy = Served(LOG, 0, token="now"), Mirror(tmp_path / "copy")
    token = tmp_path / "token"
    token.write_text("before\n")
    async with reached(served, token_file=token) as road:
        with pytest.raises(Unauthenticated):
            await mirror(copy, road, LOG.note(300))
        token.write_text("now\n")
        assert await mirror(copy, road, LOG.note(300)) == 300


async def test_a_witness_cosigns_also_when_the_copy_fails(tmp_path: Path) -> None:
    """A token that has expired must not cost the log its quorum: looks keep their pace."""
    served, clock, last = Served(LOG, 300, token="secret"), Clock(), Last()
    copy = Mirror(tmp_path / "copy")
    with witness(tmp_path / "state", clock) as cosigner, capture_logs() as events:
        async with reached(served) as road:
            look = Look(cosigner, road, ORIGIN, clock, copy)
            copying = Copying(look)
            for _ in range(1 + 1 + 1 + 3 + 1):  # tried at once, after one look, after three more
                await look_once(look, last)
                await copying.go_on()
                served.size += 1
            assert len(served.handed_in) == 7
            served.token = None
            for _ in range(7):
                assert copy.head() is None
                await copying.go_on()
            await copying.go_on()
            assert copy.head() == cosigner.last(ORIGIN)

    failed = [one for one in events if one["event"] == "copy_failed"]
    assert [(one["code"], one["log_level"]) for one in failed] == 3 * [("Unauthenticated", "error")]


async def test_a_copy_that_succeeds_is_tried_after_each_look_again(tmp_path: Path) -> None:
    served, clock, last = Served(LOG, 300, token="secret"), Clock(), Last()
    copy = Mirror(tmp_path / "copy")
    with witness(tmp_path / "state", clock) as cosigner:
        async with reached(served) as road:
            look = Look(cosigner, road, ORIGIN, clock, copy)
            copying = Copying(look)
            await look_once(look, last)
            await copying.go_on()
            served.token = None
            for size in (300, 301, 302):
                served.size = size
                await look_once(look, last)
                await copying.go_on()
                await copying.go_on()
                assert copy.head() == cosigner.last(ORIGIN)


async def test_without_a_mirror_nothing_is_copied(tmp_path: Path) -> None:
    served, clock = Served(LOG, 300, token="secret"), Clock()
    with witness(tmp_path / "state", clock) as cosigner, capture_logs() as events:
        async with reached(served) as road:
            look = Look(cosigner, road, ORIGIN, clock)
            await look_once(look, Last())
            await Copying(look).go_on()

    assert ended(events) == ["looked"]


async def test_nothing_is_copied_that_was_not_cosigned(tmp_path: Path) -> None:
    served, clock, stop = Served(LOG, 200), Clock(), asyncio.Event()
    copy = Mirror(tmp_path / "copy")
    with witness(tmp_path / "state", clock) as cosigner, capture_logs() as events:
        cosigner.add(asked(LOG, 0, 200))
        served.log, served.size = FORK, 1300
        async with reached(served) as road:
            await look_on(
                Look(cosigner, road, ORIGIN, clock, copy), stop, convicted=lambda _: stop.set()
            )
    assert ended(events) == ["split_view"]
    assert copy.head() is None


# Looks, one after the other


def ended(events: Sequence[Mapping[str, object]]) -> list[object]:
    return [one["event"] for one in events]


async def test_a_log_without_a_candidate_is_looked_at_again_in_peace(tmp_path: Path) -> None:
    served, stop = Served(LOG, 5, empty=True), asyncio.Event()
    with witness(tmp_path / "state") as cosigner, capture_logs() as events:
        async with reached(served) as road:
            asyncio.get_running_loop().call_later(0.3, stop.set)
            await look_on(Look(cosigner, road, ORIGIN, Clock()), stop, convicted=never)

    assert ended(events) == ["no_candidate_yet"]


async def test_what_fails_is_told_without_an_address_and_tried_again(tmp_path: Path) -> None:
    stop = asyncio.Event()
    with witness(tmp_path / "state") as cosigner, capture_logs() as events:
        async with open_road(Way("http://127.0.0.1:9/log")) as road:
            asyncio.get_running_loop().call_later(0.3, stop.set)
            await look_on(Look(cosigner, road, ORIGIN, Clock()), stop, convicted=never)

    (failed,) = events
    assert (failed["event"], failed["code"], failed["log_level"]) == (
        "look_failed",
        "Unavailable",
        "error",
    )
    assert "127.0.0.1" not in str(failed)


async def test_a_split_view_is_the_loudest_event_there_is(tmp_path: Path) -> None:
    served, stop, convicted = Served(LOG, 200), asyncio.Event(), list[SplitView]()
    with witness(tmp_path / "state") as cosigner, capture_logs() as events:
        cosigner.add(asked(LOG, 0, 200))
        served.log = FORK

        def stopping(split: SplitView) -> None:
            convicted.append(split)
            stop.set()

        async with reached(served) as road:
            await look_on(Look(cosigner, road, ORIGIN, Clock()), stop, convicted=stopping)

    assert [one.notes[1] for one in convicted] == [FORK.note(200)]
    assert ("split_view", "critical") in [(one["event"], one["log_level"]) for one in events]


def never(_split: SplitView) -> None:
    pytest.fail("nobody was convicted")


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
        web.Response(status=500),
        web.Response(body=b"x" * (MOST_BYTES + 1)),
    ],
    ids=["elsewhere", "broken", "endless"],
)
async def test_an_answer_that_no_log_gives_is_used_for_nothing(
    answer: web.Response, tmp_path: Path
) -> None:
    served = Served(LOG, 5, instead=answer)
    with witness(tmp_path / "state") as cosigner:
        async with reached(served) as road:
            with pytest.raises(Unavailable):
                await pull(cosigner, road, ORIGIN, Last(), now=Clock()())
        assert cosigner.note(ORIGIN) is None
