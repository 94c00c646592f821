"""exchange.witness.memory and keyfile: what a witness must not forget, and not share."""

import multiprocessing
from pathlib import Path

import pytest

from exchange.errors import Misconfigured
from exchange.witness import keyfile
from exchange.witness.memory import (
    CONFLICT,
    MOST_CONFLICTS,
    file_name,
    prepare,
    remembering,
)
from tests.logs import ORIGIN


def test_a_log_has_the_hash_of_its_origin_as_name() -> None:
    assert file_name("hub.example/log") == (
        "d62da5c75e43d656227e60a98bbedd81e8970b6877dc7288c21c24f7c42648c5"
    )


def test_what_is_kept_is_remembered_by_the_next_program(tmp_path: Path) -> None:
    prepare(tmp_path, [ORIGIN])
    with remembering(tmp_path, [ORIGIN]) as memory:
        assert memory.last(ORIGIN) is None
        memory.keep(ORIGIN, b"first")
        memory.keep(ORIGIN, b"second")

    with remembering(tmp_path, [ORIGIN]) as memory:
        assert memory.last(ORIGIN) == b"second"
    assert (tmp_path / file_name(ORIGIN)).stat().st_mode & 0o777 == 0o600


def test_preparing_again_forgets_nothing(tmp_path: Path) -> None:
    assert prepare(tmp_path / "state", [ORIGIN]) == [ORIGIN]
    with remembering(tmp_path / "state", [ORIGIN]) as memory:
        memory.keep(ORIGIN, b"note")

    assert prepare(tmp_path / "state", [ORIGIN, "other.example/log"]) == ["other.example/log"]

    with remembering(tmp_path / "state", [ORIGIN]) as memory:
        assert memory.last(ORIGIN) == b"note"


def test_an_empty_or_missing_state_refuses_to_start_and_says_how(tmp_path: Path) -> None:
    for state in (tmp_path, tmp_path / "missing"):
        with pytest.raises(Misconfigured, match="--init"), remembering(state, [ORIGIN]):
            pytest.fail("it started")


def test_a_log_that_is_new_to_the_witness_has_to_be_declared(tmp_path: Path) -> None:
    prepare(tmp_path, [ORIGIN])

    with (
        pytest.raises(Misconfigured, match=r"new\.example/log .*--init"),
        remembering(tmp_path, [ORIGIN, "new.example/log"]),
    ):
        pytest.fail("it started")


def test_a_second_program_on_the_same_state_is_refused(tmp_path: Path) -> None:
    prepare(tmp_path, [ORIGIN])
    with remembering(tmp_path, [ORIGIN]):
        second = multiprocessing.get_context("spawn").Process(target=_start, args=(tmp_path,))
        second.start()
        second.join(60)
        assert second.exitcode == 3
        with pytest.raises(Misconfigured, match="another witness"):
            prepare(tmp_path, [ORIGIN])


def _start(state: Path) -> None:
    try:
        with remembering(state, [ORIGIN]):
            raise SystemExit(0)
    except Misconfigured:
        raise SystemExit(3) from None


def test_a_state_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    prepare(tmp_path, [ORIGIN])
    tmp_path.chmod(0o770)

    with pytest.raises(Misconfigured, match="chmod 700"), remembering(tmp_path, [ORIGIN]):
        pytest.fail("it started")


def test_evidence_is_kept_once_and_does_not_fill_the_disk(tmp_path: Path) -> None:
    prepare(tmp_path, [ORIGIN])
    with remembering(tmp_path, [ORIGIN]) as memory:
        for _ in range(2):
            memory.convict(ORIGIN, b"two notes")
        (kept,) = (tmp_path / CONFLICT).iterdir()
        assert kept.read_bytes() == b"two notes"
        for number in range(MOST_CONFLICTS - 1):
            (tmp_path / CONFLICT / str(number)).touch()

        memory.convict(ORIGIN, b"one more")

        assert len(list((tmp_path / CONFLICT).iterdir())) == MOST_CONFLICTS


def test_a_key_is_made_once_and_read_under_its_name(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "witness.key"
    keyfile.make_key(file)
    key = keyfile.read_key(file, "witness.office.example/w1")

    assert (key.name, key.seed) == ("witness.office.example/w1", file.read_bytes())
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Misconfigured, match="exists already"):
        keyfile.make_key(file)
    assert file.read_bytes() == key.seed


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nfeed"])
def test_a_name_that_a_note_cannot_hold_is_refused(name: str, tmp_path: Path) -> None:
    keyfile.make_key(tmp_path / "key")

    with pytest.raises(Misconfigured, match="--name"):
        keyfile.read_key(tmp_path / "key", name)


def test_a_key_that_is_none_or_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(Misconfigured, match="--make-key"):
        keyfile.read_key(file, "w")
    file.write_bytes(bytes(31))
    file.chmod(0o600)
    with pytest.raises(Misconfigured, match="not the key of a witness"):
        keyfile.read_key(file, "w")
    file.write_bytes(bytes(range(32)))
    file.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        keyfile.read_key(file, "w")
