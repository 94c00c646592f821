"""Takes what witnesses and gateways bring of themselves: cosignatures, and heads as evidence.

The signature inside is the credential. Nothing that arrives here can stop the log but a head that
the log's own key has signed.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from exchange.audit.checkpoint import Checkpoint, read_checkpoint
from exchange.audit.cosignature import time_of
from exchange.audit.note import Line, Note, read_note, verified, verifying
from exchange.audit.submission import MOST_BYTES
from exchange.errors import LogInvalid, NotFound, NotPermitted, TooLarge
from exchange.hub import witnessed
from exchange.hub.contradict import contradict
from exchange.hub.parts import Hub
from exchange.hub.storage import checkpoints

FRESH = timedelta(minutes=5)
"""How far a cosignature's time may lie from ours to show what its witness holds now."""


async def add_cosignature(hub: Hub, body: bytes) -> None:
    """Keep the cosignatures in `body` beside their candidate; a head of ours is also evidence.

    A body is the note of a candidate (`GET /log/candidate`) with lines of witnesses, with or
    without the log's own; known lines must verify, unknown ones are ignored. What the log itself
    has signed is compared with the log: larger, or another tree, it stops the signer.

    Raises:
        Malformed: not a signed note, or no checkpoint (400).
        TooLarge: more than `MOST_BYTES` (413).
        NotPermitted: no line by a witness of the policy or the log; a false one, or one with
            a time that lies ahead (403).
        NotFound: another log, or not a candidate that is still kept (404).
    """
    if len(body) > MOST_BYTES:
        raise TooLarge(f"more than {MOST_BYTES} bytes")
    note = read_note(body)
    head = read_checkpoint(note.text)
    if head.origin != hub.signer.origin:
        raise NotFound
    ours, lines = _verified(hub, note)
    if not ours:
        await _keep(hub, head, lines)
    elif not await contradict(hub, body) and lines:
        # What a witness reminds us of may be long past as a candidate.
        with suppress(NotFound):
            await _keep(hub, head, lines)


def _verified(hub: Hub, note: Note) -> tuple[bool, Sequence[Line]]:
    """Return whether the log has signed a note, and the lines of witnesses below it."""
    own = verifying(hub.signer.key)
    witnesses = [witness.key for witness in hub.signer.policy.witnesses]
    try:
        found = verified(note, [own, *witnesses])
    except LogInvalid:
        raise NotPermitted from None
    lines = [line for key, line in found if key != own]
    return len(lines) < len(found), lines


async def _keep(hub: Hub, head: Checkpoint, lines: Sequence[Line]) -> None:
    try:
        await witnessed.keep(hub, head.size, head.root, lines)
    except LogInvalid:
        raise NotPermitted from None
    await witnessed.look(hub)
    newest = await hub.db.read(checkpoints.newest_candidate)
    now = hub.clock().timestamp()
    recent = any(abs(now - time_of(line)) <= FRESH.total_seconds() for line in lines)
    if newest is not None and newest[0].size == head.size and recent:
        hub.heads.confirm()  # the largest head this witness knows is ours
