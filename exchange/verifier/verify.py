"""The whole verification, step by step; docs/verify.md tells it to people.

1. whom to believe: a policy or a key, given by the caller
2. the log's head: signatures, origin, form, quorum, age
3. it continues every head that was kept, and those in the export and in receipts
4. every entry: lengths, versions, tiles, and the root computed anew
5. every public entry has its document; the policy that is served is in the log
6. openings, statements, tombstones, coverage
7. receipts, a file that was disclosed, status notes against the log and against withdrawals

A step that fails does not end the others, as long as they still mean anything.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.note import LARGEST_NOTE
from exchange.audit.policy import Head, Policy, judge
from exchange.audit.proof import Placed, Proven
from exchange.errors import LogInvalid, Malformed, NotFound, TooLarge, Unauthenticated, Unavailable
from exchange.verifier.compare import check_against
from exchange.verifier.documents import Documents
from exchange.verifier.entries import Progress, check_entries
from exchange.verifier.files import read
from exchange.verifier.heads import Anchor, Kept, check_head, check_olds, check_policy
from exchange.verifier.openings import Openings
from exchange.verifier.receipts import Held, Sent, check_logged, check_receipt, check_sent, head_of
from exchange.verifier.report import Check, Outcome, broken, unchecked
from exchange.verifier.source import Source
from exchange.verifier.statuses import Statuses, withdrawals_in

KEPT: Final = "checkpoints"
"""Folder of older heads in an export; beside them may lie time stamps, `<size>.tsr`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a verification starts from; none of it comes from the log."""

    policy: Policy
    now: datetime
    max_age: timedelta | None = None
    """Of the newest cosignature; None asks for none."""
    olds: tuple[Kept, ...] = ()
    receipts: tuple[Held, ...] = ()
    statuses: tuple[Kept, ...] = ()
    """Notes that a consent had not ended, beside those of an export."""
    sent: Sent | None = None
    """A file that is said to have been in the disclosure of the only receipt."""
    against: Source | None = None
    """Another copy of the log."""


async def verify(source: Source | None, wanted: Wanted, progress: Progress) -> AsyncIterator[Check]:
    """Yield every check as it is made.

    Args:
        source: the log; None where only receipts are checked, which need none.
        wanted: what to start from.
        progress: told as the entries are read.

    Raises:
        OSError: a file of this machine cannot be read.
    """
    yield check_policy(wanted.policy)
    proven = [(held, *check_receipt(held, wanted.policy)) for held in wanted.receipts]
    held = [(one, found) for one, found, _ in proven if found is not None]
    statuses = Statuses(wanted.policy, wanted.statuses)
    statuses.learn(withdrawals_in(found for _, found in held if isinstance(found, Proven)))
    if source is not None:
        head, checks = await _head(source, wanted)
        for check in checks:
            yield check
        if head is not None:
            async for check in _log(source, head, wanted, held, statuses, progress):
                yield check
    for _, _, check in proven:
        yield check
    for check in [*_disclosed(held, wanted.sent), *statuses.checks()]:
        yield check


def _disclosed(held: list[tuple[Held, Placed]], sent: Sent | None) -> list[Check]:
    return [] if sent is None else [check_sent(found, sent) for _, found in held]


async def _head(source: Source, wanted: Wanted) -> tuple[Head | None, list[Check]]:
    try:
        note = await source.checkpoint()
    except (NotFound, TooLarge) as error:
        return None, [broken(2, "checkpoint", str(error))]
    except (Unavailable, Unauthenticated) as error:
        return None, [unchecked(2, "checkpoint", str(error))]
    return check_head(wanted.policy, note, now=wanted.now, max_age=wanted.max_age)


async def _log(
    source: Source,
    head: Head,
    wanted: Wanted,
    held: list[tuple[Held, Placed]],
    statuses: Statuses,
    progress: Progress,
) -> AsyncIterator[Check]:
    """Steps 3 to 7, of a log whose head holds."""
    whole = Source(source.files, size=head.checkpoint.size)
    try:
        olds = [*wanted.olds, *(head_of(*one) for one in held)]
        beside = await _exported(whole)
        anchors, checks = await check_olds(whole, head, wanted.policy, olds, beside)
        for check in checks:
            yield check
        if wanted.against is not None:
            yield await _against(whole, head, wanted, wanted.against)
        await statuses.find(whole.files)
        for check in await _entries(whole, head.checkpoint, anchors, statuses, progress):
            yield check
        for one in held:
            wrong = await check_logged(whole, head.checkpoint, *one)
            if wrong is not None:
                yield wrong
    except (Unavailable, Unauthenticated) as error:
        yield unchecked(4, "entries", str(error))


async def _exported(source: Source) -> list[Kept]:
    """Return the older heads that lie beside the log, the smallest first."""
    names = [name for name in source.files.names(KEPT) if name.isdecimal()]
    names.sort(key=lambda name: (len(name), name))
    paths = [f"{KEPT}/{name}" for name in names]
    return [Kept(path, await read(source.files, path, limit=LARGEST_NOTE)) for path in paths]


async def _against(source: Source, head: Head, wanted: Wanted, other: Source) -> Check:
    try:
        another = judge(wanted.policy, await other.checkpoint()).checkpoint
    except (Unavailable, Unauthenticated) as error:
        return unchecked(3, "against", f"the other one cannot be read: {error}")
    except (LogInvalid, Malformed, NotFound, TooLarge) as error:
        return broken(3, "against", f"the checkpoint of the other one does not hold: {error}")
    sized = Source(other.files, size=another.size)
    return await check_against(source, sized, head.checkpoint, another)


async def _entries(
    source: Source,
    head: Checkpoint,
    anchors: tuple[Anchor, ...],
    statuses: Statuses,
    progress: Progress,
) -> list[Check]:
    """Steps 4 to 6: what is public and what is opened means nothing unless the entries hold."""
    documents = Documents(source, head.origin)
    openings = Openings(source, head)
    smaller = [anchor for anchor in anchors if anchor.checkpoint.size <= head.size]
    lookers = (documents, openings)
    sizes = statuses.sizes(head)
    found, roots = await check_entries(source, head, smaller, sizes, lookers, progress)
    if found.outcome is not Outcome.GOOD:
        return [found]
    statuses.compare(head.origin, roots)
    statuses.learn(openings.withdrawals)
    try:
        return [
            found,
            *await documents.checks(),
            *await openings.checks(documents.public),
        ]
    except (Malformed, TooLarge) as error:
        return [found, broken(6, "openings", str(error))]
