"""Payloads and pieces of uploads: opaque bytes under random names, wherever they lie.

A payload without its header is noise. Never backed up, never served but through our own loop,
which can be cut: no link to a store is ever given out.
"""

import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from exchange.errors import Malformed, Unavailable

CHUNK = 256 * 1024
"""Bytes yielded at once when a payload is read: what still leaves after a cut is one of these."""
_NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Bytes in the blob store."""

    blob: str
    """Their name."""
    size: int
    sha256: str
    """Hex, of exactly these bytes."""


class Blobs(Protocol):
    """A store of immutable byte strings."""

    async def put(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int, known: bool = False
    ) -> Kept:
        """Keep what arrives under a new name; durable when it returns, absent after an error.

        Args:
            name: from `new_name`.
            chunks: what to keep; its errors are raised as they are.
            limit: bytes that may arrive.
            known: whether somebody may look for the name already; then it appears whole or not
                at all, even in a crash.

        Raises:
            TooLarge: more than `limit` bytes arrived.
            FileExistsError: the name is taken: nothing is ever overwritten. A store may accept
                the very bytes that it holds under that name.
            StorageFull: no room.
            Unavailable: the store fails or does not answer.
        """
        ...

    def read(self, name: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `first` to before `end`, as fast as they are taken.

        Raises:
            NotFound: there are no such bytes (any more).
            Unavailable: the store fails or does not answer.
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove a blob; one that is not there is no error.

        Raises:
            Unavailable: the store fails or does not answer.
        """
        ...

    def names(self, *, before: datetime) -> AsyncIterator[tuple[str, ...]]:
        """Yield, page by page, names of blobs made before a moment and of what crashes left.

        Raises:
            Unavailable: the store fails or does not answer.
        """
        ...

    def free(self) -> int | None:
        """Return how many bytes there is room for; None where the store does not say.

        Raises:
            Unavailable: the disk fails.
        """
        ...

    async def check(self) -> None:
        """Return if the store answers.

        Raises:
            Unavailable: it does not.
        """
        ...


async def discard(blobs: Blobs, name: str) -> None:
    """Delete a blob that no row will ever name; if that fails now, the sweeper does it in a day."""
    with suppress(Unavailable):
        await blobs.delete(name)


def new_name() -> str:
    """Return a fresh random name: each attempt has its own, so nothing rests on overwriting."""
    return secrets.token_hex(16)


def is_name(name: str) -> bool:
    """Tell whether `name` is one of `new_name`: what else lies in a store is left alone."""
    return _NAME.fullmatch(name) is not None


def checked(name: str) -> str:
    """Return `name` if it is one of `new_name`.

    Raises:
        Malformed: it is not, so it could lead anywhere.
    """
    if not is_name(name):
        raise Malformed("not the name of a blob")
    return name
