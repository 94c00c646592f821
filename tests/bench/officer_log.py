"""A log for the officers' pages: a few real events of each kind, and years of copies before them.

The office does as much each day, whatever the size: a longer log is an older one. What a page
looks at, the newest entries or the last thirty days, holds as much in both.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from exchange.hub.follow_log import catch_up
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.trace import record_read
from exchange.hub.publish_figures import publish_figures
from exchange.hub.storage import tree
from exchange.members import write_time
from exchange.wire import routes
from tests.asking import ask
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.officer import logged_in
from tests.samples import CONSENT

DAYS: Final = 40
"""Filled in by one unit of work."""
OF_A_DAY: Final = {
    "officer-read": 23,
    "consent-recorded": 13,
    "disclosure-refused": 7,
    "consent-withdrawn": 3,
    "erasure-confirmed": 3,
    "disclosure-stored": 67,
    "disclosure-collected": 67,
    "disclosure-acknowledged": 67,
}
"""Events in the list of the agency. Documents come last, so that the newest page is full of them:
no rows are dearer."""
A_DAY: Final = sum(OF_A_DAY.values())
"""A million are eleven years."""
WARNED: Final[dict[str, Any]] = {"notice": {**CONSENT["notice"], "interpreter": "accompanying"}}
"""What lets a rule warn of a consent."""
OWN_BASIS: Final[dict[str, Any]] = {
    "result": "kept",
    "ground": "own-legal-basis",
    "restricted": True,
    "until": "2099-12-31",
}
MONTHS_BACK: Final = timedelta(days=80)
"""Before now the agreement was made: the figures of a month are due."""


class Model(NamedTuple):
    """A real event with its leaf."""

    rid: str
    chain: str
    kind: str
    body: bytes
    leaf: bytes


async def prepare(place: Place) -> str:
    """Make what is real, a finding of each kind, figures, and a session; return its cookie."""
    now = place.now
    async with place.running():
        place.now = now - MONTHS_BACK
        await place.arrange()
        place.now = now - timedelta(days=6)
        for agency in (SENDER, RECIPIENT):
            await place.publish(agency)
        await _found(place, now)
        place.now = now
        until = write_time(now + timedelta(days=20))
        given = await place.consent(valid_until=until, uses="recurring", **WARNED)
        letter = await place.sent(given)
        assert (await place.collect(letter)).status == 200
        assert (await place.acknowledge(letter)).status == 200
        assert await ask(place, consent=given.digest)
        await record_read(place.hub, Officer(str(uuid4()), "officer", SENDER), given.digest)
        await place.settled()
        await publish_figures(place.hub)
        desk, _ = await logged_in(place, agency=SENDER)
    return desk.cookie


async def _found(place: Place, now: datetime) -> None:
    """Let a document be sent after a withdrawal that is recorded late, and another be refused."""
    until = write_time(now + timedelta(days=200))
    given = await place.consent(valid_until=until, uses="recurring")
    told = write_time(place.now)
    place.later(hours=1)
    assert (await place.collect(await place.sent(given))).status == 200
    place.now = now - timedelta(hours=1)
    assert (await place.withdraw(given, received_at=told)).status == 200
    assert (await place.send(place.letter(given.digest))).status == 403
    (erasure,) = (await place.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert (await place.confirm(erasure, **OWN_BASIS)).status == 200


async def fill(place: Place, count: int) -> None:
    """Copy real events until there are so many, followed and in the tree; the newest is new."""
    async with place.running(), place.still():
        await catch_up(place.hub)
        rows = await place.rows(
            "SELECT e.rid, e.chain, e.kind, e.body, l.leaf FROM log_event e "
            "JOIN log_entry l ON l.rid = e.rid JOIN log_reader r ON r.idx = l.idx "
            "WHERE r.agency = :agency",
            agency=SENDER,
        )
        found = {row.kind: Model(*row) for row in rows}
        newest = datetime.now(UTC) - timedelta(hours=1)
        models = [found[kind] for kind, often in OF_A_DAY.items() for _ in range(often)] * DAYS
        for first in range(0, count, len(models)):
            begin = newest - timedelta(days=(count - first) / A_DAY)
            await place.hub.db.write_behind(_copied, models[: count - first], first, begin)
        await place.hub.db.write_behind(_followed)


def _copied(conn: Connection, models: Sequence[Model], first: int, begin: datetime) -> None:
    size = tree.tree(conn).size
    events, rows, leaves = list[dict[str, Any]](), list[dict[str, Any]](), []
    for number, model in enumerate(models):
        name = str(UUID(int=((first + number) << 80) | 0x4000_8000_0000_0000_0000, version=4))
        at = (begin + timedelta(days=number / A_DAY)).strftime("%Y-%m-%d %H:%M:%S.%f")
        events.append(
            {
                "rid": name,
                "chain": model.chain,
                "n": 1_000 + first + number,
                "kind": model.kind,
                "at": at,
                "body": model.body.replace(model.rid.encode(), name.encode()),
            }
        )
        rows.append({"agency": SENDER, "at": at, "idx": size + number, "kind": model.kind})
        leaves.append((model.leaf, name))
    conn.execute(
        text(
            "INSERT INTO log_event (rid, chain, n, kind, at, body) "
            "VALUES (:rid, :chain, :n, :kind, :at, :body)"
        ),
        events,
    )
    conn.execute(
        text("INSERT INTO log_reader (agency, at, idx, kind) VALUES (:agency, :at, :idx, :kind)"),
        rows,
    )
    tree.extend(conn, leaves)


def _followed(conn: Connection) -> None:
    conn.execute(text("UPDATE log_reader_size SET size = (SELECT size FROM log_tree)"))
