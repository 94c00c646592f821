"""exchange.witness.cosign: what is cosigned is remembered first, and never taken back."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exchange.audit.cosignature import time_of
from exchange.audit.head import read_signed
from exchange.audit.note import SigningKey, read_note, verified, verifying, write_line
from exchange.audit.submission import Reason, Refusal
from exchange.errors import Misconfigured, Unavailable
from exchange.witness.cosign import Cosigned, Cosigner
from exchange.witness.memory import CONFLICT, file_name, prepare, remembering
from tests.logs import AT, LOG_KEY, ORIGIN, WITNESS_KEY, Log, random_leaves
from tests.witness.watching import LOGS, Clock, asked, witness

LOG = Log(random_leaves(600))
FORK = Log([*random_leaves(100), *random_leaves(500, "fork")])


def test_the_published_cosignature_is_made_byte_for_byte(tmp_path: Path) -> None:
    text = b"hub.example/log\n3\nntDvnYlPbOU/FQBtrOry7B1Y+lvzVtGBvq5hfe3HFxA=\n"
    signed = (
        text
        + (
            "\n— hub.example/log vRK/F4y6mf/0RJfhyVwWmLzj06VxdMZd2suXzOPb+9TJYTS27QqF9VsfVxfeWl9Y"
            "iW5PbzA9uPjMckccMDGIe2X1qgc=\n"
        ).encode()
    )
    with witness(tmp_path / "state") as cosigner:
        cosigned = cosigner.add(b"old 0\n\n" + signed)

        assert isinstance(cosigned, Cosigned)
        assert write_line(cosigned.line).decode() == (
            "— witness.example/a gdYk+gAAAABrAq8QQi1hGjaYT3ZEyOy3PeexTnaEuKBxNPwBpYTRsBsRjrNYUuneYz"
            "fUZuVcWbzVZNJYiehY68K1nxpwOOChHcItCA==\n"
        )
        assert cosigner.note(ORIGIN) == signed + write_line(cosigned.line)
        assert cosigner.note_named(file_name(ORIGIN)) == cosigner.note(ORIGIN)
        assert cosigner.note_named("0" * 64) is None


def test_a_witness_goes_on_after_a_restart_from_what_it_remembers(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with witness(state) as cosigner:
        assert isinstance(cosigner.add(asked(LOG, 0, 5)), Cosigned)

    with witness(state) as cosigner:
        head = read_signed(cosigner.note(ORIGIN) or b"", LOGS[ORIGIN])
        assert (head.checkpoint.size, head.checkpoint.root) == (5, LOG.root(5))
        assert cosigner.add(asked(LOG, 0, 9)) == Refusal(Reason.STALE, ORIGIN, 5)
        assert isinstance(cosigner.add(asked(LOG, 5, 600)), Cosigned)
        assert cosigner.add(asked(LOG, 5, 9)) == Refusal(Reason.STALE, ORIGIN, 600)


def test_a_fork_is_never_cosigned_and_both_histories_are_kept(tmp_path: Path) -> None:
    with witness(tmp_path / "state") as cosigner:
        cosigner.add(asked(LOG, 0, 200))
        before = cosigner.note(ORIGIN)
        assert before is not None
        for size in (200, 600):
            fork = asked(FORK, 200, size)

            judged = cosigner.add(fork)

            assert judged == Refusal(Reason.INCONSISTENT, ORIGIN, 200)
            assert cosigner.note(ORIGIN) == before
            kept = {one.read_bytes() for one in (tmp_path / "state" / CONFLICT).iterdir()}
            assert before + b"\n" + fork in kept


def test_the_same_size_again_gets_a_fresh_time(tmp_path: Path) -> None:
    clock = Clock()
    with witness(tmp_path / "state", clock) as cosigner:
        cosigner.add(asked(LOG, 0, 5))
        clock.move(600)
        again = cosigner.add(asked(LOG, 5, 5))

        assert isinstance(again, Cosigned)
        assert time_of(again.line) == AT + 600
        assert read_note(cosigner.note(ORIGIN) or b"").lines[-1] == again.line


def test_a_clock_that_went_back_stops_the_witness_also_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    with witness(tmp_path / "state", clock) as cosigner:
        cosigner.add(asked(LOG, 0, 5))
        before = cosigner.note(ORIGIN)
        clock.move(-1)
        with pytest.raises(Unavailable, match="clock"):
            cosigner.add(asked(LOG, 5, 9))
        assert cosigner.note(ORIGIN) == before

    with witness(tmp_path / "state", clock) as cosigner:
        with pytest.raises(Unavailable, match="clock"):
            cosigner.add(asked(LOG, 5, 9))
        clock.move(1)
        assert isinstance(cosigner.add(asked(LOG, 5, 9)), Cosigned)


def test_no_cosignature_leaves_when_it_could_not_be_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with witness(tmp_path / "state") as cosigner:
        cosigner.add(asked(LOG, 0, 5))
        before = cosigner.note(ORIGIN)

        def fails(_fd: int) -> None:
            raise OSError(5, "input or output error")

        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="input or output"):
            cosigner.add(asked(LOG, 5, 9))
        monkeypatch.undo()

        assert cosigner.note(ORIGIN) == before
        assert isinstance(cosigner.add(asked(LOG, 5, 9)), Cosigned)


def test_it_is_durable_before_it_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    real = os.fsync

    def watched(fd: int) -> None:
        real(fd)
        synced.append((tmp_path / "state" / file_name(ORIGIN)).read_bytes())

    with witness(tmp_path / "state") as cosigner:
        monkeypatch.setattr(os, "fsync", watched)
        cosigned = cosigner.add(asked(LOG, 0, 5))

        assert isinstance(cosigned, Cosigned)
        assert synced[-1] == cosigner.note(ORIGIN)  # the last sync, of the directory
        assert len(synced) == 2


def test_of_racing_requests_each_is_cosigned_on_top_of_the_one_before(tmp_path: Path) -> None:
    """Without the lock two of them pass the check at the same old size, and one rolls back."""
    together = threading.Barrier(8)

    def ask(number: int) -> tuple[int, Cosigned | Refusal]:
        together.wait(60)
        return number, cosigner.add(asked(LOG, 5, 10 + number))

    with witness(tmp_path / "state") as cosigner:
        cosigner.add(asked(LOG, 0, 5))
        with ThreadPoolExecutor(8) as pool:
            answers = dict(pool.map(ask, range(8)))

        (won,) = (number for number, one in answers.items() if isinstance(one, Cosigned))
        lost = [one for one in answers.values() if not isinstance(one, Cosigned)]
        assert lost == [Refusal(Reason.STALE, ORIGIN, 10 + won)] * 7
        last = cosigner.last(ORIGIN)
        assert last is not None
        assert last.size == 10 + won


@pytest.mark.parametrize("damage", [b"nothing", None])
def test_a_damaged_memory_refuses_to_start(damage: bytes | None, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with witness(state) as cosigner:
        cosigner.add(asked(LOG, 0, 5))
    file = state / file_name(ORIGIN)
    if damage is None:
        damage = file.read_bytes().replace(b"\n5\n", b"\n4\n", 1)
    file.write_bytes(damage)

    with pytest.raises(Misconfigured, match="damaged"), witness(state):
        pytest.fail("it started")


def test_what_another_key_of_the_log_signed_is_not_relied_on(tmp_path: Path) -> None:
    with witness(tmp_path / "state") as cosigner:
        cosigner.add(asked(LOG, 0, 5))
    other = {ORIGIN: (verifying(SigningKey(ORIGIN, LOG_KEY.type, b"\x07" * 32)),)}

    with (
        remembering(tmp_path / "state", other) as memory,
        pytest.raises(Misconfigured, match="key that is not given"),
    ):
        Cosigner(WITNESS_KEY, other, memory, Clock())


def test_a_cosignature_verifies_by_the_witness_key_and_no_other(tmp_path: Path) -> None:
    prepare(tmp_path, LOGS)
    with remembering(tmp_path, LOGS) as memory:
        cosigned = Cosigner(WITNESS_KEY, LOGS, memory, Clock()).add(asked(LOG, 0, 5))

    assert isinstance(cosigned, Cosigned)
    (found,) = verified(cosigned.note, [verifying(WITNESS_KEY)])
    assert found[1] == cosigned.line
