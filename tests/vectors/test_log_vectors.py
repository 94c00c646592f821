"""Vectors that nobody here wrote: proofs of transparency-dev, the test log of Tessera, C2SP."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from exchange.audit import merkle
from exchange.audit.head import SignedHead, read_signed
from exchange.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from exchange.audit.note import read_note, read_vkey, verified
from exchange.audit.spelling import read_base64
from exchange.audit.tiles import Bundle, Tile
from exchange.audit.whole import Audit, check_roots, parts_of
from exchange.errors import LogInvalid, Malformed

FOLDER = Path(__file__).parent
PROOFS: dict[str, Any] = json.loads((FOLDER / "merkle_proofs.json").read_bytes())
TESSERA: dict[str, Any] = json.loads((FOLDER / "tessera_log.json").read_bytes())
GARBAGE = sha256(b"garbage").digest()


@dataclass(frozen=True)
class Inclusion:
    """A proof of inclusion, right or corrupted."""

    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    root: bytes

    def verify(self) -> None:
        verify_inclusion(self.leaf, self.index, self.size, self.path, self.root)

    def corruptions(self) -> Iterator[tuple[str, "Inclusion"]]:
        yield "leafIdx - 1", replace(self, index=self.index - 1)
        yield "leafIdx + 1", replace(self, index=self.index + 1)
        yield "leafIdx ^ 2", replace(self, index=self.index ^ 2)
        yield "treeSize / 2", replace(self, size=self.size // 2)
        yield "treeSize * 2", replace(self, size=self.size * 2)
        yield "wrong leaf", replace(self, leaf=sha256(b"wrong leaf").digest())
        yield "random root", replace(self, root=GARBAGE)
        yield "empty root", replace(self, root=b"")
        yield "trailing garbage", replace(self, path=(*self.path, GARBAGE))
        yield "trailing root", replace(self, path=(*self.path, self.root))
        yield "preceding garbage", replace(self, path=(GARBAGE, *self.path))
        yield "preceding root", replace(self, path=(self.root, *self.path))
        for at, path in modified(self.path, 3):
            yield f"modified proof[{at}] bit 3", replace(self, path=path)
        if self.path:
            yield "removed component", replace(self, path=self.path[:-1])
            yield "inserted component", replace(self, path=(self.path[0], *self.path))


@dataclass(frozen=True)
class Consistency:
    """A proof of consistency, right or corrupted."""

    old: int
    size: int
    path: tuple[bytes, ...]
    before: bytes
    after: bytes

    def verify(self) -> None:
        verify_consistency(self.old, self.size, self.path, self.before, self.after)

    def corruptions(self) -> Iterator[tuple[str, "Consistency"]]:
        yield "size1 - 1", replace(self, old=self.old - 1)
        yield "size1 + 1", replace(self, old=self.old + 1)
        yield "size1 ^ 2", replace(self, old=self.old ^ 2)
        yield "size2 * 2", replace(self, size=self.size * 2)
        yield "size2 / 2", replace(self, size=self.size // 2)
        yield "wrong root1", replace(self, before=GARBAGE)
        yield "wrong root2", replace(self, after=GARBAGE)
        yield "trailing garbage", replace(self, path=(*self.path, GARBAGE))
        yield "trailing root1", replace(self, path=(*self.path, self.before))
        yield "trailing root2", replace(self, path=(*self.path, self.after))
        yield "preceding garbage", replace(self, path=(GARBAGE, *self.path))
        yield "preceding root1", replace(self, path=(self.before, *self.path))
        yield "preceding root2", replace(self, path=(self.after, *self.path))
        for at, path in modified(self.path, 4):
            yield f"modified proof[{at}] bit 4", replace(self, path=path)
        if self.path:
            yield "swapped roots", replace(self, before=self.after, after=self.before)
            yield "empty proof", replace(self, path=())
            yield "truncated proof", replace(self, path=self.path[:-1])
            yield "preceding proof[0]", replace(self, path=(self.path[0], *self.path))


def modified(path: tuple[bytes, ...], bit: int) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    for at, one in enumerate(path):
        flipped = bytes([one[0] ^ 1 << bit]) + one[1:]
        yield at, (*path[:at], flipped, *path[at + 1 :])


INCLUSION = [
    Inclusion(
        read_base64(one["leafHash"]),
        one["leafIdx"],
        one["treeSize"],
        tuple(map(read_base64, one["proof"])),
        read_base64(one["root"]),
    )
    for one in PROOFS["inclusion"]
]
CONSISTENCY = [
    Consistency(
        one["size1"],
        one["size2"],
        tuple(map(read_base64, one["proof"])),
        read_base64(one["root1"]),
        read_base64(one["root2"]),
    )
    for one in PROOFS["consistency"]
]


@pytest.mark.parametrize("proof", [*INCLUSION, *CONSISTENCY])
def test_their_proofs_verify_and_their_corruptions_do_not(proof: Inclusion | Consistency) -> None:
    proof.verify()
    tried = [name for name, corrupted in proof.corruptions() if is_refused(corrupted)]
    assert tried == [name for name, _ in proof.corruptions()]


def is_refused(corrupted: Inclusion | Consistency) -> bool:
    try:
        corrupted.verify()
    except (LogInvalid, Malformed):
        return True
    return False


def heads() -> list[SignedHead]:
    key = read_vkey(TESSERA["key"])
    return [read_signed(one.encode(), [key]) for one in TESSERA["checkpoints"]]


ENTRIES = [one.encode() for one in TESSERA["entries"]]
HASHES = [leaf_hash(entry) for entry in ENTRIES]


def row(_level: int, _n: int) -> bytes:
    return b"".join(HASHES)


def test_the_signatures_of_the_tessera_log_verify() -> None:
    assert [head.checkpoint.size for head in heads()] == [1, 7, 10, 14, 15]
    empty = TESSERA["empty"]
    head = read_signed(empty["checkpoint"].encode(), [read_vkey(empty["key"])])
    assert (head.checkpoint.size, head.checkpoint.root) == (0, merkle.EMPTY_ROOT)


def test_the_whole_tessera_log_leads_to_its_signed_roots() -> None:
    checkpoints = [head.checkpoint for head in heads()]
    audit = Audit(15, at=[one.size for one in checkpoints], any_length=True)
    bundle = b"".join(len(entry).to_bytes(2, "big") + entry for entry in ENTRIES)
    given: dict[Bundle | Tile, bytes] = {Bundle(0, 15): bundle, Tile(0, 0, 15): row(0, 0)}
    for part in parts_of(15):
        audit.feed(part, given[part])
    check_roots(audit.roots(), checkpoints)


def test_each_head_of_the_tessera_log_continues_each_older_one() -> None:
    for old, new in combinations([head.checkpoint for head in heads()], 2):
        path = merkle.consistency_path(row, old.size, new.size)
        verify_consistency(old.size, new.size, path, old.root, new.root)


SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n\N{EM DASH} example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of C2SP signed-note."""


def test_the_note_of_the_specification_verifies() -> None:
    ((key, _line),) = verified(read_note(SPEC_NOTE.encode()), [read_vkey(SPEC_KEY)])
    assert key.name == "example.com/foo"
    changed = SPEC_NOTE.replace("an example", "no example").encode()
    with pytest.raises(LogInvalid):
        verified(read_note(changed), [read_vkey(SPEC_KEY)])
