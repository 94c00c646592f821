"""The draft of an electronic consent: a record with stand-ins for what only signing fixes.

That is the moment, the person's key, and the digest of the text, which names the first day. The
same draft, moment and key give the same bytes everywhere, so what comes back is only compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from exchange.canonical import Json, encode, loads, sha256_hex
from exchange.consent import record, render
from exchange.consent.record import ConsentRecord
from exchange.errors import Malformed
from exchange.statement import LARGEST_RECORD, Kind, seconds
from exchange.vocabulary import Scope

LARGEST: Final = (LARGEST_RECORD - 8 * 1024) * 3 // 4
"""Bytes of a draft: in base64 and with three signatures it is still a statement of a record."""
STAND_IN_KEY: Final = bytes([0x58, *[0x66] * 31])
"""In the place of the key the person will make: the base point of Ed25519 (RFC 8032), because
the reader of a record refuses what is no key. Nobody signs with it."""
NO_TEXT: Final = "0" * 64
"""In the place of the digest of the text."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A draft at one moment, with one key: what the person reads and signs."""

    record: ConsentRecord
    payload: Mapping[str, Json]
    """The members to sign."""
    text: str
    """Exactly what she is shown; its digest is in the payload."""


def draft_of(consent: ConsentRecord) -> bytes:
    """Return the draft of a record in its RFC 8785 form; `read_draft` is the way back.

    Args:
        consent: as if it was signed when it was drafted, at `collected_at`; with any key and
            any digest of a text.
    """
    return encode(record.payload(_signed(consent, consent.collected_at, STAND_IN_KEY, NO_TEXT)))


def read_draft(encoded: bytes) -> ConsentRecord:
    """Return the record in a draft, with its stand-ins.

    Raises:
        Malformed: not an electronic consent with stand-ins, in another spelling, or with several
            signers: there is one key, and a record must not claim what nobody has signed.
        TooLarge: more than `LARGEST` bytes.
    """
    members = loads(encoded, limit=LARGEST)
    if not isinstance(members, dict):
        raise Malformed("a draft is an object")
    found = record.read_payload(members, Kind.CONSENT_ELECTRONIC, digest="")
    if draft_of(found) != encoded:
        raise Malformed("a draft has stand-ins for key, text and moment, in the canonical form")
    if len(found.signers) != 1:
        raise Malformed("signers: one person signs on the page; several sign on paper")
    return found


def fix(
    draft: ConsentRecord, scope: Scope, *, at: datetime, person_key: bytes = STAND_IN_KEY
) -> Fixed:
    """Return what the person reads and signs at `at` with her key.

    A validity that was to begin when the draft was made begins when she signs.

    Args:
        draft: from `read_draft`.
        scope: of its agreement.
        at: aware, whole seconds.
        person_key: 32 bytes, raw Ed25519, not weak; the stand-in only for reading.

    Raises:
        Malformed: the agreement lacks the text, or a word the text needs.
    """
    text = render.notice_of(_signed(draft, at, person_key, NO_TEXT), scope)
    found = _signed(draft, at, person_key, sha256_hex(text.encode("utf-8")))
    return Fixed(found, record.payload(found), text)


def _signed(draft: ConsentRecord, at: datetime, person_key: bytes, sha256: str) -> ConsentRecord:
    at_once = draft.valid_from <= draft.collected_at
    return replace(
        draft,
        iat=seconds(at),
        valid_from=at if at_once else max(at, draft.valid_from),
        signers=tuple(replace(signer, at=at) for signer in draft.signers),
        notice=replace(draft.notice, sha256=sha256),
        person_key=person_key,
        collected_at=at,
    )
