"""Days as people write them, as instants: a day begins and ends at German midnight.

A day has 23 or 25 hours twice a year, so nothing here adds hours to a date. Pure.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
"""Where a day of an agreement or a consent begins and ends, whatever a machine is set to."""
NOON = time(12)
"""When a paper of an earlier day counts as signed: never at midnight, which belongs to two days."""


def begin_of(day: date) -> datetime:
    """Return the first moment of `day`."""
    return datetime.combine(day, time(), ZoneInfo(ZONE)).astimezone(UTC)


def end_of(day: date) -> datetime:
    """Return the first moment after `day`: "until 31 December" is half open there."""
    return begin_of(day + timedelta(days=1))


def day_of(moment: datetime) -> date:
    """Return the day on which an aware moment lies."""
    return moment.astimezone(ZoneInfo(ZONE)).date()


def days_after(moment: datetime, days: int) -> datetime:
    """Return the same time of day so many days later, however long each of them is."""
    return (moment.astimezone(ZoneInfo(ZONE)) + timedelta(days=days)).astimezone(UTC)


def working_day_after(day: date) -> date:
    """Return the next day from Monday to Friday; holidays differ by place and are not known."""
    return day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))


def last_day(until: datetime) -> date:
    """Return the last day of a half open interval, as it is printed after "up to and including"."""
    return day_of(until - timedelta(microseconds=1))


def signed_on(day: date, *, now: datetime) -> datetime:
    """Return the moment a paper that bears only a date counts as signed.

    Today's date takes the time of entry; another one takes noon.
    """
    if day == day_of(now):
        return now.replace(microsecond=0)
    return datetime.combine(day, NOON, ZoneInfo(ZONE)).astimezone(UTC)


def moment_of(stamp: datetime) -> datetime:
    """Return an instant of a date with time; without a zone it is German wall-clock time."""
    zoned = stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=ZoneInfo(ZONE))
    return zoned.astimezone(UTC).replace(microsecond=0)
