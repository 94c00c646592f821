"""Prove to an auditor what the log is, without a word of what its entries say.

Every proof is computed from the rows of tiles and verified before it goes out, against the head
that is signed: a hub whose rows contradict its signature shows nothing.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.merkle import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from exchange.audit.note import read_note
from exchange.audit.opening import write_unopened
from exchange.audit.policy import NONE, Head, judge
from exchange.audit.proof import Receipt, write_receipt
from exchange.audit.submission import Submission, write_submission
from exchange.errors import NotFound, NotPermitted, Unavailable
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import checkpoints, tree


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProof:
    """That an entry stands at its place of the tree of a signed head."""

    index: int
    leaf: bytes = field(repr=False)
    """The entry as it stands in the log: 49 bytes, a commitment."""
    path: tuple[bytes, ...] = field(repr=False)
    size: int
    root: bytes = field(repr=False)
    note: bytes = field(repr=False)
    """The head with every line there is."""

    def file(self) -> bytes:
        """Return it as C2SP tlog-proof, without an opening: with the entry itself."""
        return write_receipt(Receipt(write_unopened(self.leaf), self.index, self.path, self.note))


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """That the tree of a signed head continues a smaller one unchanged."""

    old: int
    """Size of the smaller one."""
    old_root: bytes = field(repr=False)
    path: tuple[bytes, ...] = field(repr=False)
    size: int
    root: bytes = field(repr=False)
    note: bytes = field(repr=False)

    def file(self) -> bytes:
        """Return it as C2SP tlog-witness hands it to a witness."""
        return write_submission(Submission(old=self.old, proof=self.path, note=self.note))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The newest head that everybody is shown, and who has signed it."""

    size: int
    root: bytes = field(repr=False)
    note: bytes = field(repr=False)
    witnesses: tuple[tuple[str, datetime | None], ...]
    """Of the policy, each with when it has cosigned this head."""
    quorum: bool | None
    """Whether they are enough; None where the policy asks for none."""


async def show_signed(hub: Hub, asker: Officer) -> Signed | None:
    """Return the newest published head; None before the first.

    Raises:
        NotPermitted: the asker is an operator.
        LogInvalid: it is not signed as the hub's policy asks.
    """
    _check(asker)
    note = await hub.db.read(_published)
    if note is None:
        return None
    policy = hub.signer.policy
    head: Head = judge(policy, note)
    return Signed(
        size=head.checkpoint.size,
        root=head.checkpoint.root,
        note=note,
        witnesses=tuple((one.name, _at(head.cosigned.get(one.name))) for one in policy.witnesses),
        quorum=None if policy.quorum == NONE else head.quorum,
    )


async def prove_entry(hub: Hub, asker: Officer, index: int) -> EntryProof:
    """Prove that an entry stands in the log.

    Raises:
        NotPermitted: the asker is an operator.
        NotFound: no signed head covers it.
        LogInvalid: the rows contradict the head.
        Unavailable: a row is missing.
    """
    _check(asker)
    return await hub.db.read(_entry, index)


async def prove_growth(hub: Hub, asker: Officer, old: int, new: int | None) -> Growth:
    """Prove that a tree has only grown.

    Args:
        hub: the parts.
        asker: no operator.
        old: size of the smaller tree, 1 at least.
        new: size of a head that is kept; None: of the newest published one.

    Raises:
        NotPermitted: the asker is an operator.
        NotFound: there is no such head, or it is smaller.
        LogInvalid: the rows contradict the head.
    """
    _check(asker)
    return await hub.db.read(_growth, old, new)


def _check(asker: Officer) -> None:
    if asker.role == "operator":
        raise NotPermitted


def _at(stamp: int | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)


def _published(conn: Connection) -> bytes | None:
    head = checkpoints.published(conn)
    return None if head is None else checkpoints.served_note(conn, head.size)


def _entry(conn: Connection, index: int) -> EntryProof:
    note = checkpoints.covering(conn, index, witnessed=False)
    if note is None:
        raise NotFound
    head = read_checkpoint(read_note(note).text)
    leaf = next(iter(tree.leaves(conn, index, 1)), None)
    if leaf is None:
        raise Unavailable("an entry that a signed head covers is not here")
    path = inclusion_path(tree.reader(conn), index, head.size)
    verify_inclusion(leaf_hash(leaf), index, head.size, path, head.root)
    return EntryProof(index=index, leaf=leaf, path=path, size=head.size, root=head.root, note=note)


def _growth(conn: Connection, old: int, new: int | None) -> Growth:
    note = _published(conn) if new is None else checkpoints.served_note(conn, new)
    if note is None:
        raise NotFound
    head = read_checkpoint(read_note(note).text)
    if not 1 <= old <= head.size:
        raise NotFound
    old_root = tree.root_at(conn, old)
    path = consistency_path(tree.reader(conn), old, head.size)
    verify_consistency(old, head.size, path, old_root, head.root)
    return Growth(old=old, old_root=old_root, path=path, size=head.size, root=head.root, note=note)
