"""Steps 9 and 10 of receiving: the payload, which is noise alone, and then the header.

The payload comes first on purpose: releasing the header is the whole gate, and what was logged as
collected is worth it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection

from exchange import canonical
from exchange.agency import arrivals, spool
from exchange.agency.awaited import Awaited, await_receipt
from exchange.agency.evidence import RECEIPT, add_evidence
from exchange.agency.log_points import COLLECTED
from exchange.agency.parts import Gateway
from exchange.agency.prove import owe
from exchange.agency.state import Received, Receiving
from exchange.agency.threads import SHORT, off_loop
from exchange.agency.verify_log import Logged, vouch
from exchange.envelope.age.decrypt import SeekableSealed
from exchange.envelope.manifest import Manifest
from exchange.errors import Held, HubMisbehaves, Malformed
from exchange.wire import shapes

Payload: TypeAlias = bytes | Path
"""A payload as fetched: a short one in memory, else the file in `incoming` where it lies."""


async def payload(gateway: Gateway, offered: shapes.Disclosure, manifest: Manifest) -> Payload:
    """Step 9: fetch the payload; its size is the one that was signed, its digest the hub's.

    The signed digest covers header and payload together and is checked at step 11; the hub's own
    shows a damaged download before anything is collected.

    Raises:
        NotFound: ended in the meantime.
        Held: twice another size or digest than stated.
    """
    if offered.payload_size != manifest.payload_size:
        raise Held(HubMisbehaves.reason)
    for attempt in (present, anew):
        try:
            found = await attempt(gateway, manifest)
        except HubMisbehaves:
            continue
        if await off_loop(manifest.payload_size, _sha256, found) == offered.payload_sha256:
            return found
    raise Held("payload-damaged")


async def present(gateway: Gateway, manifest: Manifest) -> Payload:
    """Return the payload, of which a crash may have left a part; nothing of it was ever synced.

    Raises:
        NotFound: ended in the meantime.
    """
    named = manifest.context.id
    if manifest.payload_size <= SHORT:
        return await gateway.client.short_payload(
            named, size=manifest.payload_size, sealed_sha256=manifest.sealed_sha256
        )
    file = spool.payload_file(gateway.home, named)
    await gateway.client.payload(
        named, file, size=manifest.payload_size, sealed_sha256=manifest.sealed_sha256
    )
    return file


async def anew(gateway: Gateway, manifest: Manifest) -> Payload:
    """Fetch the payload from its beginning, because what is here is not what it must be.

    Raises:
        NotFound: ended in the meantime.
    """
    await off_loop(
        manifest.payload_size, spool.remove, gateway.home, manifest.context.id, opened=False
    )
    return await present(gateway, manifest)


@contextmanager
def reading(found: Payload) -> Iterator[SeekableSealed]:
    """Open a payload to be read."""
    with BytesIO(found) if isinstance(found, bytes) else found.open("rb") as source:
        yield source


async def collect(gateway: Gateway, fresh: Received, logged: Logged) -> Received:
    """Step 10: pass the gate and keep the header, durably, with what the log has shown.

    The hub vouches once more that the consent had not ended when it released the header. Its
    receipt of the collection follows as soon as a head has it (`prove.catch_up`).

    A crash before the commit asks again and gets the same header while the consent holds; if it
    ended meanwhile there is nothing to keep.

    Raises:
        NotFound: the gate says no: withdrawn, expired, recalled.
        Held: the hub does not vouch for the consent, or in a way that is worth nothing.
    """
    vouched = await gateway.client.collect(fresh.id)
    released = vouched.value
    try:
        header = canonical.unb64u(released.header)
    except Malformed:
        raise HubMisbehaves("the hub released something that is no header") from None
    if released.id != fresh.id:
        raise HubMisbehaves("the hub released another header than was asked for")
    status = await vouch(gateway, vouched.status, fresh.consent, logged.receipt)
    collected = replace(
        fresh,
        state=Receiving.COLLECTED,
        header=header,
        collected_at=released.collected_at,
        receipt=logged.receipt,
        status=status,
        log=logged.entry,
    )
    owed = owe(gateway, COLLECTED, fresh.digest, fresh.id, released.receipt)
    await gateway.state.write(_keep, collected, logged, owed)
    return collected


def _keep(conn: Connection, collected: Received, logged: Logged, owed: Awaited) -> None:
    arrivals.put_received(conn, collected, "manifest")
    keep_logged(conn, collected, logged)
    await_receipt(conn, owed)


def keep_logged(conn: Connection, received: Received, logged: Logged) -> None:
    """Keep what the log has shown of a collected disclosure, as evidence."""
    arrivals.put_received(conn, received, "receipt", "status")
    add_evidence(conn, received.consent, RECEIPT, logged.consent_receipt)


def _sha256(found: Payload) -> str:
    if isinstance(found, bytes):
        return canonical.sha256_hex(found)
    with found.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
