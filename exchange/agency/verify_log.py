"""Step 8 of receiving: no document is opened that the log does not account for.

The points are those of docs/formats.md, what a recipient demands of the log, in their order. Each
refusal leaves the document at the hub; none is answered with a rejection, because the sender is
not at fault.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from exchange.agency.awaited import Awaited, await_receipt, is_awaited, settle
from exchange.agency.evidence import RECEIPT, find_evidence
from exchange.agency.lies import check_status
from exchange.agency.log import UNWITNESSED
from exchange.agency.log_calls import rid_in
from exchange.agency.log_points import (
    RECORDED,
    STORED,
    is_fresh,
    precedes,
    shows_consent,
    shows_disclosure,
)
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownConsent
from exchange.audit.proof import Proven, read_receipt
from exchange.envelope.manifest import Manifest
from exchange.errors import Held
from exchange.wire import shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What the log has shown of a disclosure: the evidence, verified."""

    receipt: bytes = field(repr=False)
    """Of its being stored."""
    consent_receipt: bytes = field(repr=False)
    """Of the recording of its consent."""
    status: bytes = field(repr=False)
    """The hub's signed word that the consent had not ended."""
    entry: str
    """Where the disclosure stands, for people."""


async def verify_log(
    gateway: Gateway, offered: shapes.Disclosure, manifest: Manifest, consent: KnownConsent
) -> Logged:
    """Check that consent and disclosure are in the log, in one history, and not withdrawn.

    Args:
        gateway: whose own policy decides (point 1).
        offered: names the receipts; nothing of it is believed.
        manifest: verified.
        consent: verified, asked for just now.

    Raises:
        Held: `log-receipt-missing`, `log-receipt-invalid`, `log-split-view` or
            `log-not-witnessed`.
        ClockWrong: this machine's clock is behind a witness's.
    """
    consent_receipt, recorded = await _recorded(gateway, offered, consent)
    shows_consent(recorded, consent.record)  # 2
    receipt = await gateway.log.receipt(offered.receipt)
    stored = gateway.log.proven(receipt)
    shows_disclosure(stored, manifest.digest, manifest.context, recipient=gateway.agency)  # 3
    precedes(recorded, stored)  # 4
    vouched = await vouch(gateway, consent.status, consent.record.digest, receipt)  # 5, 6
    await gateway.log.agree(recorded.head, stored.head)  # 6
    await _witnessed(gateway, recorded, _owed(gateway, RECORDED, consent.record.digest, offered))
    await _witnessed(gateway, stored, _owed(gateway, STORED, manifest.digest, offered))  # 7
    return Logged(
        receipt=receipt,
        consent_receipt=consent_receipt,
        status=vouched,
        entry=f"entry {stored.index} of {gateway.log.trusted.origin}",
    )


async def vouch(gateway: Gateway, note: bytes | None, consent: str, receipt: bytes) -> bytes:
    """Points 5 and 6 for a status note: return it, once it is worth something.

    Also after the collection, and before a document is handed over.

    Args:
        gateway: the parts.
        note: as the hub gave it, just now.
        consent: digest of the consent.
        receipt: of the disclosure, verified before.

    Raises:
        Held: `log-receipt-missing` without a note, `log-status-false` for one that its consent's
            withdrawal proves a lie; else as `verify_log`.
    """
    status = gateway.log.status(note)
    await check_status(gateway, status.consent, note or b"")
    is_fresh(
        status,
        origin=gateway.log.trusted.origin,
        consent=consent,
        index=read_receipt(receipt).index,
        now=gateway.clock(),
        max_age_s=gateway.settings.log.status_max_age_s,
    )
    await gateway.log.agree_status(status, note or b"")
    return note or b""


async def _recorded(
    gateway: Gateway, offered: shapes.Disclosure, consent: KnownConsent
) -> tuple[bytes, Proven]:
    """Return the receipt of the consent: the one kept here, or else the hub's."""
    kept = await gateway.state.look(find_evidence, consent.record.digest, RECEIPT)
    if kept is not None:
        try:
            return kept, gateway.log.proven(kept)
        except Held:  # signed by a key that the policy no longer names: the hub has a newer one
            pass
    receipt = await gateway.log.receipt(offered.consent_receipt)
    return receipt, gateway.log.proven(receipt)


async def _witnessed(gateway: Gateway, proven: Proven, owed: Awaited) -> None:
    """Point 7: the head has its quorum, or was first seen a short while ago.

    What has none yet is asked for again in the background; see `prove.catch_up`.

    Raises:
        Held: `log-not-witnessed`.
    """
    known = await gateway.state.look(is_awaited, owed)
    if proven.head.quorum:
        if known is not None:
            await gateway.state.write(settle, owed)
        return
    if known is None:
        # By this gateway's clock, and durable: no restart makes the wait begin again.
        await gateway.state.write(await_receipt, owed)
        return
    if gateway.clock() - known.since >= timedelta(seconds=gateway.settings.log.receipt_grace_s):
        raise Held(UNWITNESSED)


def _owed(gateway: Gateway, kind: str, digest: str, offered: shapes.Disclosure) -> Awaited:
    of_consent = kind == RECORDED
    return Awaited(
        kind=kind,
        digest=digest,
        own=False,
        about=offered.consent_id if of_consent else offered.id,
        rid=rid_in((offered.consent_receipt if of_consent else offered.receipt) or ""),
        since=gateway.clock(),
        proved=True,
    )
