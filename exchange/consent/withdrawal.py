"""The withdrawal of a consent: who ended it, and how that reached an agency. No free text.

Withdrawing asks for nothing but that somebody says so; a withdrawal always ends the whole record.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from exchange.canonical import Json, encode, loads
from exchange.consent.record import ConsentRecord
from exchange.consent.words import Role
from exchange.errors import ExchangeError, Malformed
from exchange.members import Members, write_time
from exchange.statement import LARGEST, Kind, Verified
from exchange.vocabulary import Scope, Secrecy


class By(StrEnum):
    """Who withdrew."""

    SUBJECT = "subject"
    GUARDIAN = "guardian"
    """One who signed, or a later holder of that power; also a child's clear no."""
    ENTRUSTING = "entrusting"
    AGENCY = "agency"
    """The collecting agency itself, with a reason."""


class EndReason(StrEnum):
    """Why the collecting agency ends a consent."""

    PURPOSE_REACHED = "purpose-reached"
    SUBJECT_DECEASED = "subject-deceased"
    RECORDED_IN_ERROR = "recorded-in-error"
    CAPACITY_CHANGED = "capacity-changed"
    UNLAWFUL = "unlawful"


KEEPING = frozenset(
    {EndReason.PURPOSE_REACHED, EndReason.SUBJECT_DECEASED, EndReason.CAPACITY_CHANGED}
)
"""Ends after which recipients follow their own rules instead of an erasure request."""


class Channel(StrEnum):
    """How the withdrawal reached the agency."""

    IN_PERSON = "in-person"
    PHONE = "phone"
    LETTER = "letter"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A withdrawal whose signatures were verified."""

    digest: str
    """Digest of this statement."""
    kind: Kind
    """Signed by the agency that took it down, or by the person's own key."""
    id: str
    iat: int
    """Seconds since 1970."""
    consent: str
    """Digest of the consent statement."""
    agency: str | None
    """Which took it down; None when the person signed it herself, as the four below."""
    by: By | None
    reason: EndReason | None
    """Of the collecting agency only."""
    channel: Channel | None
    received_at: datetime
    """When it reached the agency, not when it was typed; signed by the person: when she signed."""

    @property
    def asks_erasure(self) -> bool:
        """Whether recipients that collected must erase (Art. 17, 19 GDPR)."""
        return self.reason not in KEEPING


def read_withdrawal(verified: Verified) -> Withdrawal:
    """Return the withdrawal in a verified statement of either kind.

    Raises:
        Malformed: another kind of statement, unknown, missing or wrongly typed members, or a
            reason without the agency, or the reverse.
    """
    if verified.kind not in (Kind.WITHDRAWAL, Kind.WITHDRAWAL_ELECTRONIC):
        raise Malformed("not a withdrawal")
    members = Members(verified.payload)
    iat = members.seconds("iat")
    noted = verified.kind is Kind.WITHDRAWAL
    by = members.word("by", By) if noted else None
    found = Withdrawal(
        digest=verified.digest,
        kind=verified.kind,
        id=members.uuid("id"),
        iat=iat,
        consent=members.digest("consent"),
        agency=members.agency("agency") if noted else None,
        by=by,
        reason=members.word("reason", EndReason) if by is By.AGENCY else None,
        channel=members.word("channel", Channel) if noted else None,
        received_at=members.time("received_at") if noted else datetime.fromtimestamp(iat, UTC),
    )
    members.end()
    return found


def payload(withdrawal: Withdrawal) -> dict[str, Json]:
    """Return the members to sign; `read_withdrawal` is the way back."""
    written: dict[str, Json] = {
        "id": withdrawal.id,
        "iat": withdrawal.iat,
        "consent": withdrawal.consent,
        "agency": withdrawal.agency,
        "by": withdrawal.by and withdrawal.by.value,
        "reason": withdrawal.reason and withdrawal.reason.value,
        "channel": withdrawal.channel and withdrawal.channel.value,
        "received_at": None if withdrawal.by is None else write_time(withdrawal.received_at),
    }
    return {name: value for name, value in written.items() if value is not None}


def may_end(withdrawal: Withdrawal, consent: ConsentRecord, scope: Scope) -> bool:
    """Tell whether the one who withdrew may end this consent; any one of them may, alone.

    A withdrawal wrongly recorded only stops an exchange; one wrongly refused breaks the law. So
    nobody is asked for proof: any party may take down what it was told.

    Args:
        withdrawal: verified; one signed by the person was verified with the consent's own key.
        consent: the record it names.
        scope: of the agreement the consent lives under.
    """
    if withdrawal.consent != consent.digest:
        return False
    if withdrawal.by is None:
        return True
    if withdrawal.agency not in scope.parties:
        return False
    if withdrawal.by is By.AGENCY:
        return withdrawal.agency == consent.collected_by
    if withdrawal.by is By.ENTRUSTING:
        return consent.secrecy is Secrecy.ENTRUSTED or any(
            signer.role is Role.ENTRUSTING for signer in consent.signers
        )
    return True


BY_CODE = "code"
"""Member `by` of a withdrawal on the person's page."""


def by_code(consent: str, *, at: datetime) -> bytes:
    """Return the hub's record of a withdrawal with the person's code, in its RFC 8785 form.

    Nobody has signed it: the code was the proof, and a forged withdrawal can only stop. It
    stands where a signed withdrawal stands, and the log holds its digest.

    Args:
        consent: digest of the consent statement.
        at: hub time, whole seconds.
    """
    return encode({"by": BY_CODE, "consent": consent, "received_at": write_time(at)})


def is_by_code(data: bytes, consent: str) -> bool:
    """Tell whether `data` is the hub's word that this consent was withdrawn with a code.

    It proves nothing: whoever would destroy something because of it asks a person first.
    """
    try:
        members = Members(loads(data, limit=LARGEST))
        named = members.digest("consent")
        at = members.time("received_at")
    except ExchangeError:
        return False
    return named == consent and data == by_code(consent, at=at)
