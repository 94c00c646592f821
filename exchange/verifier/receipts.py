"""Step 7: receipts somebody holds, and that exactly this file was in the disclosure of one."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from exchange import jws
from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.opening import EVENT, event_of
from exchange.audit.policy import Policy
from exchange.audit.proof import Placed, Proven, place, read_receipt
from exchange.audit.tiles import bundles_of, read_bundle
from exchange.canonical import digest, loads, unb64u
from exchange.envelope.contents import read_contents
from exchange.envelope.manifest import Context, read_context
from exchange.errors import LogInvalid, Malformed, NotFound, TooLarge
from exchange.members import Members
from exchange.statement import LARGEST
from exchange.verifier.files import PIECE
from exchange.verifier.heads import Kept
from exchange.verifier.report import Check, broken, good
from exchange.verifier.source import Source


@dataclass(frozen=True, slots=True)
class Held:
    """A receipt in somebody's hands."""

    name: str
    """What a person calls it: the file."""
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody says was sent: the sender's manifest, the list of contents, one file of it."""

    manifest: bytes = field(repr=False)
    """The signed statement, verbatim."""
    contents: bytes = field(repr=False)
    """`contents.json`, verbatim."""
    file: Path


def check_receipt(held: Held, policy: Policy) -> tuple[Placed | None, Check]:
    """Step 7, by itself: a receipt needs no log and no network.

    Returns:
        What it proves, unless it does not; and the check. A `Proven` where it has an opening.
    """
    try:
        proven = place(read_receipt(held.raw), policy)
    except (LogInvalid, Malformed) as error:
        return None, broken(7, "receipt", f"{held.name} proves nothing: {error}")
    if not proven.head.quorum:
        said = f"{held.name}: too few witnesses have signed its head"
        return proven, broken(7, "receipt", said, (proven.index, proven.index))
    return proven, good(7, "receipt", f"{held.name}: entry {proven.index}{_said(proven)}")


def _said(proven: Placed) -> str:
    """Return what an entry says, as far as that is shown."""
    if not isinstance(proven, Proven):
        return " is in the log; what it says is not shown"
    opening = proven.opening
    return f", {event_of(opening)['kind'] if opening.version == EVENT else 'public document'}"


def head_of(held: Held, proven: Placed) -> Kept:
    """Return the signed head inside a receipt: the log must continue that one as well."""
    return Kept(f"the head in {held.name}", proven.head.note)


async def check_logged(
    source: Source, head: Checkpoint, held: Held, proven: Placed
) -> Check | None:
    """Say if the log shows another entry than the receipt of it; None if it shows the same.

    Raises:
        Unavailable, Unauthenticated: the entry cannot be read.
    """
    index = proven.index
    span = (index, index)
    if index >= head.size:
        return broken(7, "receipt", f"{held.name}: the log ends before entry {index}", span)
    bundle = next(one for one in bundles_of(head.size) if one.n == index // TILE_WIDTH)
    try:
        leaves = read_bundle(await source.bundle(bundle), bundle.width)
    except (LogInvalid, NotFound) as error:
        return broken(7, "receipt", f"{held.name}: {error}", span)
    if leaves[index % TILE_WIDTH] != proven.leaf:
        return broken(7, "receipt", f"{held.name}: the log shows another entry {index}", span)
    return None


def check_sent(proven: Placed, sent: Sent) -> Check:
    """Show that a file was in the disclosure of a receipt (docs/formats.md, commitment).

    The receipt binds the manifest, the manifest the list of contents, the list the file.
    """
    try:
        position, size = _find(proven, sent)
    except (Malformed, TooLarge) as error:
        return broken(7, "file", str(error), (proven.index, proven.index))
    return good(7, "file", f"this file, {size:,} bytes, is number {position} of what was disclosed")


def _find(proven: Placed, sent: Sent) -> tuple[int, int]:
    if not isinstance(proven, Proven):
        raise Malformed("this proof does not show what its entry says: take the receipt")
    event = event_of(proven.opening)
    if event["kind"] != "disclosure-stored" or event["manifest"] != digest(sent.manifest):
        raise Malformed("the receipt is of another manifest")
    context = _context(sent.manifest)
    contents = read_contents(sent.contents)
    if contents.sha256 != context.contents:
        raise Malformed("the manifest commits to another list of contents")
    size, sha256 = _measured(sent.file)
    for position, entry in enumerate(contents.files, start=1):
        if (entry.size, entry.sha256) == (size, sha256):
            return position, size
    raise Malformed("the list of contents has no such file")


def _context(manifest: bytes) -> Context:
    """Return what a manifest says; that it was stored under this digest, the receipt proves."""
    members = Members(loads(unb64u(jws.read(manifest).payload), limit=LARGEST))
    return read_context(members.raw("context"))


def _measured(file: Path) -> tuple[int, str]:
    hashed, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while chunk := opened.read(PIECE):
            hashed.update(chunk)
            size += len(chunk)
    return size, hashed.hexdigest()
