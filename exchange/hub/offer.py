"""Offers candidates to the witnesses of the policy, and sees whether the quorum holds.

A loop in every replica; the one that names candidates talks to witnesses. No witness can stop the
log: what one refuses is looked into, and only a head of our own signature that contradicts ours
stops the signer.
"""

import asyncio

from exchange.hub.parts import Hub
from exchange.hub.settings import HubSettings


async def heads_elsewhere(hub: Hub) -> list[bytes]:
    """Return what the witnesses of the policy that have an address hold of this log.

    Asked at every start, before the first signature: `GET <address>/<SHA-256 of the origin>/
    checkpoint` of each, all at once. A witness that does not answer, or has nothing, is left out.
    Nothing is verified here.
    """
    raise NotImplementedError


async def run(hub: Hub, settings: HubSettings, stop: asyncio.Event) -> None:
    """Offer candidates and watch the quorum until `stop` is set."""
    raise NotImplementedError
