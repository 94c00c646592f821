"""One head at a time is named to witnesses and shown to the public; old ones are thinned out."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from exchange.audit.note import (
    COSIGNATURE,
    ML_DSA_COSIGNATURE,
    SigningKey,
    VerifyingKey,
    read_note,
    verified,
    verifying,
)
from exchange.audit.policy import Log, Policy, Witness, read_policy, write_policy
from exchange.errors import Misconfigured, NotFound
from exchange.hub import app, publish, resume
from exchange.hub.publish import thin
from exchange.hub.signer import MLDSA_KEY, read_signer
from exchange.hub.storage import checkpoints, tree
from exchange.hub.storage.checkpoints import Cosigned
from tests.ledgers import Ledger, ledger

WITNESS = SigningKey("witness.example/a", COSIGNATURE, bytes([2]) * 32)


@pytest.fixture
async def alone(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Ledger]:
    """Return a hub whose log has no witness."""
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        yield one


@pytest.fixture
async def watched(
    tmp_path: Path, stored_in: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ledger]:
    """Return a hub whose log has a witness that comes by itself, and must."""
    monkeypatch.setattr(resume, "WITNESSES_S", 0.01)
    one = ledger(tmp_path, **stored_in)
    async with one.open(resumed=False):
        policy = one.hub.signer.policy
    text = write_policy(Policy(policy.logs, (Witness("a", verifying(WITNESS)),), quorum="a"))
    (tmp_path / "policy").write_bytes(text)
    two = ledger(tmp_path, log={"policy": tmp_path / "policy"}, **stored_in)
    async with two.open():
        yield two


async def show(log: Ledger) -> tuple[int | None, int | None]:
    """Let the hub publish, and return the sizes of the candidate and of what the public sees."""
    await publish.publish(log.hub, log.settings.log)
    candidate = await log.hub.db.read(checkpoints.newest_candidate)
    public = await log.hub.db.read(checkpoints.published)
    return (
        None if candidate is None else candidate[0].size,
        None if public is None else public.size,
    )


async def test_before_the_first_head_nothing_is_shown(alone: Ledger) -> None:
    assert await show(alone) == (None, None)


async def test_without_witnesses_the_public_sees_a_head_every_ten_seconds(alone: Ledger) -> None:
    first = await alone.grow(1)
    assert await show(alone) == (first, first)
    alone.later(seconds=9)
    second = await alone.grow(1)
    assert await show(alone) == (first, first)
    alone.later(seconds=1)
    third = await alone.grow(1)
    assert await show(alone) == (third, third)
    assert second not in {size for (size,) in await alone.rows(CANDIDATES)}
    alone.later(minutes=5)
    assert await show(alone) == (third, third)  # a log that does not grow has no new head


CANDIDATES = "SELECT size FROM log_checkpoint WHERE candidate_at IS NOT NULL"


async def test_with_witnesses_the_public_sees_what_has_its_quorum(watched: Ledger) -> None:
    first = await watched.grow(1)
    assert await show(watched) == (first, None)
    watched.later(seconds=10)
    second = await watched.grow(1)
    assert await show(watched) == (second, None)
    await watched.hub.db.write(checkpoints.mark_witnessed, second, at=watched.now)
    assert await show(watched) == (second, second)
    await watched.hub.db.write(checkpoints.mark_witnessed, first, at=watched.now)  # late
    assert await show(watched) == (second, second)  # never a smaller one than before


async def test_after_a_minute_without_a_quorum_the_public_sees_the_newest_candidate(
    watched: Ledger,
) -> None:
    first = await watched.grow(1)
    await show(watched)
    watched.later(seconds=50)
    second = await watched.grow(1)
    assert await show(watched) == (second, None)
    watched.later(seconds=9)
    assert await show(watched) == (second, None)
    watched.later(seconds=1)
    assert await show(watched) == (second, second)
    assert first < second


async def test_who_named_the_candidate_talks_to_the_witnesses(
    tmp_path: Path, postgres_url: str
) -> None:
    one = ledger(tmp_path, database_url=postgres_url)
    async with one.open():
        first, other = one.hub.heads, ledger(tmp_path, database_url=postgres_url)
        async with other.open():
            await one.grow(1)
            await show(one)
            await show(other)
            assert (first.names_candidates, other.hub.heads.names_candidates) == (True, False)
            one.later(seconds=10)
            other.later(seconds=10)
            await one.grow(1)
            await show(other)
            await show(one)
            assert (first.names_candidates, other.hub.heads.names_candidates) == (False, True)


async def test_while_another_replica_names_candidates_this_one_does_not(
    tmp_path: Path, postgres_url: str
) -> None:
    one = ledger(tmp_path, database_url=postgres_url)
    engine = create_engine(postgres_url, poolclass=NullPool)
    async with one.open():
        size = await one.grow(1)
        with engine.connect() as other:
            assert tree.locked(other, tree.lock_of(one.hub.signer.origin) + 1)
            assert await show(one) == (None, None)
        assert await show(one) == (size, size)
    engine.dispose()


async def test_a_note_is_served_with_every_line(watched: Ledger) -> None:
    size = await watched.grow(1)
    await show(watched)
    for name, at in (("b.example", 5), ("a.example", 7), ("a.example", 6)):
        line = Cosigned(name, b"keyi", at, f"\u2014 {name} {at}\n".encode())
        await watched.hub.db.write(checkpoints.add_cosignature, size, line)
    served = await watched.hub.db.read(checkpoints.served_note, size)
    assert served.endswith("\u2014 a.example 7\n\u2014 b.example 5\n".encode())
    with pytest.raises(NotFound):
        await watched.hub.db.read(checkpoints.served_note, size + 1)


async def test_a_receipt_takes_the_smallest_head_with_a_quorum_that_covers_it(
    watched: Ledger,
) -> None:
    sizes = []
    for _ in range(3):
        sizes.append(await watched.grow(2))
        await show(watched)
        watched.later(seconds=10)

    async def covering(index: int, *, witnessed: bool) -> int | None:
        note = await watched.hub.db.read(checkpoints.covering, index, witnessed=witnessed)
        return None if note is None else int(note.split(b"\n")[1])

    assert await covering(0, witnessed=True) is None
    assert await covering(0, witnessed=False) == sizes[2]
    await watched.hub.db.write(checkpoints.mark_witnessed, sizes[1], at=watched.now)
    await watched.hub.db.write(checkpoints.mark_witnessed, sizes[2], at=watched.now)
    assert await covering(0, witnessed=False) == sizes[1]
    assert await covering(sizes[1] - 1, witnessed=True) == sizes[1]
    assert await covering(sizes[1], witnessed=True) == sizes[2]
    assert await covering(sizes[2], witnessed=False) is None


async def test_candidates_carry_a_line_by_ml_dsa_where_it_is_switched_on(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    one = ledger(tmp_path, log={"mldsa": True}, **stored_in)
    async with one.open():
        first = await one.grow(1)
        await show(one)
        second = await one.grow(1)
        signer = one.hub.signer
        assert signer.mldsa is not None
        assert signer.policy_pq_text is not None
        pq = read_policy(signer.policy_pq_text)
        assert [log.key.type for log in pq.logs] == [ML_DSA_COSIGNATURE, 1]
        keys: list[VerifyingKey] = [log.key for log in pq.logs]
        note = await one.hub.db.read(checkpoints.served_note, first)
        ((found, _),) = verified(read_note(note), keys)
        assert found == verifying(signer.mldsa)
        assert len(read_note(await one.hub.db.read(checkpoints.served_note, second)).lines) == 1
    (one.settings.home / MLDSA_KEY).unlink()
    with pytest.raises(Misconfigured, match="is missing"):
        async with one.open():
            pass


async def test_both_keys_of_the_log_sign_one_tree_whatever_a_row_says(tmp_path: Path) -> None:
    one = ledger(tmp_path, log={"mldsa": True})
    async with one.open():
        size = await one.grow(1)
        await one.change("UPDATE log_checkpoint SET root = zeroblob(32)")
        await show(one)
        assert one.hub.signer.mldsa is not None
        note = read_note(await one.hub.db.read(checkpoints.served_note, size))
        keys = [verifying(one.hub.signer.key), verifying(one.hub.signer.mldsa)]
        assert len(verified(note, keys)) == len(note.lines) == 2


async def test_old_heads_are_thinned_to_the_best_of_each_hour_and_day(watched: Ledger) -> None:
    begin = watched.now
    kept: dict[str, int] = {}
    for name, after, witnessed in (
        ("a year ago, morning", 0, True),
        ("a year ago, evening", 8 * 3600, False),
        ("old, first", 366 * 86_400, True),
        ("old, same hour", 366 * 86_400 + 60, False),
        ("old, next hour", 366 * 86_400 + 3700, False),
        ("old, next hour, later", 366 * 86_400 + 3800, False),
        ("fresh", 367 * 86_400 + 7200, False),
        ("fresh, too", 367 * 86_400 + 7201, False),
    ):
        watched.now = begin + timedelta(seconds=after)
        kept[name] = await watched.grow(1)
        if witnessed:
            await watched.hub.db.write(checkpoints.mark_witnessed, kept[name], at=watched.now)
    watched.now = begin + timedelta(days=367, hours=3)
    await thin(watched.hub)
    left = {size for (size,) in await watched.rows("SELECT size FROM log_checkpoint")}
    assert {name for name, size in kept.items() if size in left} == {
        "a year ago, morning",
        "old, first",
        "old, next hour, later",
        "fresh",
        "fresh, too",
    }
    await thin(watched.hub)  # again: nothing more goes
    assert left == {size for (size,) in await watched.rows("SELECT size FROM log_checkpoint")}
    await watched.whole()


async def test_many_old_heads_are_thinned_page_by_page(
    alone: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "PAGE", 2)
    sizes = [await alone.grow(1) for _ in range(5)]
    alone.later(days=2)
    newest = await alone.grow(1)
    await thin(alone.hub)
    left = {size for (size,) in await alone.rows("SELECT size FROM log_checkpoint")}
    assert left == {sizes[-1], newest}


async def test_lines_of_a_forgotten_head_go_with_it(watched: Ledger) -> None:
    first = await watched.grow(1)
    line = Cosigned("a.example", b"keyi", 5, b"line\n")
    await watched.hub.db.write(checkpoints.add_cosignature, first, line)
    await watched.grow(1)
    watched.later(days=2)
    await watched.grow(1)
    await thin(watched.hub)
    assert await watched.rows("SELECT * FROM log_cosignature") == []


def test_the_policy_names_the_log_and_its_status_notes(tmp_path: Path) -> None:
    one = ledger(tmp_path)
    app.make_home(one.settings.home)
    signer = read_signer(one.settings)
    assert [log.key.name for log in signer.policy.logs] == [
        "127.0.0.1:8700/log",
        "127.0.0.1:8700/log/status",
    ]
    assert signer.policy.logs[0] == Log(verifying(signer.key), "http://127.0.0.1:8700/log")
    assert signer.policy.quorum == "none"
    assert "seed" not in repr(signer)
