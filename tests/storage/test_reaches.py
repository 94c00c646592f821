"""How agencies are told: what is stored comes back, and when an agency is left in peace."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from exchange.errors import ExchangeError, Malformed, Misconfigured
from exchange.hub.storage import notices, reaches
from exchange.hub.storage.reaches import Destination, QuietHours, Reach, read_reach
from tests.storage.rows import NOW, RECIPIENT, SENDER

NIGHT = QuietHours(begin=time(20), end=time(7))
MINUTES = timedelta(minutes=15)
FULL = Reach(
    channels=(Destination("smtp", "a@example"), Destination("webhook", "a"), Destination("x", "y")),
    language="en",
    quiet=QuietHours(begin=time(19, 30), end=time(6, 15), zone="Europe/Lisbon"),
    digest=timedelta(hours=4),
)


def berlin(text: str) -> datetime:
    """Return a moment of summer or winter time, spelled with its offset."""
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize("reach", [FULL, Reach(), Reach(channels=(Destination("smtp", "b@c"),))])
def test_what_is_stored_comes_back(conn: Connection, reach: Reach) -> None:
    for before in (FULL, Reach()):
        assert reaches.change_reach(conn, SENDER, before)
        assert reaches.change_reach(conn, SENDER, reach)
        assert reaches.reach_of(conn, SENDER) == reach


def test_an_agency_that_is_unknown_has_no_reach(conn: Connection) -> None:
    assert not reaches.change_reach(conn, "nobody", FULL)
    assert reaches.reach_of(conn, "nobody") is None


def test_what_waits_begins_again_with_the_first_of_new_channels(conn: Connection) -> None:
    notices.enqueue(conn, [RECIPIENT], "request", consent=None, disclosure=None, at=NOW)
    first = _take(conn)
    far = notices.Retry(place=1, due=NOW, refused=1, failing_since=NOW, failed=True)
    notices.retry(conn, {first.waiting[0].id: far})
    second = _take(conn)
    assert (first.place, second.place, second.waiting[0].refused) == (0, 1, 1)

    reaches.change_reach(conn, RECIPIENT, FULL)
    notices.postpone(conn, [second.waiting[0].id], until=NOW)
    third = _take(conn)

    assert (third.place, third.waiting[0].refused, third.waiting[0].failing_since) == (0, 0, None)
    assert third.waiting[0].attempts == 1


def _take(conn: Connection) -> notices.Taken:
    until = NOW + timedelta(minutes=1)
    taken = notices.take(conn, now=NOW, quiet=timedelta(0), until=until)
    assert taken is not None
    return taken


def test_a_channel_that_no_longer_exists_is_not_looked_for(conn: Connection) -> None:
    """A hub of an earlier version changes the first channel and nothing else."""
    notices.enqueue(conn, [RECIPIENT], "request", consent=None, disclosure=None, at=NOW)
    far = notices.Retry(place=7, due=NOW, refused=0, failing_since=None, failed=True)
    notices.retry(conn, {_take(conn).waiting[0].id: far})

    assert _take(conn).place == 1  # there are two


def test_only_what_goes_by_one_channel_is_merged(conn: Connection) -> None:
    for kind in ("request", "overdue"):
        notices.enqueue(conn, [RECIPIENT], kind, consent=None, disclosure=None, at=NOW)
    first = _take(conn)
    assert len(first.waiting) == 2
    far = notices.Retry(place=1, due=NOW, refused=0, failing_since=None, failed=True)
    near = notices.Retry(place=0, due=NOW, refused=0, failing_since=NOW, failed=True)
    notices.retry(conn, {first.waiting[0].id: far})
    notices.retry(conn, {first.waiting[1].id: near})

    taken = [_take(conn) for _ in range(2)]

    assert {(one.place, len(one.waiting)) for one in taken} == {(0, 1), (1, 1)}


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ("2026-06-10T19:59:59+02:00", None),
        ("2026-06-10T20:00:00+02:00", "2026-06-11T07:00:00+02:00"),
        ("2026-06-11T06:59:59+02:00", "2026-06-11T07:00:00+02:00"),
        ("2026-06-11T07:00:00+02:00", None),
        ("2026-12-31T23:00:00+01:00", "2027-01-01T07:00:00+01:00"),
        ("2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),  # an hour shorter
        ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),  # an hour longer
    ],
)
def test_a_night_goes_past_midnight(now: str, over: str | None) -> None:
    assert NIGHT.over(berlin(now)) == (over and berlin(over))


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ("2026-06-10T11:59:00+02:00", None),
        ("2026-06-10T12:00:00+02:00", "2026-06-10T13:30:00+02:00"),
        ("2026-06-10T13:30:00+02:00", None),
    ],
)
def test_a_noon_does_not(now: str, over: str | None) -> None:
    noon = QuietHours(begin=time(12), end=time(13, 30))

    assert noon.over(berlin(now)) == (over and berlin(over))


@pytest.mark.parametrize("minute", range(0, 180, 7))
@pytest.mark.parametrize("day", ["2026-03-29T00:30:00+00:00", "2026-10-24T23:45:00+00:00"])
def test_the_end_lies_ahead_also_where_clocks_are_changed(day: str, minute: int) -> None:
    early = QuietHours(begin=time(1), end=time(2, 30))
    now = berlin(day) + timedelta(minutes=minute)

    over = early.over(now)

    assert over is None or now < over <= now + timedelta(hours=3)


def test_every_agency_is_left_a_pause() -> None:
    told = Reach().held_until(NOW + MINUTES / 3, last=NOW, pause=MINUTES, task=True)
    assert told == NOW + MINUTES
    for now, last in ((NOW + MINUTES, NOW), (NOW, None), (NOW, NOW + MINUTES)):
        assert Reach().held_until(now, last=last, pause=MINUTES, task=False) is None


def test_a_digest_makes_the_pause_longer_for_all_but_tasks() -> None:
    reach = Reach(digest=timedelta(hours=4))
    now = NOW + timedelta(hours=1)

    assert reach.held_until(now, last=NOW, pause=MINUTES, task=False) == NOW + timedelta(hours=4)
    assert reach.held_until(now, last=NOW, pause=MINUTES, task=True) is None
    assert reach.held_until(now, last=None, pause=MINUTES, task=False) is None


def test_a_pause_longer_than_the_digest_counts() -> None:
    reach = Reach(digest=timedelta(hours=1))

    held = reach.held_until(NOW, last=NOW, pause=timedelta(hours=2), task=False)

    assert held == NOW + timedelta(hours=2)


def test_quiet_hours_hold_everything_up_but_tasks_and_the_later_end_counts() -> None:
    reach = Reach(quiet=NIGHT, digest=timedelta(hours=12))
    evening = berlin("2026-06-10T21:00:00+02:00")
    morning = berlin("2026-06-11T07:00:00+02:00")

    held = [
        reach.held_until(evening, last=last, pause=MINUTES, task=False)
        for last in (None, evening, evening - timedelta(hours=11))
    ]

    assert held == [morning, evening + timedelta(hours=12), morning]
    assert reach.held_until(evening, last=None, pause=MINUTES, task=True) is None


def test_an_address_is_never_shown() -> None:
    assert "a@example" not in repr(FULL)


def test_a_command_tells_a_reach() -> None:
    told = {
        "language": "en",
        "channels": [["smtp", "a@example"], ["webhook", "a"], ["x", "y"]],
        "quiet": ["19:30", "06:15", "Europe/Lisbon"],
        "digest_h": 4,
    }

    assert read_reach(told) == FULL
    assert read_reach({"language": "de"}) == Reach()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"language": None}, None),
        ({"channels": [["smtp"]]}, Malformed),
        ({"channels": 5}, Malformed),
        ({"channels": [["smtp", "a"], ["smtp", "a"]]}, Misconfigured),
        ({"channels": [["smtp", str(n)] for n in range(9)]}, Misconfigured),
        ({"quiet": ["20:00"]}, Malformed),
        ({"quiet": ["20:00", "20:00", "Europe/Berlin"]}, Misconfigured),
        ({"quiet": ["8pm", "07:00", "Europe/Berlin"]}, Misconfigured),
        ({"quiet": ["24:00", "07:00", "Europe/Berlin"]}, Misconfigured),
        ({"quiet": ["20:00", "07:00", "Europe/Nowhere"]}, Misconfigured),
        ({"quiet": ["20:00", "07:00", "../../etc/passwd"]}, Misconfigured),
        ({"digest_h": "four"}, Malformed),
        ({"digest_h": 25}, Misconfigured),
        ({"digest_h": -1}, Misconfigured),
    ],
)
def test_what_tells_no_reach_is_refused(
    changed: dict[str, Any], error: type[ExchangeError] | None
) -> None:
    told = {"language": "de"} | changed
    if error is None:
        del told["language"]
    with pytest.raises(error or Malformed):
        read_reach(told)
