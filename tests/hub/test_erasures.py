"""Erasures with a moved clock: asked, reminded, due, overdue, escalated; open until answered."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.hookspecs import NoticeKind
from exchange.hub import sweep
from exchange.hub.relay import KINDS
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.simulator import GENEROUS, OUTSIDER, RECIPIENT, SENDER, Given, Letter


@pytest.fixture
async def parties(tmp_path: Path) -> AsyncIterator[Parties]:
    """Return a hub with a party for every relation, each with a channel for its notices."""
    simulator = Parties(tmp_path, agency=GENEROUS)
    async with simulator.running():
        await simulator.arrange()
        for agency in simulator.offices:
            await simulator.reach(agency)
        yield simulator


async def collected(parties: Parties) -> tuple[Given, Letter]:
    """Return a consent under which `jobcentre-a` has collected a letter of `women-b`."""
    consent = await parties.consent()
    letter = parties.letter(consent.digest)
    assert (await parties.send(letter)).status == 201
    assert (await parties.collect(letter)).status == 200
    return consent, letter


async def asked(parties: Parties, **members: Any) -> dict[str, Any]:
    """Return the request to erase after a withdrawal that `housing-c` took down."""
    consent, _ = await collected(parties)
    assert (await parties.withdraw(consent, COLLECTOR, **members)).status == 200
    (found,) = await owed(parties, RECIPIENT)
    return found


async def owed(parties: Parties, agency: str, query: str = "") -> list[dict[str, Any]]:
    found = await parties.call(agency, routes.ERASURES, query=query)
    return list(found.json["erasures"])


async def told(parties: Parties) -> set[tuple[str, str]]:
    return {(row.agency, row.kind) for row in await parties.notices()}


async def test_an_erasure_is_reminded_of_then_due_then_told_to_every_party(
    parties: Parties,
) -> None:
    erasure = await asked(parties)
    assert erasure["due"] == "2026-03-17T10:00:00.000000Z"
    first = {(RECIPIENT, "erasure")}
    reminded = first | {(RECIPIENT, "erasure-reminder")}
    escalated = reminded | {
        (RECIPIENT, "erasure-overdue"),
        *((agency, "overdue") for agency in (SENDER, COLLECTOR, PARTY)),
    }
    steps = (
        ({"days": 7, "seconds": -1}, first),
        ({"seconds": 1}, reminded),
        ({"days": 7}, reminded),
        ({"days": 16, "seconds": -1}, reminded),
        ({"seconds": 1}, escalated),
        ({"days": 300}, escalated),
    )
    for later, expected in steps:
        parties.later(**later)
        await sweep.remind_erasures(parties.hub)
        await sweep.escalate_erasures(parties.hub)
        assert await told(parties) == expected, later
    assert len(await parties.notices()) == len(escalated)
    (still,) = await owed(parties, RECIPIENT, "?state=open")
    assert still["state"] == "open"


def test_a_party_that_owes_nothing_is_asked_to_look_and_no_more() -> None:
    assert KINDS["erasure-overdue"] is NoticeKind.TASK
    assert KINDS["overdue"] is NoticeKind.REMINDER


async def test_what_is_answered_is_neither_reminded_of_nor_escalated(parties: Parties) -> None:
    erasure = await asked(parties)
    assert (await parties.confirm(erasure)).status == 200
    parties.later(days=60)

    await sweep.remind_erasures(parties.hub)
    await sweep.escalate_erasures(parties.hub)

    assert await told(parties) == {(RECIPIENT, "erasure")}


async def test_lists_show_what_the_caller_owes_and_what_it_is_owed(parties: Parties) -> None:
    erasure = await asked(parties)

    assert [one["id"] for one in await owed(parties, RECIPIENT, "?role=asked")] == [erasure["id"]]
    assert await owed(parties, RECIPIENT, "?role=asking") == []
    for agency in (SENDER, COLLECTOR):
        assert [one["id"] for one in await owed(parties, agency, "?role=asking")] == [erasure["id"]]
        assert await owed(parties, agency, "?role=asked") == []
    for agency in (PARTY, OUTSIDER):
        assert await owed(parties, agency) == []
    assert (await parties.confirm(erasure)).status == 200
    assert await owed(parties, SENDER, "?role=asking&state=open") == []
    (answered,) = await owed(parties, SENDER, "?role=asking&state=all")
    assert answered["state"] == "erased"


async def test_of_an_erasure_a_sender_sees_its_own_documents_and_the_collector_none(
    parties: Parties,
) -> None:
    consent, letter = await collected(parties)
    await parties.withdraw(consent, COLLECTOR)

    shown = {
        agency: [(one["manifests"], one["disclosures"]) for one in await owed(parties, agency)]
        for agency in (RECIPIENT, SENDER, COLLECTOR)
    }

    own = ([letter.digest], [letter.id])
    assert shown == {RECIPIENT: [own], SENDER: [own], COLLECTOR: [([], [])]}


KEPT: dict[str, Any] = {
    "result": "kept",
    "ground": "statutory-file-rule",
    "restricted": True,
    "until": "2030-12-31",
}


async def test_what_a_file_rule_forbids_to_erase_is_kept_restricted_until_a_day(
    parties: Parties,
) -> None:
    answer = await parties.confirm(await asked(parties), **KEPT)

    assert (answer.status, answer.json["state"]) == (200, "kept")


@pytest.mark.parametrize(
    "members",
    [
        {"restricted": False},
        {"ground": "useful"},
        {"until": "2026-03-02"},
    ],
    ids=str,
)
async def test_what_is_kept_without_restriction_ground_or_time_is_refused(
    parties: Parties, members: dict[str, Any]
) -> None:
    erasure = await asked(parties)

    refused = await parties.confirm(erasure, **{**KEPT, **members})

    assert refused.status == 422
    (still,) = await owed(parties, RECIPIENT)
    assert still["state"] == "open"


async def test_what_is_kept_may_be_kept_on_its_last_day(parties: Parties) -> None:
    answer = await parties.confirm(await asked(parties), **{**KEPT, "until": "2026-03-03"})

    assert answer.status == 200


async def test_what_was_unlawful_is_due_in_three_days_and_kept_for_claims_alone(
    parties: Parties,
) -> None:
    erasure = await asked(parties, by="agency", reason="unlawful")

    assert (erasure["reason"], erasure["due"]) == ("unlawful", "2026-03-06T10:00:00.000000Z")
    assert (await parties.confirm(erasure, **KEPT)).status == 422
    claims = {**KEPT, "ground": "legal-claims"}
    assert (await parties.confirm(erasure, **claims)).json["state"] == "kept"


@pytest.mark.parametrize("reason", ["purpose-reached", "subject-deceased", "capacity-changed"])
async def test_where_recipients_follow_their_own_rules_nobody_is_asked(
    parties: Parties, reason: str
) -> None:
    consent, _ = await collected(parties)
    await parties.withdraw(consent, COLLECTOR, by="agency", reason=reason)

    assert await owed(parties, RECIPIENT) == []


@pytest.mark.parametrize("reason", ["withdrawn", "unlawful"])
async def test_whoever_got_it_onward_is_asked_in_turn(parties: Parties, reason: str) -> None:
    ended = {"by": "agency", "reason": "unlawful"} if reason == "unlawful" else {}
    erasure = await asked(parties, **ended)
    parties.later(days=1)

    answer = await parties.confirm(erasure, passed_on=[PARTY])

    assert answer.status == 200
    (onward,) = await owed(parties, PARTY, "?role=asked")
    assert onward == {
        **erasure,
        "id": onward["id"],
        "to": PARTY,
        "passed_on_by": RECIPIENT,
        "asked_at": "2026-03-04T10:00:00.000000Z",
        "due": f"2026-03-{18 if reason == 'withdrawn' else 7:02}T10:00:00.000000Z",
    }
    assert (PARTY, "erasure") in await told(parties)
    (own,) = await owed(parties, RECIPIENT, "?role=asking")
    assert own == onward
    assert {one["id"] for one in await owed(parties, COLLECTOR)} == {erasure["id"], onward["id"]}
    assert [one["id"] for one in await owed(parties, SENDER)] == [erasure["id"]]
    logged = [event["to"] for event in await parties.log("erasure-asked")]
    assert logged == [RECIPIENT, PARTY]
    assert (await parties.confirm(onward, PARTY)).json["state"] == "erased"


async def test_who_got_it_onward_learns_no_more_of_the_consent(parties: Parties) -> None:
    erasure = await asked(parties)
    await parties.confirm(erasure, passed_on=[PARTY])

    hidden = await parties.call(PARTY, routes.GET_CONSENT, id=erasure["consent_id"])

    assert hidden.status == 404
    assert (await parties.call(PARTY, routes.CONSENTS)).json["consents"] == []


@pytest.mark.parametrize("named", [OUTSIDER, RECIPIENT, "nobody-here"])
async def test_only_other_parties_are_asked_and_each_once(parties: Parties, named: str) -> None:
    erasure = await asked(parties)

    answer = await parties.confirm(erasure, passed_on=sorted({PARTY, named}))

    assert answer.status == 200
    (onward,) = await owed(parties, PARTY)
    again = await parties.confirm(onward, PARTY, passed_on=[RECIPIENT])
    assert again.status == 200
    assert await parties.count("erasures") == 2
