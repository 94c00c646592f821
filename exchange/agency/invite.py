"""Electronic consents: invite the person to sign, and record what she has signed.

The draft waits at the hub, who it is about sealed in it. The invitation is handed to the person
or sent by letter; the hub has its digest only and writes to nobody.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from exchange.agency import signed
from exchange.agency.hand_in import Recorded, hand_in, keep, kept
from exchange.agency.home import Home
from exchange.agency.lint_consent import facts_in, findings_of
from exchange.agency.parts import Gateway
from exchange.agency.record_consent import (
    ConsentDraft,
    known_agreement,
    lint_draft,
    record_of,
    sealed_subject,
)
from exchange.canonical import unb64u
from exchange.consent import own_key
from exchange.consent.credential import SECRET_SIZE, Credential, Purpose
from exchange.consent.draft import draft_of, fix, read_draft
from exchange.consent.own_key import OwnSignature
from exchange.consent.record import read_consent
from exchange.consent.words import Form
from exchange.errors import HubMisbehaves, Malformed, NotFound, StatementNotAcceptable, TooLarge
from exchange.keyid import ED25519_SIZE
from exchange.members import Members
from exchange.rules import refuse
from exchange.statement import Kind, sign, verify
from exchange.wire import person

ELECTRONIC = Kind.CONSENT_ELECTRONIC


@dataclass(frozen=True, slots=True)
class Invited:
    """A draft that waits for the person."""

    id: str
    invitation: Credential = field(repr=False)
    """For her alone; shown once."""
    until: datetime
    """When it is gone if she has not signed."""


async def invite(gateway: Gateway, draft: ConsentDraft) -> Invited:
    """Let a draft wait for the person to sign it; a new invitation replaces the one before.

    Raises:
        LintRefused: signed as it is, it would break rules.
        Malformed: not an electronic consent, or the agreement does not know a word of it.
        NotFound: no such agreement, or this agency has not signed it.
        Held: the document key of a party is not to be trusted.
        Conflict: it was recorded already.
    """
    if draft.form is not Form.ELECTRONIC:
        raise Malformed("form: only an electronic consent is signed on the page")
    now = gateway.clock()
    agreement = await known_agreement(gateway, draft.agreement, now)
    refuse(await lint_draft(gateway, draft))
    subject = await sealed_subject(gateway, draft, now)
    encoded = draft_of(record_of(gateway, draft, agreement, subject, now))
    # Kept first, for `complete` compares with it: after a crash the command is run again.
    signed.keep(gateway.home, _name(draft.id), encoded, replace=True)
    await _forget_at_hub(gateway, draft.id)
    invitation = Credential(Purpose.INVITATION, secrets.token_bytes(SECRET_SIZE))
    found = await gateway.client.post_draft(encoded, invitation.digest)
    return Invited(draft.id, invitation, found.until)


def is_invited(home: Home, draft_id: str) -> bool:
    """Tell whether a draft was sent from here and waits, for all that is known here; blocks."""
    return signed.kept(home, _name(draft_id)) is not None


async def complete(gateway: Gateway, draft_id: str) -> Recorded | None:
    """Record what the person has signed, with this agency's own signature; None while it waits.

    Called again after an interruption, it sends what was signed then.

    Raises:
        NotFound: the draft is gone: declined, forgotten, expired, or never of this agency.
        HubMisbehaves: what the hub delivered is not this draft with her signature.
        LintRefused: the record would break rules by now.
    """
    if kept(gateway.home, draft_id) is None:
        encoded = signed.kept(gateway.home, _name(draft_id))
        if encoded is None:
            raise NotFound("no draft with this id was sent from here: exchange consent invite")
        try:
            found = await gateway.client.draft(draft_id)
        except NotFound:
            signed.forget(gateway.home, _name(draft_id))
            raise NotFound("the draft is gone; nothing was signed") from None
        if found.state == "waiting":
            return None
        keep(gateway.home, draft_id, await _signed(gateway, encoded, found))
    try:
        recorded = await hand_in(gateway, draft_id)
    except StatementNotAcceptable:
        if await _waits(gateway, draft_id):
            return None
        raise
    signed.forget(gateway.home, _name(draft_id))
    return recorded


async def forget(gateway: Gateway, draft_id: str) -> None:
    """Forget a draft here and at the hub: what was not given is not kept anywhere."""
    await _forget_at_hub(gateway, draft_id)
    signed.forget(gateway.home, _name(draft_id))


async def _waits(gateway: Gateway, draft_id: str) -> bool:
    """Tell whether a draft waits again: she has taken her signature back since it was fetched."""
    try:
        return (await gateway.client.draft(draft_id)).state == "waiting"
    except NotFound:
        return False


async def _forget_at_hub(gateway: Gateway, draft_id: str) -> None:
    try:
        await gateway.client.delete_draft(draft_id)
    except NotFound:
        return


async def _signed(gateway: Gateway, encoded: bytes, found: person.Draft) -> bytes:
    """Return the statement of the person and this agency, or refuse what the hub delivered."""
    now = gateway.clock()
    draft = read_draft(encoded)
    agreement = await gateway.records.agreement(draft.agreement, now=now)
    if agreement is None:
        raise NotFound("this agency has not signed the agreement")
    try:
        said = Members(own_key.payload_of(found.signed or ""))
        at, key = said.time("collected_at"), said.raw("person_key", size=ED25519_SIZE)
        own = OwnSignature(key, found.signed or "", unb64u(found.signature or "", size=64))
        # What she must have read and signed is made here from our own draft, and only compared.
        fixed = fix(draft, agreement.scope, at=at, person_key=key)
        signed_this = own.signed == own_key.to_sign(ELECTRONIC, fixed.payload, key)
    except (Malformed, TooLarge):
        raise HubMisbehaves("the hub delivered no signature of a person") from None
    if not (signed_this and own.verifies()):
        raise HubMisbehaves("the hub delivered a signature under something else")
    data = sign(ELECTRONIC, fixed.payload, gateway.identity, own)
    card = gateway.identity.card
    record = read_consent(verify(data, {ELECTRONIC}, {card.kid: card}, now=now))
    refuse(await findings_of(gateway, record, agreement, facts_in(gateway, record), now=now))
    return data


def _name(draft_id: str) -> str:
    return f"draft-{draft_id}.json"
