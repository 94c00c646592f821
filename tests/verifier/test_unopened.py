"""Proofs for whoever may not have an opening: that an entry is in the log, and no more."""

from pathlib import Path

import pytest

from exchange.audit.opening import write_unopened
from exchange.audit.proof import Receipt, write_receipt
from exchange.canonical import loads
from exchange.cli.main import main
from tests.logs import WITNESS_KEY, Log, Verify, random_leaves

INDEX = 300


@pytest.fixture(scope="module")
def log() -> Log:
    return Log(random_leaves(700), witnesses=(WITNESS_KEY,))


def proof(log: Log, file: Path, *, entry: bytes | None = None) -> Path:
    """Write the proof of an entry, or of another one in its place."""
    shown = write_unopened(log.leaves[INDEX] if entry is None else entry)
    file.write_bytes(write_receipt(Receipt(shown, INDEX, log.path(INDEX), log.note())))
    return file


def asked(*options: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return how a verification without a log ends, and the words of its last check."""
    ended = main(["log", "verify", "--json", *map(str, options)])
    said = loads(capsys.readouterr().out.splitlines()[-1].encode(), limit=100_000)
    return ended, said["checks"][-1]["said"]


def test_a_proof_without_opening_needs_no_log(
    log: Log, trusted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = proof(log, tmp_path / "entry.tlog-proof")
    ended, text = asked("--policy", trusted, "--receipt", file, capsys=capsys)
    assert ended == 0
    assert text == "entry.tlog-proof: entry 300 is in the log; what it says is not shown"


def test_it_proves_its_own_entry_alone(
    log: Log, trusted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = proof(log, tmp_path / "entry.tlog-proof", entry=log.leaves[INDEX + 1])
    ended, text = asked("--policy", trusted, "--receipt", file, capsys=capsys)
    assert ended == 1
    assert "proves nothing" in text


def test_a_log_that_shows_another_entry_in_its_place_is_found(
    log: Log, tmp_path: Path, verify: Verify
) -> None:
    file = proof(log, tmp_path / "entry.tlog-proof")
    assert verify(log.write(tmp_path / "log"), "--receipt", file) == (0, {})
    other = Log(random_leaves(700, "other"), witnesses=(WITNESS_KEY,))
    ended, found = verify(other.write(tmp_path / "other"), "--receipt", file)
    assert ended == 1
    assert {"receipt", "append-only"} <= found.keys()


def test_no_file_is_proven_by_what_shows_no_event(
    log: Log, trusted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = proof(log, tmp_path / "entry.tlog-proof")
    beside = ("--manifest", file, "--contents", file, "--file", file)
    ended, text = asked("--policy", trusted, "--receipt", file, *beside, capsys=capsys)
    assert ended == 1
    assert text == "this proof does not show what its entry says: take the receipt"
