"""Making keys, and the statements that announce, replace and revoke them.

Randomness is used here and nowhere else in the keyring. Never writes a file and never sends.
"""

import os
from datetime import datetime

from exchange.errors import Malformed
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.demo import demo_seed
from exchange.keyring.directory import LONGEST_LIFE_S, OVERLAP_S, KeyStatement
from exchange.keyring.recipient import DocumentRecipient
from exchange.keyring.signing import SEED_SIZE, AuditorKey, IdentityKey
from exchange.statement import Kind, seconds, sign


def new_identity(agency: str) -> IdentityKey:
    """Make a new identity key from the operating system's randomness."""
    return IdentityKey(agency, os.urandom(SEED_SIZE), os.urandom(SEED_SIZE))


def new_auditor_key() -> AuditorKey:
    """Make a new auditor's key from the operating system's randomness."""
    return AuditorKey(os.urandom(SEED_SIZE))


def new_document_key() -> DocumentKey:
    """Make a new document key from the operating system's randomness."""
    return DocumentKey.generate()


def announce(
    identity: IdentityKey,
    document: DocumentRecipient,
    *,
    previous: KeyStatement | None,
    now: datetime | int,
    revoked: frozenset[str] = frozenset(),
) -> bytes:
    """Return a signed key statement: the first, a weekly re-issue, a rotation or a revocation.

    Persist the bytes before they are sent; a retry sends the same bytes.

    Args:
        identity: the agency's identity key.
        document: the document key from now on.
        previous: the agency's newest statement; None if there was none.
        now: aware moment, or seconds since 1970; valid from then on for 35 days.
        revoked: fingerprints to revoke, besides those revoked before.

    Raises:
        Malformed: `document` itself is revoked, or `previous` is another agency's.
    """
    if previous is not None and previous.agency != identity.agency:
        raise Malformed("the statement before is another agency's")
    given_up = revoked | (previous.revoked if previous is not None else frozenset())
    if document.fingerprint in given_up:
        raise Malformed("this document key is revoked")
    issued = seconds(now)
    return sign(
        Kind.KEY_STATEMENT,
        {
            "agency": identity.agency,
            "kid": identity.kid,
            "seq": 1 if previous is None else previous.seq + 1,
            "nbf": issued,
            "exp": issued + LONGEST_LIFE_S,
            "document": document.text,
            "previous": None if previous is None else previous.digest,
            "revoked": sorted(given_up),
        },
        identity,
    )


def succeed(old: IdentityKey, new: IdentityKey, *, now: datetime | int) -> bytes:
    """Return the signed succession from `old` to `new`; both are accepted for 90 days.

    Raises:
        Malformed: the two belong to different agencies, or are the same.
    """
    if old.agency != new.agency or old.kid == new.kid:
        raise Malformed("a succession leads to another key of the same agency")
    issued = seconds(now)
    return sign(
        Kind.KEY_SUCCESSION,
        {
            "agency": old.agency,
            "old": old.kid,
            "new": new.card.payload(),
            "iat": issued,
            "until": issued + OVERLAP_S,
        },
        old,
        new,
    )


def demo_document_key(agency: str) -> DocumentKey:
    """Return the first document key of a demo agency. Anybody can: it protects nothing."""
    return DocumentKey(demo_seed(agency, "document"))
