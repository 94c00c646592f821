"""The race of rule 4 on PostgreSQL: two replicas, each with the product's own database and pool.

Each walks through the same consents with several clients: collects what is stored, stores what
is new, withdraws. Every call is written down with its times and its answer; afterwards the
histories, the log and the headers that are left are compared.
"""

import asyncio
import json
import multiprocessing
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import psycopg
from sqlalchemy import Connection, create_engine

from exchange.consent.decision import Permit
from exchange.errors import ExchangeError, OutcomeUnknown, Unavailable
from exchange.hub.storage import consents, headers, schema
from exchange.hub.storage.postgres import Pools, PostgresDatabase
from exchange.prepared import Prepared
from tests.races import three_processes as acts
from tests.races.history import NEVER, Operation, is_linearizable
from tests.storage import rows

EACH = acts.EACH
GROUP = 32
"""Consents that the replicas fight for at a time."""
CLIENTS = 6
"""Of each replica, each waiting for its answer before it calls again."""
Fault = Literal["none", "unlocked", "decided before"]
Job = tuple[str, int]
"""What to do, and on which disclosure (to collect) or consent."""


@dataclass(frozen=True)
class Race:
    """Where and how; the product's way, or a wrong way that the judge must see."""

    url: str
    consents: int
    fault: Fault = "none"


@dataclass(frozen=True)
class Outcome:
    """What the judge found."""

    pairs: int
    """Collections and stores under consents that were also withdrawn."""
    released: int
    refused: int
    unknown: int
    """Answers nobody got."""
    not_linearizable: int
    """Consents whose history cannot be put in order."""
    late: int
    """Releases that the log has after the withdrawal."""
    mistold: int
    """Releases that the log has and nobody was told of, or the other way round."""
    headers_left: int


def load(race: Race) -> None:
    """Fill the database: an agreement, and consents with some stored disclosures each."""
    engine = create_engine(race.url)
    with engine.begin() as conn:
        rows.add_agencies(conn)
        rows.add_agreement(conn)
        for first in range(0, race.consents, 1000):
            acts.load_consents(conn, range(first, min(first + 1000, race.consents)))
    engine.dispose()


def race_all(race: Race, out: Path) -> list[list[Any]]:
    """Run the two replicas to their end and return every call: act, number, times, answer."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    files = [out / f"replica-{index}" for index in range(2)]
    replicas = [
        context.Process(target=_replica, args=(race, index, barrier, file))
        for index, file in enumerate(files)
    ]
    for replica in replicas:
        replica.start()
    try:
        for replica in replicas:
            replica.join()
            assert replica.exitcode == 0
    finally:
        for replica in replicas:
            replica.kill()
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def _replica(race: Race, index: int, barrier: Barrier, out: Path) -> None:
    with _faulty(race.fault):
        asyncio.run(_work(race, index, barrier, out))


@contextmanager
def _faulty(fault: Fault) -> Iterator[None]:
    """Take the row lock out of the product's statement, where that is the fault."""
    if fault != "unlocked":
        yield
        return
    locking: Any = consents._FIND._statement
    unlocked = locking._generate()
    unlocked._for_update_arg = None
    with mock.patch.object(consents, "_FIND", Prepared(unlocked)):
        yield


async def _work(race: Race, index: int, barrier: Barrier, out: Path) -> None:
    database = PostgresDatabase(race.url, schema.check, pools=Pools(connections=CLIENTS))
    dice = random.Random(index)  # noqa: S311 - repeatable, not secret
    told: list[list[Any]] = []
    try:
        for first in range(0, race.consents, GROUP):
            group = range(first, min(first + GROUP, race.consents))
            decided = await _decisions(database, group) if race.fault == "decided before" else {}
            await asyncio.to_thread(barrier.wait, 120)  # the two stay close and meet
            jobs = _jobs(group, index, dice)
            await asyncio.gather(*(_client(database, jobs, told, decided) for _ in range(CLIENTS)))
    finally:
        await database.close()
    out.write_text("\n".join(json.dumps(each) for each in told))


def _jobs(group: range, index: int, dice: random.Random) -> list[Job]:
    """Return this replica's part: neither withdraws all, each collects and stores under all."""
    jobs: list[Job] = []
    for number in group:
        units = range(number * EACH, (number + 1) * EACH)
        near = [("collect", unit) for unit in units if unit % 2 == index]
        near.append(("withdraw" if number % 2 == index else "store", number))
        dice.shuffle(near)
        jobs += near
    return jobs[::-1]


async def _client(
    database: PostgresDatabase, jobs: list[Job], told: list[list[Any]], decided: dict[int, Any]
) -> None:
    while jobs:
        act, number = jobs.pop()
        called, answer = time.monotonic(), None
        run = database.write_first if act == "withdraw" else database.write
        try:
            if act == "collect" and decided:
                answer = await run(_collect_blindly, number, decided[number])
            else:
                answer = await run(acts.ACTS[act], number)
        except OutcomeUnknown:
            pass
        except Unavailable:
            continue  # it has not happened
        except ExchangeError:
            answer = False
        told.append([act, number, called, time.monotonic(), answer])


async def _decisions(database: PostgresDatabase, group: range) -> dict[int, Permit | None]:
    """Decide on every collection beforehand: the fault of a remembered decision."""
    units = range(group.start * EACH, group.stop * EACH)

    def decide(conn: Connection) -> dict[int, Permit | None]:
        return {unit: rows.permit(conn, unit // EACH, counted=1) for unit in units}

    return await database.write(decide)


def _collect_blindly(conn: Connection, unit: int, allowed: Permit | None) -> bool:
    if allowed is None:
        return False
    acts.record_collection(conn, unit, allowed)
    return True


def stopped(race: Race, unit: int, out: Path) -> None:
    """Collect, but stop this whole process between the release and the commit, until SIGCONT."""

    def collect(conn: Connection) -> bool:
        allowed = rows.permit(conn, unit // EACH, counted=1)
        if allowed is None:
            return False  # its connection was lost, it runs once more, behind the withdrawal
        assert headers.release(conn, allowed, rows.uuid("disclosure", unit)) is not None
        os.kill(os.getpid(), signal.SIGSTOP)
        acts.record_collection(conn, unit, allowed)
        return True

    async def work() -> str:
        database = PostgresDatabase(race.url, schema.check, pools=Pools())
        try:
            return str(await database.write(collect))
        except ExchangeError as error:
            return type(error).__name__
        finally:
            await database.close()

    out.write_text(asyncio.run(work()))


def judge(race: Race, told: list[list[Any]]) -> Outcome:
    """Compare histories, log and headers; nothing here uses the functions under test."""
    histories: dict[int, list[Operation]] = defaultdict(list)
    granted = Counter[tuple[str, str]]()
    unknown = Counter[tuple[str, str]]()
    for act, number, called, answered, answer in told:
        consent = number // EACH if act == "collect" else number
        ends = act == "withdraw"
        end = NEVER if answer is None else answered
        histories[consent].append(Operation(ends, called, end, answer))
        if not ends:
            granted[acts.KINDS[act], rows.uuid("chain", consent)] += answer is True
            unknown[acts.KINDS[act], rows.uuid("chain", consent)] += answer is None
    logged, late, left = _recorded(race.url)
    releases = [one for history in histories.values() for one in history if not one.ends]
    return Outcome(
        pairs=len(releases),
        released=sum(one.granted is True for one in releases),
        refused=sum(one.granted is False for one in releases),
        unknown=sum(one.granted is None for one in releases),
        not_linearizable=sum(not is_linearizable(one) for one in histories.values()),
        late=late,
        mistold=((granted - logged) + (logged - granted - unknown)).total(),
        headers_left=left,
    )


def _recorded(url: str) -> tuple[Counter[tuple[str, str]], int, int]:
    """Return what the log has of each chain, how much of it is late, and the headers left."""
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")) as conn:
        ended: dict[str, int] = dict(
            conn.execute("SELECT chain, n FROM log_event WHERE kind = 'consent-withdrawn'")
        )
        logged, late = Counter[tuple[str, str]](), 0
        for chain, n, kind in conn.execute(
            "SELECT chain, n, kind FROM log_event WHERE kind = ANY(%s)", [list(acts.KINDS.values())]
        ):
            logged[kind, chain] += 1
            late += chain in ended and n > ended[chain]
        row = conn.execute("SELECT count(*) FROM headers").fetchone()
        return logged, late, 0 if row is None else row[0]
