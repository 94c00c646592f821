"""Coverage: which entries of a log somebody can account for, and which nobody can.

Pure. What is others' an officer cannot open, so completeness is found together: each agency
writes down, one bit per index and no event, what it could open, what is public and what a
tombstone explains. An index that nobody covers is a hidden entry, or a party was forgotten.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from exchange.audit.merkle import HASH_SIZE
from exchange.audit.spans import Span
from exchange.audit.spelling import read_base64, write_base64
from exchange.canonical import LARGEST_INTEGER, b64u, encode, loads, unb64u
from exchange.errors import LogInvalid, Malformed
from exchange.keyid import agency_id
from exchange.members import Members

LARGEST_COVERAGE = 64 * 1024 * 1024
"""Bytes of a file: enough for 380 million entries."""
_RUN = re.compile("1+")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one agency can account for, of a log at one size."""

    origin: str
    size: int
    root: bytes
    """Of the signed checkpoint of this size, 32 bytes."""
    agency: str
    covered: bytes = field(repr=False)
    """Bit `i % 8`, least significant first, of byte `i // 8` tells about entry `i`."""

    def __post_init__(self) -> None:
        agency_id(self.agency)
        if not self.origin or self.size < 0:
            raise Malformed("coverage is of a log and of a size")
        if len(self.root) != HASH_SIZE or len(self.covered) != -(-self.size // 8):
            raise Malformed("coverage has a root of 32 bytes and one bit per entry")
        if self.size % 8 and self.covered[-1] >> self.size % 8:
            raise Malformed("coverage has bits behind the last entry")


def bitmap(size: int, spans: Iterable[Span]) -> bytes:
    """Return one bit per entry of a log of `size`, set for every entry in `spans`.

    Raises:
        Malformed: a span leaves the log.
    """
    digits = bytearray(b"0" * size)
    for first, last in spans:
        if not 0 <= first <= last < size:
            raise Malformed("a span leaves its log")
        digits[first : last + 1] = b"1" * (last - first + 1)
    digits.reverse()
    return int(digits or b"0", 2).to_bytes(-(-size // 8), "little")


def write_coverage(coverage: Coverage) -> bytes:
    """Return the file that officers exchange: canonical JSON, 167 kB per million entries."""
    return encode(
        {
            "v": 1,
            "origin": coverage.origin,
            "size": coverage.size,
            "root": write_base64(coverage.root),
            "agency": coverage.agency,
            "covered": b64u(coverage.covered),
        }
    )


def read_coverage(raw: bytes) -> Coverage:
    """Return the coverage in a file.

    Raises:
        Malformed: another form.
        TooLarge: more bytes than `LARGEST_COVERAGE`.
    """
    members = Members(loads(raw, limit=LARGEST_COVERAGE), "coverage")
    members.integer("v", 1, 1)
    coverage = Coverage(
        origin=members.text("origin"),
        size=members.integer("size", 0, LARGEST_INTEGER),
        root=members.take("root", _root),
        agency=members.agency("agency"),
        covered=members.take("covered", _bits),
    )
    members.end()
    return coverage


def unite(coverages: Sequence[Coverage]) -> list[Span]:
    """Return the spans of entries that none of these cover, up to the smallest of their sizes.

    Each file must have been checked against its checkpoint; here only their heads are compared.

    Raises:
        Malformed: there is nothing to unite.
        LogInvalid: they are about different logs (`coverage-origin`), or show two roots of one
            size (`split-view`).
    """
    if not coverages:
        raise Malformed("there is no coverage to unite")
    if len({one.origin for one in coverages}) > 1:
        raise LogInvalid("these files are about different logs", what="coverage-origin")
    heads = {(one.size, one.root) for one in coverages}
    if len({size for size, _ in heads}) < len(heads):
        raise LogInvalid("these files show two roots of one size", what="split-view")
    size = min(one.size for one in coverages)
    return uncovered(size, [one.covered for one in coverages])


def uncovered(size: int, bitmaps: Iterable[bytes]) -> list[Span]:
    """Return the spans of entries below `size` whose bit is set in no bitmap.

    A shorter bitmap covers nothing behind its end.
    """
    return _spans(~_union(bitmaps), size)


def never_seen(erased: Sequence[Span], earlier: Iterable[bytes]) -> list[Span]:
    """Return the parts of `erased` that no earlier bitmap had as covered.

    An index may go from opened to erased, never from unseen to erased: a tombstone cannot
    explain away an entry that nobody ever saw.
    """
    size = max((last + 1 for _, last in erased), default=0)
    return _spans(_union([bitmap(size, erased)]) & ~_union(earlier), size)


def _union(bitmaps: Iterable[bytes]) -> int:
    union = 0
    for bits in bitmaps:
        union |= int.from_bytes(bits, "little")
    return union


def _spans(bits: int, size: int) -> list[Span]:
    """Return the runs of set bits below `size`."""
    digits = f"{bits & (1 << size) - 1:0{size}b}"[::-1]  # one character per entry, in order
    return [(run.start(), run.end() - 1) for run in _RUN.finditer(digits)]


def _root(value: object) -> bytes:
    if not isinstance(value, str):
        raise Malformed("not base64")
    return read_base64(value, size=HASH_SIZE)


def _bits(value: object) -> bytes:
    if not isinstance(value, str):
        raise Malformed("not base64url")
    return unb64u(value)
