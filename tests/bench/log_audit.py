"""The audit of a whole log against the bare hashing of its leaves and nodes.

A log of 10^6 entries, every bundle and every tile fed in order, in memory: what reading costs
depends on where a log lies. The bare loop hashes the same leaves and folds them to the root.
"""

import os
import statistics
import time
import tracemalloc
from collections.abc import Sequence
from hashlib import sha256

from exchange.audit.merkle import Range, append, leaf_hash, pieces
from exchange.audit.tiles import Bundle, Tile, encode_bundle
from exchange.audit.whole import Audit, parts_of
from tests.bench.figures import Benchmark, Figure, Report

SIZE = 1_000_000
ROUNDS = 5
Parts = Sequence[tuple[Bundle | Tile, bytes]]


def _audit(report: Report) -> list[Figure]:
    leaves = [b"\x01" + os.urandom(48) for _ in range(SIZE)]
    parts = _parts(leaves)
    ratios = []
    for number in range(ROUNDS):
        bare, expected = _bare(leaves)
        whole, found = _whole(parts)
        assert found == expected
        ratios.append(whole / bare)
        report(f"round {number + 1}: {whole:.2f} s, bare hashing {bare:.2f} s")
    report(f"largest memory of an audit beside its parts: {_memory(parts) / 1024:.0f} KiB")
    return [
        Figure(
            name="log_audit_vs_hashing",
            value=statistics.median(ratios),
            bound=3.0,
            unit="CPU of an audit of 10^6 entries / of bare hashing",
            sense="at most",
        )
    ]


def _parts(leaves: Sequence[bytes]) -> Parts:
    rows: dict[tuple[int, int], bytes] = {}
    for piece in pieces(append(Range(0), map(leaf_hash, leaves))):
        rows[piece.level, piece.n] = piece.hashes
    return [
        (
            part,
            encode_bundle(leaves[256 * part.n : 256 * part.n + part.width])
            if isinstance(part, Bundle)
            else rows[part.level, part.n],
        )
        for part in parts_of(len(leaves))
    ]


def _bare(leaves: Sequence[bytes]) -> tuple[float, bytes]:
    """Return CPU seconds and the root: an odd hash at the end of a row moves up as it is."""
    start = time.process_time()
    row = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        pairs = zip(row[::2], row[1::2], strict=False)
        row = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return time.process_time() - start, row[0]


def _whole(parts: Parts) -> tuple[float, bytes]:
    start = time.process_time()
    audit = Audit(SIZE)
    for part, raw in parts:
        audit.feed(part, raw)
    root = audit.roots()[SIZE]
    return time.process_time() - start, root


def _memory(parts: Parts) -> int:
    """Return the largest number of bytes an audit of the first tenth holds at once."""
    tracemalloc.start()
    audit = Audit(SIZE)
    for part, raw in parts[: len(parts) // 10]:
        audit.feed(part, raw)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


AUDIT = Benchmark(names=("log_audit_vs_hashing",), run=_audit)
