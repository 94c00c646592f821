"""For which agency a request speaks: its token says it, never its path or body."""

from typing import Final

from aiohttp import web

from exchange.agency.http.keys import OFFICE, OFFICES
from exchange.agency.office import Office
from exchange.errors import Unauthenticated
from exchange.serving.middleware import CALLER

SCHEME: Final = "Bearer "
LONGEST: Final = 256
"""Characters of a token."""


def authenticated(request: web.Request) -> Office:
    """Return the office whose bearer token a request of the API carries, and remember it.

    A cookie counts nothing here: a browser would send it for any page it shows.

    Raises:
        Unauthenticated: no token, or none of an agency of this gateway.
    """
    given = request.headers.get("Authorization", "")
    if not given.startswith(SCHEME) or len(given) > LONGEST:
        raise Unauthenticated
    office = request.app[OFFICES].by_token(given.removeprefix(SCHEME))
    if office is None:
        raise Unauthenticated
    speaks_for(request, office)
    return office


def speaks_for(request: web.Request, office: Office) -> None:
    """Remember for which agency an authenticated request speaks."""
    request[OFFICE] = office
    request[CALLER] = office.agency


def office_of(request: web.Request) -> Office:
    """Return the office a request was authenticated for.

    Raises:
        Unauthenticated: nobody has authenticated it.
    """
    if OFFICE not in request:
        raise Unauthenticated
    return request[OFFICE]
