"""Hand a signed consent in at the hub, with the secrets drawn for it: stored first, then sent."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from exchange.agency import signed
from exchange.agency.agree import REFUSED
from exchange.agency.awaited import Awaited, await_receipt
from exchange.agency.events import EventKind, happened_once
from exchange.agency.home import Home
from exchange.agency.log_points import RECORDED
from exchange.agency.parts import Gateway
from exchange.agency.prove import obtain, owe
from exchange.agency.remind import note_majority
from exchange.canonical import b64u, digest
from exchange.consent.credential import LOG_KEY_SIZE, SECRET_SIZE, Credential, Purpose
from exchange.errors import ExchangeError, NotFound

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a person may take home. Drawn for every consent, so that the hub cannot tell who did.

    Shown once, on her wish; forgotten here as soon as the hub has answered.
    """

    code: Credential
    """Opens her page."""
    log_key: Credential
    """Finds her entries in the log."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A consent that the hub has recorded."""

    id: str
    digest: str
    receipt: Receipt | None = field(repr=False)
    """None when it was recorded before."""


def kept(home: Home, consent_id: str) -> bytes | None:
    """Return the statement that was signed for this consent, or None."""
    return signed.kept(home, f"consent-{consent_id}.jws")


def keep(home: Home, consent_id: str, statement: bytes) -> None:
    """Store a signed consent with fresh secrets; from here on this is the record.

    A crash after this sends the same bytes and secrets again.
    """
    drawn = secrets.token_bytes(LOG_KEY_SIZE + SECRET_SIZE)
    # The secrets first: a crash in between leaves them without a record, replaced next time.
    signed.keep(home, f"consent-{consent_id}.key", drawn, replace=True)
    signed.keep(home, f"consent-{consent_id}.jws", statement)


async def hand_in(gateway: Gateway, consent_id: str) -> Recorded:
    """Record at the hub what `keep` has stored; a second time it is harmless.

    The log's receipt is waited for shortly; a later round fetches it if it does not come.

    Raises:
        LintRefused: it breaks rules; it is forgotten here.
        StatementNotAcceptable: the person has taken her signature back; it is forgotten here.
        NotFound: nothing was signed for this consent.
    """
    statement, key = f"consent-{consent_id}.jws", f"consent-{consent_id}.key"
    data, drawn = signed.kept(gateway.home, statement), signed.kept(gateway.home, key)
    if data is None:
        raise NotFound
    if drawn is None:  # forgotten only after the hub's answer
        return Recorded(consent_id, digest(data), None)
    receipt = Receipt(
        log_key=Credential(Purpose.LOG_KEY, drawn[:LOG_KEY_SIZE]),
        code=Credential(Purpose.CODE, drawn[LOG_KEY_SIZE:]),
    )
    try:
        recorded = await gateway.client.post_consent(
            data, b64u(receipt.log_key.secret), receipt.code.digest
        )
    except REFUSED:
        signed.forget(gateway.home, statement, key)
        raise
    await note_majority(gateway, data)
    owed = owe(gateway, RECORDED, digest(data), consent_id, recorded.receipt)
    await gateway.state.write(_recorded, owed, gateway.clock())
    # Recorded. The secrets belong to the person, or to nobody; here they are forgotten. A crash
    # before this line repeats the request, which changes nothing.
    signed.forget(gateway.home, key)
    try:
        await obtain(gateway, owed)
    except ExchangeError as trouble:  # it is recorded; a round asks for the log's receipt again
        log.warning("not_proved", code=trouble.code)
    return Recorded(consent_id, digest(data), receipt)


def _recorded(conn: Connection, owed: Awaited, now: datetime) -> None:
    await_receipt(conn, owed)
    happened_once(conn, EventKind.CONSENT_RECORDED, owed.about, now)
