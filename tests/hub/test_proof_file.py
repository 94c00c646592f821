"""The proof of one event as a file, by program: whose it is, what it leaves behind."""

from typing import Any

import pytest

from exchange.audit.opening import event_of, read_opening
from exchange.audit.proof import read_receipt
from exchange.hub.follow_log import catch_up
from exchange.hub.officer_files.proof import verified
from exchange.wire import officer_files, officer_routes
from tests.hub.erasable import grow
from tests.officer import NOBODY, logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator

PROOF = officer_files.PROOF_FILE


@pytest.fixture
def stored_in() -> dict[str, Any]:
    """On SQLite: what a database decides is in the tests of the answers."""
    return {}


async def events_of(sim: Simulator, agency: str, consent: str) -> dict[str, Any]:
    """Return the newest event of each kind under a consent."""
    found = await sim.call(agency, officer_routes.CONSENT, id=consent)
    assert found.status == 200, found.body
    return {one["kind"]: one for one in found.json["answer"]["events"]}


async def test_a_program_takes_the_proof_of_an_event_and_the_log_notes_it_before(
    sim: Simulator,
) -> None:
    given = await sim.consent()
    await grow(sim)
    event = (await events_of(sim, SENDER, given.id))["consent-recorded"]
    assert await sim.log("officer-export") == []

    found = await sim.call(SENDER, PROOF, id=event["receipt"])

    assert (found.status, found.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    named = f'attachment; filename="{event["receipt"]}.tlog-proof"'
    assert found.headers["Content-Disposition"] == named
    receipt = read_receipt(found.body)
    assert verified(receipt) > receipt.index == event["index"]
    told = event_of(read_opening(receipt.opening))
    assert (told["kind"], told["consent"]) == ("consent-recorded", given.digest)
    (note,) = await sim.log("officer-export")
    assert (note["by"], note["officer"]) == (SENDER, "gateway")
    assert (note["from"], note["until"], note["count"]) == (event["index"], event["index"] + 1, 1)
    assert [one["consent"] for one in await sim.log("officer-read")] == [given.digest]
    # The page gives the same file.
    desk, _ = await logged_in(sim, agency=SENDER)
    path = f"/officer/consents/{given.id}/proofs/{event['receipt']}.tlog-proof"
    assert read_receipt((await desk.get(path)).body).opening == receipt.opening


async def test_of_what_an_agency_may_not_open_there_is_no_proof_and_no_note(
    sim: Simulator,
) -> None:
    given = await sim.consent()
    await grow(sim)
    event = (await events_of(sim, SENDER, given.id))["consent-recorded"]
    notes = len(await sim.log("officer-export")), len(await sim.log("officer-read"))

    absent = await sim.call(OUTSIDER, PROOF, id=NOBODY)
    for agency in (RECIPIENT, OUTSIDER):
        hidden = await sim.call(agency, PROOF, id=event["receipt"])
        assert (hidden.status, hidden.body) == (absent.status, absent.body)
    assert absent.status == 404
    assert (len(await sim.log("officer-export")), len(await sim.log("officer-read"))) == notes


async def test_an_event_under_no_signed_head_has_no_proof_yet(sim: Simulator) -> None:
    given = await sim.consent()
    await grow(sim)
    async with sim.still():
        await sim.call(SENDER, officer_routes.CONSENT, id=given.id)
        event = (await events_of(sim, SENDER, given.id))["officer-read"]
        assert event["index"] is None
        early = await sim.call(SENDER, PROOF, id=event["receipt"])
    await sim.settled()
    later = await sim.call(SENDER, PROOF, id=event["receipt"])

    assert (early.status, later.status) == (404, 200)


async def test_what_is_on_no_chain_of_a_consent_leaves_no_look_at_one(sim: Simulator) -> None:
    await sim.consent()
    assert (await sim.call(SENDER, officer_routes.AGREEMENTS)).status == 200
    await grow(sim)
    await catch_up(sim.hub)
    listed = await sim.call(SENDER, officer_routes.EVENTS)
    own = next(one for one in listed.json["answer"] if one["consent"] is None)

    found = await sim.call(SENDER, PROOF, id=own["receipt"])

    assert found.status == 200, found.body
    assert verified(read_receipt(found.body)) > own["index"]
    assert await sim.log("officer-read") == []


async def test_a_token_of_another_kind_takes_no_proof(sim: Simulator) -> None:
    given = await sim.consent()
    await grow(sim)
    event = (await events_of(sim, SENDER, given.id))["consent-recorded"]
    address = sim.origin + PROOF.path.replace("{id}", event["receipt"])
    for bearer, status in (({"Authorization": f"Bearer {sim.token(SENDER)}"}, 403), ({}, 401)):
        async with sim.http.get(address, headers=bearer) as refused:
            assert refused.status == status
    assert await sim.log("officer-export") == []
