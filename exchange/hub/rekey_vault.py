"""Change the vault's key, step by step, as the operator's command asks for it.

Each step is short and may be repeated; what an interruption leaves, the next call goes on with.
Hubs go on serving: a row says under which key it is sealed.
"""

from collections.abc import Mapping
from typing import Any

from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.hub.parts import Hub

BATCH = 500
"""Rows of the vault in one unit of work: 20 ms."""


async def rekey_vault(hub: Hub, asked: Mapping[str, Any]) -> Json:
    """Do one step: begin, seal a batch anew, or destroy the old key.

    Raises:
        Malformed: no such step.
        Misconfigured: the new key must be there already, and is not.
        Unavailable: the vault is away.
    """
    match asked:
        case {"step": "begin", "prepared": bool(prepared)}:
            return {"left": await hub.vault.begin_rekeying(prepared=prepared)}
        case {"step": "batch", "after": str(after)}:
            done = await hub.vault.reseal(after=after, limit=BATCH)
            return {"count": done.count, "last": done.last}
        case {"step": "end"}:
            return {"done": await hub.vault.settle()}
        case _:
            raise Malformed("no such step")
