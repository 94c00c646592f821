"""A note with our own signature that our tree contradicts stops the signer, in every replica.

It is what a restored backup looks like from outside: somebody holds a head that this database no
longer knows. Whoever has such a note may post it; see docs/transparency-log.md.
"""

from dataclasses import replace

from exchange.audit.head import SignedHead
from exchange.audit.note import verifying, write_note
from exchange.hub.heads import EVIDENCE
from exchange.hub.parts import Hub
from exchange.hub.signer import own_head
from exchange.hub.storage import checkpoints, tree


async def contradict(hub: Hub, note: bytes) -> bool:
    """Judge a note that is said to be ours; True if it contradicts the tree.

    A contradicting note is kept, and from then on no replica signs. One that is consistent
    changes nothing.

    Args:
        hub: the parts.
        note: a signed note, with lines of anybody.

    Raises:
        Malformed: not a note with a head.
        LogInvalid: without a valid line by this log's key.
    """
    head = own_head(hub.signer, note)
    # Whatever was signed was durable before: a fresh look knows more than any honest note.
    if await hub.db.read(tree.continues, head.checkpoint.size, head.checkpoint.root):
        return False
    hub.heads.stop(EVIDENCE)
    # A crash before the commit forgets it; who brought it will bring it again.
    await hub.db.write_first(checkpoints.keep_evidence, _bare(hub, head), at=hub.clock())
    return True


def _bare(hub: Hub, head: SignedHead) -> bytes:
    """Return the note with the log's own lines alone: nobody else's are evidence."""
    key = verifying(hub.signer.key)
    own = tuple(line for line in head.note.lines if (line.name, line.key_id) == (key.name, key.id))
    return write_note(replace(head.note, lines=own))
