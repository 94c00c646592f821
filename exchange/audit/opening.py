"""Openings: what, with nothing else, shows what one leaf of the log stands for.

Pure. The opening of an event holds its label, its salt and the event; neither the key of its
chain nor the event's number, so it opens one entry and reveals no other. A public document is
its own opening.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from exchange.audit import leaf
from exchange.audit.event import read_event
from exchange.errors import Malformed

EVENT = 1
"""Version of leaves that stand for an event."""
DOCUMENT = 2
"""Version of leaves that stand for a public document."""
UNOPENED = 0
"""Stands before a leaf where a proof shows that and no opening."""
SALT_SIZE = 32
"""Bytes of a salt. HMAC pads shorter ones with zeros: a shorter one is a second spelling."""
LARGEST_OPENING = 128 * 1024
"""Bytes; events have at most 4,096, the largest documents are key statements and policies."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens one leaf."""

    version: int
    """`EVENT` or `DOCUMENT`."""
    label: bytes
    """16 bytes; of an event only who has the key of its chain can compute it."""
    salt: bytes = field(repr=False)
    """32 bytes of an event, none of a document."""
    body: bytes = field(repr=False)
    """The event, canonical JSON; or the document."""

    def __post_init__(self) -> None:
        if self.version not in (EVENT, DOCUMENT) or len(self.label) != leaf.LABEL_SIZE:
            raise Malformed("an opening has version 1 or 2 and a label of 16 bytes")
        if len(self.salt) != (SALT_SIZE if self.version == EVENT else 0):
            raise Malformed("an opening of an event has a salt of 32 bytes, any other has none")
        if self.version == EVENT:
            read_event(self.body)


def event_opening(key: bytes, n: int, body: bytes) -> Opening:
    """Return the opening of event `n` of a chain.

    Args:
        key: of the chain, 32 bytes; it is not in the result.
        n: number of the event within its chain.
        body: canonical bytes of the event.
    """
    return Opening(EVENT, leaf.label(key, n), leaf.salt(key, n), body)


def document_opening(topic: str, document: bytes) -> Opening:
    """Return the opening of a public document under `topic`."""
    return Opening(DOCUMENT, leaf.document_label(topic), b"", document)


def leaf_of(opening: Opening) -> bytes:
    """Return the 49 bytes of the leaf that an opening stands for."""
    if opening.version == EVENT:
        committed = leaf.commitment(opening.salt, opening.body)
    else:
        committed = sha256(opening.body).digest()
    return bytes([opening.version]) + opening.label + committed


def event_of(opening: Opening) -> dict[str, Any]:
    """Return the members of the event that an opening shows.

    Raises:
        Malformed: it is the opening of a document.
    """
    if opening.version != EVENT:
        raise Malformed("the opening of a document shows no event")
    return read_event(opening.body)


def write_opening(opening: Opening) -> bytes:
    """Return version, label, salt and body, one after the other."""
    return bytes([opening.version]) + opening.label + opening.salt + opening.body


def read_opening(raw: bytes) -> Opening:
    """Return the opening in `raw`; whether its leaf is in a log, a proof tells.

    Raises:
        Malformed: another version, cut, too large, or the event is not canonical.
    """
    if not 1 <= len(raw) <= LARGEST_OPENING:
        raise Malformed("an opening is empty or too large")
    label, rest = raw[1 : 1 + leaf.LABEL_SIZE], raw[1 + leaf.LABEL_SIZE :]
    at = SALT_SIZE if raw[0] == EVENT else 0
    return Opening(raw[0], label, rest[:at], rest[at:])


def write_unopened(entry: bytes) -> bytes:
    """Return what stands in the place of an opening for whoever may not have one: the leaf."""
    return bytes([UNOPENED]) + entry


def read_unopened(raw: bytes) -> bytes | None:
    """Return the leaf that stands in the place of an opening; None if an opening does.

    Raises:
        Malformed: what is said to be a leaf is none.
    """
    if not raw.startswith(bytes([UNOPENED])):
        return None
    if len(raw) != 1 + leaf.LEAF_SIZE or raw[1] not in (EVENT, DOCUMENT):
        raise Malformed("an unopened entry has 49 bytes of version 1 or 2")
    return raw[1:]
