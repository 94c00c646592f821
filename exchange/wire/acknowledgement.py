"""What a recipient did with a disclosure, as a signed statement.

Written by the recipient's gateway, read by the sender and the hub. Says nothing about what the
document held: after the collection every failure is one word, `unreadable`.
"""

from dataclasses import dataclass
from enum import StrEnum

from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.members import Members
from exchange.statement import Kind, Verified


class Result(StrEnum):
    """How a received disclosure ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why a disclosure was not accepted; codes of docs/formats.md, receiving."""

    MALFORMED = "malformed"
    """Step 3: manifest or context; in quarantine: the intake format refused the files."""
    KEY_LOST = "key-lost"
    """Step 4: sealed to a key that no longer exists; the sender seals again."""
    NOT_FOR_US = "not-for-us"
    """Step 4."""
    EXPIRED = "expired"
    """Step 5."""
    REPLAY = "replay"
    """Step 6: a known id with other content."""
    NOT_PERMITTED = "not-permitted"
    """Step 7."""
    UNREADABLE = "unreadable"
    """Steps 11 to 13, whatever the exact cause."""
    NOT_ACCEPTED = "not-accepted"
    """Step 14: files outside the published capabilities, or the notice on the purpose is missing.
    Step 15: documents of others that the consent does not let the sender pass on."""
    INTAKE = "intake"
    """Step 17: the intake adapter failed; an administrator looks at the document."""


GIVES_USE_BACK = frozenset({Reason.KEY_LOST, Reason.UNREADABLE})
"""Reasons of a rejection after which nothing was read, so a counted use is given back."""

_REASONS = {
    Result.ACCEPTED: frozenset[Reason](),
    Result.REJECTED: frozenset(Reason) - {Reason.NOT_ACCEPTED, Reason.INTAKE},
    Result.QUARANTINED: frozenset({Reason.MALFORMED, Reason.NOT_ACCEPTED, Reason.INTAKE}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A recipient's answer to one disclosure."""

    id: str
    """UUID v4."""
    iat: int
    """Seconds since 1970."""
    agency: str
    """The recipient that answers."""
    manifest: str
    """Digest of the manifest's statement."""
    result: Result
    reason: Reason | None = None
    """None exactly when accepted."""
    purpose_binding: str | None = None
    """SHA-256 of the notice on purpose and secrecy that came with it, lowercase hex: the recipient
    has received its duties (§ 78 SGB X). None where none is due, and unless accepted."""

    def __post_init__(self) -> None:
        if self.purpose_binding is not None and self.result is not Result.ACCEPTED:
            raise Malformed("only who accepts a disclosure confirms its notice")
        allowed = _REASONS[self.result]
        if (self.reason is None) is bool(allowed) or (self.reason and self.reason not in allowed):
            raise Malformed("an acknowledgement has another reason than its result needs")

    @property
    def gives_use_back(self) -> bool:
        """Whether the disclosure no longer counts against the consent: nobody read anything."""
        return self.result is Result.REJECTED and self.reason in GIVES_USE_BACK

    def payload(self) -> dict[str, Json]:
        """Return the members to sign; those that are None are absent."""
        stated: dict[str, Json] = {
            "id": self.id,
            "iat": self.iat,
            "agency": self.agency,
            "manifest": self.manifest,
            "result": self.result.value,
        }
        if self.reason is not None:
            stated["reason"] = self.reason.value
        if self.purpose_binding is not None:
            stated["purpose_binding"] = self.purpose_binding
        return stated


def read_acknowledgement(verified: Verified) -> Acknowledgement:
    """Read an acknowledgement whose signatures have verified.

    Raises:
        Malformed: another kind of statement, or a member is missing, unknown or of another shape.
    """
    if verified.kind is not Kind.ACKNOWLEDGEMENT:
        raise Malformed("this statement is no acknowledgement")
    members = Members(verified.payload)
    found = Acknowledgement(
        id=members.uuid("id"),
        iat=members.seconds("iat"),
        agency=members.agency("agency"),
        manifest=members.digest("manifest"),
        result=members.word("result", Result),
        reason=members.word("reason", Reason) if members.has("reason") else None,
        purpose_binding=(
            members.sha256("purpose_binding") if members.has("purpose_binding") else None
        ),
    )
    members.end()
    return found
