"""Rule 4 under fire: no release after a committed withdrawal, whatever three processes do."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.races.three_processes import Race, check, load, race_all

CONSENTS = 23_000
"""Four pairs each: a withdrawal against three collections and one new disclosure."""
PAIRS = 90_000
CONTROL = 600


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory in memory where there is one: the race is about order, not about the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as found:
        yield Path(found)


@pytest.mark.xdist_group("races")
@pytest.mark.timeout(600)
def test_no_header_is_released_or_stored_after_a_committed_withdrawal(directory: Path) -> None:
    race = Race(directory / "hub.sqlite", CONSENTS)
    load(race)
    outcome = check(race, race_all(race, directory))
    print(outcome)
    assert outcome.pairs >= PAIRS
    assert outcome.violations == 0
    assert outcome.headers_left == 0
    # Both orders must have occurred, else nothing was raced.
    assert outcome.released >= outcome.pairs // 20
    assert outcome.refused >= outcome.pairs // 20


@pytest.mark.xdist_group("races")
@pytest.mark.timeout(300)
def test_the_checker_sees_releases_that_were_decided_outside_the_transaction(
    directory: Path,
) -> None:
    race = Race(directory / "hub.sqlite", CONTROL, decide_outside=True)
    load(race)
    outcome = check(race, race_all(race, directory))
    assert outcome.violations > 0
