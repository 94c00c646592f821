"""Login with a provider: OpenID Connect, code with PKCE, nonce and the issuer in every answer.

Says who somebody is, and nothing else: whose account that is, the operator has decided, by
issuer and subject and never by an address of mail. What refuses is told to the local log alone.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from exchange.canonical import b64u
from exchange.errors import LoginRefused
from exchange.hub.officers import sessions
from exchange.hub.officers.accounts import Login
from exchange.hub.officers.provider import Provider
from exchange.hub.officers.sessions import named
from exchange.hub.parts import Hub
from exchange.hub.storage import officer_logins
from exchange.hub.storage.officer_logins import Attempt
from exchange.statement import seconds

BACK: Final = "/officer/login/back"
"""Path to which the provider sends browsers back; registered there behind the hub's origin."""
COOKIE: Final = "__Host-login"
LIFE: Final = timedelta(minutes=10)
"""Between the way there and the way back."""
LEEWAY_S: Final = 30
"""Seconds by which the provider's clock may differ."""
LONGEST_SUBJECT: Final = 255
"""Characters (OpenID Connect Core 1.0, section 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A login that has begun."""

    cookie: str = field(repr=False)
    """Value of `COOKIE`, for the browser that has begun it."""
    location: str = field(repr=False)
    """Where that browser goes now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a provider has proved of the user of a browser."""

    login: Login
    proved_at: datetime
    """When she typed a password, or did what the provider asks for. Where it does not say, too
    long ago for an export: she may have done it in the morning."""


async def start(hub: Hub, provider: Provider, *, fresh: bool = False) -> Begun:
    """Begin a login, or a fresh proof of who she is.

    Args:
        hub: the parts.
        provider: of the settings.
        fresh: whether she proves now who she is; otherwise the provider may remember it from
            some time today.

    Raises:
        LoginRefused: the provider is another one than the settings say.
        Unavailable: it does not answer.
    """
    metadata = await provider.metadata()
    cookie = secrets.token_urlsafe(32)
    attempt = Attempt(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        fresh=fresh,
        until=hub.clock() + LIFE,
    )
    await hub.db.write(officer_logins.add, named(cookie), attempt)
    query = {
        "response_type": "code",
        "scope": "openid",
        "client_id": provider.settings.client_id,
        "redirect_uri": hub.origin + BACK,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": b64u(hashlib.sha256(attempt.verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    if provider.settings.acr:
        query["acr_values"] = provider.settings.acr
    query["max_age"] = str(int(_greatest_age(fresh=fresh).total_seconds()))
    if fresh:
        query["prompt"] = "login"
    return Begun(cookie=cookie, location=f"{metadata.authorization}?{urlencode(query)}")


async def finish(hub: Hub, provider: Provider, cookie: str, query: Mapping[str, str]) -> Proof:
    """Return what the provider's answer proves; each attempt has one answer.

    Args:
        hub: the parts.
        provider: of the settings.
        cookie: value of `COOKIE`, as it came.
        query: with which the browser came back, each name once.

    Raises:
        LoginRefused: another browser began it, or too long ago; the provider says no, or is
            another one, or its ID token does not fit.
        Unavailable: the provider does not answer.
    """
    attempt = await hub.db.write(officer_logins.take, named(cookie), now=hub.clock())
    if attempt is None:
        raise LoginRefused("attempt")
    if not secrets.compare_digest(query.get("state", "").encode(), attempt.state.encode()):
        raise LoginRefused("state")
    issuer = provider.settings.issuer
    absent = None if (await provider.metadata()).names_itself else issuer
    if query.get("iss", absent) != issuer:
        raise LoginRefused("issuer")
    if "error" in query or "code" not in query:
        raise LoginRefused("provider")
    token = await provider.redeem(
        query["code"], verifier=attempt.verifier, redirect_uri=hub.origin + BACK
    )
    claims = await _signed(provider, token)
    now = hub.clock()
    _check(claims, provider, nonce=attempt.nonce, now=now)
    return Proof(
        login=Login(issuer=issuer, subject=claims["sub"]),
        proved_at=_proved_at(claims, attempt, now=now),
    )


async def _signed(provider: Provider, token: str) -> dict[str, Any]:
    """Return the claims in an ID token that the provider has signed."""
    found = _decoded(provider, token, await provider.keys())
    if found is None:  # perhaps it has new keys
        found = _decoded(provider, token, await provider.keys(again=True))
    if found is None:
        raise LoginRefused("signature")
    return found


def _decoded(provider: Provider, token: str, keys: KeySet) -> dict[str, Any] | None:
    """Return the claims, or None; the algorithms are those of the settings, not of the token."""
    try:
        return jwt.decode(token, keys, algorithms=provider.settings.algorithms).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _check(claims: dict[str, Any], provider: Provider, *, nonce: str, now: datetime) -> None:
    """Refuse an ID token that is not for this hub, this attempt and this moment.

    OpenID Connect Core 1.0, section 3.1.3.7, numbers 2 to 5, 9 to 12.
    """
    ours = provider.settings
    must = jwt.JWTClaimsRegistry(
        now=seconds(now),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": ours.issuer},
        aud={"essential": True, "value": ours.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        must.validate(claims)
    except JoseError:
        raise LoginRefused("claims") from None
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else ours.client_id) != ours.client_id:
        raise LoginRefused("azp")
    if claims.get("nonce") != nonce:
        raise LoginRefused("nonce")
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT:
        raise LoginRefused("subject")
    if ours.acr and claims.get("acr") != ours.acr:
        raise LoginRefused("acr")


def _proved_at(claims: Mapping[str, Any], attempt: Attempt, *, now: datetime) -> datetime:
    """Return when she proved who she is, as far as that was asked for.

    A provider that is asked for a greatest age has to say it (section 2); one that does not is
    believed that it remembers her, and never that she has proved it again.
    """
    at = claims.get("auth_time")
    if at is None and not attempt.fresh:
        return now - sessions.FRESH
    oldest = attempt.until - LIFE - _greatest_age(fresh=attempt.fresh)
    if type(at) is not int or not seconds(oldest) - LEEWAY_S <= at <= seconds(now) + LEEWAY_S:
        raise LoginRefused("auth-time")
    return min(now, datetime.fromtimestamp(at, UTC))


def _greatest_age(*, fresh: bool) -> timedelta:
    """Return how old a proof may be when a login begins: no older than a session becomes."""
    return timedelta() if fresh else sessions.LIFE
