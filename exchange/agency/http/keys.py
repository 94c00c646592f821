"""What the local application and its requests carry: typed keys."""

import asyncio
import hmac
from collections.abc import Sequence

from aiohttp import web

from exchange.agency import api_token
from exchange.agency.http.bounds import Bounds
from exchange.agency.office import Office


class Offices:
    """The agencies that one listener speaks for, each known by its token alone."""

    def __init__(self, offices: Sequence[Office]) -> None:
        self._offices = tuple(offices)

    def by_token(self, token: str) -> Office | None:
        """Return the office a token belongs to; takes as long for every token."""
        digest = api_token.digest(token)
        found = None
        for office in self._offices:
            if hmac.compare_digest(digest, office.token):
                found = office
        return found


OFFICES = web.AppKey("offices", Offices)
OFFICE = web.RequestKey("office", Office)
"""The agency a request speaks for; set by whoever has authenticated it."""
STOPPING = web.AppKey("stopping", asyncio.Event)
"""Set when the listener closes: whoever waits for news is answered."""
BOUNDS = web.AppKey("bounds", Bounds)
"""How long a local client may take."""
