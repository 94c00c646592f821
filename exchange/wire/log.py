"""Shapes of what the hub hands out of the log as JSON; everything else of it is a file format."""

from typing import Annotated

from pydantic import Field

from exchange.wire.fields import Digest, Id, Moment
from exchange.wire.shapes import Shape, Text

Base64 = Annotated[str, Field(pattern="^[A-Za-z0-9+/]*={0,2}$", max_length=8192)]
"""Standard alphabet with padding, as in the files of the log."""
Index = Annotated[int, Field(ge=0, lt=2**53)]
"""Of an entry, from 0."""


class TilePath(Text):
    """What follows `/log/tile/`: `<level>/<n>`, and `.p/<width>` of a partial one."""

    tile: Annotated[str, Field(max_length=64)]


class BundlePath(Text):
    """What follows `/log/tile/entries/`: `<n>`, and `.p/<width>` of a partial one."""

    bundle: Annotated[str, Field(max_length=64)]


class DocumentPath(Text):
    """A public document, by its digest in hexadecimal."""

    sha256: Annotated[str, Field(max_length=64)]


class ReceiptQuery(Text):
    """How long to wait for a receipt, and for which."""

    wait: Annotated[int, Field(ge=0, le=30)] = 0
    """Seconds."""
    witnessed: bool = False
    """Only one whose head the quorum has cosigned."""


class OpeningsQuery(Text):
    """Entries behind an index, at most so many."""

    after: Index | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 500


class Opened(Shape):
    """An entry that the caller may open."""

    index: Index
    rid: Id
    """Name of its receipt."""
    opening: Base64
    """Version, label, salt and event (docs/log-formats.md); it proves itself against the leaf."""
    detail: Base64 | None = None
    """Why something was refused or has ended, for who may know: 32 bytes of salt, then the JSON."""


class Openings(Shape):
    """A page of what the caller may open, in the order of the log."""

    entries: tuple[Opened, ...]
    next: Index | None = None
    """Index to continue after, also where the page is empty; null at the newest signed head."""


class TombstonesQuery(Text):
    """Tombstones behind a digest, at most so many."""

    after: Digest | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 100


class TombstonePath(Text):
    """A tombstone, by its digest."""

    digest: Digest


class ListedTombstone(Shape):
    """A document of which an `erased` event of the log has the digest."""

    digest: Digest
    made_at: Moment


class Tombstones(Shape):
    """A page of tombstones, in the order of their digests."""

    tombstones: tuple[ListedTombstone, ...]
    pending: Annotated[int, Field(ge=0)]
    """Entries that were erased and that no tombstone names yet."""
    next: Digest | None = None
    """Digest to continue after; null where there are no more."""
