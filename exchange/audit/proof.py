"""Receipts (C2SP tlog-proof): one file that proves, without network, that an entry is logged.

Pure. A receipt holds the opening of a leaf, the leaf's index, the path to the root and the
signed checkpoint. The format does not authenticate the opening; it proves itself, because the
leaf is rebuilt from it and only that leaf leads to the signed root.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from exchange.audit import opening as openings
from exchange.audit.merkle import HASH_SIZE, LONGEST_PATH, leaf_hash, verify_inclusion
from exchange.audit.opening import Opening
from exchange.audit.policy import Head, Policy, judge
from exchange.audit.spelling import LARGEST_NUMBER, read_base64, read_number, write_base64
from exchange.errors import Malformed

LARGEST_RECEIPT = 256 * 1024
ENDING = ".tlog-proof"
"""Of the name of a file that holds a receipt."""

_FIRST = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A proof as it is written down, nothing of it verified."""

    opening: bytes = field(repr=False)
    """As `exchange.audit.opening.write_opening` writes it."""
    index: int
    path: tuple[bytes, ...]
    """Hashes from the leaf's sibling to the child of the root."""
    note: bytes = field(repr=False)
    """The signed checkpoint, verbatim."""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= LARGEST_NUMBER or len(self.path) > LONGEST_PATH:
            raise Malformed(f"a receipt has an index and at most {LONGEST_PATH} hashes")
        if any(len(one) != HASH_SIZE for one in self.path):
            raise Malformed("a hash has 32 bytes")


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that stands in a log. Only `prove` makes one."""

    index: int
    leaf: bytes = field(repr=False)
    """49 bytes."""
    opening: Opening = field(repr=False)
    head: Head
    """The checkpoint under which it is proven, and who cosigned that."""


def write_receipt(receipt: Receipt) -> bytes:
    """Return the file of a receipt.

    Raises:
        Malformed: it would be larger than anybody accepts.
    """
    lines = [
        _FIRST,
        f"extra {write_base64(receipt.opening)}",
        f"index {receipt.index}",
        *map(write_base64, receipt.path),
        "",
        "",
    ]
    raw = "\n".join(lines).encode("ascii") + receipt.note
    if len(raw) > LARGEST_RECEIPT:
        raise Malformed("a receipt is too large")
    return raw


def write_bare_proof(index: int, path: Sequence[bytes], note: bytes) -> bytes:
    """Return the proof of an entry for somebody who has its bytes and may not have its opening.

    The same file without the line `extra`, which the format leaves out where it has nothing to
    say: whoever checks it hashes the entry herself. It is no receipt of ours.

    Args:
        index: of the entry.
        path: hashes from the leaf's sibling to the child of the root.
        note: the signed checkpoint, verbatim.
    """
    lines = [_FIRST, f"index {index}", *map(write_base64, path), "", ""]
    return "\n".join(lines).encode("ascii") + note


def read_receipt(raw: bytes) -> Receipt:
    """Return the parts of a receipt, of which nothing is verified.

    Raises:
        Malformed: another form, an unknown line, or too large.
    """
    if len(raw) > LARGEST_RECEIPT:
        raise Malformed("a receipt is too large")
    proof, empty, note = raw.partition(b"\n\n")
    try:
        lines = proof.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("a receipt is text") from None
    match lines:
        case [first, extra, index, *path] if empty and first == _FIRST:
            return Receipt(
                read_base64(_after("extra ", extra)),
                read_number(_after("index ", index)),
                tuple(read_base64(line, size=HASH_SIZE) for line in path),
                note,
            )
    raise Malformed("a receipt has a first line, opening, index, hashes and a checkpoint")


def prove(receipt: Receipt, policy: Policy) -> Proven:
    """Return what a receipt proves under `policy`.

    Whether a missing quorum is refused, and whether this is the event somebody needs, is for
    the caller: it reads `head.quorum` and `opening`.

    Raises:
        LogInvalid: the checkpoint is not signed as `policy` asks (see `judge`), or the leaf is
            not at this index of its tree (`inclusion`).
        Malformed: opening or note has another form.
    """
    opening = openings.read_opening(receipt.opening)
    head = judge(policy, receipt.note)
    leaf = openings.leaf_of(opening)
    tree = head.checkpoint
    verify_inclusion(leaf_hash(leaf), receipt.index, tree.size, receipt.path, tree.root)
    return Proven(receipt.index, leaf, opening, head)


def _after(word: str, line: str) -> str:
    if not line.startswith(word):
        raise Malformed("a receipt has a line of the opening, then one of the index")
    return line.removeprefix(word)
