"""Steps 1 to 3: whom to believe, what the log's head says, and that it continues older heads.

Keys come from a policy file or a key the caller names, never from the log that is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import (
    consistency_path,
    tiles_for_consistency,
    verify_consistency,
)
from exchange.audit.note import read_vkey
from exchange.audit.policy import NONE, Head, Log, Policy, judge, status_keys
from exchange.audit.tiles import tile_in
from exchange.errors import LogInvalid, Malformed, NotFound
from exchange.members import LARGEST_SECONDS
from exchange.verifier.report import Check, Outcome, broken, good, numbered, unchecked
from exchange.verifier.source import Source

AHEAD_S: Final = 300
"""Seconds by which a witness's clock may be ahead of this machine's."""
SHOWN: Final = 5
"""Heads beside a log that are named each with what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A signed note that somebody has kept, or that came with an export."""

    name: str
    """What a person calls it: the file."""
    note: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that the log has signed: at this size its tree had this root."""

    name: str
    checkpoint: Checkpoint


def policy_of_key(vkey: str) -> Policy:
    """Return the policy that believes one log and asks for no witness.

    Args:
        vkey: the log's verifier key, `name+id+base64`.

    Raises:
        Malformed: not such a key.
    """
    return Policy((Log(read_vkey(vkey)),))


def check_policy(policy: Policy) -> Check:
    """Step 1: say whom this verification believes."""
    logs = numbered(len(policy.logs) - len(status_keys(policy)), "log key", "log keys")
    witnesses = numbered(len(policy.witnesses), "witness", "witnesses")
    if policy.quorum == NONE:
        said = f"{logs} and {witnesses}; no quorum is asked for: the log vouches for itself"
    else:
        said = f"{logs} and {witnesses}; a quorum of witnesses must have signed"
    return good(1, "policy", said)


def check_head(
    policy: Policy, note: bytes, *, now: datetime, max_age: timedelta | None
) -> tuple[Head | None, list[Check]]:
    """Step 2: the log's newest head: signatures, origin, form, quorum, age.

    Args:
        policy: whom to believe.
        note: of the log.
        now: aware moment.
        max_age: of the newest cosignature; None asks for none.

    Returns:
        The head, unless its signatures or its form are wrong; and what was found.
    """
    try:
        head = judge(policy, note)
    except (LogInvalid, Malformed) as error:
        return None, [broken(2, "checkpoint", f"the checkpoint does not hold: {error}")]
    tree = head.checkpoint
    size = numbered(tree.size, "entry", "entries")
    found = [good(2, "checkpoint", f"{tree.origin}, {size}, signed by the log")]
    who = ", ".join(sorted(head.cosigned)) or "nobody"
    if not head.quorum:
        found.append(broken(2, "quorum", f"too few witnesses have signed: {who}"))
    elif not policy.witnesses:
        found.append(good(2, "quorum", "none asked for, and no witness is known here"))
    elif policy.quorum == NONE:
        found.append(good(2, "quorum", f"none asked for; cosigned by {who}"))
    else:
        found.append(good(2, "quorum", f"met; cosigned by {who}"))
    return head, [*found, *_age(head, now, max_age)]


def _age(head: Head, now: datetime, max_age: timedelta | None) -> list[Check]:
    """A log may be shown to some as it was long ago: only a witness's time tells."""
    newest = max(head.cosigned.values(), default=None)
    if newest is None:
        said = "no witness has signed: nobody but the log says how old this head is"
        return [] if max_age is None else [unchecked(2, "age", said)]
    if newest > (LARGEST_SECONDS if max_age is None else now.timestamp() + AHEAD_S):
        said = "the newest cosignature is dated ahead of this machine's clock: one of them is wrong"
        return [broken(2, "age", said)]
    told = f"newest cosignature {datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if max_age is not None and now.timestamp() - newest > max_age.total_seconds():
        return [broken(2, "age", f"{told}: older than asked for")]
    return [good(2, "age", told)]


async def check_old(
    source: Source, head: Head, policy: Policy, kept: Kept
) -> tuple[Anchor | None, Check]:
    """Step 3: the log's head continues a head that somebody has kept.

    Returns:
        The kept head, if the log has signed it, as an anchor for the entries; and the check.
    """
    try:
        old = judge(policy, kept.note).checkpoint
    except (LogInvalid, Malformed) as error:
        return None, broken(3, "append-only", f"{kept.name} is no head of this log: {error}")
    anchor = Anchor(kept.name, old)
    if old.origin != head.checkpoint.origin:
        return None, broken(3, "append-only", f"{kept.name} is a head of another log")
    wrong = await _difference(source, kept.name, old, head.checkpoint)
    if wrong is not None:
        return anchor, broken(3, "append-only", wrong)
    size = numbered(old.size, "entry", "entries")
    return anchor, good(3, "append-only", f"continues {kept.name} ({size})")


async def check_olds(
    source: Source,
    head: Head,
    policy: Policy,
    olds: Sequence[Kept],
    beside: Sequence[Kept] = (),
) -> tuple[tuple[Anchor, ...], list[Check]]:
    """Step 3 for every head that was kept.

    Args:
        source: the log.
        head: its newest one.
        policy: whom to believe.
        olds: heads that somebody holds: each has a line of its own.
        beside: heads that lie beside the log, perhaps thousands: one line for all that are good,
            and one for each of the first that are not.

    Returns:
        Those the log has signed, and the checks; one line says if there were none.
    """
    own = [await check_old(source, head, policy, kept) for kept in olds]
    others = [await check_old(source, head, policy, kept) for kept in beside]
    continued = [anchor for anchor, check in others if anchor and check.outcome is Outcome.GOOD]
    wrong = [check for _, check in others if check.outcome is not Outcome.GOOD]
    checks = [*(check for _, check in own), *_together(continued), *_first(wrong)]
    if not checks:
        checks.append(good(3, "append-only", "no older head to compare with; keep this one"))
    return tuple(anchor for anchor, _ in [*own, *others] if anchor), checks


def _together(continued: Sequence[Anchor]) -> list[Check]:
    """Say in one line which heads beside the log it continues."""
    if not continued:
        return []
    sizes = sorted(one.checkpoint.size for one in continued)
    count = numbered(len(sizes), "older head", "older heads")
    span = f"{sizes[0]:,} to {sizes[-1]:,}" if sizes[1:] else f"{sizes[0]:,}"
    return [good(3, "append-only", f"continues {count} kept beside it, of {span} entries")]


def _first(wrong: Sequence[Check]) -> list[Check]:
    """Return the first lines about heads that the log does not continue, and how many follow."""
    rest = len(wrong) - SHOWN
    if rest <= 0:
        return list(wrong)
    said = f"the same of {numbered(rest, 'further head', 'further heads')} kept beside it"
    return [*wrong[:SHOWN], broken(3, "append-only", said)]


async def _difference(source: Source, name: str, old: Checkpoint, new: Checkpoint) -> str | None:
    """Return how the new tree fails to continue the old one; None if it does."""
    size = numbered(old.size, "entry", "entries")
    if old.size > new.size:
        return f"rolled back: {name} shows {size}, the log shows {new.size:,}"
    if old.size == new.size:
        return None if old.root == new.root else f"split view: {name} has another tree of {size}"
    if old.size == 0:  # every tree continues the empty one
        return None
    try:
        await _prove(source, old, new)
    except NotFound as missing:
        return f"no proof that the log continues {name}: {missing}"
    except (LogInvalid, Malformed):
        return f"split view: the log does not continue {name} ({size})"
    return None


async def _prove(source: Source, old: Checkpoint, new: Checkpoint) -> None:
    tiles = dict[tuple[int, int], bytes]()
    for level, n in sorted(tiles_for_consistency(old.size, new.size)):
        tiles[level, n] = await source.tile(tile_in(new.size, level, n))
    path = consistency_path(lambda level, n: tiles[level, n], old.size, new.size)
    verify_consistency(old.size, new.size, path, old.root, new.root)
