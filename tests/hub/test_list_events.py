"""An officer's list of the log: what her agency may see, the newest first, page by page."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from exchange.canonical import b64u
from exchange.errors import Malformed, NotFound, Unavailable
from exchange.hub import list_events as listing
from exchange.hub.cursor import read_cursor, write_cursor
from exchange.hub.follow_log import catch_up
from exchange.hub.list_events import (
    Events,
    Listed,
    Wanted,
    list_events,
)
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.trace import record_look, record_read
from exchange.hub.storage.reading import Place
from tests.attacks.parties import COLLECTOR, PARTY
from tests.hub.erasable import grow
from tests.hub.test_follow_log import AGENCIES, live, open_now
from tests.several import BOTH, Several
from tests.simulator import NOW, OUTSIDER, RECIPIENT, SENDER

ALL = Wanted()
OFFICERS = {agency: Officer(str(uuid4()), "officer", agency) for agency in AGENCIES}
"""One of each agency."""
ON_SQLITE = pytest.mark.parametrize("stored_in", [{}])
"""Of what no statement of a database decides."""


async def followed(several: Several) -> None:
    await grow(several)
    await catch_up(several.hub)


async def page(several: Several, agency: str, wanted: Wanted = ALL, **asked: Any) -> Events:
    given = {"after": None, "limit": 200, **asked}
    return await list_events(several.hub, OFFICERS[agency], wanted, **given)


async def listed(several: Several, agency: str, wanted: Wanted = ALL) -> list[Listed]:
    found = await page(several, agency, wanted)
    assert (found.next, found.looked_until) == (None, None)
    return list(found.events)


async def kinds(several: Several, agency: str, wanted: Wanted) -> list[str]:
    return [one.kind for one in await listed(several, agency, wanted)]


async def test_every_officer_sees_exactly_what_her_agency_may_open(several: Several) -> None:
    await live(several)
    await followed(several)
    opens = await open_now(several)
    for agency in AGENCIES:
        shown = await listed(several, agency)
        assert {(agency, one.index, one.kind) for one in shown} == {
            one for one in opens if one[0] == agency
        }
        assert [one.index for one in shown] == sorted((one.index for one in shown), reverse=True)


async def test_pages_follow_each_other_without_a_gap_and_without_repeating(
    several: Several,
) -> None:
    await live(several)
    await followed(several)
    whole = await listed(several, SENDER)
    found: list[Listed] = []
    after = None
    while True:
        part = await page(several, SENDER, after=after, limit=3)
        assert len(part.events) <= 3
        found += part.events
        after = part.next
        if after is None:
            break
    assert found == whole


async def test_the_way_back_leads_over_the_same_events_to_the_first_page(several: Several) -> None:
    await live(several)
    await followed(several)
    (consent, *_) = [one.consent for one in await listed(several, SENDER) if one.consent]
    async with several.still():  # a look is an entry of the log, too
        for wanted in (ALL, Wanted(kind="disclosure-stored"), Wanted(consent=consent)):
            whole = await listed(several, SENDER, wanted)
            first = await page(several, SENDER, wanted, limit=2)
            here = first
            while here.next is not None:
                here = await page(several, SENDER, wanted, after=here.next, limit=2)
            assert first.newer is None

            back = list(here.events)
            while here.newer is not None:
                here = await page(several, SENDER, wanted, before=here.newer, limit=2)
                assert 0 < len(here.events) <= 2
                back = [*(one for one in here.events if one not in back), *back]
                if here.newer is not None:
                    behind = await page(several, SENDER, wanted, after=here.next, limit=200)
                    assert [*here.events, *behind.events] == whole[whole.index(here.events[0]) :]
            assert (here.events, here.next) == (first.events, first.next)
            assert back == whole


async def test_the_way_back_looks_at_so_many_entries_as_well(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(several)
    await followed(several)
    async with several.still():
        wanted = Wanted(partner=OUTSIDER)
        whole = await listed(several, COLLECTOR, wanted)
        monkeypatch.setattr(listing, "SPARE", 1)
        monkeypatch.setattr(listing, "LOOKED", 4)
        here = await page(several, COLLECTOR, wanted, limit=1)
        while here.next is not None:
            here = await page(several, COLLECTOR, wanted, after=here.next, limit=1)

        back, pages = list(here.events), 1
        while here.newer is not None:
            here = await page(several, COLLECTOR, wanted, before=here.newer, limit=1)
            back = [*(one for one in here.events if one not in back), *back]
            pages += 1

        assert back == whole
        assert pages > len(whole), "some pages showed nothing and led on"


@ON_SQLITE
async def test_what_is_new_does_not_move_the_next_page(several: Several) -> None:
    consent = await several.consent(uses="recurring")
    await several.sent(consent)
    await followed(several)
    whole = await listed(several, SENDER)
    first = await page(several, SENDER, limit=1)
    several.later(seconds=1)
    await several.sent(consent)
    await followed(several)

    second = await page(several, SENDER, after=first.next, limit=1)

    assert second.events == (whole[1],)


async def test_a_list_is_narrowed_by_kind_purpose_category_and_state(several: Several) -> None:
    await live(several)
    await followed(several)

    async def found(**wanted: Any) -> list[str]:
        return await kinds(several, SENDER, Wanted(**wanted))

    assert set(await found(kind="disclosure-collected")) == {"disclosure-collected"}
    # All of this was about one purpose, but for agreements and keys.
    of_consents = [kind for kind in await found() if not kind.startswith(("agreement", "officer"))]
    assert await found(purpose="housing-loss") == of_consents
    assert {"consent-recorded", "disclosure-refused", "disclosure-ended"} < set(of_consents)
    assert await found(category="rent-arrears-letter") == of_consents
    assert await found(purpose="employment") == []
    assert await found(category="care-note") == []
    collected = await found(purpose="housing-loss", kind="disclosure-collected")
    assert collected == await found(kind="disclosure-collected") != []
    assert await found(kind="erased") == []
    answered = await listed(several, SENDER, Wanted(state="acknowledged"))
    assert {one.kind for one in answered} == {
        "disclosure-stored",
        "disclosure-collected",
        "disclosure-acknowledged",
    }
    assert {one.state for one in answered} == {"acknowledged"}


async def test_an_event_has_the_data_of_its_document_or_else_of_its_consent(
    several: Several,
) -> None:
    consent = await several.consent(uses="recurring")
    letters = [
        await several.sent(consent, category=one)
        for one in ("rent-arrears-letter", "tenancy-termination")
    ]
    for letter in letters:
        assert (await several.collect(letter)).status == 200
    assert (await several.withdraw(consent, COLLECTOR)).status == 200
    await followed(several)

    for number, category in enumerate(("rent-arrears-letter", "tenancy-termination")):
        shown = await listed(several, COLLECTOR, Wanted(category=category))
        assert {one.kind for one in shown} >= {"consent-recorded", "consent-withdrawn"}
        for agency in (SENDER, RECIPIENT):
            shown = await listed(several, agency, Wanted(category=category))
            documents = [one for one in shown if "manifest" in one.members]
            assert {one.members["manifest"] for one in documents} == {letters[number].digest}
            assert {one.kind for one in documents} >= {"disclosure-stored", "disclosure-collected"}
    found = Wanted(category="rent-arrears-letter", kind="disclosure-collected")
    (collected,) = await listed(several, SENDER, found)
    assert collected.members["manifest"] == letters[0].digest
    assert await listed(several, COLLECTOR, Wanted(category="energy-bill")) == []


@ON_SQLITE
async def test_what_stands_in_a_consent_alone_nobody_finds_who_may_not_read_it(
    several: Several,
) -> None:
    consent = await several.consent()
    attempt = several.letter(consent.digest, sender=OUTSIDER)
    assert (await several.send(attempt, OUTSIDER)).status == 403
    await followed(several)

    (own,) = await listed(several, OUTSIDER)
    assert own.kind == "disclosure-refused"
    assert await listed(several, OUTSIDER, Wanted(purpose="housing-loss")) == []
    (seen, _) = await listed(several, COLLECTOR, Wanted(purpose="housing-loss"))
    assert (seen.kind, seen.by) == ("disclosure-refused", OUTSIDER)


@ON_SQLITE
async def test_pages_of_one_purpose_follow_each_other(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(several)
    await followed(several)
    wanted = Wanted(purpose="housing-loss")
    async with several.still():
        whole = await listed(several, COLLECTOR, wanted)
        monkeypatch.setattr(listing, "SPARE", 1)
        monkeypatch.setattr(listing, "LOOKED", 4)
        found = await page(several, COLLECTOR, wanted, limit=2)
        events = list(found.events)
        while found.next is not None:
            found = await page(several, COLLECTOR, wanted, after=found.next, limit=2)
            events += found.events
    assert events == whole != []


@ON_SQLITE
async def test_a_list_is_narrowed_to_a_time_that_is_half_open(several: Several) -> None:
    first = await several.consent()
    several.later(hours=1)
    begin = several.now
    second = await several.consent()
    several.later(hours=1)
    await several.consent()
    await followed(several)

    inside = Wanted(since=begin, until=several.now, kind="consent-recorded")
    assert [one.consent for one in await listed(several, SENDER, inside)] == [second.id]
    before = Wanted(until=begin, kind="consent-recorded")
    assert [one.consent for one in await listed(several, SENDER, before)] == [first.id]
    one = Wanted(since=begin, until=several.now, consent=second.id)
    assert await kinds(several, SENDER, one) == ["consent-recorded"]
    assert await kinds(several, SENDER, replace(one, consent=first.id)) == []


@ON_SQLITE
async def test_a_partner_is_who_did_it_whom_it_was_for_or_who_sent_it(several: Several) -> None:
    consent = await several.consent(recipients=list(BOTH), uses="recurring")
    for agency in BOTH:
        letter = await several.sent(consent, recipient=agency)
        assert (await several.collect(letter, agency)).status == 200
    await followed(several)

    async def found(agency: str, partner: str) -> list[tuple[str, str]]:
        shown = await listed(several, agency, Wanted(partner=partner))
        return [(one.kind, one.by) for one in shown if not one.kind.startswith("agreement")]

    assert await found(SENDER, PARTY) == [
        ("disclosure-collected", PARTY),
        ("disclosure-stored", SENDER),
        ("consent-recorded", COLLECTOR),
    ]
    assert await found(PARTY, SENDER) == await found(SENDER, PARTY)
    assert await found(PARTY, OUTSIDER) == []


@ON_SQLITE
async def test_a_stranger_does_not_learn_by_looking_for_partners_whose_consent_it_tried(
    several: Several,
) -> None:
    consent = await several.consent(recipients=list(BOTH))
    attempt = several.letter(consent.digest, sender=OUTSIDER)
    assert (await several.send(attempt, OUTSIDER)).status == 403
    await followed(several)

    for partner in (COLLECTOR, SENDER, RECIPIENT, PARTY):
        assert await listed(several, OUTSIDER, Wanted(partner=partner)) == []
    (own,) = await listed(several, OUTSIDER)
    assert (own.kind, own.consent, own.why, own.state) == ("disclosure-refused", None, None, None)
    (seen,) = await listed(several, COLLECTOR, Wanted(kind="disclosure-refused"))
    assert (seen.by, seen.consent, seen.why) == (OUTSIDER, consent.id, "no-consent agreement")


@ON_SQLITE
async def test_why_something_ended_is_for_those_who_may_know(several: Several) -> None:
    consent = await several.consent(uses="recurring")
    await several.sent(consent)
    assert (await several.withdraw(consent, COLLECTOR)).status == 200
    await followed(several)
    (sender,) = await listed(several, SENDER, Wanted(kind="disclosure-ended"))
    assert sender.why is None
    assert await listed(several, RECIPIENT) == await listed(
        several, RECIPIENT, Wanted(kind="agreement-signed")
    )
    assert "detail" not in sender.members


async def test_the_list_of_one_consent_leaves_a_trace_on_its_chain(several: Several) -> None:
    consent, other = await several.consent(), await several.consent()
    await several.sent(consent)
    await followed(several)

    shown = await listed(several, SENDER, Wanted(consent=consent.id))
    assert [one.kind for one in shown] == ["disclosure-stored", "consent-recorded"]
    await followed(several)

    (trace,) = await several.log("officer-read")
    assert (trace["by"], trace["consent"]) == (SENDER, consent.digest)
    first, *_ = await listed(several, SENDER, Wanted(consent=consent.id))
    assert first.members == {"consent": consent.digest, "officer": OFFICERS[SENDER].id}
    assert other.id not in {one.consent for one in shown}


async def test_what_a_page_shows_is_noted_and_a_page_of_notes_as_one_look_an_hour(
    several: Several,
) -> None:
    await several.consent()
    await followed(several)
    shown = await listed(several, SENDER)
    await listed(several, SENDER, Wanted(kind="erasure-asked"))
    note, look = await several.log("officer-export")
    assert (look["by"], look["officer"], look["count"]) == (SENDER, OFFICERS[SENDER].id, 0)
    assert (note["by"], note["officer"]) == (SENDER, OFFICERS[SENDER].id)
    assert (note["from"], note["until"]) == (shown[-1].index, shown[0].index + 1)
    assert note["count"] == len(shown)
    await followed(several)

    notes = Wanted(kind="officer-export")
    assert await kinds(several, SENDER, notes) == ["officer-export", "officer-export"]

    assert await several.log("officer-export") == [note, look]


async def test_looks_at_once_leave_one_trace(several: Several) -> None:
    given = await several.consent()
    asker = OFFICERS[SENDER]
    await asyncio.gather(*(record_look(several.hub, asker) for _ in range(8)))
    await asyncio.gather(*(record_read(several.hub, asker, given.digest) for _ in range(8)))
    assert [one["count"] for one in await several.log("officer-export")] == [0]
    assert len(await several.log("officer-read")) == 1


@ON_SQLITE
async def test_a_page_that_leaves_no_trace_is_not_shown(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the vault has not answered")

    await several.consent()
    await followed(several)
    monkeypatch.setattr(listing, "record_export", away)
    with pytest.raises(Unavailable):
        await listed(several, SENDER)


@ON_SQLITE
async def test_a_consent_that_is_not_hers_looks_like_none_and_leaves_no_trace(
    several: Several,
) -> None:
    consent = await several.consent()
    await followed(several)
    absent = await page(several, RECIPIENT, Wanted(consent=str(uuid4())))
    hidden = await page(several, RECIPIENT, Wanted(consent=consent.id))
    assert hidden == absent == Events(events=(), next=None, looked_until=None)
    assert await several.log("officer-read") == []


async def test_pages_of_one_consent_follow_each_other(several: Several) -> None:
    consent = await several.consent(uses="recurring")
    for _ in range(3):
        await several.sent(consent)
    await followed(several)
    wanted = Wanted(consent=consent.id, kind="disclosure-stored")
    first = await page(several, SENDER, wanted, limit=2)
    second = await page(several, SENDER, wanted, after=first.next, limit=2)
    assert [len(first.events), len(second.events), second.next] == [2, 1, None]
    assert first.events[1].index > second.events[0].index


async def test_a_page_looks_at_so_many_entries_and_says_how_far_it_got(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SPARE", 1)
    monkeypatch.setattr(listing, "LOOKED", 4)
    await live(several)
    await followed(several)
    wanted = Wanted(partner=OUTSIDER)

    found = await page(several, COLLECTOR, wanted, limit=1)
    found_in_all, pages = list(found.events), 1
    assert found.looked_until is not None
    while found.next is not None:
        found = await page(several, COLLECTOR, wanted, after=found.next, limit=1)
        found_in_all += found.events
        pages += 1

    monkeypatch.undo()
    assert found_in_all == await listed(several, COLLECTOR, wanted)
    assert pages > 2


@pytest.mark.parametrize("role", ["auditor", "operator"])
@ON_SQLITE
async def test_who_reads_no_statements_has_no_list(several: Several, role: Any) -> None:
    with pytest.raises(NotFound):
        await list_events(several.hub, Officer(str(uuid4()), role, None), ALL, after=None, limit=1)


def test_a_cursor_is_read_as_it_was_written() -> None:
    place = Place(NOW + timedelta(microseconds=7), 2**53 - 1)
    assert read_cursor(write_cursor(place)) == place
    assert read_cursor(None) is None


@pytest.mark.parametrize(
    "text",
    ["", "x", b64u(b"1"), b64u(b"1."), b64u(b".1"), b64u(b"1.x"), b64u(b"-1.1"), b64u(b"1.1.1"),
     b64u(b"1" * 18 + b".1"), b64u(b"1." + b"1" * 18)],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_cursor(text)
