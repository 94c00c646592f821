"""The pass over a log for a scan: checked as a whole where somebody is believed, else only read."""

from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.note import read_note
from exchange.audit.policy import Policy, judge
from exchange.audit.tiles import bundles_of, read_bundle
from exchange.errors import LogInvalid, Malformed, NotFound
from exchange.verifier.entries import Looker, Progress, check_entries, read_parts
from exchange.verifier.report import Check, broken, numbered, unchecked
from exchange.verifier.source import Source


async def scanned(
    source: Source, policy: Policy | None, looker: Looker, progress: Progress
) -> list[Check]:
    """Show every entry to `looker`, and say how far what it saw can be believed.

    Args:
        source: the log.
        policy: judges the head, and the whole log is audited; None: it is only read.
        looker: shown every entry.
        progress: told as it goes on.

    Raises:
        NotFound, Unavailable, Unauthenticated: the log cannot be read.
    """
    note = await source.checkpoint()
    if policy is not None:
        try:
            head = judge(policy, note)
        except (LogInvalid, Malformed) as error:
            return [broken(2, "checkpoint", f"the checkpoint does not hold: {error}")]
        if not head.quorum:
            return [broken(2, "quorum", "too few witnesses have signed")]
        check, _ = await check_entries(source, head.checkpoint, (), (), (looker,), progress)
        return [check]
    size = read_checkpoint(read_note(note).text).size
    try:
        await _read(source, size, looker, progress)
    except (LogInvalid, NotFound) as error:
        return [broken(4, "entries", str(error), getattr(error, "span", None))]
    count = numbered(size, "entry", "entries")
    said = f"{count} read; whether this is the log everybody sees, --policy FILE tells"
    return [unchecked(4, "entries", said)]


async def _read(source: Source, size: int, looker: Looker, progress: Progress) -> None:
    async for part, raw in read_parts(source, bundles_of(size), size):
        await looker.see(part.n * TILE_WIDTH, read_bundle(raw, part.width))
        progress(part.n * TILE_WIDTH + part.width, size)
