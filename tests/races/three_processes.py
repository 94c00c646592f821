"""The race of rule 4: three processes run the product's storage functions on one SQLite file.

No lock file, no single writer: only the order of the transactions protects. Two processes release
(collect what is stored, store what is new), one withdraws, all on the same consents at the same
time. Afterwards the log says in which order it happened, and each process says what it was told.
"""

import multiprocessing
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, insert, text
from sqlalchemy import event as engine_events

from exchange.audit import event
from exchange.consent.decision import Permit
from exchange.errors import ExchangeError
from exchange.hub.storage import (
    consents,
    disclosures,
    ending,
    headers,
    log,
    log_tables,
    schema,
    tables,
)
from exchange.hub.storage.log import Chain
from exchange.sqlite_file import writer_engine
from tests import samples
from tests.storage import rows

EACH = 3
"""Disclosures stored under each consent before the race; a fourth is stored in it."""
KEY = rows.key("every chain of the race")
"""One key for all chains: the race is about order, not about secrecy."""
TOGETHER = 64
"""Consents that the three fight for at a time, in two transactions each; units of work have
savepoints of their own, as in the writer."""
FAST = ("journal_mode=WAL", "synchronous=OFF", "busy_timeout=20000", "foreign_keys=OFF")
"""No fsync: what is tested is the order of transactions. Everything else as in the product."""


@dataclass(frozen=True)
class Race:
    """How the race is run; the product's way, or a wrong way that the checker must see."""

    path: Path
    consents: int
    decide_outside: bool = False
    """Decide on collections before the transaction that releases, and release without asking."""
    group: int = TOGETHER


@dataclass(frozen=True)
class Outcome:
    """What the checker found."""

    pairs: int
    released: int
    """Collections and stores that succeeded under consents that were also withdrawn."""
    refused: int
    violations: int
    """Releases that come after the withdrawal: in the log, or because of when calls were made."""
    headers_left: int


def engine_for(race: Race, begin: str = "BEGIN IMMEDIATE") -> Engine:
    """Return an engine as the product tunes it, except for fsync."""
    engine = create_engine(f"sqlite:///{race.path}", hide_parameters=True)

    def on_connect(dbapi: sqlite3.Connection, _record: object) -> None:
        dbapi.isolation_level = None
        for pragma in FAST:
            dbapi.execute(f"PRAGMA {pragma}")

    engine_events.listen(engine, "connect", on_connect)
    engine_events.listen(engine, "begin", lambda conn: conn.exec_driver_sql(begin))
    return engine


def chain(number: int) -> Chain:
    """Return the chain of a consent."""
    return Chain(rows.uuid("chain", number), KEY)


def load(race: Race) -> None:
    """Fill the file: some stored disclosures with their headers under each consent."""
    engine = writer_engine(race.path)
    with engine.begin() as conn:
        schema.prepare(conn)
        rows.add_agencies(conn)
        rows.add_agreement(conn)
        for first in range(0, race.consents, 1000):
            load_consents(conn, range(first, min(first + 1000, race.consents)))
    engine.dispose()


def load_consents(conn: Connection, numbers: range) -> None:
    """Add these consents, some stored disclosures under each, and their headers."""
    conn.execute(insert(tables.consents), [_consent(number) for number in numbers])
    conn.execute(
        insert(log_tables.log_chain),
        [{"chain": rows.uuid("chain", number), "kind": "consent"} for number in numbers],
    )
    units = range(numbers.start * EACH, numbers.stop * EACH)
    conn.execute(insert(tables.disclosures), [_disclosure(unit) for unit in units])
    conn.execute(
        insert(tables.disclosure_recipients),
        [
            {
                "disclosure": rows.uuid("disclosure", unit),
                "agency": rows.RECIPIENT,
                "fingerprint": rows.digest("document key", rows.RECIPIENT),
                "number": unit + 1,
            }
            for unit in units
        ],
    )
    conn.execute(
        insert(headers.headers),
        [
            {"disclosure": rows.uuid("disclosure", unit), "header": b"header %d" % unit}
            for unit in units
        ],
    )
    conn.execute(
        text("UPDATE agencies SET inbox_last = :last WHERE id = :of"),
        {"last": units.stop, "of": rows.RECIPIENT},
    )


def _consent(number: int) -> dict[str, object]:
    return {
        "digest": rows.digest("consent", number),
        "id": rows.uuid("consent", number),
        "agreement": samples.AGREEMENT_DIGEST,
        "collected_by": rows.SENDER,
        "statement": b"statement",
        "chain": rows.uuid("chain", number),
        "uses": tables.RECURRING,
        "used": EACH,
        "valid_from": rows.NOW - rows.DAY,
        "valid_until": rows.NOW + 100 * rows.DAY,
        "recorded_at": rows.NOW,
    }


def _disclosure(unit: int) -> dict[str, object]:
    new = rows.new_disclosure(unit, unit // EACH)
    return {
        "id": new.id,
        "digest": new.digest,
        "manifest": new.manifest,
        "sender": new.sender,
        "consent": new.consent,
        "state": "stored",
        "sealed_size": new.sealed_size,
        "exp": new.exp,
        "announced_at": rows.NOW,
        "stored_at": rows.NOW,
        "blob": rows.uuid("blob", unit),
        "payload_size": 50_000,
        "payload_sha256": "ab" * 32,
    }


def collect(conn: Connection, unit: int) -> bool:
    """Release the header as the gate does: lock, decide, log, hand out."""
    disclosure = rows.uuid("disclosure", unit)
    if disclosures.gated(conn, disclosure, rows.RECIPIENT) is None:
        return False
    allowed = rows.permit(conn, unit // EACH, counted=1)
    if allowed is None or headers.release(conn, allowed, disclosure) is None:
        return False
    record_collection(conn, unit, allowed)
    return True


def record_collection(conn: Connection, unit: int, allowed: Permit) -> None:
    """Note and log that the recipient has collected, if it is the first time."""
    disclosure, rid = rows.uuid("disclosure", unit), log.name()
    if disclosures.collect(conn, allowed, disclosure, rows.RECIPIENT, receipt=rid):
        collected = event.disclosure_collected(
            at=rows.NOW, by=rows.RECIPIENT, manifest=rows.digest("manifest", unit)
        )
        log.record(conn, chain(unit // EACH), collected, rid=rid)


def store(conn: Connection, number: int) -> bool:
    """Store a second disclosure as the hub does: lock, decide, count, keep, log."""
    allowed = rows.permit(conn, number)
    if allowed is None:
        return False
    new = rows.new_disclosure(("second", number), number)
    consents.consume_use(conn, allowed)
    disclosures.store(conn, allowed, new, b"header", rows.kept(("second", number)), at=rows.NOW)
    stored = event.disclosure_stored(
        at=rows.NOW,
        by=rows.SENDER,
        consent=new.consent,
        manifest=new.digest,
        to=new.recipients,
        subject=("housing-loss", "rent-arrears-letter"),
    )
    log.record(conn, chain(number), stored)
    return True


def withdraw(conn: Connection, number: int) -> bool:
    """End the consent."""
    found = consents.find(conn, rows.digest("consent", number))
    if found is None:
        return False
    return ending.withdraw(conn, found, rows.withdrawal(), chain(number), at=rows.NOW).first


Act = Callable[[Connection, int], bool]
ACTS: dict[str, Act] = {"collect": collect, "store": store, "withdraw": withdraw}
KINDS = {"collect": "disclosure-collected", "store": "disclosure-stored"}
"""Event that a success leaves in the log."""
Told = dict[int, tuple[float, float, bool]]
"""Per consent, for collections per disclosure: when called, when answered, and with what."""


def run(race: Race, act: str, barrier: Barrier, out: Path) -> None:
    """Do one act on every consent, in groups that share a transaction; write down what was told.

    All three walk through the consents in the same order. Whoever is ahead of the others waits at
    a barrier now and then, so that the three stay close and meet on the same consents.
    """
    engine, told = engine_for(race), Told()
    with engine.connect() as conn:
        for turn, first in enumerate(range(0, race.consents, race.group)):
            if turn % 2 == 0:
                barrier.wait(300)
            last = min(first + race.group, race.consents)
            each = EACH if act == "collect" else 1
            numbers = list(range(first * each, last * each))
            # Each process begins elsewhere in the group, so that every order occurs.
            shift = (turn * 7 + len(act) * 11) % len(numbers)
            for part in _parts(numbers[shift:] + numbers[:shift], act):
                blind = race.decide_outside and act == "collect"
                does = _collect_blindly(race, part) if blind else ACTS[act]
                _together(conn, does, part, told)
    lines = (b"%d %.9f %.9f %d" % (n, c, r, ok) for n, (c, r, ok) in told.items())
    out.write_bytes(b"\n".join(lines))
    engine.dispose()


def _parts(numbers: list[int], act: str) -> list[list[int]]:
    """Cut a group into two transactions, elsewhere for each act."""
    cut = max(1, len(numbers) * (1 + list(ACTS).index(act)) // 4)
    return [part for part in (numbers[:cut], numbers[cut:]) if part]


def _together(conn: Connection, act: Act, part: list[int], told: Told) -> None:
    called = time.monotonic()
    answers: dict[int, bool] = {}
    with conn.begin():
        for number in part:
            conn.exec_driver_sql("SAVEPOINT unit")
            try:
                answers[number] = act(conn, number)
            except ExchangeError:
                answers[number] = False
                conn.exec_driver_sql("ROLLBACK TO unit")
            conn.exec_driver_sql("RELEASE unit")
    answered = time.monotonic()
    told.update({number: (called, answered, ok) for number, ok in answers.items()})


def _collect_blindly(race: Race, part: list[int]) -> Act:
    """Return the fault: decided before the lock, released without asking again."""
    before = engine_for(race, "BEGIN")
    with before.connect() as conn:
        decided = {unit: rows.permit(conn, unit // EACH, counted=1) for unit in part}
    before.dispose()

    def blindly(conn: Connection, unit: int) -> bool:
        allowed = decided[unit]
        if allowed is None:
            return False
        record_collection(conn, unit, allowed)
        return True

    return blindly


def race_all(race: Race, out: Path) -> dict[str, Told]:
    """Run the three processes to their end and return what each was told."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(ACTS))
    processes = [context.Process(target=run, args=(race, act, barrier, out / act)) for act in ACTS]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
            assert process.exitcode == 0
    finally:
        for process in processes:
            process.kill()
    return {act: _read(out / act) for act in ACTS}


def _read(path: Path) -> Told:
    told: Told = {}
    for line in path.read_text().splitlines():
        number, called, answered, ok = line.split()
        told[int(number)] = float(called), float(answered), ok == "1"
    return told


def check(race: Race, told: dict[str, Told]) -> Outcome:
    """Compare the log with what was told; nothing here uses the functions under test."""
    connection = sqlite3.connect(race.path)
    ended = dict(
        connection.execute(
            "SELECT chain, n FROM log_event WHERE kind = 'consent-withdrawn'"
        ).fetchall()
    )
    after, logged = 0, Counter[tuple[str, str]]()
    for chain_id, n, kind in connection.execute(
        "SELECT chain, n, kind FROM log_event WHERE kind IN ('disclosure-collected', "
        "'disclosure-stored')"
    ):
        logged[kind, chain_id] += 1
        after += chain_id in ended and n > ended[chain_id]
    left = connection.execute("SELECT count(*) FROM headers").fetchone()[0]
    connection.close()
    answered, pairs, refused = Counter[tuple[str, str]](), 0, 0
    for act, kind, each in (
        ("collect", "disclosure-collected", EACH),
        ("store", "disclosure-stored", 1),
    ):
        for unit, (called, _, ok) in told[act].items():
            number = unit // each
            _, acknowledged, withdrawn = told["withdraw"][number]
            if not withdrawn:
                continue
            pairs += 1
            refused += not ok
            answered[kind, rows.uuid("chain", number)] += ok
            # Called after the withdrawal was acknowledged, and yet released.
            after += ok and called > acknowledged
    # What was told must be what is in the log, consent by consent.
    after += sum(((answered - logged) + (logged - answered)).values())
    return Outcome(pairs, answered.total(), refused, after, left)
