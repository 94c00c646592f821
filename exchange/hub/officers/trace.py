"""The trace that an officer's look leaves in the log: the person sees that it happened.

Written before anything is shown. No vault, no trace, no look.
"""

from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub


async def record_read(hub: Hub, asker: Officer, consent: str) -> None:
    """Record on the consent's chain that an officer looks at it; once an hour is enough.

    Args:
        hub: the parts.
        asker: an officer of an agency, who may read this consent: that was looked up before.
        consent: digest.

    Raises:
        NotPermitted: an auditor or operator.
        NotFound: no such consent.
        Unavailable: the vault is away; nothing may be shown.
    """
    raise NotImplementedError


async def record_export(hub: Hub, asker: Officer, *, first: int, until: int, count: int) -> None:
    """Record on her agency's chain that an officer takes entries of the log away.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        first: index of the first entry the page speaks of.
        until: index behind the last one.
        count: how many of them the page holds.

    Raises:
        NotPermitted: an auditor or operator.
        Unavailable: the vault is away; nothing may go out.
    """
    raise NotImplementedError
