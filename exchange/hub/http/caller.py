"""Who calls: the bearer token, and whether that agency or auditor may still call."""

import ipaddress
from collections.abc import Callable

from aiohttp import web

from exchange.errors import NotPermitted, Unauthenticated
from exchange.hub.http.call import Front
from exchange.hub.http.limits import within
from exchange.hub.http.tokens import Bearer
from exchange.hub.officers import keys
from exchange.hub.settings import Http
from exchange.statement import seconds
from exchange.wire.routes import AUDITOR

SCHEME = "Bearer "


async def authenticated(request: web.Request, front: Front, *, scope: str = "") -> str:
    """Return the id of the agency that calls, or of the account where the scope is an auditor's.

    Every failure is the same 401. The token says who authenticated a moment ago; suspension,
    a changed identity, and a removed account or key count from the moment they were committed.

    Args:
        request: of which only the header is read.
        front: the parts.
        scope: what the token must have been asked for: this, no more and no less.

    Raises:
        Unauthenticated: no token, not our token, expired, or whoever it was made for may not call
            any more.
        NotPermitted: the token was asked for something else.
        TooMany: an auditor's tool asks too often; agencies are counted by who takes the call.
    """
    given = request.headers.get("Authorization", "")
    if not given.startswith(SCHEME):
        raise Unauthenticated
    now = front.hub.clock()
    bearer = front.tokens.read(given.removeprefix(SCHEME), now=seconds(now))
    if bearer.scope == AUDITOR:
        await _check_auditor(front, bearer, scope)
    elif not front.hub.directory.accepts(bearer.client, bearer.kid, now=now):
        raise Unauthenticated
    if bearer.scope != scope:
        raise NotPermitted
    return bearer.client


async def _check_auditor(front: Front, bearer: Bearer, scope: str) -> None:
    """Refuse a token whose key or account is gone; counted before the database is asked.

    An agency's token costs it nothing either: nobody fills its queue with what is refused.
    """
    if scope != AUDITOR:
        raise NotPermitted
    within(front.limits.requests, bearer.client)
    if not await keys.counts(front.hub, bearer.client, bearer.kid):
        raise Unauthenticated


def addresses(settings: Http) -> Callable[[web.Request], str]:
    """Return a function that says where a request comes from.

    Only the entry a trusted proxy has appended itself is believed: the last one.
    """
    proxies = [ipaddress.ip_network(text, strict=False) for text in settings.trusted_proxies]

    def address(request: web.Request) -> str:
        remote = request.remote or ""
        forwarded = request.headers.getall("X-Forwarded-For", [])
        if not proxies or not forwarded or not _within(remote, proxies):
            return remote
        last = forwarded[-1].rpartition(",")[2].strip()
        try:
            return str(ipaddress.ip_address(last))
        except ValueError:
            return remote

    return address


def neighbourhood(address: str) -> str:
    """Return what rates count as one address: of IPv6 the first address of its /64.

    One household has all addresses of such a network, and could take a new one each time.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a unix socket has no address
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:  # how a socket for both families names an IPv4 address
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Address(found.packed[:8] + bytes(8)))


def _within(address: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
