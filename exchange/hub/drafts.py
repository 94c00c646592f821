"""Drafts of electronic consents that wait for the person: uploaded, opened, signed, fetched.

Who it is about is sealed in a draft as in a record. Declined, forgotten and expired drafts are
the same: gone. What a person signs is fixed by `prepare`: moment, key and digest of the text.
"""

from dataclasses import dataclass
from datetime import datetime

from exchange.consent.record import ConsentRecord
from exchange.hub.parts import Hub
from exchange.vocabulary import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """A draft as the holder of its invitation sees it."""

    record: ConsentRecord
    """The record as it would be if she signed at `at`; its key is a stand-in."""
    scope: Scope
    """Labels, names and contacts of the agreement."""
    text: str
    """Exactly the text she consents to, as of `at`."""
    at: datetime
    """When it was opened: goes back to `prepare` unchanged, so that she signs what she read."""
    until: datetime
    """When the draft is gone."""
    signed: bool
    """She has signed; the agency fetches it. It is not in force before that."""


async def open_draft(hub: Hub, code_text: str) -> DraftView | None:
    """Return the draft that an invitation opens, or None: wrong, used up, expired, gone.

    Args:
        hub: the parts.
        code_text: the invitation as typed, of any length.
    """
    raise NotImplementedError


async def prepare(hub: Hub, code_text: str, *, at: datetime, person_key: bytes) -> str | None:
    """Return what her browser signs (ASCII, to be signed as it is), or None as `open_draft`.

    Args:
        hub: the parts.
        code_text: the invitation as typed.
        at: from `DraftView.at`; not older than two hours.
        person_key: 32 bytes, raw Ed25519, made in her browser.
    """
    raise NotImplementedError


async def sign_draft(hub: Hub, code_text: str, *, to_sign: str, signature: str) -> bool:
    """Store her signature until the agency fetches it; False without saying why.

    Forged, stale, over another text, under another draft, signed before: all the same.

    Args:
        hub: the parts.
        code_text: the invitation as typed.
        to_sign: from `prepare`, given back by her browser.
        signature: base64url of 64 bytes, Ed25519 over the bytes of `to_sign`.
    """
    raise NotImplementedError


async def take_back(hub: Hub, code_text: str) -> bool:
    """Forget her signature as long as the consent is not recorded: the draft waits again.

    Afterwards she withdraws. False where there is nothing to take back.
    """
    raise NotImplementedError
