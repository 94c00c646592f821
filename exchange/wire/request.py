"""A document request: one agency asks a partner for documents, or to seek a consent for them.

About whom, what and why is sealed to the asked agency. The answer is a disclosure that names the
request, or nothing at all: no member, state or event says that somebody declined.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exchange.canonical import Json, b64u
from exchange.consent.record import ConsentRecord
from exchange.consent.subject import SubjectFacts, read_subject
from exchange.errors import Malformed
from exchange.members import Members, write_time
from exchange.rules import broken, refuse
from exchange.statement import Kind, Verified, seconds
from exchange.vocabulary import Scope

LONGEST = timedelta(days=30)
"""From `iat` to the deadline at most (Art. 12(3) GDPR sets the outer limit of every deadline)."""
LARGEST_SEALED = 14 * 1024
"""Bytes of the sealed part; with two signatures the statement stays below its limit."""
MOST_CATEGORIES = 12
WORDS_SIZE = 2_000
"""Characters of what is needed, and of why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRequest:
    """What one agency asks of another."""

    id: str
    """UUID v4."""
    iat: int
    """Seconds since 1970."""
    agency: str
    """Who asks."""
    to: str
    """Who is asked."""
    agreement: str
    """Digest of the agreement under which both exchange."""
    purpose: str
    categories: frozenset[str]
    """1 to 12 kinds of documents."""
    deadline: datetime
    """Until when it is open, half open; at most 30 days after `iat`."""
    sealed: bytes = field(repr=False)
    """The block of `wanted_block`, sealed to the asked agency alone."""
    consent: str | None = None
    """Digest of the consent it is made under; None asks the partner to seek one."""

    def payload(self) -> dict[str, Json]:
        """Return the members to sign; `consent` is absent where one is to be sought."""
        consent: dict[str, Json] = {} if self.consent is None else {"consent": self.consent}
        return {
            "id": self.id,
            "iat": self.iat,
            "agency": self.agency,
            "to": self.to,
            "agreement": self.agreement,
            "purpose": self.purpose,
            "categories": sorted(self.categories),
            "deadline": write_time(self.deadline),
            "sealed": b64u(self.sealed),
            **consent,
        }


def read_request(verified: Verified) -> DocumentRequest:
    """Read a document request whose signatures have verified.

    Raises:
        Malformed: another kind of statement, a member is missing, unknown or of another shape,
            it is asked of the asker itself, or its deadline is no deadline.
    """
    if verified.kind is not Kind.DOCUMENT_REQUEST:
        raise Malformed("this statement is no document request")
    members = Members(verified.payload)
    found = DocumentRequest(
        id=members.uuid("id"),
        iat=members.seconds("iat"),
        agency=members.agency("agency"),
        to=members.agency("to"),
        agreement=members.digest("agreement"),
        purpose=members.code("purpose"),
        categories=members.codes("categories", 1, MOST_CATEGORIES),
        deadline=members.time("deadline"),
        sealed=members.raw("sealed"),
        consent=members.digest("consent") if members.has("consent") else None,
    )
    members.end()
    if found.agency == found.to:
        raise Malformed("to: an agency does not ask itself")
    if not 0 < seconds(found.deadline) - found.iat <= LONGEST.total_seconds():
        raise Malformed("deadline: not within 30 days")
    if not 0 < len(found.sealed) <= LARGEST_SEALED:
        raise Malformed(f"sealed: not from 1 to {LARGEST_SEALED} bytes")
    return found


def check_request(
    request: DocumentRequest, scope: Scope, consent: ConsentRecord | None, *, in_force: bool
) -> None:
    """Refuse a request for what could never be sent; said to its author alone.

    Args:
        request: as read.
        scope: of the agreement it names.
        consent: the one it names, as its author may read it; None where it names none.
        in_force: whether the agreement is in force now.

    Raises:
        LintRefused: L06 the purpose is none of the agreement, or not the consent's; L09 nothing
            of this kind may go from the asked agency to the asker, or not under this consent; L10
            the agreement is not in force, or not the one the consent lives under.
    """
    flow = scope.flow(request.to, request.agency)
    admitted = {
        "L06": (
            "purpose",
            request.purpose in scope.vocabulary.purposes
            and (consent is None or request.purpose == consent.purpose.code),
        ),
        "L09": (
            "categories",
            flow is not None
            and request.categories <= flow.categories
            and (consent is None or _allows(consent, request)),
        ),
        "L10": ("agreement", in_force and (consent is None or _shares(consent, request))),
    }
    refuse([broken(rule, name) for rule, (name, holds) in admitted.items() if not holds])


def _allows(consent: ConsentRecord, request: DocumentRequest) -> bool:
    return (
        request.to in consent.releasers
        and request.agency in consent.recipients
        and request.categories <= consent.categories
    )


def _shares(consent: ConsentRecord, request: DocumentRequest) -> bool:
    return request.agreement == consent.agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is sealed: without it the asked agency could not judge whether it may answer."""

    subject: SubjectFacts = field(repr=False)
    """Who it is about."""
    needed: str = field(repr=False)
    """Which documents, in words."""
    why: str = field(repr=False)
    """Why they are necessary for the purpose (§ 67d(1) SGB X: who asks answers for this)."""

    def payload(self) -> dict[str, Json]:
        """Return the members of the block besides `request`."""
        return {"subject": self.subject.payload(), "needed": self.needed, "why": self.why}


def wanted_block(request_id: str, wanted: Wanted) -> dict[str, Json]:
    """Return what is sealed: it repeats the id, so that no block fits another request."""
    return {"request": request_id, **wanted.payload()}


def read_wanted(block: Mapping[str, Json], request_id: str) -> Wanted:
    """Read an opened block.

    Raises:
        Malformed: of another request, or a member is missing, unknown or of another shape;
            nothing of it is quoted.
    """
    members = Members(block, "sealed")
    if members.uuid("request") != request_id:
        raise Malformed("the sealed part belongs to another request")
    found = Wanted(
        subject=members.take("subject", read_subject),
        needed=members.text("needed", size=WORDS_SIZE, lines=True),
        why=members.text("why", size=WORDS_SIZE, lines=True),
    )
    members.end()
    return found
