"""Drafts of electronic consents that wait for the person: uploaded, opened, signed, fetched.

Who it is about is sealed in a draft as in a record. Declined, forgotten and expired drafts are
the same: gone. What a person signs is fixed by `prepare`: moment, key and digest of the text,
of the very draft she has read.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from exchange.canonical import sha256_hex, unb64u
from exchange.consent import own_key
from exchange.consent.draft import STAND_IN_KEY, Fixed, fix, read_draft
from exchange.consent.own_key import OwnSignature
from exchange.consent.record import ConsentRecord
from exchange.errors import (
    Conflict,
    LintRefused,
    Malformed,
    NotFound,
    NotPermitted,
    TooLarge,
    TooMany,
)
from exchange.hub import opened, repeat
from exchange.hub.parts import Hub
from exchange.hub.record_consent import agreed, check
from exchange.hub.repeat import Once
from exchange.hub.storage import drafts
from exchange.hub.storage.drafts import Draft
from exchange.keyid import ED25519_SIZE, person_key
from exchange.members import Members
from exchange.rules import refused
from exchange.statement import CLOCK_SKEW_S, Kind
from exchange.vocabulary import Scope

KEPT = timedelta(days=14)
"""How long a draft waits for the person."""
READING = timedelta(hours=2)
"""How long she may take from opening a draft to signing what she read."""
MOST_WAITING = 1_000
"""Drafts of one agency that wait at the same time."""
ELECTRONIC = Kind.CONSENT_ELECTRONIC


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
    seen: str
    """SHA-256 of the draft, in hex: goes back as well, for another may take its place."""
    until: datetime
    """When the draft is gone."""
    signed: bool
    """She has signed; the agency fetches it. It is not in force before that."""


async def keep_draft(
    hub: Hub, caller: str, encoded: bytes, invitation: str, *, once: Once | None
) -> Draft:
    """Keep a draft for the person to sign; the very same again gets the first, with its deadline.

    Args:
        hub: the parts.
        caller: the collecting agency.
        encoded: RFC 8785 form, with stand-ins (`exchange.consent.draft`).
        invitation: digest of the code with which she opens it.
        once: the caller's Idempotency-Key.

    Raises:
        Malformed: not a draft of an electronic consent.
        NotPermitted: the operator admits no consents with a person's own key.
        LintRefused: signed as it is, it would break rules; or another agency collects it.
        Conflict: its id or invitation was used before, or this repeats a request whose draft is
            gone since.
        TooMany: too many of this caller wait.
    """
    if not hub.rules.electronic:
        raise NotPermitted
    record = read_draft(encoded)
    if record.collected_by != caller:
        raise refused("L44", "collected_by")
    return await hub.db.write(_keep, hub, (record, encoded, invitation), once)


def _keep(
    conn: Connection, hub: Hub, given: tuple[ConsentRecord, bytes, str], once: Once | None
) -> Draft:
    record, encoded, invitation = given
    now = hub.clock()
    _fixed(conn, hub, record, at=now.replace(microsecond=0))
    asked_first = repeat.claim(conn, once, now=now)
    new = Draft(
        id=record.id,
        agency=record.collected_by,
        agreement=record.agreement,
        invitation=invitation,
        until=now + KEPT,
        draft=encoded,
    )
    kept = drafts.add(conn, new, now=now)
    if kept is new and not asked_first:  # it has been here and is gone; that stays so
        raise Conflict
    if drafts.count(conn, record.collected_by) > MOST_WAITING:
        raise TooMany
    return kept


async def own_draft(hub: Hub, draft_id: str, caller: str) -> Draft:
    """Return a draft to the agency that collects it: it waits, or the person has signed.

    Raises:
        NotFound: absent, another's, or gone for whatever reason.
    """
    found = await hub.db.read(drafts.own, draft_id, caller, now=hub.clock())
    if found is None:
        raise NotFound
    return found


async def forget_draft(hub: Hub, draft_id: str, caller: str) -> None:
    """Forget a draft for the agency that collects it.

    Raises:
        NotFound: as `own_draft`.
    """
    await own_draft(hub, draft_id, caller)
    await hub.db.write(drafts.forget, draft_id, caller)


async def open_draft(hub: Hub, code_text: str) -> DraftView | None:
    """Return the draft that an invitation opens, or None: wrong, used up, expired, gone.

    Args:
        hub: the parts.
        code_text: the invitation as typed, of any length.
    """
    return await hub.db.read(_open, hub, code_text)


def _open(conn: Connection, hub: Hub, code_text: str) -> DraftView | None:
    at = hub.clock().replace(microsecond=0)
    found = _ready(conn, hub, code_text, at=at, key=STAND_IN_KEY)
    if found is None:
        return None
    kept, fixed = found
    return DraftView(
        record=fixed.record,
        scope=opened.scope(conn, hub, kept.agreement),
        text=fixed.text,
        at=at,
        seen=sha256_hex(kept.draft),
        until=kept.until,
        signed=kept.signed is not None,
    )


async def prepare(
    hub: Hub, code_text: str, *, at: datetime, seen: str, person_key: bytes
) -> str | None:
    """Return what her browser signs (ASCII, to be signed as it is), or None as `open_draft`.

    None, too, if the agency has put another draft in the place of the one she has read.

    Args:
        hub: the parts.
        code_text: the invitation as typed.
        at: from `DraftView.at`; not older than two hours.
        seen: from `DraftView.seen`.
        person_key: 32 bytes, raw Ed25519, made in her browser.
    """
    return await hub.db.read(_prepare_seen, hub, code_text, at, seen, person_key)


def _prepare_seen(
    conn: Connection, hub: Hub, code_text: str, at: datetime, seen: str, key: bytes
) -> str | None:
    kept = opened.draft(conn, code_text, now=hub.clock())
    if kept is None or sha256_hex(kept.draft) != seen:
        return None
    return _prepare(conn, hub, code_text, at, key)


def _prepare(conn: Connection, hub: Hub, code_text: str, at: datetime, key: bytes) -> str | None:
    if key == STAND_IN_KEY or not _in_time(hub, at):
        return None
    try:
        found = _ready(conn, hub, code_text, at=at, key=person_key(key))
    except Malformed:
        return None
    return None if found is None else own_key.to_sign(ELECTRONIC, found[1].payload, key)


async def sign_draft(hub: Hub, code_text: str, *, to_sign: str, signature: str) -> bool:
    """Store her signature until the agency fetches it; False without saying why.

    Forged, stale, over another text, under another draft, signed before: all the same.

    Args:
        hub: the parts.
        code_text: the invitation as typed.
        to_sign: from `prepare`, given back by her browser.
        signature: base64url of 64 bytes, Ed25519 over the bytes of `to_sign`.
    """
    # First, because what strangers send is not worth parsing: it may be as large as a record.
    if await hub.db.read(opened.draft, code_text, now=hub.clock()) is None:
        return False
    try:
        said = Members(own_key.payload_of(to_sign))
        at, key = said.time("collected_at"), said.raw("person_key", size=ED25519_SIZE)
        own = OwnSignature(key, to_sign, unb64u(signature, size=64))
    except (Malformed, TooLarge):
        return False
    return own.verifies() and await hub.db.write(_sign, hub, code_text, own, at)


def _sign(conn: Connection, hub: Hub, code_text: str, own: OwnSignature, at: datetime) -> bool:
    # The same text once more: the agreement may have ended while she read.
    if _prepare(conn, hub, code_text, at, own.key) != own.signed:
        return False
    kept = opened.draft(conn, code_text, now=hub.clock())
    if kept is None or kept.signed is not None:
        # Her browser may ask again after a lost answer; another signature does not replace hers.
        return kept is not None and (kept.signed, kept.signature) == (own.signed, own.signature)
    drafts.put_signature(conn, kept.id, own.signed, own.signature)
    return True


async def take_back(hub: Hub, code_text: str) -> bool:
    """Forget her signature as long as the consent is not recorded: the draft waits again.

    Afterwards she withdraws. False where there is nothing to take back.
    """
    return await hub.db.write_first(_take_back, hub, code_text)


def _take_back(conn: Connection, hub: Hub, code_text: str) -> bool:
    kept = opened.draft(conn, code_text, now=hub.clock())
    if kept is None or kept.signed is None:
        return False
    drafts.put_signature(conn, kept.id, None, None)
    return True


def _in_time(hub: Hub, at: datetime) -> bool:
    now = hub.clock()
    return now - READING <= at <= now + timedelta(seconds=CLOCK_SKEW_S)


def _ready(
    conn: Connection, hub: Hub, code_text: str, *, at: datetime, key: bytes
) -> tuple[Draft, Fixed] | None:
    """Return a draft as it would be signed at `at` with `key`, if that would be a consent."""
    kept = opened.draft(conn, code_text, now=hub.clock())
    if kept is None or not hub.rules.electronic:  # switched off since: it would not be recorded
        return None
    try:
        return kept, _fixed(conn, hub, read_draft(kept.draft), at=at, key=key)
    except LintRefused:
        return None


def _fixed(
    conn: Connection,
    hub: Hub,
    draft: ConsentRecord,
    *,
    at: datetime,
    key: bytes = STAND_IN_KEY,
) -> Fixed:
    """Return a draft as it would be signed, with every rule looked at.

    Raises:
        LintRefused: it would break rules.
    """
    scope, _ = agreed(conn, hub, draft)
    try:
        fixed = fix(draft, scope, at=at, person_key=key)
    except Malformed:
        check(conn, hub, draft)  # says that the agreement has no such text
        raise
    check(conn, hub, fixed.record)
    return fixed
