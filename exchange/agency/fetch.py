"""Steps 9 and 10 of receiving: the payload, which is noise alone, and then the header.

The payload comes first on purpose: releasing the header is the whole gate, and what was logged as
collected is worth it.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from exchange.agency import arrivals, spool
from exchange.agency.parts import Gateway
from exchange.agency.state import Received, Receiving
from exchange.agency.threads import off_loop
from exchange.canonical import unb64u
from exchange.envelope.manifest import Manifest
from exchange.errors import Held, HubMisbehaves, Malformed
from exchange.wire import shapes


async def payload(gateway: Gateway, offered: shapes.Disclosure, manifest: Manifest) -> None:
    """Step 9: fetch the payload; its size is the one that was signed, its digest the hub's.

    The signed digest covers header and payload together and is checked at step 11; the hub's own
    shows a damaged download before anything is collected.

    Raises:
        NotFound: ended in the meantime.
        Held: twice another size or digest than stated.
    """
    if offered.payload_size != manifest.payload_size:
        raise Held(HubMisbehaves.reason)
    if await _fetched(gateway, offered, manifest):
        return
    await off_loop(manifest.payload_size, spool.remove, gateway.home, offered.id, opened=False)
    if not await _fetched(gateway, offered, manifest):
        raise Held("payload-damaged")


async def _fetched(gateway: Gateway, offered: shapes.Disclosure, manifest: Manifest) -> bool:
    file = spool.payload_file(gateway.home, offered.id)
    try:
        await _fetch(gateway, manifest)
    except HubMisbehaves:
        return False
    found = await off_loop(manifest.payload_size, _sha256, file)
    return found == offered.payload_sha256


async def _fetch(gateway: Gateway, manifest: Manifest) -> None:
    await gateway.client.payload(
        manifest.context.id,
        spool.payload_file(gateway.home, manifest.context.id),
        size=manifest.payload_size,
        sealed_sha256=manifest.sealed_sha256,
    )


async def again_if_missing(gateway: Gateway, manifest: Manifest) -> None:
    """Fetch what a crash has lost of a payload; the file is not synced before step 18.

    Raises:
        NotFound: ended in the meantime.
    """
    file = spool.payload_file(gateway.home, manifest.context.id)
    if _size(file) != manifest.payload_size:
        await _fetch(gateway, manifest)


async def anew(gateway: Gateway, manifest: Manifest) -> None:
    """Step 11: fetch the payload once again, because it was not what the sender signed.

    Raises:
        NotFound: ended in the meantime.
    """
    await off_loop(
        manifest.payload_size, spool.remove, gateway.home, manifest.context.id, opened=False
    )
    await _fetch(gateway, manifest)


async def collect(gateway: Gateway, fresh: Received) -> Received:
    """Step 10: pass the gate and keep the header, durably.

    A crash before the commit asks again and gets the same header while the consent holds; if it
    ended meanwhile there is nothing to keep.

    Raises:
        NotFound: the gate says no: withdrawn, expired, recalled.
    """
    released = await gateway.client.collect(fresh.id)
    try:
        header = unb64u(released.header)
    except Malformed:
        raise HubMisbehaves("the hub released something that is no header") from None
    if released.id != fresh.id:
        raise HubMisbehaves("the hub released another header than was asked for")
    collected = replace(
        fresh,
        state=Receiving.COLLECTED,
        header=header,
        collected_at=released.collected_at,
    )
    await gateway.state.write(arrivals.put_received, collected, "manifest")
    return collected


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else -1


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
