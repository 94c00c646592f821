"""Read the keys of the log, or make those of a log that has signed nothing yet."""

from exchange.database import Database
from exchange.errors import LogInvalid, Malformed, Misconfigured
from exchange.hub.settings import HubSettings
from exchange.hub.signer import MLDSA_KEY, Signer, make_keys, missing_keys, own_head, read_signer
from exchange.hub.storage import checkpoints


async def open_signer(settings: HubSettings, database: Database) -> Signer:
    """Return who signs for the log of this database.

    A home from before there was a log has no keys for it: they are made here, unless the log has
    signed something. Then they are elsewhere, and others would be a second log of one name.

    Raises:
        Misconfigured: a key is missing or another one than signed the newest head, the origin
            was changed, or the policy cannot be used.
    """
    head = await database.read(checkpoints.newest)
    missing = set(missing_keys(settings.home, mldsa=settings.log.mldsa))
    if head is not None:
        missing &= {MLDSA_KEY}
        if await database.read(checkpoints.has_line_of, settings.log_origin):
            missing.clear()
    make_keys(settings.home, missing)
    signer = read_signer(settings)
    if head is not None:
        try:
            own_head(signer, head.note)
        except (LogInvalid, Malformed):
            raise Misconfigured(
                "the log of this database is signed by another key or has another name: bring "
                "back the key, and never change log.origin"
            ) from None
    return signer
