"""What a secret on paper opens: a consent, or a draft. Wrong ones cost the same look-up."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from exchange.consent import credential
from exchange.consent.credential import Purpose
from exchange.consent.record import ConsentRecord
from exchange.errors import Unavailable
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements, consents, credentials, drafts
from exchange.hub.storage.consents import Filed
from exchange.hub.storage.drafts import Draft
from exchange.vocabulary import Scope

NONE = ""
"""In the place of the digest of something that is no code: it is looked for all the same."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A consent whose code was given."""

    record: ConsentRecord
    scope: Scope
    filed: Filed


def consent(conn: Connection, hub: Hub, code_text: str) -> Opened | None:
    """Return the consent that a code opens, as typed, or None."""
    typed = credential.read(code_text, Purpose.CODE)
    digest = credentials.opened(conn, NONE if typed is None else typed.digest)
    if digest is None:
        return None
    filed = consents.filed(conn, digest)
    if filed is None:
        raise Unavailable("a code without its consent")
    record = hub.records.consent(conn, digest, filed.statement)
    return Opened(record, scope(conn, hub, filed.agreement), filed)


def draft(conn: Connection, invitation_text: str, *, now: datetime) -> Draft | None:
    """Return the draft that an invitation opens, as typed, or None."""
    typed = credential.read(invitation_text, Purpose.INVITATION)
    return drafts.opened(conn, NONE if typed is None else typed.digest, now=now)


def scope(conn: Connection, hub: Hub, agreement: str) -> Scope:
    """Return what a stored agreement admits.

    Raises:
        Unavailable: it is not there.
    """
    stored = agreements.by_digest(conn, agreement)
    if stored is None:
        raise Unavailable("a record without its agreement")
    return hub.records.agreement(conn, agreement, stored.statement)[1]
