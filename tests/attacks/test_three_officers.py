"""A31: three officers of three agencies, and an auditor, ask everything; each sees her own alone.

Differential: of two hubs with the same relations of hers, one has other agencies' relations
besides; she is told the same by both, but for names drawn at random. An auditor has none.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.hub.answers.findings import FINDINGS
from exchange.hub.answers.lost.looks import LOOKS
from exchange.hub.follow_log import catch_up
from exchange.wire import audit_routes, officer_files, officer_routes
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.auditor import Auditor, auditor, published
from tests.simulator import GENEROUS, OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.authz

DAYS = "?from=2026-01-01&until=2027-01-01"
SINCE = "&from=20260101T000000Z&noticed_at=20260101T000000Z"


@pytest.fixture
async def parties(tmp_path: Path) -> AsyncIterator[Parties]:
    simulator = Parties(tmp_path, agency=GENEROUS)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


async def everything(parties: Parties, agency: str) -> dict[str, Any]:
    """Return every answer an officer can get without naming a consent."""
    await parties.settled()
    await catch_up(parties.hub)
    questions = {
        "disclosures": (officer_routes.DISCLOSURES, DAYS),
        "erasures": (officer_routes.ERASURES, "?state=all"),
        "agreements": (officer_routes.AGREEMENTS, ""),
        "partners": (officer_routes.PARTNERS, ""),
        "processor": (officer_routes.PROCESSOR, ""),
        "file of disclosures": (officer_files.DISCLOSURES_FILE, f"{DAYS}&format=json"),
        "file of erasures": (officer_files.ERASURES_FILE, "?state=all&format=json"),
        "file of partners": (officer_files.PARTNERS_FILE, "?format=json"),
    }
    questions["the log's key"] = (officer_routes.BREACH, f"?kind=log{SINCE}")
    for other, office in parties.offices.items():
        key, kid = office.key.recipient.fingerprint, office.identity.kid
        questions[f"document key of {other}"] = (
            officer_routes.BREACH,
            f"?kind=document&key={key}{SINCE}",
        )
        questions[f"identity of {other}"] = (
            officer_routes.BREACH,
            f"?kind=identity&key={kid}{SINCE}",
        )
    found = {}
    for name, (operation, query) in questions.items():
        answer = await parties.call(agency, operation, query=query)
        assert answer.status == 200, (name, answer.body)
        found[name] = answer.json["answer"]
    identity = f"identity of {agency}"
    found[identity] = without_looks(found[identity])
    return {**found, **await every_finding(parties, agency)}


def without_looks(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an agency is told of its own key but for its looks: asking makes more of them."""
    done = [one for one in answer["doubtful"] if one["kind"] not in LOOKS]
    return {**answer, "doubtful": done, "totals": {**answer["totals"], "doubtful": len(done)}}


async def every_finding(parties: Parties, agency: str) -> dict[str, Any]:
    """Return each list of findings, and what her first page says besides how the log is doing."""
    lists = {
        f"finding {one}": (await parties.call(agency, officer_routes.FINDINGS, finding=one)).json
        for one in FINDINGS
    }
    page = (await parties.call(agency, officer_routes.OVERVIEW)).json["answer"]
    first = {name: page[name] for name in ("standing", "findings")}
    return {**{name: said["answer"] for name, said in lists.items()}, "first page": first}


async def test_relations_of_others_change_nothing_that_an_officer_is_told(
    parties: Parties,
) -> None:
    strangers = (PARTY, OUTSIDER)
    before = {agency: await everything(parties, agency) for agency in strangers}

    worlds = [await parties.world(state) for state in ("acknowledged", "withdrawn, collected")]

    for agency in strangers:
        assert await everything(parties, agency) == before[agency], agency
    for agency in (SENDER, RECIPIENT, COLLECTOR):
        text = str(await everything(parties, agency))
        assert any(world.consent.id in text for world in worlds), agency


async def test_an_officer_is_told_of_each_consent_what_her_agency_may_read_one_by_one(
    parties: Parties,
) -> None:
    for state in ("recorded", "stored", "withdrawn, waiting", "withdrawn, collected"):
        world = await parties.world(state)
        for agency in parties.offices:
            alone = await parties.ask_about(officer_routes.CONSENT, world, agency)
            text = str(await everything(parties, agency))
            if alone.status == 404:
                assert world.consent.id not in text, (state, agency)
                assert world.letter.id not in text, (state, agency)
                assert world.consent.digest not in text, (state, agency)
            else:
                assert alone.status == 200


async def test_the_collector_sees_no_disclosure_and_the_recipient_no_other_recipient_s(
    parties: Parties,
) -> None:
    world = await parties.world("acknowledged")

    collector = await everything(parties, COLLECTOR)
    recipient = await everything(parties, RECIPIENT)

    assert collector["disclosures"] == []
    assert world.letter.id not in str(collector)
    assert world.letter.digest not in str(collector)
    assert [to["agency"] for to in recipient["disclosures"][0]["to"]] == [RECIPIENT]


async def told_to(tool: Auditor) -> dict[str, Any]:
    """Return what an auditor is told, but for how long the log is by now."""
    await published(tool.sim)
    found = await tool.every()
    assert {name: one.status for name, one in found.items()} == dict.fromkeys(found, 200)
    answers = {name: answer.json["answer"] for name, answer in found.items()}
    still = {name: answers[name] for name in ("audit_agreements", "audit_figures")}
    first = {name: answers["audit_entry"][name] for name in ("index", "leaf", "leaf_hash")}
    health = {**answers["audit_log"]["health"], "size": None, "pending": None}
    return {**still, "first": first, "health": health}


async def test_an_auditor_is_told_of_no_relation_whatever_happens(parties: Parties) -> None:
    tool = await auditor(parties)
    before = await told_to(tool)

    worlds = [
        await parties.world(state)
        for state in ("recorded", "acknowledged", "withdrawn, waiting", "withdrawn, collected")
    ]

    assert await told_to(tool) == before
    newest = parties.hub.heads.newest
    assert newest is not None
    token = await tool.token()
    said = [answer.body for answer in (await tool.every(token)).values()]
    for index in range(newest.size):
        answer = await tool.asks(audit_routes.ENTRY, token=token, index=str(index))
        assert answer.status == 200
        said.append(answer.body)
    text = b"".join(said).decode()
    for world in worlds:
        named = (world.consent.id, world.consent.digest, world.letter.id, world.letter.digest)
        for name in (*named, world.erasure, world.receipt):
            assert name not in text
