"""Long answers on paper, in numbered parts, and what pages say of their length beforehand."""

import re
import sys
from typing import Any

import pytest

from exchange.hub.desk import disclosures, erasures, log, printed, sizes
from exchange.hub.follow_log import catch_up
from exchange.hub.officer_files import lists, part
from exchange.hub.officers.sessions import FRESH
from exchange.wire import officer_papers
from tests.hub.erasable import grow
from tests.hub.test_officer_files import lost, said_and_rows, taken
from tests.hub.test_officer_files import printed as text_of
from tests.officer import logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator


@pytest.fixture
def stored_in() -> dict[str, Any]:
    """On SQLite: what a database decides is in the tests of the answers."""
    return {}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two rows fill a paper."""
    for module in (part, printed):
        monkeypatch.setattr(module, "PRINTED", 2)


async def sent(sim: Simulator, count: int) -> list[str]:
    """Let so many documents be sent under one consent; their ids."""
    consent = await sim.consent(uses="recurring")
    found = [(await sim.sent(consent)).id for _ in range(count)]
    await grow(sim)
    await catch_up(sim.hub)
    return found


async def test_disclosures_stand_on_paper_in_parts_each_noted_by_itself(sim: Simulator) -> None:
    await sent(sim, 5)
    desk, officer = await logged_in(sim, agency=SENDER)
    rows = said_and_rows((await taken(desk, "/officer/disclosures.csv")).body)[1]
    entries = [row["log.disclosure"] for row in rows]
    before = len(await sim.log("officer-export"))

    texts = []
    for number in (1, 2, 3):
        found = await taken(desk, f"/officer/disclosures.pdf?part={number}")
        day = f"{sim.now:%Y-%m-%d}"
        named = f"disclosures-{SENDER}-{day}.part-{number}-of-3.pdf"
        assert found.headers["Content-Disposition"] == f'attachment; filename="{named}"'
        texts.append(text_of(found.body))

    told = ("Part 1 of 3: rows 1 to 2 of 5", "3: rows 3 to 4 of 5", "3: rows 5 to 5 of 5")
    for text, words in zip(texts, told, strict=True):
        assert words in text
        assert SENDER in text
    on_paper = [[entry for entry in entries if f" {entry} " in f"{text} "] for text in texts]
    assert on_paper == [entries[:2], entries[2:4], entries[4:]]
    notes = (await sim.log("officer-export"))[before:]
    assert [(one["officer"], one["count"]) for one in notes] == [
        (officer.id, 2),
        (officer.id, 2),
        (officer.id, 1),
    ]
    assert [str(one["from"]) for one in notes] == [entries[0], entries[2], entries[4]]


@pytest.mark.parametrize("number", ["0", "4", "-1", "x", "1.5", "²", "9" * 7])
async def test_a_part_that_is_not_there_is_refused(sim: Simulator, number: str) -> None:
    await sent(sim, 1)
    desk, _ = await logged_in(sim, agency=SENDER)
    found = await desk.get(f"/officer/disclosures.pdf?part={number}")
    assert (found.status, found.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert await sim.log("officer-export") == []


async def test_the_report_of_a_breach_has_all_rows_in_its_parts(sim: Simulator) -> None:
    key = await lost(sim)
    desk, _ = await logged_in(sim, agency=RECIPIENT)
    query = f"kind=document&key={key}&since={sim.now:%Y-%m-%d}"

    page = (await taken(desk, f"/officer/breach?{query}")).body.decode()
    parts = re.findall(r'<option value="(\d)">Part \d of 2: rows (\d) to (\d) of 4', page)
    texts = [
        text_of((await taken(desk, f"/officer/breach.pdf?{query}&part={number}")).body)
        for number, _, _ in parts
    ]

    assert parts == [("1", "1", "2"), ("2", "3", "4")]
    assert "Length of the list now: 4." in page
    for text in texts:
        assert "Report by" in text
    # Two can be opened, one if it was copied, and one consent is sealed to the key.
    assert "Can be opened with it" in " ".join(texts)
    assert sum(text.count(SENDER) for text in texts) >= 3
    assert [one["count"] for one in await sim.log("officer-export")] == [4, 2, 2]


async def test_erasures_stand_on_paper(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    assert (await sim.collect(letter)).status == 200
    assert (await sim.withdraw(consent)).status == 200
    desk, officer = await logged_in(sim, agency=SENDER)

    text = text_of((await taken(desk, "/officer/erasures.pdf?state=all")).body)
    german = text_of((await taken(desk, "/officer/erasures.pdf?state=all&lang=de")).body)
    none = text_of((await taken(desk, "/officer/erasures.pdf?state=answered")).body)

    for said in (RECIPIENT, "consent withdrawn", consent.id):
        assert said in text, said
    assert "Part 1" not in text
    assert "Einwilligung widerrufen" in german
    assert RECIPIENT not in none
    notes = await sim.log("officer-export")
    assert {one["officer"] for one in notes} == {officer.id}
    assert [one["count"] for one in notes] == [1, 1, 0]  # and the empty paper


async def test_papers_are_for_officers_after_a_fresh_proof(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(sim, 1)
    paths = ("/officer/disclosures.pdf", "/officer/erasures.pdf")
    for role in ("auditor", "operator"):
        stranger, _ = await logged_in(sim, role)
        for path in paths:
            assert (await stranger.get(path)).status == 404
    other, _ = await logged_in(sim, agency=OUTSIDER)
    assert "Part" not in text_of((await taken(other, "/officer/disclosures.pdf")).body)
    desk, _ = await logged_in(sim, agency=SENDER)
    sim.now += FRESH
    for path in paths:
        assert (await desk.get(path)).headers["Location"] == "/officer/proof"
    again, _ = await logged_in(sim, agency=SENDER)
    monkeypatch.setitem(sys.modules, "typst", None)
    assert (await again.get(paths[0])).status == 406
    notes = await sim.log("officer-export")
    assert [(one["by"], one["count"]) for one in notes] == [(OUTSIDER, 0)]


async def test_a_page_says_how_long_its_list_is_and_counts_it_where_somebody_asks(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(sim, 3)
    desk, _ = await logged_in(sim, agency=SENDER)

    async def told(path: str) -> tuple[str, bool]:
        page = (await taken(desk, path)).body.decode()
        (words,) = re.findall(r"Length of the list now: ([^.]+)\.", page)
        return words, '<button name="rows" value="count">' in page

    assert await told("/officer/disclosures") == ("3", False)
    assert await told("/officer/partners") == ("2", False)
    monkeypatch.setattr(disclosures, "PAGE", 2)
    monkeypatch.setattr(log, "PAGE", 2)
    assert await told("/officer/disclosures") == ("at least 2", True)
    assert await told("/officer/disclosures?rows=count") == ("3", False)
    stored = "/officer/log?kind=disclosure-stored"
    assert await told(stored) == ("at least 2", True)
    assert await told(f"{stored}&rows=count") == ("3", False)
    monkeypatch.setattr(sizes, "COUNTED", 2)
    monkeypatch.setattr(lists, "PAGE", 1)
    assert await told("/officer/disclosures?rows=count") == ("at least 2", False)


async def test_erasures_are_counted_too(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        consent = await sim.consent()
        assert (await sim.collect(await sim.sent(consent))).status == 200
        assert (await sim.withdraw(consent)).status == 200
    desk, _ = await logged_in(sim, agency=SENDER)
    monkeypatch.setattr(erasures, "PAGE", 1)
    page = (await taken(desk, "/officer/erasures")).body.decode()
    assert "Length of the list now: at least 1." in page
    page = (await taken(desk, "/officer/erasures?rows=count")).body.decode()
    assert "Length of the list now: 2." in page


async def test_a_program_takes_the_same_papers(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(sim, 3)
    days = "?from=2026-01-01&until=2027-01-01"
    since = f"{sim.now:%Y%m%d}T000000Z"
    key = sim.offices[RECIPIENT].key.recipient.fingerprint

    second = await sim.call(
        SENDER, officer_papers.DISCLOSURES_PAPER, query=f"{days}&part=2&lang=en"
    )
    lost = await sim.call(
        RECIPIENT,
        officer_papers.BREACH_PAPER,
        query=f"?kind=document&key={key}&from={since}",
    )
    none = await sim.call(SENDER, officer_papers.ERASURES_PAPER)

    assert (second.status, second.headers["Content-Type"]) == (200, "application/pdf")
    assert "Part 2 of 2: rows 3 to 3 of 3" in text_of(second.body)
    assert "Teil 1 von 2" in text_of(lost.body)
    assert none.status == 200
    notes = await sim.log("officer-export")
    assert [(one["by"], one["officer"], one["count"]) for one in notes] == [
        (SENDER, "gateway", 1),
        (RECIPIENT, "gateway", 2),
        (SENDER, "gateway", 0),
    ]
    for wrong in ("part=0", "part=3", "part=x", "lang=fr", "format=csv"):
        refused = await sim.call(SENDER, officer_papers.DISCLOSURES_PAPER, query=f"{days}&{wrong}")
        assert refused.status == 400, wrong
    monkeypatch.setitem(sys.modules, "typst", None)
    refused = await sim.call(SENDER, officer_papers.DISCLOSURES_PAPER, query=days)
    assert (refused.status, refused.headers["Content-Type"]) == (406, "application/problem+json")
    assert await sim.log("officer-export") == notes


async def test_a_program_takes_one_consent_on_paper(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await sim.consent()
    await grow(sim)
    asked = officer_papers.CONSENT_PAPER
    past = "?lang=en&at=20200101T093000Z"

    german = await sim.call(SENDER, asked, id=given.id)
    english = await sim.call(SENDER, asked, id=given.id, query=past)

    named = f'attachment; filename="consent-{given.id}.pdf"'
    for found in (german, english):
        assert (found.status, found.headers["Content-Type"]) == (200, "application/pdf")
        assert found.headers["Content-Disposition"] == named
    kid = sim.offices[SENDER].identity.kid
    for found, words in ((german, "Wer unterschrieben hat"), (english, "it did not hold")):
        text = text_of(found.body)
        assert words in text
        assert kid in text.replace(" ", "")
    reads = await sim.log("officer-read")
    assert [(one["by"], one["officer"]) for one in reads] == [(SENDER, "gateway")]
    notes = await sim.log("officer-export")
    assert [(one["by"], one["officer"]) for one in notes] == [(SENDER, "gateway")] * 2
    assert all(one["count"] >= 1 for one in notes)
    for query in ("?part=1", "?at=2020-01-01", "?lang=fr", "?format=pdf"):
        assert (await sim.call(SENDER, asked, id=given.id, query=query)).status == 400, query
    # Of others, absent and hidden have one face, and nothing is noted.
    hidden = await sim.call(OUTSIDER, asked, id=given.id)
    absent = await sim.call(OUTSIDER, asked, id="00000000-0000-4000-8000-000000000000")
    assert (hidden.status, hidden.body) == (404, absent.body)
    monkeypatch.setitem(sys.modules, "typst", None)
    assert (await sim.call(SENDER, asked, id=given.id)).status == 406
    assert await sim.log("officer-export") == notes
