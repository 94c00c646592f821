"""A restored backup signs nothing: what others hold is asked for first, and evidence stops it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.note import COSIGNATURE, SigningKey, read_note, verifying, write_note
from exchange.audit.policy import Witness
from exchange.errors import LogInvalid, Malformed, Misconfigured, Unavailable
from exchange.hub import high_water, resume
from exchange.hub.contradict import contradict
from exchange.hub.signer import LOG_KEY, STATUS_KEY, head_signed
from exchange.hub.storage import checkpoints
from tests.ledgers import Ledger, ledger, until


@pytest.fixture
async def log(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Ledger]:
    """Return a hub whose log has a few entries."""
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        await one.grow(3)
        yield one


@pytest.fixture
async def older(tmp_path: Path) -> tuple[Ledger, bytes]:
    """Return a hub whose database is a backup, and a head signed after that was made."""
    one = ledger(tmp_path)
    async with one.open():
        await one.grow(3)
    shutil.copy(one.settings.home / "hub.sqlite", tmp_path / "backup")
    async with one.open():
        await one.grow(4)
        assert one.hub.heads.newest is not None
        newest = one.hub.heads.newest.note
    for file in one.settings.home.glob("hub.sqlite*"):
        file.unlink()
    shutil.copy(tmp_path / "backup", one.settings.home / "hub.sqlite")
    return one, newest


async def test_every_head_is_kept_outside_the_database(log: Ledger) -> None:
    assert log.hub.heads.newest is not None
    assert high_water.read(log.hub.home) == log.hub.heads.newest.note


async def test_the_file_is_never_lowered(log: Ledger) -> None:
    kept = high_water.read(log.hub.home)
    smaller = head_signed(log.hub.signer, Checkpoint(log.hub.signer.origin, 1, bytes(32)))
    high_water.raise_to(log.hub.home, smaller)
    assert high_water.read(log.hub.home) == kept


async def test_a_restored_database_is_found_by_the_file(older: tuple[Ledger, bytes]) -> None:
    one, newest = older
    async with one.open():
        assert one.hub.heads.stopped == "evidence"
        await one.record(1)
        assert await one.tick() == 0
        assert one.size == 5
        assert await one.hub.db.read(checkpoints.evidence) == (newest,)
        with pytest.raises(Unavailable):
            one.hub.heads.check_room()
    (one.settings.home / high_water.FILE).unlink()
    async with one.open():  # the evidence stays, also without the file
        assert one.hub.heads.stopped == "evidence"


async def test_without_the_file_and_anybody_to_ask_nothing_is_signed(
    older: tuple[Ledger, bytes],
) -> None:
    one, newest = older
    (one.settings.home / high_water.FILE).unlink()
    async with one.open(resumed=False):
        resuming = asyncio.create_task(resume.resume(one.hub, accepted=False))
        await until(lambda: one.hub.heads.stopped != "checking")
        assert one.hub.heads.stopped == "unconfirmed"
        assert await one.tick() == 0
        assert await contradict(one.hub, newest)  # what anybody brings, such as a gateway
        assert one.hub.heads.stopped == "evidence"
        resuming.cancel()


async def test_an_operator_may_say_which_head_is_the_newest(log: Ledger, tmp_path: Path) -> None:
    head = log.hub.heads.newest
    assert head is not None
    origin = log.hub.signer.origin
    with pytest.raises(Misconfigured, match="not the newest"):
        await resume.accept(log.hub, Checkpoint(origin, head.size, bytes(32)))
    with pytest.raises(Misconfigured, match="not the newest"):
        await resume.accept(log.hub, Checkpoint(origin, head.size - 1, head.root))
    await resume.accept(log.hub, Checkpoint(origin, head.size, head.root))


async def test_what_an_operator_said_lets_a_hub_without_the_file_sign(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        size = await one.grow(3)
    (one.settings.home / high_water.FILE).unlink()
    async with one.open(accepted=True):
        assert one.hub.heads.stopped is None
        assert high_water.read(one.hub.home) is not None
        assert await one.grow(1) == size + 1


async def test_a_damaged_file_is_one_that_is_missing(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        await one.grow(3)
    (one.settings.home / high_water.FILE).write_bytes(b"torn")
    async with one.open(resumed=False):
        resuming = asyncio.create_task(resume.resume(one.hub, accepted=False))
        await until(lambda: one.hub.heads.stopped == "unconfirmed")
        resuming.cancel()


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"\n", b""), (b"\n3\n", b"\n7\n"), (b"/log", b"/old")],
    ids=["torn", "one bit", "of the log before this one"],
)
async def test_once_the_head_is_confirmed_a_damaged_file_is_replaced(
    tmp_path: Path, stored_in: dict[str, Any], before: bytes, after: bytes
) -> None:
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        size = await one.grow(1)
    file = one.settings.home / high_water.FILE
    whole = file.read_bytes()
    damaged = whole.replace(before, after)
    assert damaged != whole
    file.write_bytes(damaged)
    async with one.open(accepted=True):
        assert file.read_bytes() == whole
        assert await one.grow(1) == size + 1
        assert one.hub.heads.stopped is None


async def test_a_file_that_cannot_be_written_does_not_end_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: withdrawals go on, and the log when there is room again."""
    monkeypatch.setattr(resume, "RETRY_S", 0.01)
    one = ledger(tmp_path)
    async with one.open():
        await one.grow(1)
    (one.settings.home / high_water.FILE).unlink()
    lock = one.settings.home / high_water.LOCK_FILE
    lock.unlink()
    lock.mkdir()  # cannot be opened for writing, not even by root
    async with one.open(resumed=False):
        resuming = asyncio.create_task(resume.resume(one.hub, accepted=True))
        await asyncio.sleep(0.1)
        assert not resuming.done()
        assert one.hub.heads.stopped == "checking"
        lock.rmdir()
        await resuming
        assert one.hub.heads.stopped is None


async def test_a_new_replica_that_is_written_to_no_disk_tries_again_with_the_next_head(
    tmp_path: Path, postgres_url: str
) -> None:
    first = ledger(tmp_path, "first", database_url=postgres_url)
    second = ledger(tmp_path, "second", database_url=postgres_url)
    async with first.open():
        await first.grow(3)
        shutil.copytree(first.settings.home, second.settings.home)
        (second.settings.home / high_water.FILE).unlink()
        lock = second.settings.home / high_water.LOCK_FILE
        lock.unlink()
        lock.mkdir()
        async with second.open(resumed=False):
            resuming = asyncio.create_task(resume.resume(second.hub, accepted=False))
            await until(lambda: second.hub.heads.stopped == "unconfirmed")
            await first.grow(1)
            await second.tick()
            await asyncio.sleep(0.1)
            assert not resuming.done()
            assert second.hub.heads.stopped == "unconfirmed"
            lock.rmdir()
            await first.grow(1)
            await second.tick()
            await resuming
            assert second.hub.heads.stopped is None


async def test_a_head_signed_by_another_replica_while_witnesses_are_waited_for_is_an_answer(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger(tmp_path, "first", database_url=postgres_url)
    second = ledger(tmp_path, "second", database_url=postgres_url)
    async with first.open():
        await first.grow(3)
        shutil.copytree(first.settings.home, second.settings.home)
        (second.settings.home / high_water.FILE).unlink()
        async with second.open(resumed=False):
            policy = second.hub.signer.policy
            witness = Witness("a", verifying(SigningKey("w.example/a", COSIGNATURE, bytes(32))))
            asked = replace(policy, witnesses=(witness,), quorum="a")
            signer = replace(second.hub.signer, policy=asked)
            monkeypatch.setattr(resume, "WITNESSES_S", 2.0)
            resuming = asyncio.create_task(
                resume.resume(replace(second.hub, signer=signer), accepted=False)
            )
            await first.grow(1)
            await until(lambda: second.hub.heads.newest is not None)
            await second.tick()  # learns of it
            await resuming
            assert second.hub.heads.stopped is None


async def test_a_new_replica_signs_once_another_one_has(tmp_path: Path, postgres_url: str) -> None:
    first = ledger(tmp_path, "first", database_url=postgres_url)
    second = ledger(tmp_path, "second", database_url=postgres_url)
    async with first.open():
        await first.grow(3)
        shutil.copytree(first.settings.home, second.settings.home)
        (second.settings.home / high_water.FILE).unlink()
        async with second.open(resumed=False):
            resuming = asyncio.create_task(resume.resume(second.hub, accepted=False))
            await until(lambda: second.hub.heads.stopped == "unconfirmed")
            size = await first.grow(1)
            await second.tick()  # looks
            await resuming
            assert (second.hub.heads.stopped, second.size) == (None, size)
            assert await second.grow(1) == size + 1


async def test_a_larger_head_of_ours_stops_every_replica(tmp_path: Path, postgres_url: str) -> None:
    first = ledger(tmp_path, "first", database_url=postgres_url)
    async with first.open():
        size = await first.grow(3)
        second = ledger(tmp_path, "second", database_url=postgres_url)
        shutil.copytree(first.settings.home, second.settings.home)
        async with second.open():
            larger = head_signed(
                first.hub.signer, Checkpoint(first.hub.signer.origin, size + 9, bytes(32))
            )
            assert await contradict(first.hub, larger)
            assert first.hub.heads.stopped == "evidence"
            # Nothing is built on it either: a tree that went its own way can join no copy.
            await second.record(1)
            assert await second.tick() == 0
            assert (second.hub.heads.stopped, second.size) == ("evidence", size)
            assert len(await second.rows("SELECT idx FROM log_entry")) == size


async def test_evidence_that_cannot_be_read_stops_the_signer(log: Ledger) -> None:
    await log.hub.db.write(checkpoints.keep_evidence, b"torn", at=log.now)
    await log.record(1)
    assert await log.tick() == 0
    assert log.hub.heads.stopped == "evidence"


async def test_another_tree_of_the_same_size_stops_the_signer(log: Ledger) -> None:
    forked = head_signed(log.hub.signer, Checkpoint(log.hub.signer.origin, log.size, bytes(32)))
    assert await contradict(log.hub, forked)
    assert log.hub.heads.stopped == "evidence"


async def test_a_head_that_the_log_continues_changes_nothing(log: Ledger) -> None:
    head = log.hub.heads.newest
    assert head is not None
    await log.grow(1)
    assert not await contradict(log.hub, head.note)
    assert log.hub.heads.stopped is None
    assert await log.hub.db.read(checkpoints.evidence) == ()


async def test_nobody_else_can_stop_the_log(log: Ledger, tmp_path: Path) -> None:
    stranger = ledger(tmp_path, "stranger")
    async with stranger.open():
        signer = stranger.hub.signer
        note = head_signed(signer, Checkpoint(signer.origin, 1000, bytes(32)))
    for forged in (note, note.replace(b"1000", b"999")):
        with pytest.raises(LogInvalid):
            await contradict(log.hub, forged)
    with pytest.raises(Malformed):
        await contradict(log.hub, b"not a note")
    assert log.hub.heads.stopped is None


async def test_evidence_holds_our_own_line_alone(log: Ledger) -> None:
    larger = head_signed(log.hub.signer, Checkpoint(log.hub.signer.origin, 99, bytes(32)))
    note = read_note(larger)
    (own,) = note.lines
    decorated = write_note(replace(note, lines=(own, replace(own, name="somebody.example/else"))))
    assert await contradict(log.hub, decorated)
    assert await log.hub.db.read(checkpoints.evidence) == (larger,)


async def test_evidence_that_the_log_has_caught_up_with_stops_nothing(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    one = ledger(tmp_path, **stored_in)
    async with one.open():
        await one.grow(3)
        assert one.hub.heads.newest is not None
        note = one.hub.heads.newest.note
        await one.hub.db.write(checkpoints.keep_evidence, note, at=one.now)
    async with one.open():  # as after a repair
        assert one.hub.heads.stopped is None
        await one.grow(1)
        assert one.hub.heads.stopped is None


@pytest.mark.parametrize("name", [LOG_KEY, STATUS_KEY])
async def test_a_log_that_has_signed_gets_no_new_key(tmp_path: Path, name: str) -> None:
    one = ledger(tmp_path)
    async with one.open():
        await one.grow(1)
    (one.settings.home / name).unlink()
    with pytest.raises(Misconfigured, match="is missing"):
        async with one.open():
            pass
    assert not (one.settings.home / name).exists()


async def test_another_key_than_signed_the_newest_head_is_refused(tmp_path: Path) -> None:
    one = ledger(tmp_path)
    async with one.open():
        await one.grow(1)
    (one.settings.home / LOG_KEY).write_bytes(bytes(range(32)))
    with pytest.raises(Misconfigured, match="another key"):
        async with one.open():
            pass


async def test_a_log_never_changes_its_name(tmp_path: Path) -> None:
    one = ledger(tmp_path)
    async with one.open():
        await one.grow(1)
    other = ledger(tmp_path, log={"origin": "hub.example/other"})
    with pytest.raises(Misconfigured, match=r"log\.origin"):
        async with other.open():
            pass


async def test_a_home_from_before_there_was_a_log_gets_keys(tmp_path: Path) -> None:
    one = ledger(tmp_path)
    async with one.open(resumed=False):
        pass
    for name in (LOG_KEY, STATUS_KEY):
        (one.settings.home / name).unlink()
    async with one.open():
        await one.grow(1)
        await one.whole()
    assert (one.settings.home / LOG_KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", [LOG_KEY, STATUS_KEY])
async def test_a_key_that_others_may_read_is_refused(tmp_path: Path, name: str) -> None:
    one = ledger(tmp_path)
    async with one.open():
        pass
    (one.settings.home / name).chmod(0o640)
    with pytest.raises(Misconfigured, match="readable by others"):
        async with one.open():
            pass


async def test_keys_of_the_log_all_differ(tmp_path: Path) -> None:
    one = ledger(tmp_path)
    async with one.open():
        pass
    shutil.copy(one.settings.home / LOG_KEY, one.settings.home / STATUS_KEY)
    with pytest.raises(Misconfigured, match="are the same"):
        async with one.open():
            pass


@pytest.mark.parametrize("policy", [b"quorum none\n", b"nonsense\n", None])
async def test_a_policy_that_does_not_name_this_log_is_refused(
    tmp_path: Path, policy: bytes | None
) -> None:
    file = tmp_path / "policy"
    if policy is not None:
        file.write_bytes(policy)
    one = ledger(tmp_path, log={"policy": file})
    with pytest.raises(Misconfigured, match="policy"):
        async with one.open():
            pass


async def test_a_policy_must_name_the_key_of_status_notes_too(tmp_path: Path) -> None:
    one = ledger(tmp_path)
    async with one.open():
        first, _, quorum = one.hub.signer.policy_text.splitlines(keepends=True)
    (tmp_path / "policy").write_bytes(first + quorum)
    with pytest.raises(Misconfigured, match="does not name the keys"):
        async with ledger(tmp_path, log={"policy": tmp_path / "policy"}).open():
            pass
