"""GET /v1/officer/breach: what looks have shown, exactly or at most; of accounts and programs."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from exchange.audit.event import GATEWAY
from exchange.hub.answers import consent, disclosures
from exchange.hub.answers.lost.looks import LOOKS
from exchange.hub.follow_log import catch_up
from exchange.hub.officers.accounts import Officer
from exchange.wire import officer_routes
from tests import needs
from tests.attacks.parties import COLLECTOR, Parties
from tests.hub.answers.breaches import SECTIONS, compact, paged, rows, told
from tests.officer import logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER


def who(asked: str, account: str, moment: datetime) -> str:
    return f"?kind={asked}&key={account}&from={compact(moment - timedelta(hours=1))}"


async def looked(parties: Parties, account: str, agency: str) -> Officer:
    """Let an account take a page of disclosures."""
    await parties.settled()
    await catch_up(parties.hub)
    asker = Officer(account, "officer", agency)
    day = parties.now.date()
    wanted = disclosures.Wanted(day - timedelta(days=2), day + timedelta(days=2))
    await disclosures.list_disclosures(parties.hub, asker, wanted, after=None, limit=50)
    return asker


def named(answer: Any) -> set[tuple[str, str]]:
    """Return consent and disclosure of what may have been seen."""
    return {
        (one["consent"], one["sent"]["disclosure"])
        for one in answer["perhaps_seen"]
        if one["sent"] is not None
    }


@needs.both_databases()
async def test_of_a_list_the_most_it_can_have_shown_is_named(parties: Parties) -> None:
    early = await parties.world("stored")
    again = await parties.world("stored")
    account = str(uuid4())
    await looked(parties, account, SENDER)
    late = await parties.world("stored")

    answer = (await told(parties, SENDER, who("account", account, parties.now)))["answer"]

    (look,) = answer["doubtful"]
    assert (look["kind"], look["consent"]) == ("officer-export", None)
    assert named(answer) == {(one.consent.id, one.letter.id) for one in (early, again)}
    assert late.consent.id not in str(answer)
    export, *_ = await parties.log("officer-export")
    inside = [one["index"] for one in answer["perhaps_seen"]]
    assert inside == sorted(set(inside))
    assert all(export["from"] <= index < export["until"] <= look["index"] for index in inside)
    assert {one["how"] for one in answer["perhaps_seen"]} == {"list"}
    totals = answer["totals"]
    assert (totals["disclosures"], totals["consents"], totals["at_most"]) == (2, 2, True)
    for agency in (RECIPIENT, COLLECTOR, OUTSIDER):
        other = (await told(parties, agency, who("account", account, parties.now)))["answer"]
        assert other["perhaps_seen"] == other["doubtful"] == [], agency


async def test_of_a_consent_that_was_looked_at_what_stood_there_by_then_is_named(
    parties: Parties,
) -> None:
    given = await parties.consent(uses="recurring")
    first, second = parties.letter(given.digest), parties.letter(given.digest)
    assert (await parties.send(first)).status == 201
    await parties.settled()
    await catch_up(parties.hub)
    account = str(uuid4())
    await consent.show_consent(parties.hub, Officer(account, "officer", SENDER), given.id)
    await parties.settled()
    assert (await parties.send(second)).status == 201
    other = await parties.world("stored")

    answer = (await told(parties, SENDER, who("account", account, parties.now)))["answer"]

    assert [(one["kind"], one["consent"]) for one in answer["doubtful"]] == [
        ("officer-read", given.id)
    ]
    assert named(answer) == {(given.id, first.id)}
    assert {one["how"] for one in answer["perhaps_seen"]} == {"consent"}
    assert {one["consent"] for one in answer["perhaps_seen"]} == {given.id}
    assert other.consent.id not in str(answer)


@needs.both_databases()
async def test_pages_of_what_may_have_been_seen_follow_each_other(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.hub.answers.lost.seen.SLICE", 2)
    monkeypatch.setattr("exchange.hub.answers.lost.seen.WINDOW", 2)
    account = str(uuid4())
    worlds = [await parties.world("acknowledged") for _ in range(2)]
    asker = await looked(parties, account, SENDER)
    await consent.show_consent(parties.hub, asker, worlds[0].consent.id)
    worlds.append(await parties.world("stored"))
    await looked(parties, account, SENDER)

    query = who("account", account, parties.now)
    whole = await paged(parties, SENDER, query, 200)
    parts = await paged(parties, SENDER, query, 2)

    assert len(whole) == 1
    assert len(parts) > 3
    assert rows(parts) == rows(whole)
    assert named(whole[0]) == {(one.consent.id, one.letter.id) for one in worlds}
    indexes = [one["index"] for one in whole[0]["perhaps_seen"]]
    assert len(indexes) == len(set(indexes)), "each entry once, whatever may have shown it"
    assert {one["how"] for one in whole[0]["perhaps_seen"]} == {"consent", "list"}
    assert parts[0]["totals"] == whole[0]["totals"]
    assert whole[0]["totals"]["perhaps_seen"] == len(indexes)


async def test_a_page_of_what_may_have_been_seen_looks_at_so_much_and_no_more(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.hub.answers.breach.LOOKED", 3)
    monkeypatch.setattr("exchange.hub.answers.lost.seen.SLICE", 1)
    for _ in range(3):
        await parties.world("stored")
    account = str(uuid4())
    await looked(parties, account, SENDER)

    pages = await paged(parties, SENDER, who("account", account, parties.now), 200)

    assert len(pages) > 2
    assert len([one for page in pages for one in page["perhaps_seen"]]) > 3
    assert all(len(page["perhaps_seen"]) <= 3 for page in pages)


@needs.both_databases()
@pytest.mark.parametrize("kind", ["identity", "account"])
async def test_what_programs_have_looked_at_ends_where_the_question_was_asked(
    parties: Parties, kind: str
) -> None:
    world = await parties.world("stored")
    await looked(parties, GATEWAY, SENDER)
    await looked(parties, str(uuid4()), SENDER)  # a person's login is none of the key's
    key = parties.offices[SENDER].identity.kid if kind == "identity" else GATEWAY

    pages = await paged(parties, SENDER, who(kind, key, parties.now), 1)

    looks = [one for page in pages for one in page["doubtful"] if one["kind"] in LOOKS]
    assert len(looks) == 1, "asking added looks, and none of them is in the answer"
    assert len(pages) < 20
    assert {pair for page in pages for pair in named(page)} == {(world.consent.id, world.letter.id)}
    assert {one["officer"] for one in await parties.log("officer-export")} > {GATEWAY}
    if kind == "identity":
        other = await told(parties, RECIPIENT, who(kind, key, parties.now))
        assert other["answer"]["perhaps_seen"] == []
        assert LOOKS.isdisjoint(one["kind"] for one in other["answer"]["doubtful"])


async def test_programs_have_an_account_and_no_key(parties: Parties) -> None:
    for kind, status in (("account", 200), ("identity", 400), ("document", 400), ("code", 400)):
        query = who(kind, GATEWAY, parties.now)
        answer = await parties.call(SENDER, officer_routes.BREACH, query=query)
        assert answer.status == status, kind


async def test_asking_for_what_has_exposed_nothing_leaves_a_look(parties: Parties) -> None:
    for kind, key in (("account", str(uuid4())), ("code", str(uuid4())), ("document", "A" * 43)):
        parties.later(hours=2)
        found = await told(parties, SENDER, who(kind, key, parties.now))
        assert rows([found["answer"]]) == []
    looks = await parties.log("officer-export")
    assert [(one["officer"], one["from"], one["until"], one["count"]) for one in looks] == [
        (GATEWAY, 0, 0, 0)
    ] * 3


async def test_a_page_of_a_breach_notes_between_which_entries_it_lies(parties: Parties) -> None:
    await parties.world("stored")
    account = str(uuid4())
    await looked(parties, account, SENDER)

    answer = (await told(parties, SENDER, who("account", account, parties.now)))["answer"]

    indexes = [one["index"] for name in SECTIONS for one in answer[name]]
    *_, export = await parties.log("officer-export")
    assert (export["from"], export["until"]) == (min(indexes), max(indexes) + 1)
    assert export["count"] == len(indexes)


async def test_the_page_says_that_it_is_an_upper_bound(parties: Parties) -> None:
    await parties.world("stored")
    account = str(uuid4())
    await looked(parties, account, SENDER)
    await parties.settled()
    await catch_up(parties.hub)
    desk, _ = await logged_in(parties, agency=SENDER)

    for lang, said in (("en", "at most 1"), ("de", "höchstens 1")):
        found = await desk.get(
            f"/officer/breach?kind=account&key={account}&since=2026-01-01&lang={lang}"
        )
        assert found.status == 200
        assert said in found.body.decode()
    programs = await desk.get("/officer/breach?kind=account&key=gateway&since=2026-01-01")
    assert programs.status == 200
