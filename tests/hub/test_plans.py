"""No request and no loop reads through a table that grows with the years.

What SQLite would do is asked of itself: it plans by the indexes there are, whatever the tables
hold, so that a plan in a small database is the plan in a large one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from exchange.figures.measure import Dimension
from exchange.figures.period import month_of
from exchange.hub import sweep
from exchange.hub.answers import overview
from exchange.hub.cursor import write_cursor
from exchange.hub.follow_log import catch_up
from exchange.hub.list_events import Wanted, list_events
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.trace import record_read
from exchange.hub.publish_figures import publish_figures
from exchange.hub.read_figures import read_figures
from exchange.hub.relay import Relay
from exchange.hub.remind_erasure import remind_erasure
from exchange.hub.settings import Notices
from exchange.hub.storage import levels
from exchange.hub.storage.reading import Place
from exchange.members import write_time
from exchange.wire import officer_routes, routes
from tests.asking import ask
from tests.hub.erasable import OVER, swept
from tests.hub.test_lint import notice
from tests.person import consent_with_code
from tests.simulator import RECIPIENT, SENDER, Given, Letter, Simulator, statements

GROW = frozenset(
    {
        *("consents", "consent_parties", "credentials", "erasures", "notices"),
        *("disclosures", "disclosure_recipients", "log_chain", "log_event"),
        *("log_entry", "log_erased", "log_reader"),
    }
)
"""Tables that nothing is deleted from for years. `log_pending` is emptied ten times a second."""
OFFICER = Officer(str(uuid4()), "officer", SENDER)


@pytest.fixture
async def asked(tmp_path: Path) -> list[str]:
    """Everything that was asked of the database by a whole life of a consent and the loops."""
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        await sim.reach(RECIPIENT)
        with statements(sim.home) as seen:
            await _live(sim)
            await sweep.sweep(sim.hub, leftovers=True)
            await Relay(Notices()).send_due(sim.hub)
            sim.now = OVER
            await swept(sim)
        assert await sim.count("consents") == 0
    return seen


async def _live(sim: Simulator) -> None:
    given, _ = await consent_with_code(sim)
    letter = await sim.sent(given)
    await sim.inbox()
    await sim.hub.db.read(levels.read, now=sim.now)
    await sim.payload(letter)
    await sim.collect(letter)
    for agency in (SENDER, RECIPIENT):
        await sim.call(agency, routes.CONSENTS)
        await sim.call(agency, routes.GET_CONSENT, id=given.id)
        await sim.call(agency, routes.GET_DISCLOSURE, id=letter.id)
    await _ask_as_officers(sim, given, letter)
    await sim.withdraw(given)
    await sim.acknowledge(letter)
    (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES, query="?role=asked&state=open")).json[
        "erasures"
    ]
    await sim.confirm(erasure)


async def _ask_as_officers(sim: Simulator, given: Given, letter: Letter) -> None:
    await sim.settled()
    await catch_up(sim.hub)
    key, kid = sim.offices[RECIPIENT].key.recipient.fingerprint, sim.offices[SENDER].identity.kid
    asked = {
        officer_routes.DISCLOSURES: ("?from=2026-01-01&until=2027-01-01",),
        officer_routes.ERASURES: ("?state=open", "?state=overdue"),
        officer_routes.OVERVIEW: ("",),
        officer_routes.BREACH: (
            f"?kind=document&key={key}&from=20260101T000000Z",
            f"?kind=identity&key={kid}&from=20260101T000000Z",
            f"?kind=code&key={given.id}&from=20260101T000000Z",
            "?kind=log&from=20260101T000000Z",
        ),
        officer_routes.CONSENT: ("",),
        officer_routes.PARTNERS: ("",),
    }
    for operation, queries in asked.items():
        for query in queries:
            found = await sim.call(SENDER, operation, query=query, id=given.id)
            assert found.status == 200, found.body
    page = await sim.call(
        SENDER, officer_routes.DISCLOSURES, query="?from=2026-01-01&until=2027-01-01&limit=1"
    )
    assert page.json["answer"][0]["disclosure"] == letter.id
    query = f"?from=2026-01-01&until=2027-01-01&after={page.json['next']}"
    assert (await sim.call(SENDER, officer_routes.DISCLOSURES, query=query)).json["answer"] == []


def _plans(database: Path, asked: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each step of each statement; those for the vault have a file of their own."""
    planned = {one for one in asked if one.startswith(("SELECT", "UPDATE", "DELETE"))}
    with closing(sqlite3.connect(database)) as connection:
        for statement in sorted(planned):
            if not any(table in statement for table in ("chain_key", "vault_epoch")):
                for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"):
                    yield row[3], statement


async def test_what_grows_is_never_read_through(asked: list[str], tmp_path: Path) -> None:
    plans = list(_plans(tmp_path / "hub" / "hub.sqlite", asked))
    assert len(plans) > 50
    through = [
        (step, statement)
        for step, statement in plans
        if step.startswith("SCAN ") and step.split()[1] in GROW and "USING INDEX" not in step
    ]
    assert through == []


async def test_the_inbox_reads_only_what_waits(asked: list[str], tmp_path: Path) -> None:
    steps = {
        step
        for step, statement in _plans(tmp_path / "hub" / "hub.sqlite", asked)
        if "disclosure_recipients.waiting" in statement and "LIMIT" in statement
    }
    partial = "ix_disclosure_recipients_agency_disclosure_recipients_number (agency=? AND number>?)"
    assert f"SEARCH disclosure_recipients USING INDEX {partial}" in steps


async def test_an_officers_list_walks_down_its_own_entries_only(tmp_path: Path) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        given = await sim.consent()
        await sim.sent(given)
        async with sim.still():
            with statements(sim.home) as seen:
                await catch_up(sim.hub)
                for wanted in _narrowed(sim, given):
                    page = await list_events(sim.hub, OFFICER, wanted, after=None, limit=1)
                    after = page.next or write_cursor(Place(sim.now, 2**40))
                    behind = await list_events(sim.hub, OFFICER, wanted, after=after, limit=1)
                    assert behind.newer is not None
                    await list_events(
                        sim.hub, OFFICER, wanted, after=None, before=behind.newer, limit=1
                    )

    plans = list(_plans(tmp_path / "hub" / "hub.sqlite", seen))
    walked = {step for step, _ in plans if step.partition(" ")[2].startswith("log_reader ")}
    through = [step for step, _ in plans if step.startswith("SCAN ") and step.split()[1] in GROW]
    assert through == []
    assert walked != set()
    mine = "SEARCH log_reader USING PRIMARY KEY (agency=?"
    assert any(step.startswith(f"{mine} AND (at,idx)<(?,?)") for step in walked)
    assert any(step.startswith(f"{mine} AND (at,idx)>(?,?)") for step in walked)
    by_kind = "SEARCH log_reader USING COVERING INDEX ix_log_reader_agency_log_reader_kind"
    assert any(step.startswith(by_kind) for step in walked)


async def test_figures_are_counted_and_read_by_indexes(tmp_path: Path) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        consent = await sim.consent(uses="recurring")
        await sim.sent(consent)
        month = month_of(sim.now)
        sim.now = month.due
        async with sim.still():
            with statements(sim.home) as counted:
                await publish_figures(sim.hub)
            with statements(sim.home) as read:
                for dimension in Dimension:
                    found = await read_figures(sim.hub, OFFICER, sim.agreement_id, month, dimension)
                    assert found.table is not None

    file = tmp_path / "hub" / "hub.sqlite"
    for asked, grows in ((counted, GROW), (read, GROW | {"figures", "tallies", "counted"})):
        plans = list(_plans(file, asked))
        assert plans != []
        through = [
            (step, statement)
            for step, statement in plans
            if step.startswith("SCAN ") and step.split()[1] in grows
        ]
        assert through == []
    # What happened in a month is found by its time, not by walking through what is kept.
    searched = {step for step, _ in _plans(file, counted) if step.startswith("SEARCH ")}
    assert "SEARCH log_reader USING PRIMARY KEY (agency=? AND at>? AND at<?)" in searched
    assert not [step for step in searched if "INDEX ix_consents_agreement" in step]
    # A page of figures is one agreement and one row for each table on it, whatever was counted,
    # and behind the first one of an hour a few of the newest events of the agency's own chain.
    assert not any(table in one for one in read for table in ("disclosures", "log_reader"))
    of_the_log = [one for one in read if one.startswith("SELECT") and "FROM log_event" in one]
    assert all("log_event.chain = " in one and "LIMIT" in one for one in of_the_log)


async def test_findings_and_reminders_are_looked_up_by_their_indexes(tmp_path: Path) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        given = await sim.consent(uses="recurring", **notice(interpreter="accompanying"))
        await sim.collect(await sim.sent(given))
        await ask(sim, consent=given.digest)
        sim.later(days=4)
        received = write_time(sim.now - timedelta(days=3))
        await sim.withdraw(given, received_at=received)
        sim.later(days=1)
        (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
        kept: dict[str, Any] = {
            "result": "kept",
            "ground": "own-legal-basis",
            "restricted": True,
            "until": "2030-12-31",
        }
        await record_read(sim.hub, replace(OFFICER, id=str(uuid4())), given.digest)
        async with sim.still():
            await catch_up(sim.hub)
            with statements(sim.home) as seen:
                await remind_erasure(sim.hub, OFFICER, erasure["id"])
                await sim.confirm(erasure, **kept)
        await sim.settled()
        await catch_up(sim.hub)
        async with sim.still():
            with statements(sim.home) as counted:
                found = {one.finding: one.count for one in await overview.count(sim.hub, OFFICER)}
                await overview.count_refusals(sim.hub, OFFICER)

    assert found["warnings"] == found["looks"] == found["kept-on-own-basis"] == 1
    assert found["recorded-late"] == 1
    plans = list(_plans(tmp_path / "hub" / "hub.sqlite", [*seen, *counted]))
    through = [
        (step, statement)
        for step, statement in plans
        if step.startswith("SCAN ") and step.split()[1] in GROW
    ]
    assert through == []
    listed = [step for step, _ in plans if step.startswith("SEARCH log_reader ")]
    by_kind = "SEARCH log_reader USING COVERING INDEX ix_log_reader_agency_log_reader_kind"
    assert all(step.startswith(by_kind) for step in listed)
    assert listed != []


def _narrowed(sim: Simulator, given: Given) -> Iterator[Wanted]:
    yield Wanted()
    yield Wanted(since=sim.now - timedelta(days=1), until=sim.now + timedelta(days=1))
    yield Wanted(kind="consent-recorded")
    yield Wanted(purpose="employment", state="stored", partner=RECIPIENT)
    yield Wanted(consent=given.id)
