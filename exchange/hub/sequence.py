"""Makes waiting leaves into a tree and signs its head: one batch per tick, in any replica.

Nothing is kept in memory between two batches but what is durable. What fails is forgotten and
begun again from the database, so that a crash anywhere needs no repair: a batch is in the tree
as a whole or not at all, and a head is signed only over what a later transaction could read.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from exchange.audit import merkle
from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.errors import ExchangeError, LogInvalid, Malformed
from exchange.hub import high_water
from exchange.hub.heads import CLOCK, DAMAGED, EVIDENCE
from exchange.hub.parts import Hub
from exchange.hub.relay import pause
from exchange.hub.resume import resume
from exchange.hub.settings import Log
from exchange.hub.signer import head_signed, own_head
from exchange.hub.storage import checkpoints, tree
from exchange.hub.storage.checkpoints import Signed

SKEW = timedelta(seconds=2)
"""By how much the clocks of two replicas may differ before it is an alarm."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look at the database finds."""

    size: int
    """Of the tree."""
    pending: int
    """Leaves that wait for it."""
    newest: Signed | None
    contradicted: bool
    """Whether a head is kept as evidence that the tree does not continue."""


async def run(hub: Hub, log: Log, ending: asyncio.Event, *, accepted: bool = False) -> None:
    """Compare the database with what others hold, then sequence and sign until `ending` is set.

    Args:
        hub: the parts.
        log: settings.
        ending: set when the last request is answered.
        accepted: see `exchange.hub.resume`.
    """
    async with asyncio.TaskGroup() as group:
        resuming = group.create_task(resume(hub, accepted=accepted))
        while not ending.is_set():
            await _tick(hub, log, ending)
        resuming.cancel()


async def _tick(hub: Hub, log: Log, ending: asyncio.Event) -> None:
    """Sequence one batch; then wait for the next tick, or while nothing waits for something."""
    ticks = asyncio.get_running_loop().time
    next_at = ticks() + log.tick_ms / 1000
    try:
        moved = await sequence(hub, log)
    except (ExchangeError, OSError) as error:
        events = structlog.get_logger("exchange.hub.log")
        events.warning("sequencer-waits", code=type(error).__name__)
        await pause(ending, log.tick_idle_ms / 1000)
        return
    if moved == log.batch:  # more waits than one batch takes
        return
    await pause(ending, max(0.0, next_at - ticks()))
    if moved == 0:
        await hub.heads.stirred(seconds=log.tick_idle_ms / 1000)


async def sequence(hub: Hub, log: Log) -> int | None:
    """Move one batch of leaves into the tree, and sign its head.

    Returns:
        How many leaves were moved; None if another replica was at it.

    Raises:
        Unavailable: the database is away, or another sequencer was faster.
        OSError: the head could not be kept outside the database: it is not signed.
    """
    looked = await hub.db.read(_look, hub)
    signed = 0
    if looked.newest is not None:
        hub.heads.learn(looked.newest)
        signed = looked.newest.size
    hub.heads.looked(size=looked.size, pending=looked.pending)
    if looked.contradicted:  # found by another replica: a tree that grows now is beyond repair
        hub.heads.stop(EVIDENCE)
    if hub.heads.stopped not in {None, CLOCK}:
        return 0
    moved: int | None = 0
    if looked.pending or not looked.size:
        moved = await hub.db.write_behind(
            tree.append,
            lock=tree.lock_of(hub.signer.origin),
            opened=hub.signer.opened,
            batch=log.batch,
            at=hub.clock(),
        )
    if moved or signed < looked.size:  # the latter: a crash left it unsigned
        await sign(hub)
    return moved


async def sign(hub: Hub) -> None:
    """Sign the head of the tree as it can be read now, if it holds everything signed before.

    Raises:
        Unavailable: the database is away.
        OSError: the head could not be kept outside the database: it is not signed.
    """
    # Before the snapshot: a worker that shares the home may sign a larger head at any moment, and
    # what it signs is in the database by then.
    kept = high_water.read(hub.home)
    try:
        checkpoint, last = await hub.db.read(_provable, hub, kept)
    except (LogInvalid, Malformed) as error:
        hub.heads.stop(EVIDENCE if getattr(error, "what", "") == EVIDENCE else DAMAGED)
        return
    now = hub.clock()
    if last is not None and now < last.signed_at:
        if last.signed_at - now > SKEW:
            hub.heads.stop(CLOCK)
        return
    if hub.heads.stopped == CLOCK:
        hub.heads.resume()
    if last is not None and last.size == checkpoint.size:
        return  # another replica has signed it
    note = head_signed(hub.signer, checkpoint)
    head = Signed(checkpoint.size, checkpoint.root, note, now)
    # Outside first: whoever sees the head in the database can only see one that is kept there.
    await asyncio.to_thread(high_water.raise_to, hub.home, note)
    # A crash here, and the same bytes are signed again: the signature is deterministic.
    await hub.db.write_behind(checkpoints.keep, head)
    hub.heads.learn(head)
    hub.line.heads()


def _look(conn: Connection, hub: Hub) -> _Looked:
    return _Looked(
        size=tree.tree(conn).size,
        pending=tree.waiting(conn, limit=hub.heads.pending_limit + 1),
        newest=checkpoints.newest(conn),
        contradicted=_is_contradicted(conn, hub),
    )


def _is_contradicted(conn: Connection, hub: Hub) -> bool:
    try:
        return not all(_continues(conn, hub, note) for note in checkpoints.evidence(conn))
    except (LogInvalid, Malformed):  # whatever it was, it was kept because it contradicted
        return True


def _continues(conn: Connection, hub: Hub, note: bytes) -> bool:
    head = own_head(hub.signer, note).checkpoint
    return tree.continues(conn, head.size, head.root)


def _provable(conn: Connection, hub: Hub, kept: bytes | None) -> tuple[Checkpoint, Signed | None]:
    """Return the head of the tree and the newest signed one, from a snapshot that is durable.

    Args:
        conn: of a reader.
        hub: the parts.
        kept: the note in the high-water file before the snapshot was taken.

    Raises:
        LogInvalid: the tree's own hashes do not lead to the root that its tiles have, or it does
            not hold a head that was signed: by this database, in the high-water file, or one
            kept as evidence (`evidence`).
        Malformed: what is stored cannot be read.
    """
    compact = tree.tree(conn)
    root = merkle.root(compact)
    if root != tree.root_at(conn, compact.size):
        raise LogInvalid("the tree and its tiles have two roots", what="tree")
    last = checkpoints.newest(conn)
    if last is not None and not tree.continues(conn, last.size, last.root):
        raise LogInvalid("the tree does not continue the newest head", what="tree")
    held = checkpoints.evidence(conn)
    if kept is not None and not (last is not None and _is_note_of(kept, hub, last)):
        held = (kept, *held)
    for note in held:
        if not _continues(conn, hub, note):
            raise LogInvalid("a head was signed that the tree contradicts", what=EVIDENCE)
    return Checkpoint(hub.signer.origin, compact.size, root), last


def _is_note_of(note: bytes, hub: Hub, head: Signed) -> bool:
    """Tell whether a note is the very one of a head; then the tree holds what it names."""
    text = write_checkpoint(Checkpoint(hub.signer.origin, head.size, head.root))
    return note == head.note and note.startswith(text + b"\n")
