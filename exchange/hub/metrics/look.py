"""Looks once at how the hub is doing: what waits, since when, and how much room is left.

What cannot be found out now is left out, never made up: a monitoring system knows what silence is.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from exchange.errors import ExchangeError, Unavailable
from exchange.hub import heads, witnessed
from exchange.hub.metrics.traffic import Traffic
from exchange.hub.parts import SWEEP, Hub
from exchange.hub.storage import levels
from exchange.hub.storage.engine import HubDatabase
from exchange.hub.storage.levels import Levels

PATIENCE_S: Final = 2.0
"""Seconds the database has to answer: a monitoring system waits ten itself."""
CODES: Final = (heads.CHECKING, heads.UNCONFIRMED, heads.EVIDENCE, heads.DAMAGED, heads.CLOCK)
"""Reasons why nothing is signed."""

Samples: TypeAlias = Sequence[tuple[tuple[str, ...], float]]
"""Values of one metric, each with those of its labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is looked at: one process of a hub."""

    hub: Hub
    database: HubDatabase
    """That of `hub`, for what only its maker knows."""
    traffic: Traffic
    began: datetime
    """When the process began, hub time."""
    patience_s: float = PATIENCE_S
    """Seconds the database has to answer."""


async def look(watched: Watched) -> Mapping[str, Samples]:
    """Return values by the names of their metrics; all but those of durations."""
    hub = watched.hub
    found = await _levels(hub, watched.patience_s)
    room = await asyncio.to_thread(_room, hub)
    now = hub.clock()
    swept = hub.rounds.get(SWEEP, watched.began)
    return {
        **({} if found is None else _of_database(hub, found, now)),
        "log_degraded": _one(not hub.heads.has_room or witnessed.late(hub)),
        "log_stopped": [((code,), float(hub.heads.stopped == code)) for code in CODES],
        **_of_traffic(watched.traffic),
        "hub_sweep_age_seconds": _one(_age(swept, now)),
        "hub_database_up": _one(found is not None),
        "hub_database_waiting_units": _each(watched.database.waiting()),
        "hub_payloads_missing": _one(len(hub.missing)),
        "hub_room_bytes": _each(room),
        "hub_reserve_bytes": _one(hub.rules.reserve),
    }


async def _levels(hub: Hub, patience_s: float) -> Levels | None:
    """Return what the database says; None if it says nothing of use in time."""
    try:
        async with asyncio.timeout(patience_s):
            await witnessed.look(hub)
            return await hub.db.read(levels.read, now=hub.clock())
    except (ExchangeError, TimeoutError):  # away, or what it holds cannot be read
        return None


def _room(hub: Hub) -> Mapping[str, int]:
    room = {}
    try:
        room["home"] = shutil.disk_usage(hub.home).free
        payloads = hub.blobs.free()
    except (OSError, Unavailable):
        return room
    return room if payloads is None else {**room, "payloads": payloads}


def _of_database(hub: Hub, found: Levels, now: datetime) -> Mapping[str, Samples]:
    return {
        "log_pending_leaves": _one(found.pending),
        "log_pending_age_seconds": _one(_age(found.oldest, now)),
        "log_deferred_leaves": _one(found.deferred),
        "log_tree_size": _one(found.size),
        "log_signed_size": _one(found.signed_size),
        "log_checkpoint_age_seconds": []
        if found.signed_at is None
        else _one(_age(found.signed_at, now)),
        "log_witness_lag_seconds": _one(round(witnessed.lag(hub).total_seconds())),
        "hub_documents_waiting": _one(found.waiting),
        "hub_notices_waiting": _one(found.unsent),
        "hub_notices_parked": _one(found.parked),
        "hub_notices_overdue_seconds": _one(_age(found.due_since, now)),
    }


def _of_traffic(traffic: Traffic) -> Mapping[str, Samples]:
    return {
        "hub_requests_total": [
            ((method, route, str(status)), float(count))
            for (method, route, status), count in traffic.answers.items()
        ],
        "hub_problems_total": _each(traffic.problems),
    }


def _age(since: datetime | None, now: datetime) -> float:
    """Return whole seconds: more would say when exactly something happened."""
    return 0.0 if since is None else float(max(0, round((now - since).total_seconds())))


def _one(value: float) -> Samples:
    return [((), float(value))]


def _each(values: Mapping[str, int]) -> Samples:
    return [((name,), float(value)) for name, value in values.items()]
