"""Whether a disclosure is covered by a consent: one pure decision, and when a use is given back.

The only module that makes a `Permit`. There is no override, no exception, no emergency: what the
law allows without consent does not go through this system.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exchange.consent.record import ConsentRecord
from exchange.errors import Malformed
from exchange.vocabulary import Secrecy


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """One document of another agency that is part of what is to be disclosed."""

    sender: str
    """The agency it came from."""
    secrecy: Secrecy
    """The class it came with."""
    collected: bool
    """Whether the one who asks has really collected it; known to that gateway only."""
    purpose: str | None = None
    """What it was given for; known to the gateway that collected it, None elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One disclosure somebody asks for: who gives what kind of document to whom, and why."""

    consent: str
    """Digest of the consent statement."""
    sender: str
    recipients: frozenset[str]
    purpose: str
    category: str
    secrecy: Secrecy
    exp: datetime
    """When the disclosure expires if nobody has collected it."""
    onward: tuple[Onward, ...] = ()
    """Documents of others in it. Empty where the contents are not known: at the hub."""

    def __post_init__(self) -> None:
        if not self.recipients:  # the empty set is a subset of everything: it would be permitted
            raise Malformed("a disclosure names at least one recipient")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What happened to a consent since it was signed; read under its lock."""

    recorded: bool
    """Whether the record is in the hub's tables."""
    used: int
    """Uses counted for other disclosures: a stored one does not count against its collection."""
    ended_at: datetime | None
    """When it was withdrawn or ended by an agency, whatever the clock says now."""
    agreement_covers: bool
    """Whether the agreement is in force now and admits what is asked."""
    without_undertaking: frozenset[str]
    """Private parties that have not undertaken the purpose binding."""
    vetoed: bool
    """Whether a gate plugin denies; none can permit."""


class Reason(StrEnum):
    """Why a disclosure is denied. Never sent to the caller; officers and tests read it."""

    NO_CONSENT = "no-consent"
    """Unknown record, bad signature, erased, or the sender is not among the releasers."""
    ENDED = "ended"
    NOT_YET = "not-yet"
    """Before `valid_from`, or not yet recorded at the hub."""
    AGREEMENT = "agreement"
    RECIPIENT = "recipient"
    PURPOSE = "purpose"
    CATEGORY = "category"
    SECRECY = "secrecy"
    ONWARD = "onward"
    UNDERTAKING = "undertaking"
    USED_UP = "used-up"
    EXP = "exp"
    """The disclosure would outlive the consent."""
    VETO = "veto"


@dataclass(frozen=True, slots=True)
class Permit:
    """Proof that `decide` said yes. Storing or handing out a document requires one."""

    asked: Asked
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Deny:
    """Every reason that applies, in the order of `Reason`; never empty."""

    reasons: tuple[Reason, ...]


def decide(
    asked: Asked, consent: ConsentRecord | None, standing: Standing, *, now: datetime
) -> Permit | Deny:
    """Decide whether `consent` covers `asked` at the moment `now`.

    The validity interval is half open: valid_from <= now < valid_until. A withdrawal counts from
    the moment it is recorded, whatever time it states (Art. 7(3) GDPR).

    Args:
        asked: what the sender wants to disclose, from a manifest whose signatures verified.
        consent: a record whose signatures the caller has verified; None where there is none, it
            did not verify, or it is erased.
        standing: read under the same lock that the commit of this decision will hold.
        now: timezone-aware moment of the decision, taken after the last lock.

    Returns:
        `Permit`, or `Deny` with every reason that applies, so that an officer sees them all.
    """
    if consent is None:
        return Deny((Reason.NO_CONSENT,))
    checks = {
        Reason.NO_CONSENT: asked.consent != consent.digest or asked.sender not in consent.releasers,
        Reason.ENDED: standing.ended_at is not None or now >= consent.valid_until,
        Reason.NOT_YET: not standing.recorded or now < consent.valid_from,
        Reason.AGREEMENT: not standing.agreement_covers,
        Reason.RECIPIENT: not asked.recipients <= consent.recipients,
        Reason.PURPOSE: asked.purpose != consent.purpose.code,
        Reason.CATEGORY: asked.category not in consent.categories,
        Reason.SECRECY: asked.secrecy > consent.secrecy,
        Reason.ONWARD: not all(_passes_on(asked, consent, onward) for onward in asked.onward),
        Reason.UNDERTAKING: not asked.recipients.isdisjoint(standing.without_undertaking),
        Reason.USED_UP: consent.uses != "recurring" and standing.used >= consent.uses,
        Reason.EXP: asked.exp > consent.valid_until,
        Reason.VETO: standing.vetoed,
    }
    reasons = tuple(reason for reason, applies in checks.items() if applies)
    return Deny(reasons) if reasons else Permit(asked, now)


def _passes_on(asked: Asked, consent: ConsentRecord, onward: Onward) -> bool:
    """Tell whether one document of another agency may be among what is asked.

    Its class is never lowered on the way (section 76 SGB X), and what was entrusted goes only
    where it was meant to go (section 65 SGB VIII).
    """
    strays = onward.secrecy is Secrecy.ENTRUSTED and onward.purpose not in {None, asked.purpose}
    return (
        onward.collected
        and not strays
        and onward.sender in consent.onward_from
        and onward.secrecy <= min(asked.secrecy, consent.secrecy)
    )


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a disclosure at one recipient."""

    collected: bool
    """Whether its header was ever released to this recipient."""
    rejected_for: str | None = None
    """Reason code of a signed rejection."""


UNREAD = frozenset({"key-lost", "unreadable"})
"""Reasons of a rejection after which the recipient cannot have read the document."""


def gives_back(fates: Collection[Fate]) -> bool:
    """Tell whether the use of a disclosure in a final state is given back to its consent.

    It is when no recipient can have read the document, so that a legitimate second attempt is
    not refused as a repetition. A rejection after reading and `quarantined` keep the use.

    Args:
        fates: one per recipient of a disclosure that has ended, expired or been acknowledged.
    """
    return all(not fate.collected or fate.rejected_for in UNREAD for fate in fates)
