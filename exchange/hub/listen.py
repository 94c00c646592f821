"""What keeps a replica up to date with the others: hints it hears, and looks of its own.

Three loops, only where several processes may share the database. `say` sends what is new here,
`hear` acts on what others say, `look` reads every second what must not wait for a hint. All that
rests on hints alone is speed.

Hints are sent after the commit, many at once: a NOTIFY inside a unit of work makes all commits
that notify queue up behind each other's sync (docs/decisions has the measurement). A crash
between the commit and the hint is found by the next look.
"""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog
from psycopg import AsyncConnection, Error
from sqlalchemy import Connection, make_url

from exchange.errors import ExchangeError, Malformed
from exchange.hub.line import Hint, read_hint
from exchange.hub.mirror import take_over
from exchange.hub.parts import Hub
from exchange.hub.relay import pause
from exchange.hub.storage import checkpoints, watching
from exchange.hub.storage.watching import CHANNEL, Version

LOOK_S = 1.0
"""Seconds between two looks at ended consents and changed agencies: a stream is cut within two."""
INBOXES_S = 15.0
"""Seconds between two looks at the inboxes somebody waits for."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.2, 10.0
"""Seconds until a lost connection is made again; each pause is twice the one before."""
CONNECT_S = 5
"""Seconds a connection may take, and a silent one is kept."""
TURN_S = 0.5
"""Seconds after which the listener looks whether the process is stopping."""


async def say(hub: Hub, stop: asyncio.Event) -> None:
    """Send what is new here to the other replicas until `stop` is set."""
    log = structlog.get_logger("exchange.hub.listen")
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        something = asyncio.create_task(hub.line.something())
        await asyncio.wait({something, stopping}, return_when=asyncio.FIRST_COMPLETED)
        something.cancel()
        hints = [hint.encode() for hint in hub.line.take()]
        try:
            if hints:
                await hub.db.write(watching.notify, hints)
        except ExchangeError as error:  # not said again: by then everybody has looked
            log.warning("hint-lost", code=type(error).__name__)
    stopping.cancel()


def address(url: str) -> str:
    """Return the address of a database as the driver wants it, from one for the library."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def hear(hub: Hub, server: str, stop: asyncio.Event) -> None:
    """Act on what other replicas say until `stop` is set; a lost connection is made again.

    Args:
        hub: the parts.
        server: address of the database, from `address`; nothing may stand between that shares
            connections, such as a pooler.
        stop: set when the process stops.
    """
    log = structlog.get_logger("exchange.hub.listen")
    retry_s = FIRST_RETRY_S
    while not stop.is_set():
        try:
            async with await _connected(server) as connection:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                retry_s = FIRST_RETRY_S
                # What was said while nobody listened here.
                await heard(
                    hub,
                    Hint(
                        said_by="",
                        inboxes=hub.news.waiting(),
                        ends=True,
                        heads=True,
                        agencies=True,
                    ),
                )
                while not stop.is_set():
                    async for notification in connection.notifies(timeout=TURN_S):
                        await _heard(hub, notification.payload)
        except (Error, OSError) as error:
            log.warning("listener-waits", code=type(error).__name__)
            await pause(stop, retry_s)
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)


async def _connected(server: str) -> AsyncConnection:
    return await AsyncConnection.connect(
        server,
        autocommit=True,
        application_name="exchange-listen",
        connect_timeout=CONNECT_S,
        keepalives_idle=CONNECT_S,
        keepalives_interval=1,
        keepalives_count=3,
    )


async def _heard(hub: Hub, payload: str) -> None:
    try:
        hint = read_hint(payload)
    except Malformed:
        structlog.get_logger("exchange.hub.listen").warning("hint-unreadable")
        return
    if hint.said_by != hub.line.name:
        await heard(hub, hint)


async def heard(hub: Hub, hint: Hint) -> None:
    """Look where another replica says that something is new."""
    hub.news.wake(hint.inboxes)
    try:
        if hint.heads and (head := await hub.db.read(checkpoints.newest)) is not None:
            hub.heads.learn(head)
        if hint.ends or hint.agencies:
            await compare(hub)
    except ExchangeError as error:
        structlog.get_logger("exchange.hub.listen").warning("look-fails", code=type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    version: Version
    ended: frozenset[str]


async def compare(hub: Hub) -> None:
    """Cut what runs under consents that have ended, and take over changed agencies.

    Raises:
        Unavailable: the database is gone; the mirror is not confirmed.
    """
    began = hub.directory.ticks()
    seen = await hub.db.read(_compared, hub.streams.consents())
    hub.streams.cut(seen.ended)
    if seen.version != hub.directory.version:
        await take_over(hub)
    hub.directory.confirm(began)


def _compared(conn: Connection, running: Collection[str]) -> _Seen:
    return _Seen(watching.version(conn), watching.ended(conn, running))


async def look(hub: Hub, stop: asyncio.Event) -> None:
    """Look every second at what must not wait for a hint, until `stop` is set."""
    log = structlog.get_logger("exchange.hub.listen")
    known: Mapping[str, int] = {}
    inboxes_at = time.monotonic() + INBOXES_S
    while not stop.is_set():
        try:
            await compare(hub)
            if time.monotonic() >= inboxes_at:
                inboxes_at = time.monotonic() + INBOXES_S
                known = await wake_changed(hub, known)
        except ExchangeError as error:
            log.warning("look-fails", code=type(error).__name__)
        await pause(stop, LOOK_S)


async def wake_changed(hub: Hub, known: Mapping[str, int]) -> Mapping[str, int]:
    """Wake the polls whose inbox has grown since the last look; return what is known now.

    Args:
        hub: the parts.
        known: from the last look; an agency that is not in it is woken.
    """
    newest = await hub.db.read(watching.newest, hub.news.waiting())
    hub.news.wake(name for name, number in newest.items() if known.get(name) != number)
    return {**known, **newest}
