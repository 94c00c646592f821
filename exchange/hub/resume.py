"""Compares the database with what others hold, before anything is signed after a start.

A backup that was restored is the one thing that would fork the log without anybody noticing.
docs/transparency-log.md has the table: who agrees, who is silent, and what happens then.
"""

import asyncio
from functools import partial

import structlog

from exchange.audit.checkpoint import Checkpoint
from exchange.errors import ExchangeError, LogInvalid, Malformed, Misconfigured
from exchange.hub import high_water
from exchange.hub.ask_witness import heads_elsewhere
from exchange.hub.contradict import contradict
from exchange.hub.heads import CHECKING, UNCONFIRMED
from exchange.hub.parts import Hub
from exchange.hub.signer import own_head
from exchange.hub.storage import checkpoints, tree
from exchange.hub.storage.checkpoints import Signed

WITNESSES_S = 30.0
"""Seconds in which witnesses may come by themselves."""
RETRY_S = 1.0
"""Seconds until a comparison is tried again that the database did not answer."""


async def resume(hub: Hub, *, accepted: bool) -> None:
    """Compare, and let this replica sign or say why it may not; retried until it is known.

    Args:
        hub: the parts.
        accepted: whether the operator has said that the newest head is the newest there is.
    """
    events = structlog.get_logger("exchange.hub.log")
    while hub.heads.stopped == CHECKING:
        try:
            await _compare(hub, accepted=accepted)
        except (ExchangeError, OSError) as error:  # a full disk must not stop withdrawals
            events.warning("log-check-waits", code=type(error).__name__)
            await asyncio.sleep(RETRY_S)
    if hub.heads.stopped == UNCONFIRMED:
        await _follow(hub)


async def accept(hub: Hub, head: Checkpoint) -> None:
    """Check and record what the operator says is the newest head of this log.

    Raises:
        Misconfigured: the newest signed head of the database is another one.
    """
    newest = await hub.db.read(checkpoints.newest)
    if newest is None or (newest.size, newest.root) != (head.size, head.root):
        raise Misconfigured("--accept-head is not the newest signed head of this database")
    structlog.get_logger("exchange.hub.log").warning("log-head-accepted", size=head.size)


async def _compare(hub: Hub, *, accepted: bool) -> None:
    newest = await hub.db.read(checkpoints.newest)
    if newest is not None:
        hub.heads.learn(newest)
    kept = high_water.read(hub.home)
    kept_here = kept is not None and await _agrees(hub, kept)
    for note in await hub.db.read(checkpoints.evidence):
        await _agrees(hub, note)
    elsewhere = [await _agrees(hub, note) for note in await _held_elsewhere(hub)]
    if newest is not None:
        known = accepted or any(elsewhere) or await _confirmed(hub, newest)
        if not known and not kept_here:
            hub.heads.stop(UNCONFIRMED)
            return
        if not known and hub.signer.policy.witnesses:
            # A machine brought back as a whole would look like this: the next that any witness
            # or gateway brings stops it.
            structlog.get_logger("exchange.hub.log").error("log-head-unconfirmed")
    await _begin(hub, newest)


async def _agrees(hub: Hub, note: bytes) -> bool:
    """Tell whether a note is ours and the tree continues it; a larger one stops the signer."""
    try:
        return not await contradict(hub, note)
    except (LogInvalid, Malformed):  # a damaged file, or a witness that invents something
        return False


async def _held_elsewhere(hub: Hub) -> list[bytes]:
    asked = any(witness.url is not None for witness in hub.signer.policy.witnesses)
    return await heads_elsewhere(hub) if asked else []


async def _confirmed(hub: Hub, newest: Signed) -> bool:
    """Give witnesses that come by themselves the time to come, or another replica to sign."""
    came = bool(hub.signer.policy.witnesses) and await hub.heads.confirmed(seconds=WITNESSES_S)
    return came or hub.heads.covers(newest.size)


async def _begin(hub: Hub, newest: Signed | None) -> None:
    await hub.db.write(tree.record_policy, hub.signer.policy_text, hub.clock())
    if newest is not None:
        # One that is damaged, or of a log before this one, is as good as none.
        ours = partial(_is_ours, hub)
        await asyncio.to_thread(high_water.raise_to, hub.home, newest.note, counts=ours)
    hub.heads.resume()


def _is_ours(hub: Hub, note: bytes) -> bool:
    try:
        own_head(hub.signer, note)
    except (LogInvalid, Malformed):
        return False
    return True


async def _follow(hub: Hub) -> None:
    """Wait until another replica, which knew the newest head, has signed a larger one here."""
    while hub.heads.stopped == UNCONFIRMED and await hub.heads.grown(seconds=None):
        try:
            await _begin(hub, hub.heads.newest)
        except (ExchangeError, OSError) as error:  # the next head tries again
            structlog.get_logger("exchange.hub.log").warning(
                "log-check-waits", code=type(error).__name__
            )
