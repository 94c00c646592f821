"""Consents, requests, erasures and quarantine through the local API, and the events of each."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from exchange.agency import poll, send
from exchange.canonical import digest
from exchange.envelope.sealing import Outgoing
from exchange.errors import Unavailable
from exchange.wire import local_routes as api
from exchange.wire import routes, shapes
from tests.agency.double import answer, body, payload_of
from tests.agency.local import Local, fresh_id, local_api
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, draft
from tests.samples import AGREEMENT

ERASURE = "1d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a10"
PERSON = {"family_name": "CANARY-NAME", "given_name": "Somebody", "born": "1987-06-05"}


def consent(**members: Any) -> dict[str, Any]:
    """Return the draft of a consent that `women-b` has collected."""
    given = {
        "id": "5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9b77",
        "agreement": AGREEMENT["id"],
        "releasers": [RECIPIENT],
        "recipients": [SENDER],
        "categories": ["rent-arrears-letter"],
        "purpose": "housing-loss",
        "uses": "once",
        "valid_until": "2026-08-30",
        "form": "written",
        "signers": [{"role": "subject", "identified": "known"}],
        "notice": {"id": "consent-form", "version": "1.0", "lang": "de"},
        "evidence": {"sha256": "ef" * 32, "kind": "scan", "pages": 1},
    }
    return {**given, **members}


@pytest.fixture
async def collector(network: Network) -> AsyncIterator[Local]:
    """Return the office that collects consents, at a hub that records whatever it is given."""

    async def record(request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"].encode()
        recorded = shapes.ConsentRecorded(
            id=payload_of(statement)["id"], consent=digest(statement), recorded_at=network.now
        )
        return answer(recorded, status=201)

    network.double.replaced[routes.POST_CONSENT.name] = record
    async with local_api(network, RECIPIENT) as local:
        yield local


async def happened(local: Local) -> list[tuple[str, str]]:
    found = (await local.call(api.EVENTS)).json["events"]
    return [(event["kind"], event["of"]) for event in found]


async def test_a_consent_is_shown_printed_and_recorded_once(collector: Local) -> None:
    shown = await collector.call(api.CONSENT_TEXT, json=consent())
    assert shown.status == 200, shown.body
    assert shown.json["findings"] == []
    notice = {**consent()["notice"], "sha256": shown.json["sha256"]}
    printed = await collector.call(api.BLANK_FORM, json=consent(subject=PERSON))
    assert printed.status == 200
    assert b"CANARY-NAME" in printed.body
    assert "style-src 'sha256-" in printed.headers["Content-Security-Policy"]

    whole = consent(notice=notice, subject=PERSON)
    recorded = await collector.call(api.RECORD, json=whole)
    again = await collector.call(api.RECORD, json=whole)

    assert recorded.status == 201, recorded.body
    assert recorded.json["code"]
    assert (again.json["consent"], again.json["code"]) == (recorded.json["consent"], None)
    assert await happened(collector) == [("consent.recorded", whole["id"])]


async def test_a_draft_that_breaks_rules_is_refused_with_every_one(collector: Local) -> None:
    refused = await collector.call(api.RECORD, json=consent(subject=PERSON))
    nobody = await collector.call(api.RECORD, json=consent())
    other = await collector.call(api.RECORD, json=consent(agreement=fresh_id(), subject=PERSON))

    assert (refused.status, refused.code) == (422, "lint")
    assert refused.json["findings"]
    assert b"CANARY" not in refused.body
    assert (nobody.status, nobody.json["detail"][:8]) == (400, "subject:")
    assert other.status == 404


async def test_the_form_of_a_recorded_consent_is_made_from_the_verified_record(
    collector: Local,
) -> None:
    printed = await collector.call(api.CONSENT_FORM, id=CONSENT_ID)
    missing = await collector.call(api.CONSENT_FORM, id=fresh_id())

    assert printed.status == 200, printed.body
    assert printed.headers["Content-Type"].startswith("text/html")
    assert missing.status == 404


async def test_a_withdrawal_is_passed_on_and_repeating_it_harms_nothing(
    collector: Local, network: Network
) -> None:
    async def withdraw(request: web.Request) -> web.StreamResponse:
        found = network.double.consents[request.match_info["id"]]
        network.double.end_consent(found.id, (await body(request))["statement"].encode())
        ended = shapes.Withdrawn(
            id=found.id, consent=found.consent, state="ended", ended_at=network.now
        )
        return answer(ended)

    network.double.replaced[routes.WITHDRAW.name] = withdraw
    told = {"by": "subject", "channel": "in-person"}

    for _ in range(2):
        ended = await collector.call(api.WITHDRAW, id=CONSENT_ID, json=told)
        assert ended.status == 200, ended.body
    wrong = await collector.call(api.WITHDRAW, id=CONSENT_ID, json={**told, "reason": "misuse"})

    assert wrong.status == 400
    assert await happened(collector) == [("consent.ended", CONSENT_ID)]
    listed = (await collector.call(api.CONSENTS)).json["consents"]
    assert [one["state"] for one in listed] == ["ended"]


async def test_a_request_reaches_the_partner_and_ends(collector: Local, network: Network) -> None:
    wanted = {
        "id": "2d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a11",
        "to": SENDER,
        "agreement": AGREEMENT["id"],
        "consent": CONSENT_ID,
        "purpose": "housing-loss",
        "categories": ["rent-arrears-letter"],
        "until": "2026-03-17",
        "needed": "the letters",
        "why": "to judge",
        "subject": PERSON,
    }
    for _ in range(2):
        asked = await collector.call(api.ASK, json=wanted)
        assert asked.status == 201, asked.body
    async with local_api(network, SENDER) as partner:
        for _ in range(2):
            await poll.fetch(partner.office.gateway, partner.office.reception)
        (found,) = (await partner.call(api.REQUESTS)).json["requests"]
        assert (found["id"], found["needed"]) == (wanted["id"], "the letters")
        assert found["subject"]["family_name"] == "CANARY-NAME"
        network.double.requests.clear()
        await poll.fetch(partner.office.gateway, partner.office.reception)

        assert (await partner.call(api.REQUESTS)).json["requests"] == []
        kinds = [kind for kind, _ in await happened(partner)]
        assert kinds == ["request.asked", "request.ended"]


async def test_what_was_taken_out_of_the_spool_is_confirmed(
    collector: Local, network: Network
) -> None:
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft())
    office = collector.office
    await poll.fetch(office.gateway, office.reception)
    (folder,) = [one for one in office.gateway.home.spool.iterdir() if one.name[0] != "."]
    folder.rename(office.gateway.home.root.parent / "taken")
    consent = network.double.consents[CONSENT_ID]
    network.double.end_consent(CONSENT_ID, network.withdrawal(consent))
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)
    await poll.fetch(office.gateway, office.reception)

    waiting = (await collector.call(api.ERASURES)).json["erasures"]
    half = await collector.call(api.CONFIRM, id=ERASURE, json={"kept": "legal-claims"})
    done = await collector.call(api.CONFIRM, id=ERASURE, json={})
    again = await collector.call(api.CONFIRM, id=ERASURE, json={})

    assert [one["id"] for one in waiting] == [ERASURE]
    assert (half.status, done.status, again.status) == (400, 200, 404)
    assert (await happened(collector))[1:] == [
        ("erasure.asked", ERASURE),
        ("erasure.done", ERASURE),
    ]
    assert (await collector.call(api.DOCUMENTS)).json["documents"] == []


async def test_a_document_in_quarantine_is_released_or_removed(
    collector: Local, network: Network
) -> None:
    ids = []
    for _ in range(2):
        async with network.gateway(SENDER) as gateway:
            broken = Outgoing("Brief.pdf", "application/pdf", b"no PDF at all")
            (sent,) = await send.send(gateway, draft(files=(broken,)))
            ids.append(sent.id)
    office = collector.office
    await poll.fetch(office.gateway, office.reception)

    listed = (await collector.call(api.QUARANTINE)).json["documents"]
    released = await collector.call(api.RELEASE, id=ids[0])
    removed = await collector.call(api.REJECT, id=ids[1])

    assert {one["id"] for one in listed} == set(ids)
    assert all(one["may_be_released"] for one in listed)
    assert all(one["explained"]["de"].startswith("Die Dateien sind besch") for one in listed)
    assert all("ask the sender" in one["explained"]["en"] for one in listed)
    assert (released.status, removed.status) == (200, 200)
    documents = (await collector.call(api.DOCUMENTS)).json["documents"]
    assert [one["id"] for one in documents] == [ids[0]]
    kinds = [kind for kind, _ in await happened(collector)]
    assert kinds[:2] == ["document.quarantined"] * 2
    assert kinds[2:] == ["document.released", "document.rejected"]
    assert (await collector.call(api.REJECT, id=ids[1])).status == 404


async def test_a_document_that_lies_in_the_spool_is_told_though_the_hub_is_away(
    collector: Local, network: Network
) -> None:
    async def away(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
    network.double.replaced["acknowledge"] = away
    office = collector.office
    with pytest.raises(Unavailable):
        await poll.fetch(office.gateway, office.reception)

    assert await happened(collector) == [("document.received", sent.id)]
    del network.double.replaced["acknowledge"]
    await poll.fetch(office.gateway, office.reception)
    assert await happened(collector) == [("document.received", sent.id)]
