"""What becomes of a notice that one of its agency's channels did not take.

The channels are tried in their order: one that will never take the notice is left out at once, one
that fails is left after a time. Behind the last comes the first again, after a pause, until the
notice is given up. A notice that was delivered goes to no other channel; one whose delivery is
unknown, because the channel did not answer in time, can arrive by two, under one id.
"""

import secrets
from datetime import datetime, timedelta

from exchange.hub.settings import Notices
from exchange.hub.storage.notices import Retry, Waiting


def after_refusal(waiting: Waiting, place: int, channels: int, now: datetime) -> Retry | None:
    """Return how a notice goes on that the channel at `place` will never take.

    Args:
        waiting: the notice.
        place: of the channel it was for.
        channels: how many channels its agency has.
        now: hub time.

    Returns:
        None where no channel is left.
    """
    refused = waiting.refused | 1 << place
    chosen = _next(place, channels, refused)
    if chosen is None:
        return None
    return Retry(place=chosen, due=now, refused=refused, failing_since=None, failed=True)


def after_failure(
    waiting: Waiting,
    place: int,
    channels: int,
    now: datetime,
    *,
    settings: Notices,
    rests_until: datetime | None,
) -> Retry:
    """Return how a notice goes on that the channel at `place` did not take this time.

    Args:
        waiting: the notice.
        place: of the channel it was for.
        channels: how many channels its agency has.
        now: hub time.
        settings: how long to wait.
        rests_until: until when the channel is not tried at all; None if it was.
    """
    since = waiting.failing_since or now
    leave = since + timedelta(seconds=settings.fall_back_s)
    following = _next(place, channels, waiting.refused)
    pause = now + backoff(waiting.attempts, settings)
    failed = rests_until is None
    if following is not None and leave <= now:
        # Once around there is a pause: nobody listens on any of them.
        due = now if following > place else pause
        refused = waiting.refused
        return Retry(place=following, due=due, refused=refused, failing_since=None, failed=failed)
    due = rests_until or pause
    return Retry(
        place=place,
        due=due if following is None else min(due, leave),
        refused=waiting.refused,
        failing_since=since,
        failed=failed,
    )


def _next(place: int, channels: int, refused: int) -> int | None:
    """Return the place of the next channel that has not refused, or None."""
    around = ((place + step) % channels for step in range(1, channels))
    return next((other for other in around if not refused >> other & 1), None)


def backoff(attempts: int, settings: Notices) -> timedelta:
    """Return how long to wait after `attempts` earlier failures: doubling, plus or minus 20 %."""
    base = min(settings.first_retry_s * 2 ** min(attempts, 30), settings.longest_retry_s)
    jitter = 0.8 + secrets.randbelow(4001) / 10_000
    return timedelta(seconds=base * jitter)
