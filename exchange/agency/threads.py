"""Where work runs: in the event loop when it is short, in a thread when it is not."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

SHORT: Final = 256 * 1024
"""Bytes that are hashed or removed in less time than the hop into a thread and back costs."""

P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns; in a thread when it concerns more than a few bytes.

    For what reads, hashes, opens or removes: whatever syncs belongs into a thread at any size.
    `size` is the number of bytes concerned.
    """
    if size <= SHORT:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
