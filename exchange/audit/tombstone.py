"""Tombstones: which entries were erased, so that an audit can tell erased from hidden.

Pure. The log holds the digest of such a document in an `erased` event; the document itself goes
to officers and auditors, never to the public. Its salt keeps a guess about whose entries these
were from being tried against the digest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from exchange.audit.spans import Span, check_spans, spans_of
from exchange.canonical import b64u, encode, loads
from exchange.errors import Malformed
from exchange.members import Members

SALT_SIZE = 32
LARGEST_TOMBSTONE = 64 * 1024 * 1024
"""Bytes; a month in which every entry of a million was erased on its own takes 16 MB."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The entries whose keys were erased since the last one."""

    salt: bytes = field(repr=False)
    """32 random bytes."""
    spans: tuple[Span, ...]
    """Ascending, disjoint and apart; at least one."""

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_SIZE:
            raise Malformed("a tombstone has a salt of 32 bytes")
        if not self.spans:
            raise Malformed("a tombstone names at least one entry")
        check_spans(self.spans)

    @property
    def count(self) -> int:
        """Entries it names."""
        return sum(last - first + 1 for first, last in self.spans)


def write_tombstone(salt: bytes, indexes: Iterable[int]) -> bytes:
    """Return the document that names `indexes` as erased, canonical JSON.

    Args:
        salt: 32 random bytes.
        indexes: of entries, in any order.

    Raises:
        Malformed: no index, one out of range, or a salt of another size.
    """
    tombstone = Tombstone(salt, spans_of(indexes))
    spans = [[first, last] for first, last in tombstone.spans]
    return encode({"v": 1, "salt": b64u(salt), "indexes": spans})


def read_tombstone(raw: bytes) -> Tombstone:
    """Return what a tombstone names.

    Raises:
        Malformed: another form, or a second spelling of one.
        TooLarge: more bytes than `LARGEST_TOMBSTONE`.
    """
    members = Members(loads(raw, limit=LARGEST_TOMBSTONE), "tombstone")
    members.integer("v", 1, 1)
    salt = members.raw("salt", size=SALT_SIZE)
    spans = members.take("indexes", _spans)
    members.end()
    return Tombstone(salt, spans)


def _spans(value: object) -> tuple[Span, ...]:
    if not isinstance(value, list):
        raise Malformed("not a list of spans")
    return tuple(_span(one) for one in value)


def _span(value: object) -> Span:
    if not isinstance(value, list) or [type(one) for one in value] != [int, int]:
        raise Malformed("a span has a first and a last entry")
    first, last = value
    return first, last
