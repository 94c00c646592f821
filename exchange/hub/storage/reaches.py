"""How agencies are told: their channels in order, their quiet hours, their digest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from exchange.errors import Malformed, Misconfigured
from exchange.hub.storage.tables import agencies, fallbacks, notices
from exchange.prepared import Prepared

ZONE = "Europe/Berlin"
"""Time zone of quiet hours where none is named."""
MOST_CHANNELS = 8
"""Channels of one agency."""
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
LONGEST_DIGEST = timedelta(days=1)
"""Shorter than the time after which a notice is given up, so that each is tried."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One channel and where it leads; the address is read by the channel only."""

    channel: str
    """Name of the channel, as a plugin provides it."""
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A time of day in which an agency is told of nothing but tasks; it may go past midnight.

    Raises:
        Misconfigured: it begins when it ends, or the time zone is unknown.
    """

    begin: time
    end: time
    """The first moment that is not quiet."""
    zone: str = ZONE
    """Name of the time zone (IANA)."""

    def __post_init__(self) -> None:
        if self.begin == self.end:
            raise Misconfigured("quiet hours end at another time than they begin")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Misconfigured(
                "the time zone of quiet hours is a name like Europe/Berlin"
            ) from None

    def over(self, now: datetime) -> datetime | None:
        """Return when the quiet hours around `now` end, or None outside of them."""
        local = now.astimezone(ZoneInfo(self.zone))
        clock = local.time()
        if self.begin < self.end:
            inside, past_midnight = self.begin <= clock < self.end, False
        else:
            inside = clock >= self.begin or clock < self.end
            past_midnight = clock >= self.begin
        if not inside:
            return None
        day = local.date() + timedelta(days=past_midnight)
        moments = (
            datetime.combine(day, self.end.replace(fold=fold), local.tzinfo).astimezone(UTC)
            for fold in (0, 1)
        )
        return max(moments)  # where clocks change, a time of day comes twice or not at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How an agency is told that something may wait.

    Raises:
        Misconfigured: too many channels, one named twice, or a digest too long or too short.
    """

    channels: tuple[Destination, ...] = ()
    """The first is used; the next where it fails. Empty where the agency polls."""
    language: str = "de"
    quiet: QuietHours | None = None
    digest: timedelta | None = None
    """At most one notice in so long a time, tasks apart; None: as the hub's settings say."""

    def __post_init__(self) -> None:
        if len(self.channels) > MOST_CHANNELS:
            raise Misconfigured(f"an agency has at most {MOST_CHANNELS} channels")
        if len(set(self.channels)) != len(self.channels):
            raise Misconfigured("a channel is named twice with one address")
        if self.digest is not None and not timedelta(0) < self.digest <= LONGEST_DIGEST:
            raise Misconfigured("a digest is made every 1 to 24 hours")

    def held_until(
        self, now: datetime, *, last: datetime | None, pause: timedelta, task: bool
    ) -> datetime | None:
        """Return until when this agency is not told, or None if it may be told now.

        Args:
            now: hub time.
            last: when it was told last, or is being told.
            pause: time between two notices that every agency is left.
            task: whether a task with a deadline is among what it is to be told: neither the
                digest nor quiet hours hold that up.
        """
        if not task and self.digest is not None:
            pause = max(pause, self.digest)
        ends = [] if last is None or not last <= now < last + pause else [last + pause]
        over = None if task or self.quiet is None else self.quiet.over(now)
        if over is not None:
            ends.append(over)
        return max(ends, default=None)


def read_reach(told: Mapping[str, Any]) -> Reach:
    """Return the reach that an operator's command tells.

    Args:
        told: `language`, and perhaps `channels` (pairs of name and address in their order),
            `quiet` (begin and end as in 20:00, name of the time zone) and `digest_h` (hours).

    Raises:
        Malformed: another form.
        Misconfigured: see `Reach` and `QuietHours`.
    """
    try:
        channels = tuple(Destination(str(name), str(to)) for name, to in told.get("channels", ()))
        quiet, hours = told.get("quiet"), told.get("digest_h")
        return Reach(
            channels=channels,
            language=str(told["language"]),
            quiet=quiet and _quiet_hours(*quiet),
            digest=hours and timedelta(hours=hours),
        )
    except (TypeError, ValueError, KeyError):
        raise Malformed("this is not how an agency is told") from None


def _quiet_hours(begin: str, end: str, zone: str) -> QuietHours:
    return QuietHours(begin=_time_of_day(begin), end=_time_of_day(end), zone=zone)


def _time_of_day(text: str) -> time:
    if not _TIME.fullmatch(text):
        raise Misconfigured("a time of quiet hours is given as in 20:00")
    return time.fromisoformat(text)


_OF = Prepared(
    select(
        agencies.c.channel,
        agencies.c.address,
        agencies.c.language,
        agencies.c.quiet_from,
        agencies.c.quiet_until,
        agencies.c.quiet_zone,
        agencies.c.digest_s,
    ).where(agencies.c.id == bindparam("of"))
)
_FURTHER = Prepared(
    select(fallbacks.c.channel, fallbacks.c.address)
    .where(fallbacks.c.agency == bindparam("of"))
    .order_by(fallbacks.c.place)
)


def reach_of(conn: Connection, agency: str) -> Reach | None:
    """Return how an agency is told, or None if there is no such agency."""
    row: Any = _OF.one(conn, {"of": agency})
    if row is None:
        return None
    channels: tuple[Destination, ...] = ()
    if row.channel is not None:
        further = _FURTHER.all(conn, {"of": agency})
        channels = (
            Destination(row.channel, row.address),
            *(Destination(one.channel, one.address) for one in further),
        )
    return Reach(
        channels=channels,
        language=row.language,
        quiet=None
        if row.quiet_from is None
        else QuietHours(
            begin=time.fromisoformat(row.quiet_from),
            end=time.fromisoformat(row.quiet_until),
            zone=row.quiet_zone,
        ),
        digest=None if row.digest_s is None else timedelta(seconds=row.digest_s),
    )


def columns(reach: Reach) -> dict[str, Any]:
    """Return what the row of an agency says of its reach; the first channel stands there."""
    first = reach.channels[0] if reach.channels else None
    quiet = reach.quiet
    return {
        "channel": first and first.channel,
        "address": first and first.address,
        "language": reach.language,
        "quiet_from": quiet and quiet.begin.isoformat("minutes"),
        "quiet_until": quiet and quiet.end.isoformat("minutes"),
        "quiet_zone": quiet and quiet.zone,
        "digest_s": reach.digest and int(reach.digest.total_seconds()),
    }


def add_fallbacks(conn: Connection, agency: str, reach: Reach) -> None:
    """Store the channels behind the first one of an agency that has none there."""
    further = [
        {"agency": agency, "place": place, "channel": to.channel, "address": to.address}
        for place, to in enumerate(reach.channels)
        if place
    ]
    if further:
        conn.execute(insert(fallbacks), further)


def change_reach(conn: Connection, agency: str, reach: Reach) -> bool:
    """Replace how an agency is told; what waits begins again with the first channel.

    Returns:
        False if there is no such agency.
    """
    change = update(agencies).where(agencies.c.id == agency).values(**columns(reach))
    if conn.execute(change).rowcount == 0:
        return False
    conn.execute(delete(fallbacks).where(fallbacks.c.agency == agency))
    add_fallbacks(conn, agency, reach)
    anew = (
        update(notices)
        .where(notices.c.agency == agency, notices.c.state == "waiting")
        .values(place=0, refused=0, failing_since=None)
    )
    conn.execute(anew)
    return True
