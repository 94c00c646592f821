"""Witnesses of a hub: candidates are offered, cosignatures kept, and their lack stops little."""

from collections.abc import AsyncIterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.audit.cosignature import cosign
from exchange.audit.merkle import EMPTY_ROOT
from exchange.audit.note import (
    Note,
    SigningKey,
    read_note,
    sign,
    write_line,
    write_note,
)
from exchange.audit.policy import judge
from exchange.audit.submission import MOST_BYTES
from exchange.errors import Malformed, NotFound, NotPermitted, TooLarge
from exchange.hub import witnessed
from exchange.hub.add_cosignature import add_cosignature
from exchange.hub.app import command
from exchange.hub.ask_witness import heads_elsewhere
from exchange.hub.heads import EVIDENCE
from exchange.hub.offer import AGAIN, LONGEST_REST
from exchange.hub.storage import checkpoints
from exchange.hub.storage.checkpoints import Signed
from exchange.statement import seconds
from exchange.wire import routes
from tests.hub.witnessing import Looks, Watched, fork_of, offering, watched, witness_key
from tests.simulator import RECIPIENT, SENDER


@pytest.fixture
async def pushed(tmp_path: Path) -> AsyncIterator[Watched]:
    """A hub with two witnesses that it asks; both must cosign."""
    async with watched(tmp_path, "a", "b") as sim:
        yield sim


@pytest.fixture
async def pulling(tmp_path: Path) -> AsyncIterator[Watched]:
    """A hub with two witnesses that come by themselves; both must cosign."""
    async with watched(tmp_path, pull=("a", "b")) as sim:
        yield sim


@pytest.fixture
async def stored(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Watched]:
    """A hub on either database, with a witness that it asks and one that comes by itself."""
    async with watched(tmp_path, "a", pull=("b",), **stored_in) as sim:
        yield sim


def sizes(requests: list[bytes]) -> list[int]:
    return [int(one.split(b"\n")[0].removeprefix(b"old ")) for one in requests]


# Asked by the hub


async def test_a_candidate_is_witnessed_and_published_when_all_have_cosigned(
    pushed: Watched,
) -> None:
    head = await pushed.candidate()
    async with offering(pushed) as offers:
        await offers.look()

    assert await pushed.witnesses_of(head) == ["a", "b"]
    served = await pushed.hub.db.read(checkpoints.served_note, head.size)
    judged = judge(pushed.hub.signer.policy, served)
    assert (judged.quorum, set(judged.cosigned)) == (True, {"a", "b"})
    published = await pushed.hub.db.read(checkpoints.published)
    assert published is not None
    assert published.size == head.size


async def test_a_log_that_grows_is_offered_candidate_by_candidate(pushed: Watched) -> None:
    heads = []
    async with offering(pushed) as offers:
        for _ in range(3):
            heads.append(await pushed.candidate())
            await offers.look()
            assert await pushed.is_witnessed(heads[-1])
            await offers.look()  # nothing new: nobody is asked
            await pushed.grow()

    asked = pushed.witnesses["a"].asked
    assert sizes(asked) == [0, heads[0].size, heads[1].size]


async def test_a_hub_started_anew_is_told_by_the_witness_where_it_stands(pushed: Watched) -> None:
    first = await pushed.candidate()
    async with offering(pushed) as offers:
        await offers.look()
    await pushed.grow()
    head = await pushed.candidate()
    async with offering(pushed) as offers:
        await offers.look()

    assert await pushed.is_witnessed(head)
    assert sizes(pushed.witnesses["a"].asked) == [0, 0, first.size]


async def test_one_of_two_is_no_quorum_and_one_of_three_may_be_missing(tmp_path: Path) -> None:
    async with watched(tmp_path, "a", "b", pull=("c",), quorum="2") as sim:
        head = await sim.candidate()
        sim.witnesses["b"].answers = [web.Response(status=503)]
        async with offering(sim) as offers:
            await offers.look()
            assert await sim.witnesses_of(head) == ["a"]
            assert not await sim.is_witnessed(head)

            await add_cosignature(sim.hub, await sim.cosigned("c", head))

            assert await sim.is_witnessed(head)
            sim.wait(1)
            await offers.look()  # an optional line is still collected
            assert await sim.witnesses_of(head) == ["a", "b", "c"]


async def test_a_witness_that_fails_is_asked_more_and_more_rarely(pushed: Watched) -> None:
    await pushed.candidate()
    witness = pushed.witnesses["b"]
    async with offering(pushed) as offers:
        for _ in range(12):
            witness.answers = [web.Response(status=500)]
            await offers.look()
            before = len(witness.asked)
            await offers.look()
            assert len(witness.asked) == before  # it rests
            pushed.wait(LONGEST_REST.total_seconds())
        assert len(pushed.witnesses["a"].asked) >= 1
        witness.answers = []
        head = await pushed.candidate()
        await offers.look()
    assert await pushed.is_witnessed(head)


async def test_a_witness_that_does_not_answer_holds_up_no_other(pushed: Watched) -> None:
    head = await pushed.candidate()
    pushed.witnesses["b"].answers = [None]
    async with offering(pushed, timeout_s=4) as offers:
        with capture_logs() as events:
            await offers.look()

    assert await pushed.witnesses_of(head) == ["a"]
    (failed,) = [one for one in events if one["event"] == "witness-failed"]
    assert (failed["witness"], failed["code"]) == ("b", "Unavailable")


def line_by(key: SigningKey, head: Signed, at: int) -> bytes:
    return write_line(cosign(read_note(head.note).text, key, at))


async def test_a_line_by_another_key_is_not_kept(pushed: Watched) -> None:
    head = await pushed.candidate()
    for own, other in (("a", "b"), ("b", "stranger")):
        line = line_by(witness_key(other), head, seconds(pushed.now))
        pushed.witnesses[own].answers = [web.Response(body=line)]
    async with offering(pushed) as offers:
        await offers.look()

    assert await pushed.witnesses_of(head) == []


async def test_lines_by_strangers_beside_the_witness_own_are_left_out(pushed: Watched) -> None:
    head = await pushed.candidate()
    at = seconds(pushed.now)
    both = line_by(witness_key("stranger"), head, at) + line_by(witness_key("a"), head, at)
    pushed.witnesses["a"].answers = [web.Response(body=both)]
    async with offering(pushed) as offers:
        await offers.look()

    assert await pushed.witnesses_of(head) == ["a", "b"]


@pytest.mark.parametrize("at", [2**63 - 1, 4_000_000_000])
async def test_a_time_that_lies_ahead_is_not_kept(pushed: Watched, at: int) -> None:
    head = await pushed.candidate()
    line = line_by(witness_key("a"), head, at)
    pushed.witnesses["a"].answers = [web.Response(body=line)]
    async with offering(pushed) as offers:
        await offers.look()

    assert await pushed.witnesses_of(head) == ["b"]


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(body=b""),
        web.Response(body=b"\xff\xff"),
        web.Response(status=409, body=b"many\n"),
        web.Response(status=409, body=b"7"),
        web.Response(status=409, body=b"1" * 4000 + b"\n"),
        web.Response(body=b"x" * (MOST_BYTES + 1)),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
    ids=["nothing", "noise", "no-size", "no-line", "digits", "endless", "elsewhere"],
)
async def test_an_answer_that_no_witness_gives_is_a_failure(
    pushed: Watched, answer: web.Response
) -> None:
    head = await pushed.candidate()
    pushed.witnesses["a"].answers = [answer]
    async with offering(pushed) as offers:
        with capture_logs() as events:
            await offers.look()

    assert await pushed.witnesses_of(head) == ["b"]
    assert pushed.hub.heads.stopped is None
    assert [one["witness"] for one in events if one["event"] == "witness-failed"] == ["a"]


async def test_an_unchanged_candidate_is_offered_again_after_ten_minutes(pushed: Watched) -> None:
    head = await pushed.candidate()
    async with offering(pushed) as offers:
        await offers.look()
        before = await pushed.hub.db.read(checkpoints.cosignatures, head.size)
        pushed.wait(AGAIN.total_seconds() - 1)
        await offers.look()
        assert len(pushed.witnesses["a"].asked) == 1
        pushed.wait(1)
        await offers.look()
        after = await pushed.hub.db.read(checkpoints.cosignatures, head.size)

    assert [new.time - old.time for old, new in zip(before, after, strict=True)] == [600, 600]
    assert await pushed.is_witnessed(head)


async def test_another_replica_offers_what_nobody_does(pushed: Watched) -> None:
    head = await pushed.candidate()
    pushed.hub.heads.named = None  # as after a start, or named by a replica that has died
    async with offering(pushed) as offers:
        await offers.look()
        assert pushed.witnesses["a"].asked == []
        pushed.wait(30)
        await offers.look()

    assert await pushed.is_witnessed(head)


async def test_asked_or_by_itself_a_witness_counts_on_either_database(stored: Watched) -> None:
    heads = []
    async with offering(stored) as offers:
        for _ in range(2):
            heads.append(await stored.candidate())
            await offers.look()
            assert stored.hub.heads.unwitnessed_since is not None
            await stored.grow()
        for head in heads:
            lines = await stored.cosigned("b", head)
            await add_cosignature(stored.hub, lines)
            await add_cosignature(stored.hub, lines)
            assert await stored.witnesses_of(head) == ["a", "b"]
        await offers.look()
        assert stored.hub.heads.unwitnessed_since is None
        stored.wait(AGAIN.total_seconds())
        await offers.look()

    first, second = [
        await stored.hub.db.read(checkpoints.cosignatures, head.size) for head in heads
    ]
    assert second[0].time > second[1].time > first[0].time  # of each the newest


# A witness that contradicts


async def test_a_witness_cannot_switch_the_log_off(pushed: Watched) -> None:
    """It refuses, and shows heads that we never signed: an alarm, and nothing else."""
    stranger = SigningKey(pushed.hub.signer.origin, pushed.hub.signer.key.type, b"\x09" * 32)
    text = write_checkpoint(Checkpoint(pushed.hub.signer.origin, 10**6, b"\x07" * 32))
    forged = write_note(Note(text, (sign(text, stranger),)))
    liar = pushed.witnesses["a"]
    for holds in (forged, b"nothing", b""):
        liar.answers, liar.holds = [web.Response(status=422)], holds
        await pushed.candidate()
        async with offering(pushed) as offers:
            with capture_logs() as events:
                await offers.look()
        assert "witness-refuses" in [one["event"] for one in events]
        assert pushed.hub.heads.stopped is None
        pushed.wait(600)
    await pushed.grow()


async def test_our_own_signature_on_another_tree_stops_the_signer(pushed: Watched) -> None:
    await pushed.candidate()
    witness = pushed.witnesses["a"]
    witness.answers, witness.holds = [web.Response(status=422)], fork_of(pushed, 3)
    async with offering(pushed) as offers:
        await offers.look()

    assert pushed.hub.heads.stopped == EVIDENCE
    assert await pushed.hub.db.read(checkpoints.evidence) == (fork_of(pushed, 3),)


async def test_a_witness_that_holds_more_than_we_know_stops_the_signer(pushed: Watched) -> None:
    """As after the restoration of an older backup."""
    head = await pushed.candidate()
    witness = pushed.witnesses["a"]
    witness.answers = [web.Response(status=409, body=f"{head.size + 5}\n".encode())]
    witness.holds = fork_of(pushed, head.size + 5)
    async with offering(pushed) as offers:
        await offers.look()

    assert pushed.hub.heads.stopped == EVIDENCE


async def test_a_refusal_is_reported_once_in_a_while(pushed: Watched) -> None:
    await pushed.candidate()
    witness, reported = pushed.witnesses["a"], 0
    async with offering(pushed) as offers:
        for _ in range(3):
            witness.answers = [web.Response(status=422)]
            with capture_logs() as events:
                await offers.look()
            reported += sum(one["event"] == "witness-refuses" for one in events)
            pushed.wait(60)

    assert reported == 1


# Handed in


async def test_two_witnesses_that_pull_make_a_quorum(pulling: Watched) -> None:
    head = await pulling.candidate()
    await add_cosignature(pulling.hub, await pulling.cosigned("a", head))
    assert not await pulling.is_witnessed(head)
    assert pulling.hub.heads.unwitnessed_since is not None

    await add_cosignature(pulling.hub, await pulling.cosigned("b", head))

    assert await pulling.is_witnessed(head)
    assert pulling.hub.heads.unwitnessed_since is None


async def test_a_late_cosignature_is_added_to_its_candidate(pulling: Watched) -> None:
    first = await pulling.candidate()
    lines = [await pulling.cosigned(name, first) for name in ("a", "b")]
    await pulling.grow()
    second = await pulling.candidate()
    for line in lines:
        await add_cosignature(pulling.hub, line)

    assert await pulling.witnesses_of(first) == ["a", "b"]
    assert await pulling.is_witnessed(first)
    assert not await pulling.is_witnessed(second)


async def test_the_same_cosignature_again_changes_nothing(pulling: Watched) -> None:
    head = await pulling.candidate()
    line = await pulling.cosigned("a", head)
    for _ in range(2):
        await add_cosignature(pulling.hub, line)

    assert await pulling.witnesses_of(head) == ["a"]


async def test_a_recent_cosignature_of_the_newest_candidate_confirms_the_database(
    pulling: Watched,
) -> None:
    first = await pulling.candidate()
    old = await pulling.cosigned("a", first)
    pulling.wait(600)
    await add_cosignature(pulling.hub, old)
    assert not await pulling.hub.heads.confirmed(seconds=0)
    await pulling.grow()
    newest = await pulling.candidate()
    await add_cosignature(pulling.hub, await pulling.cosigned("b", first))
    assert not await pulling.hub.heads.confirmed(seconds=0)

    await add_cosignature(pulling.hub, await pulling.cosigned("a", newest))

    assert await pulling.hub.heads.confirmed(seconds=0)


@pytest.mark.parametrize(
    "body", [b"", b"text", b"text\n\nno lines", b"x\n\n\xe2\x80\x94 witness.example/a AAAA\n"]
)
async def test_what_is_no_note_is_malformed(pulling: Watched, body: bytes) -> None:
    with pytest.raises(Malformed):
        await add_cosignature(pulling.hub, body)


async def test_what_is_too_large_is_refused_unread(pulling: Watched) -> None:
    with pytest.raises(TooLarge):
        await add_cosignature(pulling.hub, b"x" * (MOST_BYTES + 1))


async def test_lines_of_strangers_and_false_lines_are_refused(pulling: Watched) -> None:
    head = await pulling.candidate()
    text, at = read_note(head.note).text, seconds(pulling.now)
    stranger = cosign(text, witness_key("stranger"), at)
    false = cosign(text + b"more\n", witness_key("a"), at)
    true = cosign(text, witness_key("b"), at)
    ahead = cosign(text, witness_key("b"), at + 600)
    for lines in ((stranger,), (false,), (true, false), (ahead,)):
        with pytest.raises(NotPermitted):
            await add_cosignature(pulling.hub, write_note(Note(text, lines)))

    assert await pulling.witnesses_of(head) == []


async def test_only_candidates_that_are_kept_take_cosignatures(pulling: Watched) -> None:
    candidate = await pulling.candidate()
    await pulling.grow()
    newest = pulling.hub.heads.newest
    assert newest is not None
    assert newest.size > candidate.size
    origin, at = pulling.hub.signer.origin, seconds(pulling.now)
    heads = [
        Checkpoint(origin, newest.size, newest.root),  # signed, but no candidate
        Checkpoint(origin, candidate.size, b"\x07" * 32),  # another tree
        Checkpoint(origin, 10**6, b"\x07" * 32),
        Checkpoint("other.example/log", 0, EMPTY_ROOT),
    ]
    for head in heads:
        text = write_checkpoint(head)
        line = cosign(text, witness_key("a"), at)
        with pytest.raises(NotFound):
            await add_cosignature(pulling.hub, write_note(Note(text, (line,))))


async def test_a_bare_head_of_ours_is_taken_and_changes_nothing_if_it_is_true(
    pulling: Watched,
) -> None:
    head = await pulling.candidate()
    await pulling.grow()

    await add_cosignature(pulling.hub, head.note)

    assert pulling.hub.heads.stopped is None
    assert await pulling.hub.db.read(checkpoints.evidence) == ()


@pytest.mark.parametrize("more", [-1, 0, 7])
async def test_a_head_of_ours_that_contradicts_stops_the_signer(
    pulling: Watched, more: int
) -> None:
    head = await pulling.candidate()
    note = fork_of(pulling, head.size + more)
    text = read_note(note).text
    line = cosign(text, witness_key("a"), seconds(pulling.now))
    await add_cosignature(pulling.hub, note + write_line(line))

    assert pulling.hub.heads.stopped == EVIDENCE
    assert await pulling.hub.db.read(checkpoints.evidence) == (note,)
    assert await pulling.witnesses_of(head) == []


async def test_a_reminder_that_is_true_also_counts_as_cosignature(pulling: Watched) -> None:
    head = await pulling.candidate()
    await pulling.cosigned("a", head)
    held = pulling.witnesses["a"].cosigner.note(pulling.hub.signer.origin)
    assert held is not None

    await add_cosignature(pulling.hub, held)

    assert await pulling.witnesses_of(head) == ["a"]


# What others hold


async def test_what_witnesses_hold_is_asked_of_all_that_have_an_address(tmp_path: Path) -> None:
    async with watched(tmp_path, "a", "b", pull=("c",)) as sim:
        assert await heads_elsewhere(sim.hub) == []
        head = await sim.candidate()
        async with offering(sim) as offers:
            await offers.look()
        sim.witnesses["b"].holds = b"whatever"

        found = await heads_elsewhere(sim.hub)

        assert found[0].startswith(head.note)
        assert found[1] == b"whatever"


# Late, and too late


async def test_no_quorum_for_five_minutes_is_an_alarm_until_it_is_there(pulling: Watched) -> None:
    await pulling.candidate()
    async with offering(pulling) as offers:
        with capture_logs() as events:
            await unwitnessed_for(pulling, offers, 299)
            assert not witnessed.late(pulling.hub)
            assert alarms(events) == []

            pulling.wait(1)
            for _ in range(3):
                await offers.look()
            assert witnessed.late(pulling.hub)
            assert (await pulling.call(None, routes.READYZ)).json == {"status": "degraded"}
            (alarm,) = alarms(events)
            assert (alarm["event"], alarm["code"]) == ("not-witnessed", "late")
            assert (alarm["log_level"], alarm["duration_ms"]) == ("error", 300_000)
            pulling.wait(300)
            await offers.look()
            assert [one["event"] for one in alarms(events)] == ["not-witnessed"] * 2

            await cosign_newest(pulling)
            await offers.look()
            assert alarms(events)[-1]["event"] == "witnessed-again"
            assert not witnessed.late(pulling.hub)
            assert (await pulling.call(None, routes.READYZ)).json == {"status": "ok"}


async def unwitnessed_for(sim: Watched, offers: Looks, seconds: float) -> None:
    """Let time pass until a candidate has waited for so long, and look."""
    await offers.look()
    since = sim.hub.heads.unwitnessed_since
    assert since is not None
    sim.now = since + timedelta(seconds=seconds)
    await offers.look()


async def cosign_newest(sim: Watched) -> None:
    """Let both witnesses cosign what is the candidate now."""
    head = await sim.candidate(after_s=0)
    for name in ("a", "b"):
        await add_cosignature(sim.hub, await sim.cosigned(name, head))


def alarms(events: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [one for one in events if one["event"] in {"not-witnessed", "witnessed-again"}]


async def test_a_log_that_does_not_grow_is_never_late(pulling: Watched) -> None:
    head = await pulling.candidate()
    for name in ("a", "b"):
        await add_cosignature(pulling.hub, await pulling.cosigned(name, head))
    pulling.wait(86_400)
    async with offering(pulling) as offers:
        await offers.look()

    assert witnessed.lag(pulling.hub) == timedelta(0)


async def test_without_a_quorum_for_four_hours_nothing_new_is_disclosed_and_all_else_goes_on(
    pulling: Watched,
) -> None:
    consent, other = await pulling.consent(), await pulling.consent()
    collected, waiting = await pulling.sent(consent), await pulling.sent(consent)
    assert (await pulling.collect(collected)).status == 200
    await pulling.settled()
    await pulling.candidate()
    async with offering(pulling) as offers:
        await unwitnessed_for(pulling, offers, 4 * 3600 - 1)
        last = await pulling.sent(consent)
        assert (await status_of(pulling))["discloses"]
        pulling.wait(1)
        await offers.look()
        assert not (await status_of(pulling))["discloses"]

        refused = await pulling.send(pulling.letter(consent.digest))
        assert refused.status == 503
        assert refused.json["type"].endswith(":log-not-witnessed")
        assert (await pulling.send(last)).status in {200, 201}  # a repetition is nothing new

        assert (await pulling.collect(waiting)).status == 200
        assert (await pulling.acknowledge(collected)).status in {200, 201}
        assert (await pulling.withdraw(other, SENDER)).status == 200
        assert await pulling.inbox(RECIPIENT)

        await cosign_newest(pulling)
        assert (await pulling.send(pulling.letter(consent.digest))).status == 201


async def status_of(pulling: Watched) -> Any:
    """Return what `exchange hub status` is told of the log."""
    told: Any = await command(pulling.hub, {"do": "status"})
    return told["log"]
