"""Logs of any size as folders, made with `exchange.audit` alone: no hub, no database.

`log_of` makes leaves into a folder in the layout of C2SP tlog-tiles; tests then damage files in it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.audit.cosignature import cosign
from exchange.audit.merkle import Range, append, inclusion_path, leaf_hash, pieces, range_hash
from exchange.audit.note import (
    COSIGNATURE,
    ED25519,
    Note,
    SigningKey,
    sign,
    verifying,
    write_note,
    write_vkey,
)
from exchange.audit.tiles import bundle_path, bundles_of, encode_bundle, tile_path, tiles_of

ORIGIN = "hub.example/log"
LOG_KEY = SigningKey(ORIGIN, ED25519, b"\x01" * 32)
WITNESS_KEY = SigningKey("witness.example/a", COSIGNATURE, b"\x02" * 32)
OTHER_WITNESS_KEY = SigningKey("witness.example/b", COSIGNATURE, b"\x03" * 32)
Check: TypeAlias = dict[str, Any]
"""One check of `exchange log verify --json`."""
Verify: TypeAlias = Callable[..., tuple[int, dict[str, Check]]]
"""Verifies a target with options; the exit code, and by name the checks that are not good."""
AT = 1795338000
"""When witnesses signed: 2026-11-22T09:00:00Z."""


def vkey(key: SigningKey) -> str:
    """Return the verifier key of a signing key, as a policy writes it."""
    return write_vkey(verifying(key))


def policy(*witnesses: SigningKey, quorum: str = "none", log: SigningKey = LOG_KEY) -> bytes:
    """Return a policy file; witnesses are named `w0`, `w1`, ... and grouped as `all`."""
    lines = [f"log {vkey(log)}"]
    lines += [f"witness w{number} {vkey(key)}" for number, key in enumerate(witnesses)]
    if witnesses:
        names = " ".join(f"w{number}" for number in range(len(witnesses)))
        lines.append(f"group everybody all {names}")
    return "\n".join([*lines, f"quorum {quorum}", ""]).encode("ascii")


def random_leaves(count: int, seed: str = "leaf") -> list[bytes]:
    """Return leaves of version 1 that look as random as real ones, and are the same each time."""
    return [
        b"\x01" + sha256(f"{seed} {number}".encode()).digest() + bytes(16)
        for number in range(count)
    ]


@dataclass(frozen=True)
class Log:
    """A log: its entries, and everything that follows from them."""

    leaves: Sequence[bytes]
    key: SigningKey = field(default=LOG_KEY)
    witnesses: Sequence[SigningKey] = ()
    origin: str = ORIGIN
    at: int = AT

    @cached_property
    def rows(self) -> dict[tuple[int, int], bytes]:
        """Every row of tiles, as the hub keeps it: by level and number."""
        found: dict[tuple[int, int], bytes] = {}
        for piece in pieces(append(Range(0), map(leaf_hash, self.leaves))):
            place = (piece.level, piece.n)
            found[place] = found.get(place, b"") + piece.hashes
        return found

    def row(self, level: int, n: int) -> bytes:
        """Return one row of tiles."""
        return self.rows[level, n]

    def root(self, size: int | None = None) -> bytes:
        """Return the root at a size."""
        count = len(self.leaves) if size is None else size
        return range_hash(self.row, 0, count) if count else sha256(b"").digest()

    def note(self, size: int | None = None, root: bytes | None = None) -> bytes:
        """Return the signed and cosigned head at a size, or one with another root."""
        count = len(self.leaves) if size is None else size
        head = Checkpoint(self.origin, count, self.root(count) if root is None else root)
        text = write_checkpoint(head)
        lines = [cosign(text, key, self.at) for key in self.witnesses]
        return write_note(Note(text, (sign(text, self.key), *lines)))

    def path(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the inclusion path of an entry."""
        return inclusion_path(self.row, index, len(self.leaves) if size is None else size)

    def write(self, folder: Path, *, documents: Iterable[bytes] = ()) -> Path:
        """Write the log into a folder, and return the folder."""
        size = len(self.leaves)
        put(folder, "checkpoint", self.note())
        for tile in tiles_of(size):
            put(folder, tile_path(tile), self.row(tile.level, tile.n)[: 32 * tile.width])
        for bundle in bundles_of(size):
            first = 256 * bundle.n
            content = encode_bundle(self.leaves[first : first + bundle.width])
            put(folder, bundle_path(bundle), content)
        for document in documents:
            put(folder, f"documents/{sha256(document).hexdigest()}", document)
        return folder


def put(folder: Path, name: str, content: bytes) -> None:
    """Write one file of a log, with the folders above it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
