"""What a lost key, account or code affects, one thing after the other in an order that stands.

Everything that answers the question goes this one way: pages of an answer, its totals, files.
Nothing is held but one window of rows.
"""

from collections.abc import AsyncGenerator
from datetime import datetime

from exchange.hub.answers.lost.account import by_account
from exchange.hub.answers.lost.code import by_code
from exchange.hub.answers.lost.document_key import by_document_key
from exchange.hub.answers.lost.identity import by_identity_key
from exchange.hub.answers.lost.log_key import by_log_key
from exchange.hub.answers.lost.mark import Mark
from exchange.hub.answers.lost.question import TICK, Wanted
from exchange.hub.answers.lost.rows import Affected
from exchange.hub.parts import Hub


async def affected(
    hub: Hub, agency: str, wanted: Wanted, *, behind: Mark, now: datetime
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield everything that was looked at, and what of it is affected and may be known.

    Args:
        hub: the parts.
        agency: whose relations they are: nothing else is looked at.
        wanted: the question.
        behind: where to go on.
        now: nothing later counts.

    Yields:
        A mark behind which to go on, and None for what is not affected.
    """
    until = wanted.until or now + TICK
    match wanted.kind:
        case "document":
            found = by_document_key(hub, agency, wanted.key, behind, now)
        case "identity":
            found = by_identity_key(hub, agency, wanted, until, behind)
        case "account":
            found = by_account(hub, agency, wanted, until, behind)
        case "log":
            found = by_log_key(hub, agency, wanted, until, behind)
        case _:
            found = by_code(hub, agency, wanted, until, behind)
    async for one in found:
        yield one
