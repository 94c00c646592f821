"""The person's receipt, issued later: a new code in place of the one before, or of none."""

import secrets

from exchange.agency.client import HubClient
from exchange.agency.hand_in import Receipt
from exchange.canonical import unb64u
from exchange.consent.credential import LOG_KEY_SIZE, SECRET_SIZE, Credential, Purpose
from exchange.errors import HubMisbehaves, Malformed


async def reissue(client: HubClient, consent_id: str) -> Receipt:
    """Make a new code for the person; from the hub's answer on the one before opens nothing.

    The code is made here and never leaves this machine but on her receipt; the hub gets its
    digest. Called again after an interruption, it makes another one.

    Raises:
        NotFound: no such consent, or this agency has not collected it.
        HubMisbehaves: the hub delivered no log key.
    """
    code = Credential(Purpose.CODE, secrets.token_bytes(SECRET_SIZE))
    stored = await client.post_credential(consent_id, code.digest)
    try:
        log_key = unb64u(stored.log_key or "", size=LOG_KEY_SIZE)
    except Malformed:
        raise HubMisbehaves("the hub delivered no log key") from None
    return Receipt(code, Credential(Purpose.LOG_KEY, log_key))


async def revoke(client: HubClient, consent_id: str) -> None:
    """Let no code open a consent any more; who looks at the hub cannot tell.

    Raises:
        NotFound: as `reissue`.
    """
    await client.post_credential(consent_id, None)
