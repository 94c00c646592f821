"""Release a header: the gate. One unit of work decides, logs and hands it out.

The numbers are those of docs/formats.md, order of verification: the hub, releasing.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from exchange.audit import event
from exchange.canonical import b64u, labelled
from exchange.consent.decision import Asked, Deny, Permit, Reason
from exchange.errors import NotFound, Unavailable
from exchange.hub import gate, repeat
from exchange.hub.gate import NOWHERE, Attempt, Denied, Examined
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.say_status import status_of
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
    receipt: str | None
    """Name of the entry that records the first one."""
    status: bytes | None
    """The note that the consent is active, of the same unit of work."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What had to be looked at or awaited before the unit of work."""

    asked: Asked
    chain: Chain
    vetoed: bool


async def collect(hub: Hub, disclosure: str, caller: str, *, once: Once | None) -> Released:
    """Release the header of `disclosure` to `caller`, or refuse, and record that.

    A repetition by the same recipient gets the same header while all of this still holds.

    Raises:
        NotFound: absent, hidden, over or denied; the caller cannot tell which.
    """
    gate.require_certain(hub)
    chain, question = await hub.db.look(_seek, disclosure, caller)
    # Of what is absent or over nothing is parsed: that took longer than finding nothing.
    asked = gate.nothing(caller) if question is None else asked_by_manifest(context_of(question))
    vetoed = question is not None and await gate.vetoes(hub, asked)
    ready = _Ready(asked, await gate.chain_for(hub, chain), vetoed)
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
    examined = gate.examine(conn, hub, ready.asked, vetoed=ready.vetoed, counted=1)
    # Behind the locks: whoever held them may have ended it, or given it to this recipient.
    found = disclosures.gated(conn, disclosure, caller)
    try:
        granted, found = _permitted(conn, caller, examined, found, ready)
    except Denied as denied:
        attempt = Attempt(
            caller=caller,
            request=b64u(labelled("xch-collection-request-v1", disclosure.encode("ascii"))),
            consent=None if found is None else found.consent,
        )
        gate.refuse(conn, hub, ready.chain, attempt, denied)
        return None
    repeat.claim(conn, once, now=granted.decided_at)
    return _release(conn, hub, granted, found, caller, ready.chain)


def _permitted(
    conn: Connection, caller: str, examined: Examined, found: Gated | None, ready: _Ready
) -> tuple[Permit, Gated]:
    """Return permit and disclosure; absent, hidden and over run every statement a denial runs."""
    active = caller in agencies.active(conn, [caller])
    kept = headers.kept(conn, NOWHERE if found is None else found.id)
    if found is not None and found.state in OVER:
        raise Denied((Reason.ENDED,), chain=ready.chain.uuid)
    granted = examined.decision
    if isinstance(granted, Deny):
        raise Denied(granted.reasons, chain=examined.chain)
    if found is None or not active:
        raise Denied((Reason.NO_CONSENT,))
    if not kept or granted.decided_at >= ready.asked.exp:
        raise Denied((Reason.ENDED,), chain=ready.chain.uuid)
    return granted, found


def _release(
    conn: Connection, hub: Hub, granted: Permit, found: Gated, caller: str, chain: Chain
) -> Released:
    """Log the first release to `caller` and read the header, in the unit that has decided."""
    rid = log.name()
    first = disclosures.collect(conn, granted, found.id, caller, receipt=rid)
    if first:
        collected = event.disclosure_collected(
            at=granted.decided_at, by=caller, manifest=found.digest
        )
        log.record(conn, chain, collected, rid=rid)
    header = headers.release(conn, granted, found.id)
    if header is None:
        raise Unavailable("a header is there and cannot be released")
    return Released(
        header,
        found.collected_at or granted.decided_at,
        granted.decided_at,
        rid if first else found.collected_receipt,
        status_of(conn, hub, found.consent, at=granted.decided_at),
    )
