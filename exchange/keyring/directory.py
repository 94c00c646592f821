"""Whom an agency trusts: pins, key statements, successions, and when a key statement counts.

Pure: what was seen before is an argument, and the caller stores what comes back. The hub's word is
never enough: without a pin nothing is sealed to anybody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from exchange import members as strict
from exchange import statement
from exchange.canonical import Json, unb64u
from exchange.errors import ExchangeError, Held, Malformed
from exchange.keyid import IdentityCard, identity_card
from exchange.keyring.fingerprint import SIZE
from exchange.keyring.recipient import DocumentRecipient
from exchange.members import Members
from exchange.statement import CLOCK_SKEW_S, Kind, Verified

LONGEST_LIFE_S = 35 * 86_400
"""Seconds a key statement may be valid: a hub can keep a sender on an old key no longer."""
OVERLAP_S = 90 * 86_400
"""Seconds during which the old and the new identity are both accepted after a succession."""
LARGEST_REVOKED = 300
"""Fingerprints one statement may revoke; with the key they fit the largest statement."""
CONFIRMATIONS = 2
"""Persons who compare a fingerprint before it is pinned; named by role."""


class Method(StrEnum):
    """How a fingerprint was confirmed, always outside the hub."""

    ANNEX = "annex"
    MEETING = "meeting"
    TELEPHONE = "telephone"


@dataclass(frozen=True, slots=True)
class Pin:
    """One agency's identity as two persons of this agency have confirmed it."""

    agency: str
    kid: str
    since: datetime
    method: Method
    confirmed_by: tuple[str, ...]
    """Two roles, such as "head of office"; never names of persons."""

    def payload(self) -> dict[str, Json]:
        """Return the members of the pin's file."""
        return {
            "agency": self.agency,
            "kid": self.kid,
            "since": strict.write_time(self.since),
            "method": self.method.value,
            "confirmed_by": list(self.confirmed_by),
        }


def read_pin(payload: object) -> Pin:
    """Read a pin from its members, or raise Malformed."""
    members = Members(payload, "pin")
    pin = Pin(
        members.agency("agency"),
        members.take("kid", _fingerprint),
        members.time("since"),
        members.word("method", Method),
        members.take("confirmed_by", _roles),
    )
    members.end()
    return pin


def _roles(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) != CONFIRMATIONS:
        raise Malformed("two roles confirm a pin")
    return tuple(strict.words(role, size=100) for role in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatement:
    """An agency's newest document key, in its own words."""

    agency: str
    kid: str
    seq: int
    """From 1, one more with every statement; over changes of the identity too."""
    nbf: int
    exp: int
    """Seconds since 1970, half open."""
    document: str
    """The document key: `age1pq1...`, not yet proved usable (`DocumentRecipient.parse`)."""
    previous: str | None
    """Digest of the statement before; None exactly for the first."""
    revoked: frozenset[str]
    """Fingerprints of document keys that must never be used again."""
    digest: str
    statement: bytes = field(repr=False)


def read_key_statement(verified: Verified) -> KeyStatement:
    """Read a key statement whose signatures have verified.

    Raises:
        Malformed: another kind of statement, or a member is missing, unknown or of another shape.
    """
    if verified.kind is not Kind.KEY_STATEMENT:
        raise Malformed("this statement is no key statement")
    members = Members(verified.payload)
    found = KeyStatement(
        agency=members.agency("agency"),
        kid=members.take("kid", _fingerprint),
        seq=members.integer("seq", 1, 2**31 - 1),
        nbf=members.seconds("nbf"),
        exp=members.seconds("exp"),
        document=members.take("document", _document),
        previous=members.take("previous", _previous),
        revoked=members.take("revoked", _fingerprints),
        digest=verified.digest,
        statement=verified.statement,
    )
    members.end()
    if (found.previous is None) is not (found.seq == 1):
        raise Malformed("exactly the first key statement has no statement before it")
    if not found.nbf < found.exp:
        raise Malformed("a key statement ends before it begins")
    return found


def _document(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("a document key is a text")
    return value


def _fingerprint(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("a fingerprint is a text")
    unb64u(value, size=SIZE)
    return value


def _fingerprints(value: object) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > LARGEST_REVOKED:
        raise Malformed("not a list of fingerprints")
    found = [_fingerprint(name) for name in value]
    strict.ordered(found, "list")
    return frozenset(found)


def _previous(value: object) -> str | None:
    return None if value is None else strict.digest(value)


@dataclass(frozen=True, slots=True)
class Succession:
    """An agency's new identity, signed by the old and the new pair. It switches nothing itself."""

    agency: str
    old: str
    """`kid` of the old pair."""
    new: IdentityCard
    iat: int
    until: int
    """Seconds since 1970, half open: when the old pair stops being accepted."""
    digest: str
    statement: bytes = field(repr=False)


def read_succession(verified: Verified) -> Succession:
    """Read a key succession whose four signatures have verified.

    Raises:
        Malformed: another kind of statement, a member is missing, unknown or of another shape,
            or old and new are accepted together for longer than 90 days.
    """
    if verified.kind is not Kind.KEY_SUCCESSION:
        raise Malformed("this statement is no key succession")
    members = Members(verified.payload)
    found = Succession(
        members.agency("agency"),
        members.take("old", _fingerprint),
        members.take("new", identity_card),
        members.seconds("iat"),
        members.seconds("until"),
        verified.digest,
        verified.statement,
    )
    members.end()
    if not found.iat < found.until <= found.iat + OVERLAP_S:
        raise Malformed("a key succession lasts up to 90 days")
    if found.new.kid == found.old:
        raise Malformed("a key succession leads to another key")
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What was accepted of an agency before; stored durably, or a restart allows a rollback."""

    seq: int
    """Highest sequence number accepted."""
    digest: str
    """Digest of that statement."""
    revoked: frozenset[str]
    """Every fingerprint this agency ever revoked; later statements need not repeat them."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A key statement that may be sealed to, and what must be stored before that."""

    statement: KeyStatement
    recipient: DocumentRecipient
    seen: Seen
    log: str
    """Where it stands in the log, for the evidence."""


ReceiptVerifier: TypeAlias = Callable[[bytes], str]
"""Verifies that these very bytes are in the log, and returns where, for the evidence.

Raises Held when a receipt is missing or wrong. The caller has fetched it.
"""


def accept(
    pin: Pin,
    card: IdentityCard,
    data: bytes,
    *,
    seen: Seen | None,
    now: datetime | int,
    verify_receipt: ReceiptVerifier,
) -> Accepted:
    """Decide whether `data` is a key statement that documents may be sealed to.

    The numbers are those of docs/formats.md, accepting a key statement.

    Args:
        pin: the agency's identity as persons have confirmed it.
        card: its public keys, as the directory delivers them.
        data: the statement, as the directory delivers it.
        seen: what was accepted of this agency before; None the first time.
        now: aware moment, or seconds since 1970.
        verify_receipt: judges the log's receipt.

    Raises:
        Held: `reason` is key-not-pinned, statement-not-acceptable, key-stale, key-rollback,
            key-equivocation, key-revoked or key-unusable, or one of the log's.
    """
    if card.kid != pin.kid:
        raise Held("key-not-pinned")  # 1
    found = _read(card, data, now)  # 2
    if (found.agency, found.kid) != (pin.agency, pin.kid):
        raise Held("key-not-pinned")  # 3
    _check_age(found, statement.seconds(now))  # 4
    _check_order(found, seen)  # 5
    try:
        recipient = DocumentRecipient.parse(found.document)  # 7, whose parse 6 needs
    except Malformed:
        raise Held("key-unusable") from None
    revoked = found.revoked | (seen.revoked if seen is not None else frozenset())
    if recipient.fingerprint in revoked:
        raise Held("key-revoked")  # 6
    log = verify_receipt(found.statement)  # 8
    return Accepted(found, recipient, Seen(found.seq, found.digest, revoked), log)


def _read(card: IdentityCard, data: bytes, now: datetime | int) -> KeyStatement:
    try:
        verified = statement.verify(data, {Kind.KEY_STATEMENT}, {card.kid: card}, now=now)
        return read_key_statement(verified)
    except ExchangeError as refused:
        raise Held("statement-not-acceptable") from refused


def _check_age(found: KeyStatement, now: int) -> None:
    if not found.nbf - CLOCK_SKEW_S <= now < found.exp:
        raise Held("key-stale")
    if found.exp - found.nbf > LONGEST_LIFE_S:
        raise Held("key-stale")


def _check_order(found: KeyStatement, seen: Seen | None) -> None:
    if seen is None:
        return
    if found.seq < seen.seq:
        raise Held("key-rollback")
    if found.seq == seen.seq and found.digest != seen.digest:
        raise Held("key-equivocation")
    if found.seq == seen.seq + 1 and found.previous != seen.digest:
        raise Held("key-equivocation")
