"""Receipts (C2SP tlog-proof): one file that proves, without network, that an entry is logged.

Pure. A receipt holds the opening of a leaf, the leaf's index, the path to the root and the
signed checkpoint. The format does not authenticate the opening; it proves itself, because the
leaf is rebuilt from it and only that leaf leads to the signed root. For whoever may not have the
opening the leaf itself stands in its place: that is no receipt to anybody who asks what an entry
says.
"""

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
    """As `exchange.audit.opening.write_opening` writes it; or `write_unopened`, for whoever may not
    have one."""
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
class Placed:
    """An entry that stands in a log, whatever it says. Only `place` and `prove` make one."""

    index: int
    leaf: bytes = field(repr=False)
    """49 bytes."""
    head: Head
    """The checkpoint under which it is proven, and who cosigned that."""


@dataclass(frozen=True, slots=True)
class Proven(Placed):
    """An entry that stands in a log, and what it says. Only `prove` makes one."""

    opening: Opening = field(repr=False)


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
    entry = openings.leaf_of(opening)
    _check_place(receipt, entry, head)
    return Proven(receipt.index, entry, head, opening)


def place(receipt: Receipt, policy: Policy) -> Placed:
    """Return what a receipt proves under `policy`, opened or not.

    One with an opening is a `Proven`; one without shows the leaf and nothing of what it says.

    Raises:
        LogInvalid, Malformed: as `prove`.
    """
    entry = openings.read_unopened(receipt.opening)
    if entry is None:
        return prove(receipt, policy)
    head = judge(policy, receipt.note)
    _check_place(receipt, entry, head)
    return Placed(receipt.index, entry, head)


def _check_place(receipt: Receipt, entry: bytes, head: Head) -> None:
    tree = head.checkpoint
    verify_inclusion(leaf_hash(entry), receipt.index, tree.size, receipt.path, tree.root)


def _after(word: str, line: str) -> str:
    if not line.startswith(word):
        raise Malformed("a receipt has a line of the opening, then one of the index")
    return line.removeprefix(word)
