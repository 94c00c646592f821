"""Consents whose time is over, and a log whose tree holds what happened under them."""

from datetime import UTC, datetime

from exchange.hub import sweep
from exchange.hub.storage import tree
from exchange.wire import routes
from tests.simulator import RECIPIENT, SENDER, Given, Letter, Simulator

LAST_DAY = datetime(2029, 12, 31, 22, 59, 59, tzinfo=UTC)
"""A second before what ended in 2026 is no longer kept: years of people, in German time."""
OVER = datetime(2029, 12, 31, 23, tzinfo=UTC)
OPENED = b"{}"


async def grow(sim: Simulator) -> int:
    """Take every leaf that waits into the tree, as the sequencer does; return its size."""
    sim.hub.heads.resume()
    lock = tree.lock_of(sim.settings.origin)
    for _ in range(100):
        await sim.hub.db.write(tree.append, lock=lock, opened=OPENED, batch=1000, at=sim.now)
        if not await sim.hub.db.read(tree.any_waits):
            break
    return (await sim.hub.db.read(tree.tree)).size


async def used(sim: Simulator, consent: Given) -> Letter:
    """Let everything happen under a consent that can, up to the answer about erasing."""
    letter = await sim.sent(consent)
    assert (await sim.collect(letter)).status == 200
    assert (await sim.acknowledge(letter)).status == 200
    refused = sim.letter(consent.digest, purpose="employment")
    assert (await sim.send(refused)).status == 403
    assert (await sim.withdraw(consent)).status == 200
    (erasure,) = [
        one
        for one in (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
        if one["consent"] == consent.digest
    ]
    assert (await sim.confirm(erasure)).status == 200
    return letter


async def ended(sim: Simulator, **members: str) -> Given:
    """Return a consent that was withdrawn and under which nothing happened."""
    consent = await sim.consent(**members)
    assert (await sim.withdraw(consent, SENDER)).status == 200
    return consent


async def swept(sim: Simulator) -> None:
    """Do a round of the sweeper, with everything that it does seldom."""
    await grow(sim)
    await sweep.sweep(sim.hub, leftovers=True)


async def erased_indexes(sim: Simulator) -> list[int]:
    return [row.idx for row in await sim.rows("SELECT idx FROM log_erased ORDER BY idx")]


async def chain_of(sim: Simulator, consent: Given) -> str:
    rows = await sim.rows(f"SELECT chain FROM consents WHERE digest = '{consent.digest}'")  # noqa: S608
    return str(rows[0].chain)


async def indexes_of(sim: Simulator, chain: str) -> list[int]:
    """Return the entries of a chain, in their order."""
    rows = await sim.rows(
        "SELECT idx FROM log_entry l JOIN log_event e ON e.rid = l.rid "  # noqa: S608 - our own
        f"WHERE e.chain = '{chain}' ORDER BY idx"
    )
    return [row.idx for row in rows]
