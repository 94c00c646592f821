"""GET /v1/officer/breach: pages of an answer, the log's key, and a person's code."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from exchange.errors import Malformed
from exchange.hub.add_cosignature import add_cosignature
from exchange.hub.answers.affected import affected
from exchange.hub.answers.breach import LOOKED, scope_breach
from exchange.hub.answers.lost.mark import BEGIN, WHOLE_LOG, Mark, read_mark
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.follow_log import catch_up
from exchange.hub.officers.accounts import Officer
from exchange.hub.storage.reading import Place
from exchange.hub.withdraw_by_person import withdraw_by_code
from exchange.wire import officer_routes
from tests import needs, person
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.hub.answers.breaches import compact, paged, rows, told
from tests.hub.witnessing import watched
from tests.officer import logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given


async def with_code(parties: Parties) -> tuple[Given, str]:
    """Return a consent and a code for its person."""
    given, code = await parties.consent(), person.fresh()
    issued = await person.reissue(parties, given, COLLECTOR, credential=code.digest)
    assert issued.status == 200, issued.body
    return given, code.text


# Pages


@needs.both_databases()
async def test_pages_of_a_breach_follow_each_other_without_a_gap(parties: Parties) -> None:
    for state in ("stored", "acknowledged", "stored"):
        await parties.world(state)
    since = compact(parties.now - timedelta(hours=1))
    key = parties.offices[RECIPIENT].key.recipient.fingerprint
    kid = parties.offices[COLLECTOR].identity.kid

    for lost, count in ((f"document&key={key}", 6), (f"identity&key={kid}", 6), ("log", 6)):
        query = f"?kind={lost}&from={since}"
        whole = await paged(parties, SENDER, query, 200)
        parts = await paged(parties, SENDER, query, 2)
        assert len(whole) == 1
        assert rows(parts) == rows(whole), lost
        assert len(rows(whole)) >= count, lost
        assert all(len(rows([page])) <= 2 for page in parts)
        assert parts[0]["totals"] == whole[0]["totals"]
        assert {page["totals"] for page in parts[1:]} == {None}


async def test_each_page_of_a_breach_leaves_a_trace(parties: Parties) -> None:
    for _ in range(2):
        await parties.world("stored")
    key = parties.offices[RECIPIENT].key.recipient.fingerprint
    query = f"?kind=document&key={key}&from={compact(parties.now)}"

    pages = await paged(parties, SENDER, query, 2)

    traces = await parties.log("officer-export")
    assert [trace["count"] for trace in traces] == [len(rows([page])) for page in pages]


async def test_a_page_looks_at_so_much_and_no_more(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LOOKED == 10_000
    monkeypatch.setattr("exchange.hub.answers.breach.LOOKED", 3)
    for _ in range(3):
        await parties.world("stored")
    since = compact(parties.now - timedelta(hours=1))
    kid = parties.offices[RECIPIENT].identity.kid

    query = f"?kind=identity&key={kid}&from={since}"
    pages = await paged(parties, SENDER, query, 200)

    assert len(pages) > 1, "there was more to look at"
    assert {one["by"] for page in pages for one in page["doubtful"]} <= {RECIPIENT}


@needs.both_databases()
async def test_what_a_lost_identity_collected_recalled_and_gave_codes_for_is_doubtful(
    parties: Parties,
) -> None:
    before = await parties.world("collected")
    parties.later(hours=2)
    since = compact(parties.now)
    collected, recalled = await parties.world("collected"), await parties.world("recalled")
    given = await parties.consent()
    await person.reissue(parties, given, COLLECTOR, credential=person.fresh().digest)

    async def doubtful(owner: str, asker: str) -> set[tuple[str, str]]:
        kid = parties.offices[owner].identity.kid
        answer = (await told(parties, asker, f"?kind=identity&key={kid}&from={since}"))["answer"]
        assert before.consent.id not in str(answer)
        return {(one["kind"], one["consent"]) for one in answer["doubtful"]}

    fetched = ("disclosure-collected", collected.consent.id)
    assert await doubtful(RECIPIENT, SENDER) == {fetched}
    assert fetched not in await doubtful(SENDER, SENDER)
    assert ("disclosure-ended", recalled.consent.id) in await doubtful(SENDER, SENDER)
    assert ("receipt-reissued", given.id) in await doubtful(COLLECTOR, COLLECTOR)


def test_a_cursor_says_how_far_somebody_came() -> None:
    place = Place(datetime(2026, 5, 1, 9, microsecond=7, tzinfo=UTC), 12)
    name = str(uuid4())

    assert read_mark(None) == BEGIN
    assert read_mark(Mark(disclosure=name).write()) == Mark(disclosure=name)
    assert read_mark(Mark(place=place).write()) == Mark(place=place)
    looked = Mark(place=place, cut=2**53)
    for mark in (looked, Mark(cut=9, seen=(7, 3)), Mark(cut=9, seen=(WHOLE_LOG, 8))):
        assert read_mark(mark.write()) == mark
        assert len(mark.write()) <= 64
    far = Mark(cut=2**63, seen=(7, 3)).write()
    for wrong in ("AAAA", "!", Mark(disclosure=name[:-1]).write(), far, looked.write()[:-2]):
        with pytest.raises(Malformed):
            read_mark(wrong)


async def test_every_key_but_the_logs_has_a_name(parties: Parties) -> None:
    since = compact(parties.now)

    for query in (
        *(f"?kind={kind}&from={since}" for kind in ("document", "identity", "account", "code")),
        f"?kind=log&key={'A' * 43}&from={since}",
        f"?kind=log&from={since}&after=AAAA",
        f"?kind=log&from={since}&limit=201",
    ):
        assert (await parties.call(SENDER, officer_routes.BREACH, query=query)).status == 400


# The log's key


async def test_with_the_logs_key_everything_since_is_doubtful_that_no_witness_vouches_for(
    parties: Parties,
) -> None:
    before = await parties.world("stored")
    parties.later(hours=2)
    since = compact(parties.now)
    after = await parties.world("collected")

    answer = (await told(parties, SENDER, f"?kind=log&from={since}"))["answer"]

    assert answer["vouched"] == 0
    assert {(one["kind"], one["consent"]) for one in answer["doubtful"]} == {
        ("consent-recorded", after.consent.id),
        ("disclosure-stored", after.consent.id),
        ("disclosure-collected", after.consent.id),
    }
    assert before.consent.id not in str(answer)
    assert answer["next_steps"][0] == "succeed-log"
    assert answer["totals"]["doubtful"] == 3
    theirs = (await told(parties, OUTSIDER, f"?kind=log&from={since}"))["answer"]
    assert theirs["doubtful"] == []


async def test_what_witnesses_have_cosigned_the_logs_key_cannot_make_doubtful(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path, pull=("a",)) as sim:
        consent = await sim.consent()
        assert (await sim.send(sim.letter(consent.digest))).status == 201
        await sim.settled()
        query = f"?kind=log&from={compact(sim.now - timedelta(hours=1))}"
        head = await sim.candidate()
        await catch_up(sim.hub)
        before = (await sim.call(SENDER, officer_routes.BREACH, query=query)).json["answer"]
        await add_cosignature(sim.hub, await sim.cosigned("a", head))

        after = (await sim.call(SENDER, officer_routes.BREACH, query=query)).json["answer"]

    assert (before["vouched"], after["vouched"]) == (0, head.size)
    assert {one["kind"] for one in before["doubtful"]} >= {"consent-recorded", "disclosure-stored"}
    assert after["doubtful"] == []


# A person's code


@needs.both_databases()
async def test_a_code_has_shown_what_happened_and_may_have_withdrawn(parties: Parties) -> None:
    given, code = await with_code(parties)
    letter = parties.letter(given.digest)
    assert (await parties.send(letter)).status == 201
    parties.later(hours=1)
    since = compact(parties.now)
    assert await withdraw_by_code(parties.hub, code) is not None

    query = f"?kind=code&key={given.id}&from={since}"
    answer = (await told(parties, COLLECTOR, query))["answer"]

    assert [(one["kind"], one["by"]) for one in answer["doubtful"]] == [
        ("consent-withdrawn", "person")
    ]
    assert {one["kind"] for one in answer["shown"]} >= {"consent-recorded", "receipt-reissued"}
    assert {one["consent"] for one in answer["shown"]} == {given.id}
    assert answer["openable"] == answer["sealed_blocks"] == []
    assert answer["next_steps"][0] == "replace-code"
    assert answer["totals"]["consents"] == 1
    # Asked about an earlier time the withdrawal is none of the code's.
    earlier = f"{query}&until={since}".replace(f"from={since}", "from=20260101T000000Z")
    assert (await told(parties, COLLECTOR, earlier))["answer"]["doubtful"] == []


async def test_a_releaser_is_told_what_of_its_own_a_code_has_shown(parties: Parties) -> None:
    given, code = await with_code(parties)
    letter = parties.letter(given.digest)
    assert (await parties.send(letter)).status == 201
    assert await withdraw_by_code(parties.hub, code) is not None

    query = f"?kind=code&key={given.id}&from=20260101T000000Z"
    answer = (await told(parties, SENDER, query))["answer"]

    (sent,) = [one["sent"] for one in answer["shown"] if one["kind"] == "disclosure-stored"]
    assert (sent["disclosure"], sent["from"]) == (letter.id, SENDER)
    assert answer["totals"]["disclosures"] == 1
    assert answer["totals"]["agencies"] == [SENDER]
    # Neither that it was withdrawn nor that the code was changed is for a releaser to know.
    assert answer["doubtful"] == []
    assert "receipt-reissued" not in {one["kind"] for one in answer["shown"]}


async def test_the_code_of_a_hidden_consent_is_answered_like_that_of_none(
    parties: Parties,
) -> None:
    given, _ = await with_code(parties)
    since = "&from=20260101T000000Z&noticed_at=20260101T000000Z"

    for agency in (RECIPIENT, PARTY, OUTSIDER):
        hidden = await told(parties, agency, f"?kind=code&key={given.id}{since}")
        absent = await told(parties, agency, f"?kind=code&key={uuid4()}{since}")
        assert hidden["answer"] == absent["answer"]
        assert rows([hidden["answer"]]) == []
    assert await parties.log("officer-read") == []
    looks = await parties.log("officer-export")
    assert [(one["by"], one["count"]) for one in looks] == [
        (agency, 0) for agency in (RECIPIENT, PARTY, OUTSIDER)
    ]


async def test_asking_about_a_code_is_a_look_at_its_consent(parties: Parties) -> None:
    given, _ = await with_code(parties)

    await told(parties, COLLECTOR, f"?kind=code&key={given.id}&from=20260101T000000Z")

    (read,) = await parties.log("officer-read")
    assert (read["by"], read["consent"]) == (COLLECTOR, given.digest)
    (export,) = await parties.log("officer-export")
    assert export["count"] > 0


async def test_what_is_looked_at_is_yielded_though_nothing_of_it_is_affected(
    parties: Parties,
) -> None:
    """Whoever goes on behind a mark must come further, however little is found."""
    await parties.world("stored")
    await parties.settled()
    await catch_up(parties.hub)
    lost = Wanted(
        kind="account",
        key=str(uuid4()),
        since=parties.now - timedelta(days=1),
        until=None,
        noticed_at=parties.now,
    )
    asker = Officer("gateway", "officer", SENDER)
    query = f"?kind=log&from={compact(parties.now - timedelta(hours=1))}"
    await told(parties, SENDER, query)
    await parties.settled()
    await catch_up(parties.hub)

    seen = [one async for one in affected(parties.hub, SENDER, lost, behind=BEGIN, now=parties.now)]

    assert [row for _, row in seen] == [None]
    found = await scope_breach(parties.hub, asker, lost, after=None, limit=50)
    assert (found.answer.doubtful, found.next) == ((), None)


# The page


async def test_the_page_says_which_key_is_missing_and_asks_again(parties: Parties) -> None:
    desk, _ = await logged_in(parties, agency=SENDER)

    missing = await desk.get("/officer/breach?kind=code&since=2026-01-01&lang=en")
    whole = await desk.get("/officer/breach?kind=log&since=2026-01-01&lang=en")

    assert missing.status == 400
    assert "Which key, account or consent is meant?" in missing.body.decode()
    assert whole.status == 200
    assert "Report by" in whole.body.decode()
