"""Step 4: every entry and every tile, and the root computed anew, in one pass over the log."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Protocol, TypeAlias

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.leaf import LEAF_SIZE
from exchange.audit.merkle import TILE_HEIGHT, TILE_WIDTH
from exchange.audit.tiles import Bundle, Tile
from exchange.audit.whole import Audit, check_roots, parts_of
from exchange.errors import LogInvalid, NotFound
from exchange.verifier.heads import Anchor
from exchange.verifier.report import Check, broken, entries, good, numbered
from exchange.verifier.source import Reader, Source

AHEAD: Final = 8
"""Files asked for before they are needed: a log in the web answers slowly, not little."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told the bytes of entries read, and all of them."""
Part: TypeAlias = Bundle | Tile


class Looker(Protocol):
    """Somebody who looks at the entries as they pass by."""

    async def see(self, first: int, leaves: list[bytes]) -> None:
        """Look at the leaves from index `first` on, in the order of the log."""
        ...


async def check_entries(
    source: Source,
    head: Checkpoint,
    anchors: Sequence[Anchor],
    sizes: Iterable[int],
    lookers: Sequence[Looker],
    progress: Progress,
) -> tuple[Check, Mapping[int, bytes]]:
    """Read the whole log once, and compare everything with everything.

    Args:
        source: the log.
        head: its newest signed head.
        anchors: other signed heads, no larger.
        sizes: further ones, no larger, whose roots somebody wants to compare.
        lookers: shown every entry; what they were shown is only as good as this check.
        progress: told as it goes on.

    Returns:
        One check, which names the first broken entry, 256 or span; and, if it is good, the root
        at every size that was asked for.

    Raises:
        Unavailable, Unauthenticated: the log cannot be read to its end.
    """
    heads = [head, *(anchor.checkpoint for anchor in anchors)]
    audit = Audit(head.size, at=[*sizes, *(one.size for one in heads)])
    try:
        async with aclosing(read_parts(source, parts_of(head.size), head.size)) as parts:
            async for part, raw in parts:
                leaves = audit.feed(part, raw)
                if leaves:
                    first = TILE_WIDTH * part.n
                    progress((first + len(leaves)) * LEAF_SIZE, head.size * LEAF_SIZE)
                    for looker in lookers:
                        await looker.see(first, leaves)
        roots = audit.roots()
        check_roots(roots, heads)
    except LogInvalid as found:
        where = "" if found.span is None else f", {entries(found.span)}"
        return broken(4, "entries", f"{found}{where}", found.span), {}
    count = numbered(head.size, "entry", "entries")
    return good(4, "entries", f"{count}: hashed, and the root is the signed one"), roots


async def read_parts(
    source: Reader, parts: Iterable[Part], size: int
) -> AsyncGenerator[tuple[Part, bytes], None]:
    """Yield parts of a log in the order they are named, some read ahead.

    Args:
        source: the log.
        parts: tiles and bundles, as they are in a log of this size.
        size: entries of the log.

    Raises:
        LogInvalid: a part is missing or has another size; names its entries.
        Unavailable, Unauthenticated: it cannot be read.
    """
    ahead = deque[asyncio.Task[tuple[Part, bytes]]]()
    try:
        for part in parts:
            ahead.append(asyncio.ensure_future(_read(source, part, size)))
            if len(ahead) > AHEAD:
                yield await ahead.popleft()
        while ahead:
            yield await ahead.popleft()
    finally:
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


async def _read(source: Reader, part: Part, size: int) -> tuple[Part, bytes]:
    reading = source.tile(part) if isinstance(part, Tile) else source.bundle(part)
    try:
        return part, await reading
    except NotFound as missing:
        raise LogInvalid(str(missing), what="missing", span=span_of(part, size)) from None
    except LogInvalid as wrong:
        raise LogInvalid(str(wrong), what=wrong.what, span=span_of(part, size)) from None


def span_of(part: Part, size: int) -> tuple[int, int]:
    """Return the first and the last entry that a part of a log is about."""
    height = TILE_HEIGHT * part.level if isinstance(part, Tile) else 0
    first = TILE_WIDTH * part.n
    return first << height, min((first + part.width << height), size) - 1
