"""Who signed a consent and its withdrawal, and with which key.

Read from the statements as they are stored: every signature was verified before that.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

from exchange import jws
from exchange.canonical import digest, loads
from exchange.consent.record import ConsentRecord
from exchange.consent.withdrawal import is_by_code
from exchange.errors import ExchangeError, Unavailable
from exchange.hub.stored import said
from exchange.members import read_time
from exchange.statement import LARGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signer of a statement."""

    by: Literal["agency", "person"]
    agency: str | None
    """None of a person."""
    key: str
    """Name of the agency's identity key, or of the person's own key: 43 characters."""
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSigned:
    """One person who gave the consent, as the record says; never a name."""

    role: str
    at: datetime
    identified: str
    """How the collecting agency knew who she is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalSeen:
    """How a consent was withdrawn, and who signed that."""

    way: Literal["agency", "key", "code"]
    """An agency took it down; the person signed it with her own key; or her code was the proof."""
    digest: str
    by: str | None
    """Who withdrew, as the agency took it down; None of the person at her page."""
    channel: str | None
    """How that reached the agency; None as above."""
    received_at: datetime
    signatures: tuple[Signature, ...]
    """Empty of one by code: nobody has signed it."""


def signatures_of(statement: bytes, agency: str | None) -> tuple[Signature, ...]:
    """Return who signed a stored statement, in its order.

    Args:
        statement: a consent, or a withdrawal that somebody has signed.
        agency: that it names; None where the person signed alone.

    Raises:
        Unavailable: the database no longer holds what was stored.
    """
    try:
        entries = jws.read(statement).signatures
    except ExchangeError as error:
        raise Unavailable("a stored statement cannot be read") from error
    pairs = [
        (kid, tuple(one.alg for one in same))
        for kid, same in groupby(entries, key=lambda entry: entry.kid)
    ]
    # Of an agency both halves of its key sign, of a person the one key of her browser.
    return tuple(
        Signature(by="agency", agency=agency, key=kid, algorithms=algorithms)
        if jws.ML_DSA_65 in algorithms
        else Signature(by="person", agency=None, key=kid, algorithms=algorithms)
        for kid, algorithms in pairs
    )


def persons_of(record: ConsentRecord) -> tuple[PersonSigned, ...]:
    """Return who gave a consent, in the order of the record."""
    return tuple(
        PersonSigned(role=one.role.value, at=one.at, identified=one.identified.value)
        for one in record.signers
    )


def withdrawal_of(statement: bytes | None, consent: str) -> WithdrawalSeen | None:
    """Return how a consent was withdrawn; None where it was not, or the agency may not know.

    Args:
        statement: the stored withdrawal.
        consent: digest of the record.

    Raises:
        Unavailable: the database no longer holds what was stored.
    """
    if statement is None:
        return None
    if is_by_code(statement, consent):
        at = read_time(loads(statement, limit=LARGEST)["received_at"])
        return _withdrawal("code", statement, {}, at, ())
    members = said(statement)
    agency = members.get("agency")
    signatures = signatures_of(statement, agency)
    if agency is None:
        at = datetime.fromtimestamp(members["iat"], UTC)
        return _withdrawal("key", statement, {}, at, signatures)
    at = read_time(members["received_at"])
    return _withdrawal("agency", statement, members, at, signatures)


def _withdrawal(
    way: Literal["agency", "key", "code"],
    statement: bytes,
    members: dict[str, str],
    at: datetime,
    signatures: tuple[Signature, ...],
) -> WithdrawalSeen:
    return WithdrawalSeen(
        way=way,
        digest=digest(statement),
        by=members.get("by"),
        channel=members.get("channel"),
        received_at=at,
        signatures=signatures,
    )
