"""Answers as files, from the pages and by program: what they hold, and what they leave behind."""

import csv
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pypdf import PdfReader

from exchange import canonical
from exchange.audit.opening import event_of, read_opening
from exchange.audit.proof import read_receipt
from exchange.consent.export import schema
from exchange.hub.follow_log import catch_up
from exchange.hub.officer_files import breach, lists
from exchange.hub.officer_files.proof import verified
from exchange.hub.officers.sessions import FRESH
from exchange.wire import officer_files
from exchange.wire.routes import Operation
from tests.attacks.parties import COLLECTOR, Parties
from tests.hub.erasable import grow
from tests.officer import Desk, logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator


@pytest.fixture
def stored_in() -> dict[str, Any]:
    """On SQLite: what a database decides is in the tests of the answers."""
    return {}


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
    assert [one["count"] for one in await sim.log("officer-export")] == [5, 5]


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
    notes = await sim.log("officer-export")
    assert [(one["by"], one["count"]) for one in notes] == [(OUTSIDER, 0)] * len(LISTS)


async def test_a_consent_none_of_whose_events_has_its_place_is_noted_as_taken_away(
    sim: Simulator,
) -> None:
    async with sim.still():
        consent = await sim.consent()
        desk, officer = await logged_in(sim, agency=SENDER)
        await taken(desk, f"/officer/consents/{consent.id}.jsonld")
        (note,) = await sim.log("officer-export")
    assert (note["officer"], note["count"]) == (officer.id, 0)


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


# One consent


async def test_a_consent_is_taken_away_in_the_structure_of_the_standard(sim: Simulator) -> None:
    consent = await sim.consent(uses="recurring")
    await sim.sent(consent)
    await grow(sim)
    await catch_up(sim.hub)
    desk, officer = await logged_in(sim, agency=SENDER)

    found = await taken(desk, f"/officer/consents/{consent.id}.jsonld")

    record = canonical.loads(found.body, limit=10**6)
    Draft202012Validator(canonical.loads(schema(), limit=10**5, depth=20)).validate(record)
    assert found.headers["Content-Type"] == "application/ld+json"
    assert record["dct:identifier"] == consent.id
    assert [one["@type"] for one in record["dpv:hasConsentStatus"]] == ["dpv:ConsentGiven"]
    receipts = [read_receipt(one.encode()) for one in record["xch:logReceipts"]]
    kinds = [event_of(read_opening(one.opening))["kind"] for one in receipts]
    # The look that brought the file may have its place already.
    assert kinds[:2] == ["consent-recorded", "disclosure-stored"]
    assert {*kinds[2:]} <= {"officer-read"}
    assert all(verified(one) > one.index for one in receipts)
    (read,) = await sim.log("officer-read")
    (export,) = await sim.log("officer-export")
    assert {read["officer"], export["officer"]} == {officer.id}
    assert (export["count"], export["from"]) == (len(receipts), receipts[0].index)


async def test_why_a_consent_ended_is_in_no_file_of_who_may_not_know(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    async with parties.running():
        await parties.arrange()
        world = await parties.world("withdrawn, waiting")
        for agency, status in (
            (COLLECTOR, "dpv:ConsentWithdrawn"),
            (SENDER, "dpv:ConsentStatusInvalidForProcessing"),
        ):
            asked = officer_files.CONSENT_FILE
            found = await parties.call(agency, asked, id=world.consent.id)
            assert found.status == 200, found.body
            ended = found.json["dpv:hasConsentStatus"][1]
            assert ended["@type"] == status
            assert ("dpv:isIndicatedAtTime" in ended) is (agency == COLLECTOR)


async def test_a_consent_stands_on_paper_with_the_answer_about_a_moment(sim: Simulator) -> None:
    consent = await sim.consent(uses="recurring")
    await sim.sent(consent)
    await grow(sim)
    await catch_up(sim.hub)
    desk, officer = await logged_in(sim, agency=SENDER)

    path = f"/officer/consents/{consent.id}.pdf"
    found = await taken(desk, f"{path}?day=2020-01-01&hour=10&minute=30")

    text = printed(found.body)
    assert found.headers["Content-Type"] == "application/pdf"
    for said in (
        consent.id,
        SENDER,
        "Documents sent",
        "consent is not valid yet",
        "Consent recorded",
    ):
        assert said in text, said
    (export,) = await sim.log("officer-export")
    # The look that brought the paper stands on it.
    assert (export["officer"], export["count"]) == (officer.id, 3)


async def test_what_cannot_be_printed_here_says_what_to_do_instead(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = await sim.consent()
    desk, _ = await logged_in(sim, agency=SENDER)
    monkeypatch.setitem(sys.modules, "typst", None)

    refused = await desk.get(f"/officer/consents/{consent.id}.pdf")

    assert (refused.status, refused.headers["Content-Type"]) == (406, "text/html; charset=utf-8")
    assert b"another format" in refused.body
    assert await sim.log("officer-export") == []


async def test_one_consent_is_for_those_who_may_read_it(sim: Simulator) -> None:
    consent = await sim.consent()
    paths = [f"/officer/consents/{consent.id}.{ending}" for ending in ("jsonld", "pdf")]
    for role, agency in (("officer", OUTSIDER), ("auditor", None), ("operator", None)):
        desk, _ = await logged_in(sim, role, agency)  # type: ignore[arg-type]
        absent = await desk.get("/officer/nothing")
        for path in paths:
            assert (await desk.get(path)).body == absent.body
    desk, _ = await logged_in(sim, agency=SENDER)
    sim.now += FRESH
    for path in paths:
        assert (await desk.get(path)).headers["Location"] == "/officer/proof"
    assert await sim.log("officer-read") == await sim.log("officer-export") == []
    other = await sim.call(OUTSIDER, officer_files.CONSENT_FILE, id=consent.id)
    assert other.status == 404
    mine = await sim.call(SENDER, officer_files.CONSENT_FILE, id=consent.id)
    assert (mine.status, mine.json["dct:identifier"]) == (200, consent.id)


# A breach


async def lost(sim: Simulator) -> str:
    """Let three documents be sealed to a key, one of them collected; its name."""
    consent = await sim.consent(uses="recurring")
    for _ in range(2):
        await sim.sent(consent)
    letter = await sim.sent(consent)
    assert (await sim.collect(letter)).status == 200
    assert (await sim.acknowledge(letter)).status == 200
    sim.later(hours=48)
    await grow(sim)
    await catch_up(sim.hub)
    return sim.offices[RECIPIENT].key.recipient.fingerprint


async def test_all_that_a_lost_key_has_exposed_goes_into_one_file(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await lost(sim)
    desk, officer = await logged_in(sim, agency=RECIPIENT)
    query = f"kind=document&key={key}&since={sim.now:%Y-%m-%d}"
    monkeypatch.setattr(breach, "PAGE", 2)

    whole = canonical.loads((await taken(desk, f"/officer/breach.json?{query}")).body, limit=10**6)
    said, rows = said_and_rows((await taken(desk, f"/officer/breach.csv?{query}")).body)

    assert sorted(row["list"] for row in whole["answer"]) == [
        *("openable", "openable", "openable_if_copied", "sealed_blocks")
    ]
    assert whole["facts"]["totals"]["disclosures"] == 3
    assert (whole["next"], whole["question"]) == (None, "breach")
    assert [row["list"] for row in rows] == [row["list"] for row in whole["answer"]]
    assert {row["from"] for row in rows} == {SENDER, ""}
    assert (said["facts.totals.disclosures"], said["asked.key"].removeprefix("'")) == ("3", key)
    traces = await sim.log("officer-export")
    assert [(one["officer"], one["count"]) for one in traces] == [(officer.id, len(rows))] * 2


async def test_the_report_of_a_breach_stands_on_paper(sim: Simulator) -> None:
    key = await lost(sim)
    desk, _ = await logged_in(sim, agency=RECIPIENT)
    query = f"kind=document&key={key}&since={sim.now:%Y-%m-%d}"
    text = printed((await taken(desk, f"/officer/breach.pdf?{query}")).body)
    for said in ("Report by", "Can be opened with it", SENDER, RECIPIENT):
        assert said in text, said
    assert key in "".join(text.split())
    for role in ("auditor", "operator"):
        stranger, _ = await logged_in(sim, role)
        for ending in ("csv", "json", "pdf"):
            assert (await stranger.get(f"/officer/breach.{ending}?{query}")).status == 404
    before = await sim.log("officer-export")
    sim.now += FRESH
    for ending in ("csv", "json", "pdf"):
        refused = await desk.get(f"/officer/breach.{ending}?{query}")
        assert refused.headers["Location"] == "/officer/proof"
    assert await sim.log("officer-export") == before


async def test_a_program_takes_the_file_of_a_breach(sim: Simulator) -> None:
    key = await lost(sim)
    since = f"{sim.now:%Y%m%d}T000000Z"
    query = f"?kind=document&key={key}&from={since}&noticed_at={since}"
    found = await sim.call(RECIPIENT, officer_files.BREACH_FILE, query=f"{query}&format=json")
    assert found.json["facts"]["totals"]["disclosures"] == 3
    other = await sim.call(OUTSIDER, officer_files.BREACH_FILE, query=f"{query}&format=json")
    assert other.json["answer"] == []


def printed(made: bytes) -> str:
    """Return what stands on the pages of a PDF, without the places where a word may break."""
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages)
    return text.replace("\u200b", "").replace("\n", " ")
