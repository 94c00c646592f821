"""Release a header: the gate. One unit of work decides, logs and hands it out.

The numbers are those of docs/formats.md, order of verification: the hub, releasing.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from exchange.audit import event
from exchange.canonical import b64u, labelled
from exchange.consent.decision import Permit, Reason
from exchange.errors import NotFound, Unavailable
from exchange.hub import gate, repeat
from exchange.hub.gate import Attempt, Denied
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import agencies, consents, disclosures, headers, log
from exchange.hub.storage.disclosures import OVER, Gated
from exchange.hub.storage.log import Chain
from exchange.hub.stored import context_of
from exchange.wire.asked import asked_by_manifest


@dataclass(frozen=True, slots=True)
class Released:
    """A header on its way to a recipient; it exists in this value and in its row only."""

    header: bytes = field(repr=False)
    collected_at: datetime
    """When this recipient was first given it."""
    decided_at: datetime
    """When this release was decided, just before its commit."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What had to be awaited before the unit of work."""

    chain: Chain
    vetoed: bool


async def collect(hub: Hub, disclosure: str, caller: str, *, once: Once | None) -> Released:
    """Release the header of `disclosure` to `caller`, or refuse, and record that.

    A repetition by the same recipient gets the same header while all of this still holds.

    Raises:
        NotFound: absent, hidden, over or denied; the caller cannot tell which.
    """
    chain, question = await hub.db.look(_seek, disclosure, caller)
    vetoed = False
    if question is not None and hub.vetoes:
        vetoed = await gate.vetoes(hub, asked_by_manifest(context_of(question)))
    ready = _Ready(await gate.chain_for(hub, chain), vetoed)
    released = await hub.db.write(_collect, hub, disclosure, caller, ready, once)
    if released is None:
        raise NotFound
    # Committed: from here on the header counts as handed out, whether or not it arrives. If a
    # withdrawal comes next, this recipient is asked to erase.
    return released


def _seek(conn: Connection, disclosure: str, caller: str) -> tuple[str | None, bytes | None]:
    """Return the chain of a disclosure, if `caller` is its recipient, and its manifest, if open."""
    found = disclosures.gated(conn, disclosure, caller)
    filed = consents.filed(conn, "" if found is None else found.consent)
    chain = None if filed is None else filed.chain
    return chain, None if found is None or found.state in OVER else found.manifest


def _collect(
    conn: Connection, hub: Hub, disclosure: str, caller: str, ready: _Ready, once: Once | None
) -> Released | None:
    found = disclosures.gated(conn, disclosure, caller)
    try:
        granted, found = _permitted(conn, hub, disclosure, caller, found, ready)
    except Denied as denied:
        attempt = Attempt(
            caller=caller,
            request=b64u(labelled("xch-collection-request-v1", disclosure.encode("ascii"))),
            consent=None if found is None else found.consent,
        )
        gate.refuse(conn, hub, ready.chain, attempt, denied)
        return None
    repeat.claim(conn, once, now=granted.decided_at)
    return _release(conn, granted, found, caller, ready.chain)


def _permitted(
    conn: Connection,
    hub: Hub,
    disclosure: str,
    caller: str,
    found: Gated | None,
    ready: _Ready,
) -> tuple[Permit, Gated]:
    """Decide; absent, hidden and over run every statement that a denial runs.

    Of what is over nothing is parsed any more: that took longer than finding nothing.
    """
    over = found is not None and found.state in OVER
    active = caller in agencies.active(conn, [caller])
    kept = headers.kept(conn, disclosure)
    asked = (
        gate.nothing(caller)
        if found is None or over
        else asked_by_manifest(context_of(found.manifest))
    )
    try:
        granted = gate.permit(conn, hub, asked, vetoed=ready.vetoed, counted=1)
    except Denied:
        if over:
            raise Denied((Reason.ENDED,), chain=ready.chain.uuid) from None
        raise
    if found is None or not active:
        raise Denied((Reason.NO_CONSENT,))
    if not kept or granted.decided_at >= asked.exp:
        raise Denied((Reason.ENDED,), chain=ready.chain.uuid)
    return granted, found


def _release(
    conn: Connection, granted: Permit, found: Gated, caller: str, chain: Chain
) -> Released:
    """Log the first release to `caller` and read the header, in the unit that has decided."""
    if disclosures.collect(conn, granted, found.id, caller):
        collected = event.disclosure_collected(
            at=granted.decided_at, by=caller, manifest=found.digest
        )
        log.record(conn, chain, collected)
    header = headers.release(conn, granted, found.id)
    if header is None:
        raise Unavailable("a header is there and cannot be released")
    return Released(header, found.collected_at or granted.decided_at, granted.decided_at)
