"""Hand a signed consent in at the hub, with the secrets drawn for it: stored first, then sent."""

import secrets
from dataclasses import dataclass, field

from exchange.agency import signed
from exchange.agency.agree import REFUSED
from exchange.agency.home import Home
from exchange.agency.parts import Gateway
from exchange.agency.remind import note_majority
from exchange.canonical import b64u, digest
from exchange.consent.credential import LOG_KEY_SIZE, SECRET_SIZE, Credential, Purpose
from exchange.errors import NotFound


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
        await gateway.client.post_consent(data, b64u(receipt.log_key.secret), receipt.code.digest)
    except REFUSED:
        signed.forget(gateway.home, statement, key)
        raise
    await note_majority(gateway, data)
    # Recorded. The secrets belong to the person, or to nobody; here they are forgotten. A crash
    # before this line repeats the request, which changes nothing.
    signed.forget(gateway.home, key)
    return Recorded(consent_id, digest(data), receipt)
