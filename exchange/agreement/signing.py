"""What a party says about an agreement after it was drafted: I sign it, I give notice.

Owns the payloads of both statements; whether a notice comes in time is computed in
`exchange.agreement.term`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.members import Members, write_time
from exchange.statement import Kind, Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementSignature:
    """A party's signature of an agreement that another party drafted."""

    digest: str
    """Digest of this statement."""
    kid: str
    """Name of the identity key that signed; it must be the one the agreement names."""
    id: str
    iat: int
    """Seconds since 1970."""
    agency: str
    agreement: str
    """Digest of the agreement statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementNotice:
    """A party's notice: the agreement is not to be renewed again."""

    digest: str
    """Digest of this statement."""
    id: str
    iat: int
    """Seconds since 1970."""
    agency: str
    agreement: str
    """Digest of the agreement statement."""
    ends: datetime
    """Half open: the first moment at which the agreement no longer holds."""

    @property
    def given_at(self) -> datetime:
        """When it was signed."""
        return datetime.fromtimestamp(self.iat, UTC)


def read_signature(verified: Verified) -> AgreementSignature:
    """Return the signature of an agreement from a verified statement, or raise Malformed."""
    if verified.kind is not Kind.AGREEMENT_SIGNATURE or verified.kid is None:
        raise Malformed("not the signature of an agreement")
    members = Members(verified.payload)
    found = AgreementSignature(
        digest=verified.digest,
        kid=verified.kid,
        id=members.uuid("id"),
        iat=members.seconds("iat"),
        agency=members.agency("agency"),
        agreement=members.digest("agreement"),
    )
    members.end()
    return found


def read_notice(verified: Verified) -> AgreementNotice:
    """Return the notice from a verified statement, or raise Malformed."""
    if verified.kind is not Kind.AGREEMENT_NOTICE:
        raise Malformed("not the notice of an agreement")
    members = Members(verified.payload)
    found = AgreementNotice(
        digest=verified.digest,
        id=members.uuid("id"),
        iat=members.seconds("iat"),
        agency=members.agency("agency"),
        agreement=members.digest("agreement"),
        ends=members.time("ends"),
    )
    members.end()
    return found


def signature_payload(*, id: str, iat: int, agency: str, agreement: str) -> dict[str, Json]:  # noqa: A002  # the member's name
    """Return the members of a signature to sign; `read_signature` is the way back."""
    return {"id": id, "iat": iat, "agency": agency, "agreement": agreement}


def notice_payload(
    *,
    id: str,  # noqa: A002  # the member's name
    iat: int,
    agency: str,
    agreement: str,
    ends: datetime,
) -> dict[str, Json]:
    """Return the members of a notice to sign; `read_notice` is the way back."""
    return {
        "id": id,
        "iat": iat,
        "agency": agency,
        "agreement": agreement,
        "ends": write_time(ends),
    }
