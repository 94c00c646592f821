"""Receive an announced sealed document in pieces; each piece is durable before it is confirmed.

No state in memory and no lock: a piece is a blob and a row, the offset is their sum. When the last
piece is there, the whole is split, hashed and stored in the one unit of work of `disclose`.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, suppress

from sqlalchemy import Connection

from exchange.consent.decision import Permit
from exchange.errors import (
    Conflict,
    Malformed,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    Tampered,
    Unavailable,
)
from exchange.hub import disclose, gate
from exchange.hub.parts import Hub
from exchange.hub.storage import consents, ending, inbox, uploads
from exchange.hub.storage.blobs import discard, new_name
from exchange.hub.storage.log import Chain
from exchange.hub.storage.uploads import Piece, Upload
from exchange.hub.stored import context_of, manifest_of
from exchange.wire.asked import asked_by_manifest

STORED = frozenset({"stored", "collected", "acknowledged"})


async def find(hub: Hub, disclosure: str, caller: str) -> Upload:
    """Return an open upload to its sender while its consent holds.

    Raises:
        NotFound: absent, of another sender, complete, or over.
    """
    found = await hub.db.read(uploads.find, disclosure, caller)
    if found is None:
        raise NotFound
    asked = asked_by_manifest(context_of(found.manifest))
    vetoed = await gate.vetoes(hub, asked)
    examined = await hub.db.read(gate.examine, hub, asked, vetoed=vetoed)
    if not isinstance(examined.decision, Permit):
        raise NotFound  # no leaf: an incomplete upload has disclosed nothing
    return found


async def add_piece(
    hub: Hub, upload: Upload, caller: str, start: int, arriving: AsyncIterator[bytes]
) -> int:
    """Keep what arrives as the piece at `start`, and return the new offset.

    Raises:
        Conflict: the upload has another offset; one of two racers gets it.
        TooLarge: more arrives than was announced; the piece is dropped.
        NotFound: the upload ended while the piece arrived.
    """
    if start != upload.offset:
        raise Conflict("the upload has another offset")
    kept = await hub.blobs.put(new_name(), arriving, limit=upload.size - start)
    if not kept.size:
        await discard(hub.blobs, kept.blob)
        return start
    piece = Piece(start=start, size=kept.size, blob=kept.blob)
    try:
        # A crash before the commit leaves a blob that no row names; the sweeper removes it.
        return await hub.db.write(_add, upload.id, caller, piece)
    except OutcomeUnknown:
        raise  # the row may name the piece: it must not go
    except Exception:
        await discard(hub.blobs, kept.blob)
        raise


def _add(conn: Connection, disclosure: str, caller: str, piece: Piece) -> int:
    found = uploads.find(conn, disclosure, caller)
    if found is None:
        raise NotFound
    return uploads.add_piece(conn, found, piece)


async def complete(hub: Hub, upload: Upload, caller: str) -> None:
    """Store the disclosure whose pieces are all there; a repetition is no error.

    Raises:
        NotFound: its consent has ended.
        Tampered, Malformed: the pieces are not what the manifest describes; the upload is over.
    """
    manifest = manifest_of(upload.manifest)
    try:
        planned = await disclose.plan(hub, manifest)
        pieces = await hub.db.read(uploads.pieces, upload.id)
        sealed = await disclose.receive(hub, manifest, _joined(hub, pieces))
        await disclose.conclude(hub, manifest, planned, sealed, once=None)
    except NotPermitted:
        raise NotFound from None
    except (Tampered, Malformed):
        await _give_up(hub, upload, caller)
        raise
    # Stored. The first piece holds a copy of the header: it must not outlive this answer by more
    # than a crash, or a store that fails, after which the sweeper removes it.
    with suppress(Unavailable):
        await remove_pieces(hub, upload.id, pieces)


async def remove_pieces(hub: Hub, disclosure: str, pieces: Iterable[Piece]) -> None:
    """Remove pieces of an upload that is over; the blob first, so that a crash repeats it."""
    for piece in pieces:
        await hub.blobs.delete(piece.blob)
        await hub.db.write(uploads.forget, disclosure, piece.start)


async def _joined(hub: Hub, pieces: tuple[Piece, ...]) -> AsyncIterator[bytes]:
    for piece in pieces:
        try:
            async with aclosing(hub.blobs.read(piece.blob, 0, piece.size)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except NotFound:  # not yet to be seen in its store, or lost: the upload goes on or expires
            raise Unavailable("a piece of an upload is missing") from None


async def _give_up(hub: Hub, upload: Upload, caller: str) -> None:
    """End an upload that can never be completed; its pieces are swept."""
    found = await hub.db.read(ending.recallable, upload.id, caller)
    if found is None:
        return
    chain = await hub.vault.chain(found.chain)
    try:
        await hub.db.write(_end, hub, upload.id, caller, chain)
    except Conflict:  # stored or over meanwhile
        return


def _end(conn: Connection, hub: Hub, disclosure: str, caller: str, chain: Chain) -> None:
    found = ending.recallable(conn, disclosure, caller)
    if found is None:
        return
    consents.find(conn, found.consent)
    if uploads.find(conn, disclosure, caller) is None:  # stored or over while we waited
        return
    ending.recall(conn, found, chain, at=hub.clock())


async def complete_size(hub: Hub, disclosure: str, caller: str) -> int | None:
    """Return the size of a disclosure that `caller` has uploaded completely, or None."""
    found = await hub.db.read(inbox.seen, disclosure, caller)
    if found is None or found.state not in STORED:
        return None
    return found.sealed_size if context_of(found.manifest).sender == caller else None
