"""Takes what witnesses and gateways bring of themselves: cosignatures, and heads as evidence.

The signature inside is the credential. Nothing that arrives here can stop the log but a head that
the log's own key has signed.
"""

from exchange.hub.parts import Hub

MOST_BYTES = 128 * 1024
"""Of one body: a checkpoint and its lines."""


async def add_cosignature(hub: Hub, body: bytes) -> None:
    """Keep the cosignatures in `body` beside their candidate; a bare head of ours is evidence.

    A body is the note of a candidate (`GET /log/candidate`) with lines of witnesses, with or
    without the log's own; known lines must verify, unknown ones are ignored. A note that only the
    log has signed is compared with the log: larger, or another tree, it stops the signer.

    Raises:
        Malformed: not a signed note, or no checkpoint (400).
        TooLarge: more than `MOST_BYTES` (413).
        NotPermitted: no valid line by a witness of the policy, and none of the log (403).
        NotFound: another log, or not a candidate that is still kept (404).
    """
    raise NotImplementedError
