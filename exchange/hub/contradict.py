"""A note with our own signature that our tree contradicts stops the signer, in every replica.

It is what a restored backup looks like from outside: somebody holds a head that we no longer
know. Whoever has such a note may post it; see docs/transparency-log.md.
"""

from exchange.hub.parts import Hub


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
    raise NotImplementedError
