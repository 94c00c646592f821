"""Coverage lists of several agencies, united: an entry that nobody accounts for is a finding."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from exchange.audit.coverage import Coverage, never_seen, uncovered, unite
from exchange.audit.policy import Policy, judge
from exchange.audit.tombstone import Tombstone
from exchange.errors import LogInvalid, Malformed
from exchange.verifier.heads import Kept
from exchange.verifier.report import Check, broken, entries, good, numbered, unchecked

MOST_NAMED = 20
"""Spans that are named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What officers have exchanged."""

    now: Sequence[Coverage]
    earlier: Sequence[Coverage] = ()
    """From an earlier time: what was opened then may be erased now, what nobody saw may not."""
    tombstones: Sequence[Tombstone] = ()
    heads: Sequence[Kept] = ()
    """Signed heads that the lists must be about."""
    policy: Policy | None = field(default=None, repr=False)
    """Judges the heads."""


def check_lists(lists: Lists) -> list[Check]:
    """Return what several agencies together can, and cannot, account for."""
    try:
        gaps = unite(lists.now)
        unite([*lists.now, *lists.earlier])  # one log, and no two roots of one size
    except (LogInvalid, Malformed) as error:
        return [broken(6, "coverage", str(error))]
    size = min(one.size for one in lists.now)
    who = ", ".join(sorted({one.agency for one in lists.now}))
    found = [_heads(lists)] if lists.policy is not None else []
    if gaps:
        found += [
            broken(
                6,
                "coverage",
                f"{entries(span)}: nobody accounts for {'it' if span[0] == span[1] else 'them'}; "
                "hidden, or a party was forgotten",
                span,
            )
            for span in gaps[:MOST_NAMED]
        ]
        rest = len(gaps) - MOST_NAMED
        found += [broken(6, "coverage", f"and {rest:,} more such runs")] if rest > 0 else []
    else:
        said = f"{numbered(size, 'entry', 'entries')}, all accounted for by {who}"
        found.append(good(6, "coverage", said))
    return found + _erased(lists, size)


def _heads(lists: Lists) -> Check:
    """Say whether the lists are about heads that the log has signed."""
    signed = dict[tuple[int, bytes], str]()
    for kept in lists.heads:
        try:
            tree = judge(lists.policy, kept.note).checkpoint if lists.policy else None
        except (LogInvalid, Malformed) as error:
            return broken(2, "checkpoint", f"{kept.name} is no head of this log: {error}")
        if tree is not None:
            signed[tree.size, tree.root] = tree.origin
    for one in [*lists.now, *lists.earlier]:
        if signed.get((one.size, one.root)) != one.origin:
            said = f"no signed head of {one.size:,} entries is here for the list of {one.agency}"
            return unchecked(2, "checkpoint", said)
    return good(2, "checkpoint", "every list is about a head that the log has signed")


def _erased(lists: Lists, size: int) -> list[Check]:
    """An index may go from opened to erased, never from unseen to erased."""
    if not lists.earlier:
        return []
    spans = sorted(span for one in lists.tombstones for span in one.spans)
    most = max(one.size for one in (*lists.now, *lists.earlier))
    if any(last >= most for _, last in spans):  # before anything as long as it says is made
        return [broken(6, "tombstone", "a tombstone names an entry behind the last")]
    before = [one.covered for one in lists.earlier]
    unseen = never_seen(spans, before)
    found = [
        broken(6, "tombstone", f"{entries(span)}: erased, and nobody had ever seen it", span)
        for span in unseen[:MOST_NAMED]
    ]
    gone = _gone(size, before, [one.covered for one in lists.now])
    if gone:
        said = f"{numbered(gone, 'entry', 'entries')} opened earlier: erasure pending, or hidden"
        found.append(unchecked(6, "pending", said))
    if not found:
        found.append(good(6, "tombstone", "nothing was erased that nobody had seen"))
    return found


def _gone(size: int, before: Sequence[bytes], now: Sequence[bytes]) -> int:
    """Return how many entries somebody accounted for earlier, and nobody does now."""
    missing, never = (
        sum(last - first + 1 for first, last in uncovered(size, bitmaps))
        for bitmaps in (now, [*now, *before])
    )
    return missing - never
