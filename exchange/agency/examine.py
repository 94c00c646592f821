"""Steps 1 to 7 of receiving: what can be verified before a key, or the log, is asked for.

The numbers are those of docs/formats.md, order of verification of the recipient. Outcomes are
errors: `Held` leaves the document at the hub, `Rejected` is answered with its code.
"""

from dataclasses import dataclass

from exchange.agency.parts import Gateway
from exchange.agency.records import KnownConsent
from exchange.consent.decision import Asked, Deny, Reason, decide
from exchange.envelope.manifest import Manifest, check_sealed_size, check_times, read_manifest
from exchange.errors import (
    ExchangeError,
    Held,
    HubMisbehaves,
    LintRefused,
    Malformed,
    NotFound,
    StatementNotAcceptable,
    TooLarge,
)
from exchange.statement import Kind, Verified
from exchange.wire import acknowledgement, shapes
from exchange.wire.asked import asked_by_manifest
from exchange.wire.routes import MANIFEST_LIMIT


class Rejected(ExchangeError):
    """The document is answered with a signed rejection."""

    def __init__(self, reason: acknowledgement.Reason) -> None:
        super().__init__(f"rejected: {reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A disclosure that may be fetched and collected."""

    manifest: Manifest
    asked: Asked
    consent: KnownConsent


async def signed(gateway: Gateway, offered: shapes.Disclosure, *, before: bool = False) -> Verified:
    """Steps 1 and 2: return the manifest's statement, signed by whom this agency trusts.

    Args:
        gateway: the parts.
        offered: from the inbox.
        before: whether it was verified here before.

    Raises:
        Held: not signed by anybody pinned, or not as it must be; the sender is not to blame.
    """
    data = offered.statement.encode("utf-8")
    # 1: the clock was compared with the hub's in each answer; the size before anything is read.
    if len(data) > MANIFEST_LIMIT:
        raise Held("statement-not-acceptable")
    try:
        return await gateway.partners.verify(  # 2
            data, {Kind.MANIFEST}, now=gateway.clock(), before=before
        )
    except (StatementNotAcceptable, TooLarge, Malformed):
        raise Held("statement-not-acceptable") from None


def read(gateway: Gateway, offered: shapes.Disclosure, verified: Verified) -> Manifest:
    """Steps 3 to 5: return the manifest, addressed to this agency, valid now.

    Raises:
        Rejected: malformed, not-for-us, key-lost or expired.
        Held: the hub offers it under another id or with another size.
    """
    try:
        manifest = read_manifest(verified)  # 3
        check_sealed_size(manifest.sealed_size, len(manifest.context.recipients))
    except (Malformed, TooLarge, StatementNotAcceptable):
        raise Rejected(acknowledgement.Reason.MALFORMED) from None
    if (manifest.context.id, manifest.digest) != (offered.id, offered.manifest):
        raise Held(HubMisbehaves.reason)
    keys = [key.key for key in manifest.context.recipients if key.agency == gateway.agency]
    if len(keys) != 1:
        raise Rejected(acknowledgement.Reason.NOT_FOR_US)  # 4
    if keys[0] not in gateway.document_keys:
        raise Rejected(acknowledgement.Reason.KEY_LOST)
    try:
        check_times(manifest.context, gateway.clock())  # 5
    except StatementNotAcceptable:
        raise Rejected(acknowledgement.Reason.EXPIRED) from None
    return manifest


async def permitted(gateway: Gateway, manifest: Manifest, consent_id: str) -> Examined:
    """Step 7: the consent covers it, and has not ended as of now.

    Raises:
        Rejected: not-permitted.
        Held: the consent has ended and the hub offers the document still.
    """
    consent = await _consent(gateway, manifest, consent_id)
    asked = asked_by_manifest(manifest.context)
    denied = await reasons(gateway, asked, consent)
    if Reason.ENDED in denied:
        raise Held("consent-ended")
    if denied:
        raise Rejected(acknowledgement.Reason.NOT_PERMITTED)
    return Examined(manifest=manifest, asked=asked, consent=consent)


async def _consent(gateway: Gateway, manifest: Manifest, consent_id: str) -> KnownConsent:
    try:
        return await gateway.records.consent(
            now=gateway.clock(), digest=manifest.context.consent, consent_id=consent_id
        )
    except NotFound:  # the hub hides it from us: it has ended, or is none of ours
        raise Held("consent-ended") from None
    except (StatementNotAcceptable, Malformed, LintRefused, TooLarge, HubMisbehaves):
        raise Rejected(acknowledgement.Reason.NOT_PERMITTED) from None


async def reasons(gateway: Gateway, asked: Asked, consent: KnownConsent) -> frozenset[Reason]:
    """Decide as of now; return the reasons of a no, empty for a yes (steps 7 and 15)."""
    now = gateway.clock()
    try:
        standing = await gateway.records.standing(asked, consent, now=now)
    except (StatementNotAcceptable, Malformed, LintRefused):
        return frozenset({Reason.AGREEMENT})
    decided = decide(asked, consent.record, standing, now=now)
    return frozenset(decided.reasons) if isinstance(decided, Deny) else frozenset()
