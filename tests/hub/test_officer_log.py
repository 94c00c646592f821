"""The officers' page of the log, and the files they take away from it."""

import csv
import io
import re
from collections.abc import AsyncGenerator, Sequence
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from exchange import canonical
from exchange.errors import Unavailable
from exchange.hub import export_events as exporting
from exchange.hub import list_events
from exchange.hub.desk import log as page
from exchange.hub.follow_log import catch_up
from exchange.hub.list_events import Events, Listed
from exchange.hub.officer_files import noted
from exchange.hub.officer_files.events import COLUMNS, described
from exchange.hub.officer_files.file import MEDIA, Listing, Row, as_csv
from exchange.hub.officers import links, trace
from exchange.hub.officers.sessions import FRESH
from exchange.wire import officer_routes
from tests.hub.erasable import grow
from tests.officer import Desk, logged_in
from tests.samples import AGREEMENT
from tests.simulator import NOW, OUTSIDER, RECIPIENT, SENDER, Given, Letter, Simulator

LOG = "/officer/log"
pytestmark = pytest.mark.parametrize("stored_in", [{}])
"""What a database decides is in the tests of the list."""


async def arranged(sim: Simulator) -> tuple[Given, Letter]:
    """Let a document be sent and collected, an attempt be refused, and follow all of it."""
    consent = await sim.consent(uses="recurring")
    letter = await sim.sent(consent)
    refused = sim.letter(consent.digest, purpose="employment")
    sim.later(microseconds=7)  # a real clock has them
    assert (await sim.collect(letter)).status == 200
    assert (await sim.send(refused)).status == 403
    await followed(sim)
    return consent, letter


async def followed(sim: Simulator) -> None:
    await grow(sim)
    await catch_up(sim.hub)


async def text(desk: Desk, path: str, **headers: str) -> str:
    found = await desk.get(path, headers or None)
    assert found.status == 200, found.body
    return found.body.decode()


async def test_the_page_tells_what_happened_in_both_languages(sim: Simulator) -> None:
    consent, _ = await arranged(sim)
    desk, _ = await logged_in(sim, agency=SENDER)

    english = await text(desk, LOG)
    german = await text(desk, f"{LOG}?lang=de")

    for said in ("Documents sent", "Documents collected", "Sending refused", "purpose not covered"):
        assert said in english
    for said in ("Unterlagen versandt", "Unterlagen abgeholt", "Versand abgelehnt"):
        assert said in german
    assert f'href="/officer/consents/{consent.id}"' in english
    assert "today: collected" in english


def table_of(page: str) -> str:
    return page.partition("<table>")[2].partition("</table>")[0]


async def test_the_filters_are_kept_from_page_to_page_and_in_the_files(sim: Simulator) -> None:
    consent = await sim.consent(uses="recurring")
    for _ in range(3):
        await sim.sent(consent)
    await followed(sim)
    desk, _ = await logged_in(sim, agency=SENDER)
    day = f"{sim.now:%Y-%m-%d}"
    query = f"kind=disclosure-stored&since={day}&until={day}&partner={RECIPIENT}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "PAGE", 2)
        first = await text(desk, f"{LOG}?{query}")
        (cursor,) = re.findall(r'name="after" value="([^"]+)"', first)
        second = await text(desk, f"{LOG}?{query}&after={cursor}")
        (cursor,) = re.findall(r'name="before" value="([^"]+)"', second)
        again = await text(desk, f"{LOG}?{query}&before={cursor}")

    assert 'name="before"' not in first
    assert table_of(again) == table_of(first)
    assert first.count("<tr><th") == 1 + 2
    assert second.count("<tr><th") == 1 + 1
    assert '<button name="after"' not in second
    assert f'<input type="hidden" name="partner" value="{RECIPIENT}">' in second
    nothing = await text(desk, f"{LOG}?since=2031-01-01")
    assert "There is no entry of this." in nothing


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=2026-02-30",
        "kind=erased",
        "kind=x",
        "state=announced",
        "consent=x",
        "after=x",
        "before=x",
    ],
)
async def test_what_no_form_has_sent_is_refused_as_a_page(sim: Simulator, query: str) -> None:
    desk, _ = await logged_in(sim, agency=SENDER)
    found = await desk.get(f"{LOG}?{query}")
    assert (found.status, found.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


async def test_for_others_than_officers_there_is_no_log(sim: Simulator) -> None:
    await arranged(sim)
    for role in ("auditor", "operator"):
        desk, _ = await logged_in(sim, role)
        absent = await desk.get("/officer/nothing")
        for path in (LOG, f"{LOG}.csv", f"{LOG}.json"):
            found = await desk.get(path)
            assert (found.status, found.body) == (404, absent.body)


async def test_a_consent_by_its_id_shows_its_events_and_leaves_a_trace(sim: Simulator) -> None:
    consent, _ = await arranged(sim)
    desk, officer = await logged_in(sim, agency=SENDER)
    shown = await text(desk, f"{LOG}?consent={consent.id}")
    assert "Consent recorded" in shown
    (trace,) = await sim.log("officer-read")
    assert (trace["officer"], trace["consent"]) == (officer.id, consent.digest)


async def test_the_files_hold_the_list_and_are_noted_in_the_log(sim: Simulator) -> None:
    consent, letter = await arranged(sim)
    desk, officer = await logged_in(sim, agency=SENDER)

    table = await text(desk, f"{LOG}.csv?category=rent-arrears-letter&kind=disclosure-stored")
    found = canonical.loads((await text(desk, f"{LOG}.json")).encode(), limit=10**6)

    *said, empty, names, row = csv.reader(io.StringIO(table, newline=""))
    assert (dict(said)["question"], dict(said)["agency"]) == ("events", SENDER)
    assert dict(said)["asked.category"] == "rent-arrears-letter"
    assert dict(said)["checkpoint.origin"] == sim.hub.signer.origin
    assert (empty, tuple(names)) == ([], COLUMNS)
    told = dict(zip(names, row, strict=True))
    assert told["manifest"].removeprefix("'") == letter.digest
    assert (told["to"], told["state"], told["consent_id"]) == (RECIPIENT, "collected", consent.id)
    assert (found["question"], found["agency"]) == ("events", SENDER)
    assert found["checkpoint"]["origin"] == sim.hub.signer.origin
    kinds = [one["kind"] for one in found["answer"]]
    assert kinds[:2] == ["disclosure-refused", "disclosure-collected"]
    first, second = await sim.log("officer-export")
    assert (first["by"], first["officer"], first["count"]) == (SENDER, officer.id, 1)
    assert first["until"] == first["from"] + 1 == int(told["entry"]) + 1
    assert second["count"] == len(kinds)


async def test_a_file_of_one_entry_is_told_in_the_singular(sim: Simulator) -> None:
    await arranged(sim)
    desk, _ = await logged_in(sim, agency=SENDER)
    await text(desk, f"{LOG}.csv?kind=disclosure-stored")
    await text(desk, f"{LOG}.json")
    await followed(sim)
    for lang, one, several in (("de", "Eintrag", "Einträge"), ("en", "entry", "entries")):
        page = await text(desk, f"{LOG}?kind=officer-export&lang={lang}")
        assert re.search(rf"\b1 {one}\b", page)
        assert re.search(rf"\b[2-9] {several}\b", page)
        assert not re.search(rf"\b1 {several}\b", page)


async def test_a_file_asks_for_a_fresh_proof_and_leads_back_to_the_log(sim: Simulator) -> None:
    await arranged(sim)
    desk, officer = await logged_in(sim, agency=SENDER)
    sim.now += FRESH
    for ending in MEDIA:
        refused = await desk.get(f"{LOG}.{ending}")
        assert (refused.status, refused.headers["Location"]) == (303, "/officer/proof")
    assert await sim.log("officer-export") == []
    again = await desk.enter((await links.make(sim.hub, officer.id)).secret)
    assert (again.status, again.headers["Location"]) == (303, LOG)
    assert (await desk.get(f"{LOG}.csv")).status == 200


async def test_a_long_file_is_noted_once_and_does_not_hold_its_own_note(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent, _ = await arranged(sim)
    desk, officer = await logged_in(sim, agency=SENDER)
    monkeypatch.setattr(exporting, "PAGE", 1)

    found = canonical.loads((await text(desk, f"{LOG}.json")).encode(), limit=10**6)

    indexes = [one["entry"] for one in found["answer"]]
    assert len(indexes) > 2
    (note,) = await sim.log("officer-export")
    assert (note["officer"], note["count"]) == (officer.id, len(indexes))
    assert (note["from"], note["until"]) == (min(indexes), max(indexes) + 1)
    await followed(sim)
    again = canonical.loads((await text(desk, f"{LOG}.json")).encode(), limit=10**6)
    assert again["answer"][0]["kind"] == "officer-export"
    narrowed = await text(desk, f"{LOG}.json?consent={consent.id}")
    assert "officer-read" not in narrowed
    assert len(await sim.log("officer-read")) == 1
    assert len(await sim.log("officer-export")) == 3


async def test_without_the_vault_no_byte_of_a_file_goes_out(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arranged(sim)
    desk, _ = await logged_in(sim, agency=SENDER)

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the vault has not answered")

    monkeypatch.setattr(trace, "record_export", away)
    refused = await desk.get(f"{LOG}.csv")
    assert (refused.status, refused.headers["Content-Type"]) == (503, "text/html; charset=utf-8")


async def test_a_file_that_breaks_off_is_not_whole(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arranged(sim)
    desk, _ = await logged_in(sim, agency=SENDER)
    found = list_events.find_events

    async def gone(*args: Any, after: str | None, limit: int) -> Events:
        if after is not None:  # the second page
            raise Unavailable("the database is gone")
        return await found(*args, after=after, limit=limit)

    monkeypatch.setattr(exporting, "PAGE", 1)
    monkeypatch.setattr(exporting, "find_events", gone)
    # What is read before the first byte is refused as a whole.
    assert (await desk.get(f"{LOG}.json")).status == 503
    monkeypatch.setattr(noted, "STRETCH", 1)
    with pytest.raises(Exception, match=r"payload|disconnected|closed") as cut_off:
        await desk.get(f"{LOG}.json")
    assert type(cut_off.value).__name__ in {"ClientPayloadError", "ServerDisconnectedError"}


async def test_the_same_list_by_the_api(sim: Simulator) -> None:
    consent, letter = await arranged(sim)

    async def asked(query: str, agency: str = SENDER) -> Any:
        return await sim.call(agency, officer_routes.EVENTS, query=query)

    whole = (await asked("")).json
    assert (whole["question"], whole["agency"], whole["next"]) == ("events", SENDER, None)
    assert whole["asked"]["kind"] is None
    first = (await asked("?limit=1")).json
    second = (await asked(f"?limit=200&after={first['next']}")).json
    assert first["answer"] + second["answer"] == whole["answer"]
    query = f"?purpose=housing-loss&partner={RECIPIENT}&kind=disclosure-stored"
    (sent,) = (await asked(query)).json["answer"]
    assert sent["members"]["manifest"] == letter.digest
    assert (sent["state"], sent["consent"]) == ("collected", consent.id)
    day, after = f"{sim.now:%Y-%m-%d}", f"{sim.now + timedelta(days=1):%Y-%m-%d}"
    assert (await asked(f"?from={day}&until={day}")).json["answer"] == []
    assert (await asked(f"?from={day}&until={after}")).json["answer"] == whole["answer"]
    assert (await asked("", OUTSIDER)).json["answer"] == []
    for wrong in ("?limit=201", "?after=x", "?state=lost", "?from=yesterday", "?nothing=1"):
        assert (await asked(wrong)).status == 400, wrong


@pytest.mark.parametrize("active", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
async def test_no_cell_of_the_table_is_computed_by_a_spreadsheet(
    stored_in: dict[str, Any], active: str
) -> None:
    listed = Listed(
        index=7,
        rid="r",
        at=NOW,
        kind="disclosure-stored",
        by=active,
        members={"to": ["debt-d", "jobcentre-a"], "manifest": active},
        consent=None,
        state=None,
        why=None,
    )

    async def pages() -> AsyncGenerator[Sequence[Row], None]:
        yield [described(listed)]

    listing = Listing(
        head={"question": active}, columns=COLUMNS, pages=pages(), flat=lambda row: (row,)
    )
    written = b"".join([part async for part in as_csv(listing)]).decode()

    said, _, names, row = csv.reader(io.StringIO(written, newline=""))
    told = dict(zip(names, row, strict=True))
    assert said == ["question", f"'{active}"]
    assert (told["by"], told["manifest"], told["entry"]) == (f"'{active}", f"'{active}", "7")
    assert (told["to"], told["state"]) == ("debt-d jobcentre-a", "")


async def test_own_codes_of_agreements_can_be_chosen_by_their_parties(sim: Simulator) -> None:
    vocabulary = deepcopy(AGREEMENT["vocabulary"])
    place = deepcopy(vocabulary["purpose"]["housing-loss"])
    place["label"] = {"de": "Schutzplatz", "en": "Place of shelter"}
    vocabulary["purpose"][f"{SENDER}/shelter-place"] = place
    purposes = sorted({*AGREEMENT["purposes"], f"{SENDER}/shelter-place"})
    await sim.agree(purposes=purposes, vocabulary=vocabulary)

    mine, _ = await logged_in(sim, agency=SENDER)
    theirs, _ = await logged_in(sim, agency=OUTSIDER)

    assert "Place of shelter" in await text(mine, LOG)
    assert "Place of shelter" not in await text(theirs, LOG)
