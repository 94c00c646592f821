"""GET /v1/officer/...: the questions of a privacy officer, answered for her agency alone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from exchange import canonical
from exchange.canonical import sha256_hex
from exchange.errors import NotPermitted
from exchange.hub.answers import (
    agreements,
    art30,
    art30_hub,
    breach,
    consent,
    disclosures,
    erasures,
    partners,
)
from exchange.hub.answers.lost.question import Wanted as Lost
from exchange.hub.follow_log import catch_up
from exchange.hub.officers.accounts import Officer
from exchange.hub.running import settings_digest
from exchange.members import write_time
from exchange.wire import officer_routes, routes
from exchange.wire.routes import Operation
from tests import needs
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given, Letter, statements

DAYS = "?from=2026-01-01&until=2027-01-01"


def compact(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


async def told(
    parties: Parties,
    agency: str,
    operation: Operation,
    query: str = "",
    *,
    id: str = "",  # noqa: A002 - the word of paths
) -> Any:
    """Return what an agency's officer is told, once the log is where everything stands."""
    await parties.settled()
    await catch_up(parties.hub)
    answer = await parties.call(agency, operation, query=query, id=id)
    assert answer.status == 200, answer.body
    return answer.json


async def acknowledged(parties: Parties) -> tuple[Given, Letter]:
    given = await parties.consent()
    letter = parties.letter(given.digest)
    assert (await parties.send(letter)).status == 201
    assert (await parties.collect(letter)).status == 200
    assert (await parties.acknowledge(letter)).status == 200
    return given, letter


async def test_every_answer_stands_in_the_same_frame(parties: Parties) -> None:
    found = await told(parties, SENDER, officer_routes.AGREEMENTS)

    assert {*found} == {
        *("question", "agency", "asked", "answered_at", "checkpoint", "answer", "next")
    }
    assert (found["question"], found["agency"], found["next"]) == ("agreements", SENDER, None)
    assert found["checkpoint"]["origin"] == parties.hub.signer.origin
    assert found["checkpoint"]["size"] > 0


# Who disclosed what to whom


@needs.both_databases()
async def test_a_disclosure_is_told_with_consent_text_and_places_in_the_log(
    parties: Parties,
) -> None:
    given, letter = await acknowledged(parties)

    found = await told(parties, SENDER, officer_routes.DISCLOSURES, DAYS)
    (one,) = found["answer"]
    record = canonical.loads(
        canonical.unb64u(canonical.loads(given.statement, limit=10**6)["payload"]), limit=10**6
    )

    assert found["asked"] == {"from": "2026-01-01", "until": "2027-01-01"}
    assert (one["disclosure"], one["manifest"]) == (letter.id, letter.digest)
    assert (one["from"], [to["agency"] for to in one["to"]]) == (SENDER, [RECIPIENT])
    assert one["to"][0]["state"] == "accepted"
    assert one["consent"]["id"] == given.id
    assert (one["consent"]["ended_at"], one["consent"]["ended_why"]) == (None, None)
    assert one["notice"] == {
        name: record["notice"][name] for name in ("id", "version", "lang", "sha256")
    }
    assert one["subject_ref"] == record["subject"]["ref"]
    assert one["agreement"] == parties.agreement
    places = [one["log"][name] for name in ("consent", "disclosure", "collected", "acknowledged")]
    assert places == sorted(places)
    kinds = [event["kind"] for event in await parties.log()]
    assert "disclosure-stored" in kinds


async def test_a_recipient_is_told_of_what_exists_for_it_and_the_collector_of_nothing_of_others(
    parties: Parties,
) -> None:
    _, letter = await acknowledged(parties)

    for agency, shown in ((RECIPIENT, [letter.id]), (COLLECTOR, []), (PARTY, []), (OUTSIDER, [])):
        found = await told(parties, agency, officer_routes.DISCLOSURES, DAYS)
        assert [one["disclosure"] for one in found["answer"]] == shown, agency


async def test_what_ended_before_it_was_collected_does_not_exist_for_the_recipient(
    parties: Parties,
) -> None:
    world = await parties.world("withdrawn, waiting")

    (mine,) = (await told(parties, SENDER, officer_routes.DISCLOSURES, DAYS))["answer"]
    theirs = await told(parties, RECIPIENT, officer_routes.DISCLOSURES, DAYS)

    assert (mine["disclosure"], mine["to"][0]["state"]) == (world.letter.id, "ended")
    assert mine["consent"]["ended_why"] is None, "the releaser may not know why"
    assert mine["consent"]["ended_at"] is None
    assert theirs["answer"] == []


async def test_whoever_must_erase_is_told_why_the_consent_has_ended(parties: Parties) -> None:
    await parties.world("withdrawn, collected")

    (one,) = (await told(parties, RECIPIENT, officer_routes.DISCLOSURES, DAYS))["answer"]

    assert one["consent"]["ended_why"] == "withdrawn"
    assert one["to"][0]["state"] == "ended"


async def test_days_are_german_days_and_half_open(parties: Parties) -> None:
    await parties.world("stored")
    today = parties.now.date()
    tomorrow = today + timedelta(days=1)

    for first, behind, count in (
        (today, tomorrow, 1),
        (tomorrow, tomorrow + timedelta(days=1), 0),
        (today - timedelta(days=1), today, 0),
    ):
        query = f"?from={first}&until={behind}"
        found = await told(parties, SENDER, officer_routes.DISCLOSURES, query)
        assert len(found["answer"]) == count, query


@needs.both_databases()
async def test_pages_follow_each_other_without_a_gap(parties: Parties) -> None:
    letters = {(await parties.world("stored")).letter.id for _ in range(5)}

    seen: list[str] = []
    cursor = ""
    for _ in range(4):
        query = f"{DAYS}&limit=2{cursor}"
        page = await told(parties, SENDER, officer_routes.DISCLOSURES, query)
        seen += [one["disclosure"] for one in page["answer"]]
        if page["next"] is None:
            break
        cursor = f"&after={page['next']}"

    assert len(seen) == 5
    assert {*seen} == letters


async def test_a_page_costs_as_many_statements_however_much_is_on_it(parties: Parties) -> None:
    async def cost() -> int:
        await told(parties, SENDER, officer_routes.DISCLOSURES, DAYS)  # parses what is new
        async with parties.still():
            with statements(parties.home) as seen:
                await parties.call(SENDER, officer_routes.DISCLOSURES, query=DAYS)
        return len(seen)

    await parties.world("stored")
    one = await cost()
    for _ in range(4):
        await parties.world("collected")

    assert await cost() == one


async def test_each_page_leaves_a_trace_and_an_empty_one_that_somebody_looked(
    parties: Parties,
) -> None:
    world = await parties.world("stored")

    await told(parties, SENDER, officer_routes.DISCLOSURES, DAYS)
    await told(parties, OUTSIDER, officer_routes.DISCLOSURES, DAYS)

    trace, look = await parties.log("officer-export")
    assert (trace["by"], trace["officer"], trace["count"]) == (SENDER, "gateway", 1)
    assert (look["by"], look["officer"], look["count"]) == (OUTSIDER, "gateway", 0)
    assert world.consent.digest not in str(trace)


@pytest.mark.parametrize(
    "question",
    [
        officer_routes.OVERVIEW,
        officer_routes.AGREEMENTS,
        officer_routes.PARTNERS,
        officer_routes.ART30,
        officer_routes.PROCESSOR,
        officer_routes.FIGURES,
    ],
    ids=lambda question: question.name,
)
async def test_a_question_about_no_person_leaves_a_trace_of_the_look(
    parties: Parties, question: Operation
) -> None:
    given = {"id": parties.agreement_id, "period": "2026"}
    path = {name: value for name, value in given.items() if f"{{{name}}}" in question.path}

    for _ in range(2):
        answer = await parties.call(SENDER, question, **path)
        assert answer.status == 200, answer.body

    (look,) = await parties.log("officer-export")
    assert (look["by"], look["officer"], look["count"]) == (SENDER, "gateway", 0)


async def test_another_question_is_malformed(parties: Parties) -> None:
    for query in (
        *("", "?from=2026-01-01", "?from=2026-1-1&until=2026-02-01", "?from=0&until=1"),
        *(f"{DAYS}&from=2026-01-01", f"{DAYS}&after=AAAA", f"{DAYS}&subject=x"),
    ):
        answer = await parties.call(SENDER, officer_routes.DISCLOSURES, query=query)
        assert answer.status == 400, query
    for query in ("", "?kind=document", "?kind=log&key=" + "A" * 43 + "&from=20260501T000000Z"):
        assert (await parties.call(SENDER, officer_routes.BREACH, query=query)).status == 400


# What is to be erased


async def test_an_erasure_is_open_for_recipient_sender_and_collector(parties: Parties) -> None:
    world = await parties.world("withdrawn, collected")

    for agency in (RECIPIENT, SENDER, COLLECTOR):
        (one,) = (await told(parties, agency, officer_routes.ERASURES))["answer"]
        assert (one["erasure"], one["recipient"]) == (world.erasure, RECIPIENT)
        assert (one["reason"], one["reminded"], one["overdue"]) == ("withdrawn", 0, False)
        assert one["confirmation"] is None
        # The collecting agency has sent nothing under it, and is shown nobody else's.
        assert one["disclosures"] == ([] if agency == COLLECTOR else [world.letter.id])
    for agency in (PARTY, OUTSIDER):
        assert (await told(parties, agency, officer_routes.ERASURES))["answer"] == []


@needs.both_databases()
async def test_erasures_are_found_by_their_state(parties: Parties) -> None:
    world = await parties.world("withdrawn, collected")

    async def found(state: str) -> list[str]:
        query = f"?state={state}"
        page = await told(parties, SENDER, officer_routes.ERASURES, query)
        return [one["erasure"] for one in page["answer"]]

    states = ("open", "overdue", "answered", "all")
    assert [len(await found(state)) for state in states] == [1, 0, 0, 1]
    parties.later(days=15)
    assert [len(await found(state)) for state in states] == [1, 1, 0, 1]
    statement = parties.confirmation(
        world, result="kept", ground="legal-claims", restricted=True, until="2030-12-31"
    )
    confirmed = await parties.call(
        RECIPIENT,
        routes.CONFIRM_ERASURE,
        id=world.erasure,
        json={"statement": statement.decode()},
    )
    assert confirmed.status == 200, confirmed.body
    assert [len(await found(state)) for state in states] == [0, 0, 1, 1]
    (one,) = (await told(parties, SENDER, officer_routes.ERASURES, "?state=all"))["answer"]
    assert (one["confirmation"], one["ground"]) == ("kept", "legal-claims")
    assert (one["kept_until"], one["overdue"]) == ("2030-12-31", False)


# One consent


async def test_a_consent_is_shown_with_its_text_its_events_and_whether_it_held(
    parties: Parties,
) -> None:
    given, letter = await acknowledged(parties)

    found = await told(parties, COLLECTOR, officer_routes.CONSENT, id=given.id)
    shown = found["answer"]
    record = canonical.loads(
        canonical.unb64u(canonical.loads(given.statement, limit=10**6)["payload"]), limit=10**6
    )

    assert shown["statement"] == given.statement.decode()
    assert sha256_hex(shown["text"].encode()) == record["notice"]["sha256"]
    assert shown["state"] == "valid"
    assert (shown["allowed"]["known"], shown["allowed"]["effective"]) == ("permit", "permit")
    assert shown["allowed"]["reasons"] == []
    assert [one["kind"] for one in shown["events"]] == ["consent-recorded", "officer-read"]
    mine = (await told(parties, SENDER, officer_routes.CONSENT, id=given.id))["answer"]
    assert [one["kind"] for one in mine["events"]] == [
        *("consent-recorded", "disclosure-stored", "disclosure-collected"),
        *("disclosure-acknowledged", "officer-read"),
    ]
    assert {one["manifest"] for one in mine["events"]} - {None} == {letter.digest}
    assert mine["complete"]


async def test_a_look_stands_in_the_log_before_the_answer_and_once_an_hour(
    parties: Parties,
) -> None:
    given = await parties.consent()

    for _ in range(3):
        await told(parties, COLLECTOR, officer_routes.CONSENT, id=given.id)
    parties.later(minutes=61)
    await told(parties, COLLECTOR, officer_routes.CONSENT, id=given.id)

    reads = await parties.log("officer-read")
    assert [(one["by"], one["officer"]) for one in reads] == [(COLLECTOR, "gateway")] * 2
    assert {one["consent"] for one in reads} == {given.digest}


async def test_what_may_not_be_read_is_not_found_and_leaves_no_trace(parties: Parties) -> None:
    world = await parties.world("recorded")

    for agency in (RECIPIENT, PARTY, OUTSIDER):
        hidden = await parties.call(agency, officer_routes.CONSENT, id=world.consent.id)
        absent = await parties.call(agency, officer_routes.CONSENT, id=str(uuid4()))
        assert hidden.status == 404
        assert hidden.face == absent.face
    assert await parties.log("officer-read") == []


@needs.both_databases()
async def test_the_decision_is_that_of_the_moment_asked_about(parties: Parties) -> None:
    given = await parties.consent(uses="once")
    begun = parties.now
    parties.later(hours=1)
    assert (await parties.send(parties.letter(given.digest))).status == 201
    stored = parties.now
    parties.later(hours=1)
    received = write_time(stored + timedelta(minutes=30))
    assert (await parties.withdraw(given, COLLECTOR, received_at=received)).status == 200
    withdrawn = parties.now
    parties.later(hours=1)

    async def at(moment: Any) -> Any:
        query = f"?at={compact(moment)}"
        found = await told(parties, COLLECTOR, officer_routes.CONSENT, query, id=given.id)
        return found["answer"]["allowed"]

    early, then = await at(begun - timedelta(days=1)), await at(stored)
    between, late = await at(stored + timedelta(minutes=45)), await at(withdrawn)
    assert (early["known"], early["reasons"][0]) == ("deny", "not-yet")
    assert (then["known"], then["effective"], then["reasons"]) == ("permit", "permit", [])
    # Told to the agency, not yet recorded: the gate knew nothing of it, and both are said.
    assert between["effective"] == "deny"
    assert "ended" not in between["reasons"]
    assert "ended" in late["reasons"]


async def test_a_releaser_is_not_told_when_and_why_a_consent_has_ended(parties: Parties) -> None:
    world = await parties.world("withdrawn, waiting")

    for moment in (parties.now - timedelta(days=1), parties.now):
        query = f"?at={compact(moment)}"
        found = await told(parties, SENDER, officer_routes.CONSENT, query, id=world.consent.id)
        shown = found["answer"]
        assert (shown["state"], shown["ended_at"], shown["ended_why"]) == ("ended", None, None)
        assert {shown["allowed"][name] for name in ("known", "effective", "reasons")} == {None}
        assert {reason for one in shown["events"] for reason in one["reasons"]} == set()


# A lost key


@needs.both_databases()
async def test_a_lost_document_key_has_exposed_what_was_sealed_to_it(parties: Parties) -> None:
    kept = await parties.world("stored")
    gone = await parties.world("acknowledged")
    parties.later(hours=2)
    key = parties.offices[RECIPIENT].key.recipient.fingerprint
    since = compact(parties.now - timedelta(hours=1))

    query = f"?kind=document&key={key}&from={since}&noticed_at={since}"
    found = await told(parties, RECIPIENT, officer_routes.BREACH, query)
    answer = found["answer"]

    assert [one["disclosure"] for one in answer["openable"]] == [kept.letter.id]
    assert [one["disclosure"] for one in answer["openable_if_copied"]] == [gone.letter.id]
    assert {one["consent"] for one in answer["sealed_blocks"]} == {
        kept.consent.id,
        gone.consent.id,
    }
    assert answer["totals"]["disclosures"] == answer["totals"]["consents"] == 2
    assert answer["totals"]["agencies"] == [SENDER]
    assert answer["deadline"].startswith(write_time(parties.now + timedelta(hours=71))[:16])
    for agency, count in ((SENDER, 2), (COLLECTOR, 0), (PARTY, 0), (OUTSIDER, 0)):
        other = (await told(parties, agency, officer_routes.BREACH, query))["answer"]
        assert other["totals"]["disclosures"] == count, agency


@needs.both_databases()
async def test_a_lost_identity_makes_doubtful_what_it_signed_and_what_rests_on_it(
    parties: Parties,
) -> None:
    before = await parties.world("stored")
    parties.later(hours=2)
    since = compact(parties.now)
    after = await parties.world("stored")
    kid = parties.offices[COLLECTOR].identity.kid

    query = f"?kind=identity&key={kid}&from={since}"
    answer = (await told(parties, SENDER, officer_routes.BREACH, query))["answer"]

    found = {(one["kind"], one["consent"]) for one in answer["doubtful"]}
    assert found == {
        ("consent-recorded", after.consent.id),
        ("disclosure-stored", after.consent.id),
    }
    assert before.consent.id not in str(answer)


async def test_a_lost_account_has_exposed_what_it_looked_at(parties: Parties) -> None:
    given = await parties.consent()
    account = str(uuid4())
    asker = Officer(account, "officer", COLLECTOR)
    await consent.show_consent(parties.hub, asker, given.id)
    await agreements.list_agreements(parties.hub, asker, after=None, limit=50)  # of no person
    since = compact(parties.now - timedelta(hours=1))
    parties.later(minutes=1)

    query = f"?kind=account&key={account}&from={since}"
    answer = (await told(parties, COLLECTOR, officer_routes.BREACH, query))["answer"]

    assert [(one["kind"], one["consent"]) for one in answer["doubtful"]] == [
        ("officer-read", given.id)
    ]
    elsewhere = (await told(parties, SENDER, officer_routes.BREACH, query))["answer"]
    assert elsewhere["doubtful"] == []


# Agreements, partners, record of processing


async def test_an_agreement_is_told_with_term_parties_and_flows(parties: Parties) -> None:
    (one,) = (await told(parties, SENDER, officer_routes.AGREEMENTS))["answer"]

    assert (one["id"], one["digest"], one["state"]) == (
        parties.agreement_id,
        parties.agreement,
        "in-force",
    )
    assert [party["agency"] for party in one["parties"]] == sorted(
        [SENDER, RECIPIENT, COLLECTOR, PARTY]
    )
    assert all(party["signed_at"] for party in one["parties"])
    assert {(flow["from"], flow["to"]) for flow in one["flows"]}
    # It renews; three months before the end of 2026 are the first of October, in Germany.
    assert (one["ends_at"], one["next_end"], one["notice_by"]) == (
        None,
        "2026-12-31T23:00:00.000000Z",
        "2026-09-30T22:00:00.000000Z",
    )
    parties.now = datetime(2026, 9, 30, 22, tzinfo=UTC)  # too late, by a moment
    (one,) = (await told(parties, SENDER, officer_routes.AGREEMENTS))["answer"]
    assert (one["next_end"], one["notice_by"]) == (
        "2027-12-31T23:00:00.000000Z",
        "2027-09-30T22:00:00.000000Z",
    )
    assert (await told(parties, OUTSIDER, officer_routes.AGREEMENTS))["answer"] == []


@needs.both_databases()
async def test_partners_are_told_with_every_key_and_its_place_in_the_log(parties: Parties) -> None:
    found = (await told(parties, SENDER, officer_routes.PARTNERS))["answer"]

    assert [one["agency"] for one in found] == sorted([SENDER, RECIPIENT, COLLECTOR, PARTY])
    sender = next(one for one in found if one["agency"] == SENDER)
    identity, document = sender["keys"]
    assert identity["key"] == parties.offices[SENDER].identity.kid
    assert document["key"] == parties.offices[SENDER].key.recipient.fingerprint
    assert isinstance(document["index"], int)
    assert (await told(parties, OUTSIDER, officer_routes.PARTNERS))["answer"] == []


async def test_the_record_of_processing_is_made_from_the_agreement(parties: Parties) -> None:
    found = await told(parties, SENDER, officer_routes.ART30, id=parties.agreement_id)
    answer = found["answer"]

    assert answer["generated_from"] == {
        "agreement": parties.agreement,
        "settings_sha256": settings_digest(parties.settings),
    }
    assert {one["agency"] for one in answer["controllers"]} >= {SENDER, RECIPIENT}
    assert answer["processor"]["hub"] == parties.hub.origin
    assert {one["category"] for one in answer["data"]} == {
        code for one in answer["recipients"] for code in one["categories"]
    }
    assert [one for one in answer["findings"] if not one.startswith("not-attested:")] == [
        f"plugins-not-told:{agency}" for agency in sorted([SENDER, RECIPIENT, COLLECTOR, PARTY])
    ]
    assert answer["plugins"] == []
    for agency, name in ((OUTSIDER, parties.agreement_id), (SENDER, str(uuid4()))):
        assert (await parties.call(agency, officer_routes.ART30, id=name)).status == 404


async def test_the_record_of_the_processor_is_about_the_agency_that_asks(parties: Parties) -> None:
    found = await told(parties, SENDER, officer_routes.PROCESSOR)
    answer = found["answer"]

    assert found["question"] == "art30-processor"
    assert answer["controller"]["agency"] == SENDER
    assert [one["hub"] for one in answer["processors"]] == [parties.hub.origin]
    assert answer["generated_from"] == {
        "agreements": [parties.agreement],
        "settings_sha256": settings_digest(parties.settings),
    }
    assert "no-witness" in answer["findings"]
    assert "log-cosigned" not in answer["measures"], "nobody cosigns it"
    assert {one["class"] for one in answer["erasure"]} == {"D04", "D05", "D06", "D11"}
    assert not any(other in str(answer) for other in (RECIPIENT, COLLECTOR, PARTY))
    stranger = (await told(parties, OUTSIDER, officer_routes.PROCESSOR))["answer"]
    assert (stranger["controller"], stranger["processors"]) == (None, [])
    assert "no-agreement" in stranger["findings"]


async def test_who_reads_no_records_is_answered_nothing(parties: Parties) -> None:
    given = await parties.consent()
    hub, asker = parties.hub, Officer(str(uuid4()), "auditor", None)
    day = parties.now.date()
    lost = Lost(
        kind="identity", key="A" * 43, since=parties.now, until=None, noticed_at=parties.now
    )

    for asked in (
        disclosures.list_disclosures(
            hub, asker, disclosures.Wanted(day, day), after=None, limit=50
        ),
        erasures.list_erasures(hub, asker, erasures.Wanted("all"), after=None, limit=50),
        breach.scope_breach(hub, asker, lost, after=None, limit=50),
        consent.show_consent(hub, asker, given.id),
        agreements.list_agreements(hub, asker, after=None, limit=50),
        partners.list_partners(hub, asker, after=None, limit=50),
        art30.record_processing(hub, asker, parties.agreement_id),
        art30_hub.record_of_processor(hub, asker),
    ):
        with pytest.raises(NotPermitted):
            await asked
