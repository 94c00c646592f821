"""What an officer should look into: counted on her first page, and listed for her agency alone."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from exchange import canonical
from exchange.errors import Malformed, NotPermitted
from exchange.hub.answers import findings, overview
from exchange.hub.answers.findings import FINDINGS, Finding, Found, Wanted
from exchange.hub.follow_log import catch_up
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.members import write_time
from exchange.wire import officer_routes, routes
from tests import needs
from tests.asking import ask, post, request
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given, Letter

EVERYBODY = (SENDER, RECIPIENT, COLLECTOR, PARTY, OUTSIDER)


def officer_of(agency: str) -> Officer:
    return Officer(str(uuid4()), "officer", agency)


async def followed(parties: Parties) -> None:
    await parties.settled()
    await catch_up(parties.hub)


async def told(parties: Parties, agency: str, finding: Finding) -> tuple[Found, ...]:
    """Return what an agency's officer is told of one finding."""
    asker, wanted = officer_of(agency), Wanted(finding=finding)
    found = await findings.list_findings(parties.hub, asker, wanted, after=None, limit=50)
    assert found.next is None
    return found.answer


async def counted(parties: Parties, agency: str) -> dict[Finding, int]:
    """Return how many findings an agency's officer is told of, those that there are."""
    found = await overview.count(parties.hub, officer_of(agency))
    assert not any(one.more for one in found)
    # What it may not read entry by entry is not counted for it either.
    listed = {one: len(await told(parties, agency, one)) for one in FINDINGS}
    assert {one.finding: one.count for one in found} == listed
    return {one.finding: one.count for one in found if one.count}


async def collected(parties: Parties, given: Given) -> Letter:
    letter = parties.letter(given.digest)
    assert (await parties.send(letter)).status == 201
    assert (await parties.collect(letter)).status == 200
    return letter


@needs.both_databases()
async def test_what_was_sent_after_a_withdrawal_is_told_to_those_who_may_know_both(
    parties: Parties,
) -> None:
    late, punctual = await parties.consent(uses="recurring"), await parties.consent()
    own = await parties.consent(uses="recurring")
    before = await collected(parties, late)
    await collected(parties, punctual)
    parties.later(hours=2)
    received = write_time(parties.now - timedelta(hours=1))
    letter, mine = await collected(parties, late), await collected(parties, own)
    parties.later(hours=1)
    assert (await parties.withdraw(late, COLLECTOR, received_at=received)).status == 200
    assert (await parties.withdraw(punctual, COLLECTOR)).status == 200
    assert (await parties.withdraw(own, SENDER, received_at=received)).status == 200
    await followed(parties)

    # The collecting agency sent nothing; the sender is not told of a withdrawal, but of its own.
    (seen, other) = sorted(
        await told(parties, RECIPIENT, "sent-after-withdrawal"), key=lambda one: one.by
    )
    assert (seen.consent, seen.disclosures) == (late.id, (letter.id,))
    assert before.id not in seen.disclosures
    assert (seen.by, other.by) == (COLLECTOR, SENDER)
    assert seen.received_at is not None
    assert write_time(seen.received_at) == received
    (sent,) = await told(parties, SENDER, "sent-after-withdrawal")
    assert (sent.consent, sent.disclosures) == (own.id, (mine.id,))
    for agency in (COLLECTOR, PARTY, OUTSIDER):
        assert await told(parties, agency, "sent-after-withdrawal") == ()
    counts = {agency: await counted(parties, agency) for agency in EVERYBODY}
    assert counts == {
        SENDER: {"sent-after-withdrawal": 1},
        RECIPIENT: {"sent-after-withdrawal": 2},
        COLLECTOR: {"warnings": 3},
        PARTY: {},
        OUTSIDER: {},
    }


@needs.both_databases()
async def test_findings_are_told_to_those_who_may_know_what_they_rest_on(
    parties: Parties,
) -> None:
    slow, kept = await parties.consent(), await parties.consent()
    soon = await parties.consent(
        uses="recurring", valid_until=write_time(parties.now + timedelta(days=20))
    )
    await collected(parties, kept)
    await collected(parties, soon)
    asked = await ask(parties, consent=soon.digest)
    # From Tuesday to Wednesday's end is not late, Thursday is.
    told_at = write_time(parties.now)
    parties.later(hours=36, minutes=59)
    assert (await parties.withdraw(kept, COLLECTOR, received_at=told_at)).status == 200
    parties.later(minutes=1)
    assert (await parties.withdraw(slow, COLLECTOR, received_at=told_at)).status == 200
    (erasure,) = (await parties.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    answer: dict[str, Any] = {"result": "kept", "ground": "own-legal-basis", "restricted": True}
    answer["until"] = "2030-12-31"
    assert (await parties.confirm(erasure, **answer)).status == 200
    refused = await parties.send(parties.letter(slow.digest))
    assert refused.status == 403
    await followed(parties)

    (late,) = await told(parties, COLLECTOR, "recorded-late")
    assert (late.consent, late.by) == (slow.id, COLLECTOR)
    (no,) = await told(parties, COLLECTOR, "refused")
    assert no.codes == ("ended",)
    (hidden,) = await told(parties, SENDER, "refused")
    assert (hidden.by, hidden.codes) == (SENDER, ())
    (basis,) = await told(parties, SENDER, "kept-on-own-basis")
    assert (basis.by, basis.erasure, basis.consent) == (RECIPIENT, erasure["id"], kept.id)
    (ending,) = await told(parties, SENDER, "consents-ending")
    assert (ending.request, ending.asked, ending.by) == (asked["id"], SENDER, RECIPIENT)
    assert (ending.consent, ending.index) == (soon.id, None)
    assert await told(parties, RECIPIENT, "consents-ending") == (ending,)
    warned = await told(parties, COLLECTOR, "warnings")
    assert {(one.consent, one.codes) for one in warned} == {
        (one.id, ("L45",)) for one in (slow, kept, soon)
    }
    counts = {agency: await counted(parties, agency) for agency in EVERYBODY}
    assert counts == {
        SENDER: {"refused": 1, "kept-on-own-basis": 1, "consents-ending": 1},
        RECIPIENT: {"kept-on-own-basis": 1, "consents-ending": 1},
        COLLECTOR: {"recorded-late": 1, "refused": 1, "kept-on-own-basis": 1, "warnings": 3},
        PARTY: {},
        OUTSIDER: {},
    }


async def test_what_somebody_asks_for_is_open_to_her_until_its_deadline_whatever_was_sent(
    parties: Parties,
) -> None:
    soon = await parties.consent(
        uses="recurring", valid_until=write_time(parties.now + timedelta(days=20))
    )
    await collected(parties, soon)
    asked = request(parties, consent=soon.digest)
    assert (await post(parties, asked)).status == 201
    letter = parties.letter(soon.digest, request=canonical.digest(asked))
    assert (await parties.send(letter)).status == 201

    assert await told(parties, SENDER, "consents-ending") == ()
    assert len(await told(parties, RECIPIENT, "consents-ending")) == 1
    assert (await parties.withdraw(soon, COLLECTOR)).status == 200
    assert await told(parties, RECIPIENT, "consents-ending") == ()
    later = await parties.consent(valid_until=write_time(parties.now + timedelta(days=31)))
    await collected(parties, later)
    await ask(parties, consent=later.digest)
    assert await told(parties, SENDER, "consents-ending") == ()
    parties.later(days=1)
    assert len(await told(parties, SENDER, "consents-ending")) == 1
    parties.later(days=13)
    assert await told(parties, SENDER, "consents-ending") == ()


async def test_a_look_is_told_to_the_other_accounts_of_the_agency_alone(parties: Parties) -> None:
    given = await parties.consent()
    looked, other = officer_of(SENDER), officer_of(SENDER)
    await trace.record_read(parties.hub, looked, given.digest)
    await followed(parties)

    async def looks(asker: Officer) -> tuple[Found, ...]:
        wanted = Wanted(finding="looks")
        return (
            await findings.list_findings(parties.hub, asker, wanted, after=None, limit=50)
        ).answer

    (seen,) = await looks(other)
    assert (seen.officer, seen.consent, seen.by) == (looked.id, given.id, SENDER)
    assert await looks(looked) == ()
    for agency in (COLLECTOR, RECIPIENT, PARTY, OUTSIDER):
        assert await looks(officer_of(agency)) == ()


async def test_pages_follow_each_other_and_a_short_one_says_where_to_go_on(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [await parties.consent() for _ in range(5)]
    for one in given[:4]:
        await trace.record_read(parties.hub, officer_of(COLLECTOR), one.digest)
    asker = officer_of(COLLECTOR)
    await trace.record_read(parties.hub, asker, given[4].digest)
    await followed(parties)
    monkeypatch.setattr(findings, "WINDOW", 2)
    monkeypatch.setattr(findings, "LOOKED", 2)

    async def pages(finding: Finding, limit: int) -> list[list[str | None]]:
        wanted, after, seen = Wanted(finding=finding), None, []
        while True:
            page = await findings.list_findings(
                parties.hub, asker, wanted, after=after, limit=limit
            )
            seen.append([one.consent for one in page.answer])
            if page.next is None:
                return seen
            after = page.next

    newest = [one.id for one in reversed(given)]
    assert await pages("warnings", 1) == [[one] for one in newest]
    assert await pages("warnings", 50) == [newest[:2], newest[2:4], newest[4:]]
    # The newest look is her own: the page looks at two entries and shows one.
    assert await pages("looks", 50) == [newest[1:2], newest[2:4], newest[4:]]
    counts = await overview.count(parties.hub, asker)
    assert {one.finding: (one.count, one.more) for one in counts if one.count} == {
        "warnings": (5, False),
        "looks": (4, False),
    }


async def test_a_count_says_when_there_may_be_more_than_it_looked_at(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = write_time(parties.now + timedelta(days=20))
    given = [await parties.consent(uses="recurring", valid_until=soon) for _ in range(3)]
    asker = officer_of(COLLECTOR)
    for one in given:
        await trace.record_read(parties.hub, officer_of(COLLECTOR), one.digest)
    await collected(parties, given[0])
    for _ in range(3):
        await ask(parties, consent=given[0].digest)
    await followed(parties)

    async def counted_with(most: int) -> dict[Finding, tuple[int, bool]]:
        monkeypatch.setattr(overview, "COUNTED", most)
        found = [*await overview.count(parties.hub, asker)]
        found += [
            one
            for one in await overview.count(parties.hub, officer_of(SENDER))
            if one.finding == "consents-ending"
        ]
        return {one.finding: (one.count, one.more) for one in found if one.count}

    every: tuple[Finding, ...] = ("warnings", "looks", "consents-ending")
    assert await counted_with(3) == dict.fromkeys(every, (3, False))
    assert await counted_with(2) == dict.fromkeys(every, (2, True))


@needs.both_databases()
async def test_refusals_are_unusual_beside_the_weeks_before_for_those_who_see_them(
    parties: Parties,
) -> None:
    given = await parties.consent(uses="recurring")
    assert (await parties.withdraw(given, COLLECTOR)).status == 200

    async def refused(times: int) -> None:
        for _ in range(times):
            assert (await parties.send(parties.letter(given.digest))).status == 403
        await followed(parties)

    async def judged(agency: str = SENDER) -> tuple[int, int, bool]:
        found = await overview.count_refusals(parties.hub, officer_of(agency))
        said = (await parties.call(agency, officer_routes.OVERVIEW)).json["answer"]["refusals"]
        assert said == {
            "lately": found.lately,
            "before": found.before,
            "unusual": found.unusual,
        }
        return found.lately, found.before, found.unusual

    assert await judged() == (0, 0, False)
    await refused(3)
    assert await judged() == (3, 0, False)
    # The sixth German day afterwards the first one still counts, on the seventh it is before.
    parties.later(days=6)
    assert await judged() == (3, 0, False)
    parties.later(days=1)
    assert await judged() == (0, 3, False)
    await refused(4)
    assert await judged() == (4, 3, False)
    await refused(1)
    assert await judged() == (5, 3, True)
    assert await judged(COLLECTOR) == (5, 3, True)
    for agency in (RECIPIENT, PARTY, OUTSIDER):
        assert await judged(agency) == (0, 0, False)
    parties.later(days=27)
    assert await judged() == (0, 8, False)
    parties.later(days=1)
    assert await judged() == (0, 5, False)
    with pytest.raises(NotPermitted):
        await overview.count_refusals(parties.hub, Officer(str(uuid4()), "auditor", None))


async def test_days_are_german_days_and_half_open(parties: Parties) -> None:
    await parties.consent()
    await followed(parties)
    asker, today = officer_of(COLLECTOR), parties.now.date()

    async def found(since: date | None, until: date | None) -> int:
        wanted = Wanted(finding="warnings", since=since, until=until)
        page = await findings.list_findings(parties.hub, asker, wanted, after=None, limit=50)
        return len(page.answer)

    assert await found(None, None) == await found(today, None) == 1
    assert await found(today, today + timedelta(days=1)) == 1
    assert await found(None, today) == await found(today + timedelta(days=1), None) == 0
    parties.later(days=31)
    assert await found(None, None) == 0
    assert await found(today, None) == 1
    dated, plain = Wanted(finding="consents-ending", since=today), Wanted(finding="warnings")
    for wanted, after in ((dated, None), (plain, "AAAA")):
        with pytest.raises(Malformed):
            await findings.list_findings(parties.hub, asker, wanted, after=after, limit=50)


async def test_a_list_leaves_a_trace_counts_and_an_empty_list_one_of_the_look(
    parties: Parties,
) -> None:
    await parties.consent()
    await followed(parties)

    await overview.count(parties.hub, officer_of(COLLECTOR))
    await told(parties, COLLECTOR, "looks")
    looks = await parties.log("officer-export")
    assert [(look["by"], look["from"], look["until"], look["count"]) for look in looks] == [
        (COLLECTOR, 0, 0, 0),  # an officer counted, and a program was shown an empty list
        (COLLECTOR, 0, 0, 0),
    ]
    (one,) = await told(parties, COLLECTOR, "warnings")
    left = (await parties.log("officer-export"))[-1]
    assert (left["by"], left["count"]) == (COLLECTOR, 1)
    assert (left["from"], left["until"]) == (one.index, (one.index or 0) + 1)


async def test_an_auditor_and_an_operator_are_told_nothing(parties: Parties) -> None:
    await parties.consent()
    await followed(parties)
    for role in ("auditor", "operator"):
        asker = Officer(str(uuid4()), role, None)
        with pytest.raises(NotPermitted):
            await overview.count(parties.hub, asker)
        with pytest.raises(NotPermitted):
            await overview.show_overview(parties.hub, asker)
        for finding in FINDINGS:
            with pytest.raises(NotPermitted):
                await findings.list_findings(
                    parties.hub, asker, Wanted(finding=finding), after=None, limit=50
                )


async def test_the_overview_says_over_the_api_what_the_lists_hold(parties: Parties) -> None:
    await parties.consent()
    await followed(parties)

    found = (await parties.call(COLLECTOR, officer_routes.OVERVIEW)).json
    assert (found["question"], found["asked"]) == ("overview", {})
    answer = found["answer"]
    counts = {one["finding"]: (one["count"], one["more"]) for one in answer["findings"]}
    assert counts == {one: (int(one == "warnings"), False) for one in FINDINGS}
    assert answer["standing"]["in_force"] == 1
    assert answer["standing"]["owed"] == {"count": 0, "overdue": 0}
    assert answer["log"]["stopped"] is None
    page = await parties.call(COLLECTOR, officer_routes.FINDINGS, finding="warnings")
    assert page.json["asked"]["finding"] == "warnings"
    (one,) = page.json["answer"]
    assert (one["codes"], one["by"]) == (["L45"], COLLECTOR)
    for query in ("?from=2026-1-1", "?limit=0", "?subject=x"):
        refused = await parties.call(
            COLLECTOR, officer_routes.FINDINGS, finding="warnings", query=query
        )
        assert refused.status == 400, query
    nothing = await parties.call(COLLECTOR, officer_routes.FINDINGS, finding="anything")
    assert nothing.status == 404
