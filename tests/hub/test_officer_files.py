"""Answers as files, from the pages and by program: what they hold, and what they leave behind."""

import csv
import io
from collections.abc import Mapping
from typing import Any

import pytest

from exchange import canonical
from exchange.hub.follow_log import catch_up
from exchange.hub.officer_files import lists
from exchange.hub.officers.sessions import FRESH
from exchange.wire import officer_files
from exchange.wire.routes import Operation
from tests.hub.erasable import grow
from tests.officer import Desk, logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator

pytestmark = pytest.mark.parametrize("stored_in", [{}])
"""What a database decides is in the tests of the answers."""
LISTS: Mapping[str, str] = {
    "disclosures": "since=2026-01-01",
    "erasures": "state=all",
    "partners": "",
}


async def arranged(sim: Simulator) -> None:
    """Let two documents be sent, one be collected, and its consent be withdrawn."""
    kept, withdrawn = await sim.consent(uses="recurring"), await sim.consent()
    await sim.sent(kept)
    letter = await sim.sent(withdrawn)
    assert (await sim.collect(letter)).status == 200
    assert (await sim.withdraw(withdrawn)).status == 200
    await grow(sim)
    await catch_up(sim.hub)


def said_and_rows(table: bytes) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return what a table says of itself, and its rows by column."""
    lines = [*csv.reader(io.StringIO(table.decode(), newline=""))]
    empty = lines.index([])
    names, *rows = lines[empty + 1 :]
    return dict(lines[:empty]), [dict(zip(names, row, strict=True)) for row in rows]


def leaves(row: Mapping[str, Any], before: str = "") -> set[str]:
    """Return the columns that a row of an answer fills."""
    found = set()
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= leaves(value, f"{before}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            found |= leaves(value[0], f"{before}{name}.")
        else:
            found.add(before + name)
    return found


async def taken(desk: Desk, path: str) -> Answer:
    found = await desk.get(path)
    assert found.status == 200, found.body
    return found


@pytest.mark.parametrize("name", LISTS)
async def test_a_file_holds_the_answer_by_program_and_says_what_it_is(
    sim: Simulator, name: str
) -> None:
    await arranged(sim)
    desk, officer = await logged_in(sim, agency=SENDER)
    before = len(await sim.log("officer-export"))

    table = await taken(desk, f"/officer/{name}.csv?{LISTS[name]}")
    whole = await taken(desk, f"/officer/{name}.json?{LISTS[name]}")

    found = canonical.loads(whole.body, limit=10**6)
    said, rows = said_and_rows(table.body)
    assert (found["question"], found["agency"], found["next"]) == (name, SENDER, None)
    assert (said["question"], said["agency"]) == (name, SENDER)
    # Two files of two moments: the log may have grown in between.
    head = {name: value for name, value in found.items() if name not in {"answer", "next"}}
    assert {*said} == leaves(head)
    assert said["checkpoint.origin"] == found["checkpoint"]["origin"]
    assert found["answer"] != []
    assert {*rows[0]} == {column for row in found["answer"] for column in leaves(row)}
    parts = {"disclosures": "to", "partners": "keys"}
    assert len(rows) == sum(
        len(row[parts[name]]) if name in parts else 1 for row in found["answer"]
    )
    named = f'attachment; filename="{name}-{SENDER}-{sim.now:%Y-%m-%d}.csv"'
    assert table.headers["Content-Disposition"] == named
    first, second = (await sim.log("officer-export"))[before:]
    assert {first["officer"], second["officer"]} == {officer.id}
    assert first["count"] == len(found["answer"])


async def test_a_file_goes_on_over_all_pages(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = await sim.consent(uses="recurring")
    sent = [(await sim.sent(consent)).id for _ in range(5)]
    await grow(sim)
    await catch_up(sim.hub)
    desk, _ = await logged_in(sim, agency=SENDER)
    monkeypatch.setattr(lists, "PAGE", 2)

    whole = await taken(desk, "/officer/disclosures.json")
    table = await taken(desk, "/officer/disclosures.csv")

    answer = canonical.loads(whole.body, limit=10**6)["answer"]
    assert [one["disclosure"] for one in answer] == sent
    assert [row["disclosure"] for row in said_and_rows(table.body)[1]] == sent
    assert [one["count"] for one in await sim.log("officer-export")] == [2, 2, 1] * 2


@pytest.mark.parametrize("name", LISTS)
async def test_a_file_asks_for_a_fresh_proof_and_is_for_officers_alone(
    sim: Simulator, name: str
) -> None:
    await arranged(sim)
    paths = [f"/officer/{name}.{ending}?{LISTS[name]}" for ending in ("csv", "json")]
    for role in ("auditor", "operator"):
        desk, _ = await logged_in(sim, role)
        absent = await desk.get("/officer/nothing")
        for path in paths:
            assert ((await desk.get(path)).body, absent.status) == (absent.body, 404)
    desk, _ = await logged_in(sim, agency=SENDER)
    before = await sim.log("officer-export")
    sim.now += FRESH
    for path in paths:
        refused = await desk.get(path)
        assert (refused.status, refused.headers["Location"]) == (303, "/officer/proof")
    assert await sim.log("officer-export") == before


async def test_another_agency_takes_away_nothing_of_these(sim: Simulator) -> None:
    await arranged(sim)
    desk, _ = await logged_in(sim, agency=OUTSIDER)
    for name, query in LISTS.items():
        found = await taken(desk, f"/officer/{name}.json?{query}")
        assert canonical.loads(found.body, limit=10**6)["answer"] == [], name
        assert RECIPIENT.encode() not in found.body
    assert await sim.log("officer-export") == []


OPERATIONS: Mapping[str, tuple[Operation, str]] = {
    "disclosures": (officer_files.DISCLOSURES_FILE, "?from=2026-01-01&until=2027-01-01"),
    "erasures": (officer_files.ERASURES_FILE, "?state=all"),
    "events": (officer_files.EVENTS_FILE, "?from=2026-01-01"),
    "partners": (officer_files.PARTNERS_FILE, ""),
}


def more(query: str, parameter: str) -> str:
    return f"{query}&{parameter}" if query else f"?{parameter}"


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_program_takes_the_same_files(sim: Simulator, name: str) -> None:
    await arranged(sim)
    operation, query = OPERATIONS[name]

    table = await sim.call(SENDER, operation, query=query)
    whole = await sim.call(SENDER, operation, query=more(query, "format=json"))

    assert (table.status, table.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert (whole.status, whole.headers["Content-Type"]) == (200, "application/json")
    said, rows = said_and_rows(table.body)
    assert (said["question"], said["agency"]) == (name, SENDER)
    assert len(rows) >= len(whole.json["answer"]) > 0
    traces = await sim.log("officer-export")
    assert {(one["by"], one["officer"]) for one in traces} == {(SENDER, "gateway")}
    for wrong in ("format=pdf", "nothing=1"):
        assert (await sim.call(SENDER, operation, query=more(query, wrong))).status == 400
