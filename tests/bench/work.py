"""The kinds of work whose cost may grow with a database, each as steps alike in all databases.

What is asked about is real: signed, recorded and sent through the hub. Around it lie rows that
only fill the tables (`tests.bench.filling`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import TypeAlias

from sqlalchemy import Connection

from exchange.consent.decision import Asked, Permit
from exchange.hub import gate
from exchange.hub import sweep as sweeping
from exchange.hub.collect import collect as collect_one
from exchange.hub.mirror import refresh
from exchange.hub.parts import Hub
from exchange.hub.relay import Relay
from exchange.hub.settings import Notices
from exchange.hub.storage import consents, erasures, inbox
from exchange.hub.storage.inbox import DisclosureSeen
from exchange.hub.view_consent import view
from exchange.hub.withdraw import withdraw as withdraw_one
from exchange.members import write_time
from exchange.vocabulary import Secrecy
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.person import consent_with_code
from tests.simulator import Given, Letter

ROUNDS = 6
"""The first warms up: it parses records and fills caches."""
PER_ROUND = 30
"""Consents that are withdrawn in a round, and documents collected."""
DECISIONS = 1_000
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is real."""

    now: datetime
    given: tuple[Given, ...]
    """Consents, `PER_ROUND` for each round."""
    letters: tuple[Letter, ...]
    """One under each consent, stored and not collected."""
    withdrawals: tuple[bytes, ...]
    """Of each consent, signed."""
    code: str
    """Opens the person's page of one more consent."""

    def of(self, number: int) -> range:
        """Return the places of what a round uses up."""
        return range(number * PER_ROUND, (number + 1) * PER_ROUND)


Work: TypeAlias = Callable[[Hub, Prepared, int], Awaitable[int]]
"""Does what belongs to a round, and returns how many steps that were."""


async def prepare(place: Place) -> Prepared:
    """Make what is real, and with it one model of every row to fill in."""
    until = write_time(place.now + timedelta(days=90))
    async with place.running():
        await place.arrange()
        await place.reach(RECIPIENT)
        _, code = await consent_with_code(place, valid_until=until, uses="recurring")
        await _whole_life(place, until)
        given, letters = [], []
        for _ in range(ROUNDS * PER_ROUND):
            given.append(await place.consent(valid_until=until, uses="recurring"))
            letters.append(await place.sent(given[-1]))
    return Prepared(
        now=place.now,
        given=tuple(given),
        letters=tuple(letters),
        withdrawals=tuple(place.withdrawal(one) for one in given),
        code=code,
    )


async def _whole_life(place: Place, until: str) -> None:
    """Let a document be collected and acknowledged, its consent withdrawn, and the rest erased."""
    given = await place.consent(valid_until=until, uses="recurring")
    letter = await place.sent(given)
    assert (await place.collect(letter)).status == 200
    assert (await place.acknowledge(letter)).status == 200
    assert (await place.withdraw(given)).status == 200
    for asked in await place.hub.db.read(erasures.listed, RECIPIENT, after=None, limit=PAGE):
        erasure = {"id": asked.id, "consent": asked.consent, "manifests": list(asked.manifests)}
        assert (await place.confirm(erasure)).status == 200


async def decide(hub: Hub, prepared: Prepared, number: int) -> int:
    """Ask the gate about consents that still hold."""
    questions = [_question(prepared, one) for one in prepared.given[prepared.of(number).start :]]
    await hub.db.read(_decided, hub, questions)
    return DECISIONS


def _question(prepared: Prepared, consent: Given) -> Asked:
    return Asked(
        consent=consent.digest,
        sender=SENDER,
        recipients=frozenset({RECIPIENT}),
        purpose="housing-loss",
        category="rent-arrears-letter",
        secrecy=Secrecy.PROFESSIONAL,
        exp=prepared.now + timedelta(days=1),
    )


def _decided(conn: Connection, hub: Hub, questions: list[Asked]) -> None:
    for question in islice(cycle(questions), DECISIONS):
        decision = gate.examine(conn, hub, question, vetoed=False).decision
        assert isinstance(decision, Permit), decision


async def look_into_inbox(hub: Hub, prepared: Prepared, number: int) -> int:
    """Ask what waits, from the beginning."""
    for _ in range(PER_ROUND):
        found = await hub.db.read(
            inbox.waiting, RECIPIENT, after=None, limit=PAGE, now=prepared.now
        )
        first = found.entries[0]
        assert isinstance(first, DisclosureSeen)
        assert first.id == prepared.letters[prepared.of(number).start].id
    return PER_ROUND


async def collect(hub: Hub, prepared: Prepared, number: int) -> int:
    """Release headers."""
    for place in prepared.of(number):
        await collect_one(hub, prepared.letters[place].id, RECIPIENT, once=None)
    return PER_ROUND


async def withdraw(hub: Hub, prepared: Prepared, number: int) -> int:
    """Withdraw consents under which one document was collected."""
    for place in prepared.of(number):
        given, statement = prepared.given[place], prepared.withdrawals[place]
        await withdraw_one(hub, given.id, SENDER, statement, once=None)
    return PER_ROUND


async def open_page(hub: Hub, prepared: Prepared, number: int) -> int:
    """Show a person what happened under her consent."""
    for _ in range(PER_ROUND):
        assert await view(hub, prepared.code) is not None
    return PER_ROUND


async def list_consents(hub: Hub, prepared: Prepared, number: int) -> int:
    """List a page of consents, for an agency that gave a hundredth and for one that gave few."""
    for agency in (SENDER, "office-00002"):
        found = await hub.db.read(consents.listed, agency, after=None, limit=PAGE)
        assert len(found) == PAGE
    return 2


async def list_erasures(hub: Hub, prepared: Prepared, number: int) -> int:
    """List what an agency must still erase."""
    await hub.db.read(
        erasures.listed, RECIPIENT, role="asked", only_open=True, after=None, limit=PAGE
    )
    return 1


async def sweep(hub: Hub, prepared: Prepared, number: int) -> int:
    """Do one of the rounds that come every twenty seconds."""
    await sweeping.sweep(hub, leftovers=False)
    return 1


async def relay(hub: Hub, prepared: Prepared, number: int) -> int:
    """Look at the outbox, as every second."""
    await Relay(Notices()).send_due(hub)
    return 1


async def start(hub: Hub, prepared: Prepared, number: int) -> int:
    """Read every agency, as at the start and whenever one changes."""
    await refresh(hub)
    return 1


GATE: Mapping[str, Work] = {
    "decide": decide,
    "inbox": look_into_inbox,
    "collect": collect,
    "withdraw": withdraw,
}
"""What somebody waits for, and what must not grow."""
REST: Mapping[str, Work] = {
    "person_page": open_page,
    "list_consents": list_consents,
    "list_erasures": list_erasures,
    "relay": relay,
    "sweep": sweep,
    "read_agencies": start,
}
