"""Rule 4 across replicas: no release after an acknowledged withdrawal, whatever two processes do.

`EXCHANGE_RACE_PAIRS` asks for a larger race than the usual one.
"""

import asyncio
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from exchange.hub.storage import schema
from exchange.hub.storage.postgres import Pools, PostgresDatabase
from tests.races.three_processes import withdraw
from tests.races.two_replicas import Race, judge, load, race_all, stopped

PAIRS = int(os.environ.get("EXCHANGE_RACE_PAIRS", "4000"))
PER_CONSENT = 4
"""Three collections and one new disclosure against a withdrawal."""
CONTROL = 64
"""Consents of a race that must show a fault."""

pytestmark = [pytest.mark.xdist_group("races"), pytest.mark.timeout(600 + PAIRS // 100)]


def test_two_replicas_release_nothing_after_a_withdrawal(postgres_url: str, tmp_path: Path) -> None:
    race = Race(postgres_url, -(-PAIRS // PER_CONSENT))
    load(race)
    outcome = judge(race, race_all(race, tmp_path))
    print(outcome)
    assert outcome.pairs >= PAIRS
    assert outcome.not_linearizable == 0
    assert outcome.late == 0
    assert outcome.mistold == 0
    assert outcome.headers_left == 0
    # Both orders must have occurred, else nothing was raced.
    assert outcome.released >= outcome.pairs // 20
    assert outcome.refused >= outcome.pairs // 20


def test_the_judge_sees_what_happens_without_the_row_lock(
    postgres_url: str, tmp_path: Path
) -> None:
    race = Race(postgres_url, CONTROL, fault="unlocked")
    load(race)
    outcome = judge(race, race_all(race, tmp_path))
    print(outcome)
    assert outcome.late + outcome.headers_left > 0


def test_the_judge_sees_decisions_that_were_remembered(postgres_url: str, tmp_path: Path) -> None:
    race = Race(postgres_url, CONTROL, fault="decided before")
    load(race)
    outcome = judge(race, race_all(race, tmp_path))
    print(outcome)
    assert outcome.not_linearizable > 0
    assert outcome.late > 0


async def test_a_replica_that_stops_in_the_middle_of_a_release_has_not_released(
    postgres_url: str, tmp_path: Path
) -> None:
    race, out = Race(postgres_url, 1), tmp_path / "answer"
    load(race)
    replica = multiprocessing.get_context("spawn").Process(target=stopped, args=(race, 0, out))
    replica.start()
    assert replica.pid is not None
    _, status = await asyncio.to_thread(os.waitpid, replica.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    database = PostgresDatabase(postgres_url, schema.check, pools=Pools())
    try:
        called = time.monotonic()
        assert await database.write_first(withdraw, 0)
        print(f"acknowledged after {time.monotonic() - called:.2f} s")
    finally:
        await database.close()
        os.kill(replica.pid, signal.SIGCONT)
    await asyncio.to_thread(replica.join)

    # Its session was ended by the database: it has failed, or run once more and decided anew.
    assert out.read_text() in {"Unavailable", "False"}
    outcome = judge(race, [["withdraw", 0, called, time.monotonic(), True]])
    assert (outcome.late, outcome.mistold, outcome.headers_left) == (0, 0, 0)
