"""exchange.agency.events and submissions: rows of a unit of work, in the order of commits."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from exchange.agency import events, state, submissions
from exchange.agency.events import EventKind
from exchange.agency.state import Sending, Sent
from exchange.agency.tables import schema
from exchange.errors import Conflict, KeyReused
from exchange.sqlite import SqliteDatabase

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
ID = "2b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a02"
REQUEST = b"r" * 32


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "state.db", schema.prepare, on_failure=lambda: None)
    yield opened
    await opened.close()


def sent(of: str = ID) -> Sent:
    return Sent(
        id=of,
        digest="d",
        manifest=b"m",
        consent="c",
        recipients="women-b",
        size=1,
        state=Sending.SEALED,
        sent_at=NOW,
        exp=NOW + timedelta(days=1),
        log="l",
    )


async def test_events_are_listed_in_order_behind_a_number(database: SqliteDatabase) -> None:
    assert await database.read(events.newest) == 0
    for number in range(5):
        reason = f"r{number}"
        await database.write(events.happened, EventKind.STORED, ID, NOW, reason=reason)

    found = await database.read(events.list_events, 1, 3)

    assert [(event.number, event.reason) for event in found] == [(2, "r1"), (3, "r2"), (4, "r3")]
    assert await database.read(events.newest) == 5


async def test_an_event_of_a_unit_of_work_that_failed_never_happened(
    database: SqliteDatabase,
) -> None:
    def broken(conn: Connection) -> None:
        events.happened(conn, EventKind.STORED, ID, NOW)
        raise KeyReused

    with pytest.raises(KeyReused):
        await database.write(broken)
    assert await database.read(events.list_events, 0, 10) == []


async def test_a_repeated_step_happens_once(database: SqliteDatabase) -> None:
    for _ in range(2):
        await database.write(events.happened_once, EventKind.RECEIVED, ID, NOW, folder="f")
    await database.write(events.happened_once, EventKind.ERASURE_DONE, ID, NOW)

    found = await database.read(events.list_events, 0, 10)
    assert [event.kind for event in found] == [EventKind.RECEIVED, EventKind.ERASURE_DONE]


async def test_a_number_is_never_used_again(database: SqliteDatabase) -> None:
    await database.write(events.happened, EventKind.STORED, ID, NOW)
    await database.write(events.forget_events, NOW + events.KEPT + timedelta(seconds=1))
    await database.write(events.happened, EventKind.STORED, ID, NOW)

    (event,) = await database.read(events.list_events, 0, 10)
    assert event.number == 2


async def test_a_key_names_one_submission(database: SqliteDatabase) -> None:
    assert await database.read(submissions.find_submitted, "k", REQUEST) is None

    def make(conn: Connection) -> None:
        submissions.claim("k", REQUEST, NOW, conn, [sent()])
        state.add_sent(conn, sent())

    await database.write(make)

    assert await database.read(submissions.find_submitted, "k", REQUEST) == [sent()]
    with pytest.raises(KeyReused):
        await database.read(submissions.find_submitted, "k", b"o" * 32)
    with pytest.raises(Conflict):
        await database.write(make)
    await database.write(submissions.forget_submissions, NOW + submissions.KEPT)
    assert await database.read(submissions.find_submitted, "k", REQUEST) is not None
    later = NOW + submissions.KEPT + timedelta(seconds=1)
    await database.write(submissions.forget_submissions, later)
    assert await database.read(submissions.find_submitted, "k", REQUEST) is None
