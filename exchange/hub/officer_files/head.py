"""What a file says of itself: the frame of every answer to officers."""

from exchange.audit.event import seconds
from exchange.canonical import Json
from exchange.hub.answers.frame import newest_head
from exchange.hub.officer_files.file import Row
from exchange.hub.parts import Hub


def head_of(hub: Hub, question: str, agency: str | None, asked: Row) -> dict[str, Json]:
    """Return the frame of an answer that is made now.

    Args:
        hub: the parts.
        question: its name.
        agency: whose officer asks; None for an auditor.
        asked: the parameters.
    """
    head = newest_head(hub)
    signed: dict[str, Json] | None = None
    if head is not None:
        signed = {"origin": head.origin, "size": head.size, "root": head.root}
    return {
        "question": question,
        "agency": agency,
        "asked": dict(asked),
        "answered_at": seconds(hub.clock()),
        "checkpoint": signed,
        "next": None,
    }
