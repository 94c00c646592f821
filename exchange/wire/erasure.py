"""A recipient's signed answer to a request to erase what it collected (Art. 17, 19 GDPR).

What is kept is kept on a ground of its own, fenced off, until a date; the answer never describes
the document or the person.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from exchange import members as strict
from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.members import Members
from exchange.statement import Kind, Verified

LARGEST_NUMBER = 500
"""Manifests one answer may name: what fits the largest statement."""


class Result(StrEnum):
    """What happened to the documents."""

    ERASED = "erased"
    """Also when nothing was ever kept."""
    KEPT = "kept"


class Ground(StrEnum):
    """Why something is kept (Art. 17(3) GDPR, § 84 SGB X)."""

    STATUTORY_FILE_RULE = "statutory-file-rule"
    LEGAL_CLAIMS = "legal-claims"
    OWN_LEGAL_BASIS = "own-legal-basis"
    PERSON_ASKED = "person-asked"


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays, and how long; always restricted to its ground (Art. 18 GDPR)."""

    ground: Ground
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A recipient's confirmation that it erased, or its statement of what it keeps."""

    id: str
    """UUID v4."""
    iat: int
    """Seconds since 1970."""
    agency: str
    """The recipient that answers."""
    erasure: str
    """Id of the request at the hub."""
    consent: str
    """Digest of the consent that ended."""
    manifests: tuple[str, ...]
    """Digests of the manifests concerned, sorted."""
    kept: Kept | None = None
    """None: everything is erased."""
    passed_on: frozenset[str] = frozenset()
    """Agencies that lawfully got it onward; each gets a request of its own."""

    @property
    def result(self) -> Result:
        """`erased` or `kept`."""
        return Result.ERASED if self.kept is None else Result.KEPT

    def payload(self) -> dict[str, Json]:
        """Return the members to sign; the three about what is kept are absent when erased."""
        kept: dict[str, Json] = {}
        if self.kept is not None:
            kept = {
                "ground": self.kept.ground.value,
                "restricted": True,
                "until": self.kept.until.isoformat(),
            }
        return {
            "id": self.id,
            "iat": self.iat,
            "agency": self.agency,
            "erasure": self.erasure,
            "consent": self.consent,
            "manifests": list(self.manifests),
            "result": self.result.value,
            "passed_on": sorted(self.passed_on),
            **kept,
        }


def read_erasure(verified: Verified) -> Erasure:
    """Read an erasure confirmation whose signatures have verified.

    Raises:
        Malformed: another kind of statement, a member is missing, unknown or of another shape,
            or something is kept without being restricted.
    """
    if verified.kind is not Kind.ERASURE:
        raise Malformed("this statement is no erasure confirmation")
    members = Members(verified.payload)
    found = Erasure(
        id=members.uuid("id"),
        iat=members.seconds("iat"),
        agency=members.agency("agency"),
        erasure=members.uuid("erasure"),
        consent=members.digest("consent"),
        manifests=members.take("manifests", _digests),
        kept=_kept(members),
        passed_on=members.agencies("passed_on", 0, LARGEST_NUMBER),
    )
    members.end()
    return found


def _kept(members: Members) -> Kept | None:
    if members.word("result", Result) is Result.ERASED:
        return None
    if not members.flag("restricted"):
        raise Malformed("what is kept must be restricted")
    return Kept(members.word("ground", Ground), members.take("until", _date))


def _digests(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= LARGEST_NUMBER:
        raise Malformed("not a list of digests")
    digests = tuple(strict.digest(text) for text in value)
    strict.ordered(digests, "list")
    return digests


def _date(value: object) -> date:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.isoformat() != value:
        raise Malformed("a date is written YYYY-MM-DD")
    return found
