"""Look after the vault's key: the old one is destroyed, and the operator told when it is old."""

from datetime import timedelta

import structlog

from exchange.hub.parts import Hub

log = structlog.get_logger(__name__)


async def look_after_vault(hub: Hub) -> None:
    """Destroy what is left of an old vault key on this machine; tell when the present one is old.

    An old key is left here after a crash in the last step of re-keying, and on each of several
    machines but the one where that was done.
    """
    if not await hub.vault.settle():
        log.info("vault-rekeying")
    age = hub.clock() - await hub.vault.key_since()
    if age > hub.rules.rekey:
        # In days.
        log.warning("vault-key-old", count=age // timedelta(days=1))
