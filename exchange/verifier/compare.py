"""Where two logs of one name differ: the first entry that is not the same in both."""

from contextlib import aclosing

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.tiles import bundles_of, read_bundle
from exchange.errors import LogInvalid
from exchange.verifier.entries import read_parts
from exchange.verifier.report import Check, broken, good, numbered
from exchange.verifier.source import Source


async def check_against(ours: Source, other: Source, one: Checkpoint, another: Checkpoint) -> Check:
    """Compare the entries of two logs as far as both go.

    Tiles are not compared: they are hints, and two liars may agree on them.

    Args:
        ours: the log that is checked, which knows its size.
        other: an export or a mirror of it, which knows its size.
        one: signed head of the one.
        another: signed head of the other.

    Raises:
        Unavailable, Unauthenticated: one of them cannot be read.
    """
    if one.origin != another.origin:
        return broken(3, "against", "the other one is another log")
    size = min(one.size, another.size)
    try:
        index = await _first_difference(ours, other, size)
    except LogInvalid as wrong:
        return broken(3, "against", f"cannot be compared: {wrong}", wrong.span)
    if index is not None:
        said = f"entry {index} is the first that differs in the other one"
        return broken(3, "against", said, (index, index))
    return good(3, "against", f"the same {numbered(size, 'entry', 'entries')} in the other one")


async def _first_difference(ours: Source, other: Source, size: int) -> int | None:
    bundles = (read_parts(source, bundles_of(size), size) for source in (ours, other))
    left, right = bundles
    async with aclosing(left), aclosing(right):
        async for part, raw in left:
            _, against = await anext(right)
            if raw != against:
                mine, theirs = (read_bundle(data, part.width) for data in (raw, against))
                differ = (at for at in range(part.width) if mine[at] != theirs[at])
                return part.n * TILE_WIDTH + next(differ)
    return None
