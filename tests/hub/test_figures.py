"""Figures of an agreement: counted from what happened, frozen, and shown to its parties only."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, delete

from exchange.errors import NotFound, NotPermitted, Unavailable
from exchange.figures.measure import Count, Dimension
from exchange.figures.period import month_of, read_period
from exchange.hub import publish_figures
from exchange.hub.count_month import of_requests
from exchange.hub.follow_log import catch_up
from exchange.hub.officers.accounts import Officer
from exchange.hub.read_figures import list_measured, read_figures
from exchange.hub.storage import figures, reading
from exchange.hub.storage.figures import Page
from exchange.hub.storage.officer_tables import log_reader, log_reader_size
from exchange.wire import officer_routes
from tests.hub.erasable import OVER, swept
from tests.hub.publishing import published
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given, Simulator

MARCH = "2026-03"
AUDITOR = Officer(str(uuid4()), "auditor", None)
ANSWERS = (
    {"result": "rejected", "reason": "key-lost"},
    {"result": "quarantined", "reason": "intake"},
)
OPERATOR = Officer(str(uuid4()), "operator", None)


async def shown(sim: Simulator, period: str = MARCH, query: str = "", agency: str = SENDER) -> Any:
    """Return the answer about the figures of a period."""
    answer = await sim.call(
        agency, officer_routes.FIGURES, id=sim.agreement_id, period=period, query=query
    )
    assert answer.status == 200, answer.body
    return answer.json["answer"]


async def total(sim: Simulator, period: str = MARCH) -> Any:
    (row,) = (await shown(sim, period))["rows"]
    return row


async def frozen(sim: Simulator, period: str = MARCH) -> None:
    """Let it be the day on which the figures of a period are due, and publish them."""
    sim.now = max(sim.now, read_period(period).due)
    await published(sim)


async def stored(sim: Simulator, count: int, **terms: Any) -> list[Given]:
    """Store letters, each under a consent of its own."""
    categories = [terms.get("category", "rent-arrears-letter")]
    given = [await sim.consent(uses="recurring", categories=categories) for _ in range(count)]
    for one in given:
        await sim.sent(one, **terms)
    return given


async def test_a_month_is_frozen_fourteen_days_after_its_end(sim: Simulator) -> None:
    await stored(sim, 5)
    due = read_period(MARCH).due
    sim.now = datetime(2026, 4, 14, 21, 59, 59, tzinfo=UTC)
    await published(sim)
    waiting = await shown(sim)
    assert (waiting["frozen_at"], waiting["rows"]) == (None, [])
    assert waiting["due"] == "2026-04-14T22:00:00.000000Z"

    sim.now = due
    await published(sim)

    told = await shown(sim)
    assert told["frozen_at"] == waiting["due"]
    assert (told["k"], told["title"]) == (5, "Vereinbarung zum Erhalt von Wohnraum")
    assert told["rows"][0]["stored"] == 5
    assert told["rows"][0]["consents"] == 5
    assert told["months"] == [told["rows"][0] | {"value": MARCH}]


async def test_four_consents_are_not_told_from_none(sim: Simulator) -> None:
    given = await stored(sim, 4)
    await sim.sent(given[0])
    await frozen(sim)
    row = await total(sim)
    assert (row["stored"], row["consents"], row["expired"]) == (None, None, None)


async def test_each_thing_is_counted_in_the_month_in_which_it_happened(sim: Simulator) -> None:
    given = [await sim.consent() for _ in range(5)]
    sim.now = datetime(2026, 3, 31, 21, 50, tzinfo=UTC)
    letters = [await sim.sent(one, exp=int(sim.now.timestamp()) + 86_400) for one in given]
    sim.later(minutes=40)
    for letter in letters:
        assert (await sim.collect(letter)).status == 200
        assert (await sim.acknowledge(letter)).status == 200
    for one in given:
        assert (await sim.withdraw(one)).status == 200
    await frozen(sim)
    assert (await total(sim))["collected"] is None

    await frozen(sim, "2026-04")

    march, april = await total(sim), await total(sim, "2026-04")
    assert (march["stored"], march["consents"], march["collected"]) == (5, 5, None)
    assert (april["stored"], april["consents"]) == (None, None)
    assert (april["collected"], april["accepted"], april["consents_withdrawn"]) == (5, 5, 5)
    assert april["minutes_to_collect"] == {"median": 30, "p90": None}
    assert april["minutes_to_acknowledge"] == {"median": 0, "p90": None}


async def test_what_the_log_does_not_hold_yet_is_waited_for(sim: Simulator) -> None:
    await stored(sim, 4)
    async with sim.still():
        await stored(sim, 1)
        sim.now = read_period(MARCH).due
        with pytest.raises(Unavailable):
            await publish_figures.publish_figures(sim.hub)
        assert (await shown(sim))["frozen_at"] is None

    await sim.settled()
    before = read_period(MARCH).end
    async with sim.still():
        await sim.hub.db.write(_forget_lists)
        assert await sim.hub.db.read(reading.lags, before)
        await catch_up(sim.hub)
        assert not await sim.hub.db.read(reading.lags, before)
    await published(sim)
    assert (await total(sim))["stored"] == 5


async def test_a_month_is_counted_by_what_happened_in_it(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.now = datetime(2026, 3, 29, tzinfo=UTC)
    quiet, sent, collected, ended = [await sim.consent(uses="recurring") for _ in range(4)]
    for one in (sent, collected, ended):
        await sim.sent(one)
    letter = await sim.sent(collected, exp=int(sim.now.timestamp()) + 10 * 86_400)
    sim.now = read_period("2026-04").begin + timedelta(days=3)
    assert (await sim.collect(letter)).status == 200
    assert (await sim.withdraw(ended)).status == 200
    await sim.settled()
    await catch_up(sim.hub)

    async def found(month: str, limit: int) -> frozenset[str]:
        digests = frozenset[str]()
        for party in await sim.hub.db.read(figures.parties, sim.agreement):
            page = Page(party=party, month=read_period(month), behind=None, limit=limit)
            while True:
                more, behind = await sim.hub.db.read(figures.concerned, sim.agreement, page)
                digests |= more
                if behind is None:
                    break
                page = replace(page, behind=behind)
        return digests

    for limit in (2, 1000):
        assert await found(MARCH, limit) == {one.digest for one in (quiet, sent, collected, ended)}
        assert await found("2026-04", limit) == {collected.digest, ended.digest}
        assert await found("2026-05", limit) == frozenset()
    elsewhere = Page(party=SENDER, month=read_period(MARCH), behind=None, limit=1000)
    other = await sim.hub.db.read(figures.concerned, "A" * 43, elsewhere)
    assert other == (frozenset(), None)
    monkeypatch.setattr(publish_figures, "ENTRIES", 2)
    monkeypatch.setattr(publish_figures, "BATCH", 2)
    await frozen(sim)
    (tally,) = await sim.hub.db.read(figures.tallies_of, sim.agreement, 2026)
    (place,) = tally.counts[Count.STORED]
    assert sorted(tally.counts[Count.STORED][place].values()) == [1, 1, 2]


def _forget_lists(conn: Connection) -> None:
    for table in (log_reader, log_reader_size):
        conn.execute(delete(table))


async def test_what_expires_and_what_a_withdrawal_ends_is_counted_apart(sim: Simulator) -> None:
    given = await stored(sim, 10)
    for one in given[:5]:
        assert (await sim.withdraw(one)).status == 200
    sim.later(days=15)
    await swept(sim)
    await frozen(sim)
    row = await total(sim)
    assert (row["stored"], row["withdrawn"], row["expired"]) == (10, 5, 5)


async def test_rejected_and_quarantined_are_a_recipient_s_answers(sim: Simulator) -> None:
    for number, one in enumerate(await stored(sim, 10)):
        letter = await sim.sent(one)
        assert (await sim.collect(letter)).status == 200
        answer = await sim.acknowledge(letter, **ANSWERS[number % 2])
        assert answer.status == 200, answer.body
    await frozen(sim)
    row = await total(sim)
    assert (row["rejected"], row["quarantined"], row["accepted"]) == (5, 5, None)


async def test_figures_are_split_along_one_dimension(sim: Simulator) -> None:
    await stored(sim, 6)
    await stored(sim, 5, category="energy-bill")
    await frozen(sim)
    by_category = await shown(sim, query="?by=category")
    values = {row["value"]: row["stored"] for row in by_category["rows"]}
    assert values == {
        "energy-bill": None,
        "rent-arrears-letter": 6,
        "several": None,
        "tenancy-termination": None,
    }
    assert by_category["suppressed"]
    assert by_category["totals"]["stored"] == 6
    assert by_category["totals"]["partial"]
    by_direction = await shown(sim, query="?by=direction")
    assert f"{SENDER}>{RECIPIENT}" in {row["value"] for row in by_direction["rows"]}


async def test_what_is_published_stays_as_it_is(sim: Simulator) -> None:
    given = await stored(sim, 6)
    await frozen(sim)
    before = await sim.rows("SELECT agreement, period, dimension, body FROM figures")
    for one in given:
        assert (await sim.withdraw(one)).status == 200
    await published(sim)
    sim.later(days=40)
    await published(sim)
    after = await sim.rows("SELECT agreement, period, dimension, body FROM figures")
    assert set(before) < set(after)


async def test_a_quarter_is_made_of_what_was_counted_though_a_consent_was_erased_since(
    sim: Simulator,
) -> None:
    given = await stored(sim, 6)
    await frozen(sim)
    numbers = "SELECT count(*) AS many FROM counted"
    assert (await sim.rows(numbers))[0].many == 6
    for one in given:
        assert (await sim.withdraw(one)).status == 200
    # An officer has upheld the erasure of one: the row that tells which number it has goes.
    await sim.hub.db.write(
        lambda conn: conn.exec_driver_sql(
            f"DELETE FROM counted WHERE consent = '{given[0].digest}'"  # noqa: S608 - our own
        )
    )
    await frozen(sim, "2026-Q2")
    assert (await total(sim, "2026-Q1"))["stored"] == 6


async def test_with_the_year_go_the_counts_it_was_made_of(sim: Simulator) -> None:
    await stored(sim, 3)
    sim.now = datetime(2026, 6, 3, tzinfo=UTC)
    for agency in (SENDER, RECIPIENT):
        await sim.publish(agency)
    await stored(sim, 3)
    await frozen(sim, "2026")
    assert (await total(sim, "2026"))["stored"] == 6
    assert await sim.count("tallies") == 0
    sim.now = read_period("2027-01").due
    await published(sim)
    assert await sim.count("counted") == 0
    assert await sim.count("tallies") == 1
    assert await sim.count("figures") == (10 + 4 + 1 + 1) * len(Dimension)


async def test_a_month_is_published_once_by_whoever_comes_first(sim: Simulator) -> None:
    await stored(sim, 5)
    await frozen(sim)
    (counted,) = await sim.hub.db.read(figures.tallies_of, sim.agreement, 2026)
    tables = await sim.hub.db.read(figures.published_in, sim.agreement, 2026)
    assert not await sim.hub.db.write(figures.freeze, sim.agreement, counted, tables)
    assert not await sim.hub.db.write(figures.freeze, "A" * 43, counted, tables)


async def test_an_agreement_takes_its_figures_along(sim: Simulator) -> None:
    await sim.agree(term={"from": "2026-01-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"})
    short = sim.agreement
    await stored(sim, 1, exp=int(sim.now.timestamp()) + 60)
    await frozen(sim)
    mine = f"SELECT agreement FROM figures WHERE agreement = '{short}'"  # noqa: S608 - our own
    assert await sim.rows(mine)
    sim.now = datetime(2026, 12, 2, tzinfo=UTC)
    await swept(sim)
    sim.now = OVER
    await swept(sim)
    assert short not in {row.digest for row in await sim.rows("SELECT digest FROM agreements")}
    assert not await sim.rows(mine)
    assert not await sim.rows(mine.replace("figures", "tallies"))
    assert await sim.count("counted") == 0


async def test_a_request_under_a_consent_counts_as_that_consent(sim: Simulator) -> None:
    month = month_of(sim.now)
    named = figures.CountedRequest(
        "consent", "housing-loss", ("a", "b"), RECIPIENT, SENDER, sim.now, sim.now
    )
    unnamed = figures.CountedRequest(None, "housing-loss", ("a",), RECIPIENT, SENDER, sim.now, None)
    counted = list(of_requests([named, named, unnamed, unnamed], {"consent": 7}, month))
    assert [one.whose == 7 for one in counted] == [True, True, True, True, False, False]
    assert len({one.whose for one in counted}) == 3
    assert counted[0].place.category == "several"
    assert counted[0].place.direction == f"{SENDER}>{RECIPIENT}"


async def test_figures_are_shown_to_parties_and_auditors_alone(sim: Simulator) -> None:
    path = {"id": sim.agreement_id, "period": MARCH}
    hidden = await sim.call(OUTSIDER, officer_routes.FIGURES, **path)
    absent = await sim.call(SENDER, officer_routes.FIGURES, id=str(uuid4()), period=MARCH)
    assert hidden.face == absent.face
    assert hidden.status == 404

    month = read_period(MARCH)
    seen = await read_figures(sim.hub, AUDITOR, sim.agreement_id, month, Dimension.TOTAL)
    assert seen.table is None
    assert await list_measured(sim.hub, AUDITOR) == ((sim.agreement_id, seen.title),)
    with pytest.raises(NotFound):
        await read_figures(sim.hub, AUDITOR, str(uuid4()), month, Dimension.TOTAL)
    with pytest.raises(NotPermitted):
        await read_figures(sim.hub, OPERATOR, sim.agreement_id, month, Dimension.TOTAL)
    with pytest.raises(NotPermitted):
        await list_measured(sim.hub, OPERATOR)
    stranger = Officer(str(uuid4()), "officer", OUTSIDER)
    assert await list_measured(sim.hub, stranger) == ()


@pytest.mark.parametrize("period", ["2026-13", "2026-Q0", "26", "2026-03-01"])
async def test_a_free_range_is_not_answered(sim: Simulator, period: str) -> None:
    answer = await sim.call(SENDER, officer_routes.FIGURES, id=sim.agreement_id, period=period)
    assert answer.status == 404
