"""The provider of logins: what it says of itself, its keys, and ID tokens for codes.

Knows HTTP and OpenID Connect Discovery 1.0. It is asked at the addresses it names itself, which
are looked at like every other one. What its ID tokens are worth is decided in `oidc`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from exchange.canonical import loads, unb64u
from exchange.errors import LoginRefused, Malformed, Unavailable
from exchange.hub.plain_address import is_plain
from exchange.hub.resolve import CheckedResolver
from exchange.hub.settings import Officers

WELL_KNOWN: Final = "/.well-known/openid-configuration"
MOST_BYTES: Final = 64 * 1024
"""Of one answer; the longest, a set of keys with certificates, has some kilobytes."""
PATIENCE_S: Final = 15.0
"""Seconds one answer may take."""
KEPT_S: Final = 86_400.0
"""Seconds for which what a provider says of itself is believed, and its keys with it."""
AGAIN_S: Final = 60.0
"""Seconds between two looks for new keys: whoever sends nonsense causes no storm."""
REST_S: Final = 5.0
"""Seconds for which a provider is left alone that has just not answered."""
MODULI: Final = range(2048, 8193)
"""Bits of the modulus of an RSA key: what is shorter can be forged, what is longer only delays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a provider says of itself."""

    authorization: str
    """Where browsers are sent."""
    token: str
    """Where codes become ID tokens."""
    keys: str
    names_itself: bool
    """Whether it puts its name into every answer (RFC 9207)."""


class Provider:
    """One provider of logins, asked when somebody logs in. Its answers are kept for a while."""

    def __init__(
        self,
        settings: Officers,
        *,
        ticks: Callable[[], float],
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Take what the settings say of it; nothing is asked yet.

        Args:
            settings: with an issuer.
            ticks: monotonic seconds.
            resolver: finds addresses, each of which is checked; the system's own if not given.
        """
        self.settings = settings
        self._ticks = ticks
        self._resolver = resolver
        self._one = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._metadata_at = 0.0
        self._keys: KeySet | None = None
        self._looked_at = 0.0
        self._rests_until = 0.0

    async def metadata(self) -> Metadata:
        """Return what the provider says of itself.

        Raises:
            LoginRefused: it is another one, or names an address nobody should be sent to.
            Unavailable: it does not answer, or not with that.
        """
        async with self._one:
            return await self._described()

    async def keys(self, *, again: bool = False) -> KeySet:
        """Return the keys it signs with; perhaps none.

        Args:
            again: look once more, unless that was done a moment ago: it may have new ones.

        Raises:
            LoginRefused, Unavailable: see `metadata`.
        """
        async with self._one:
            metadata = await self._described()
            old = self._ticks() - self._looked_at >= AGAIN_S
            if self._keys is None or (again and old):
                self._looked_at = self._ticks()
                self._keys = _keys(await self._read(metadata.keys))
            return self._keys

    async def redeem(self, code: str, *, verifier: str, redirect_uri: str) -> str:
        """Return the ID token a code stands for, as it came; nothing of it is verified.

        Args:
            code: as the browser brought it.
            verifier: of the challenge with which it was asked for.
            redirect_uri: where the browser was sent with it.

        Raises:
            LoginRefused: the provider does not know the code, or it is another's or was used.
            Unavailable: it does not answer.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if secret := self.settings.secret.get_secret_value():
            # RFC 6749, section 2.3.1: both parts are encoded like a form, first.
            parts = quote_plus(self.settings.client_id), quote_plus(secret)
            headers["Authorization"] = aiohttp.encode_basic_auth(*parts)
        else:
            form["client_id"] = self.settings.client_id
        metadata = await self.metadata()
        status, body = await self._call("POST", metadata.token, form=form, headers=headers)
        if status != HTTPStatus.OK:
            raise LoginRefused("token")
        token = _members(body).get("id_token")
        if not isinstance(token, str):
            raise LoginRefused("token")
        return token

    async def _described(self) -> Metadata:
        now = self._ticks()
        if self._metadata is None or now - self._metadata_at >= KEPT_S:
            issuer = self.settings.issuer
            found = await self._read(issuer.rstrip("/") + WELL_KNOWN)
            self._metadata, self._metadata_at = _metadata(found, issuer), now
            self._keys = None
        return self._metadata

    async def _read(self, url: str) -> Mapping[str, Any]:
        """Return an answer of the provider; one that has just not answered is left alone."""
        if self._ticks() < self._rests_until:
            raise Unavailable
        self._rests_until = self._ticks() + REST_S
        status, body = await self._call("GET", url)
        if status != HTTPStatus.OK:
            raise Unavailable
        found = _members(body)
        self._rests_until = 0.0
        return found

    async def _call(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of one call; the next one knows nothing of it."""
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(resolver=CheckedResolver(self._resolver)),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
                    auto_decompress=False,
                    trust_env=False,
                    skip_auto_headers=("User-Agent",),
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                ) as client,
                client.request(
                    method, url, data=form, headers=headers, allow_redirects=False
                ) as answer,
            ):
                found = bytearray()
                async for piece in answer.content.iter_chunked(16 * 1024):
                    found += piece
                    if len(found) > MOST_BYTES:
                        raise Unavailable("the provider of logins says more than it was asked for")
                return answer.status, bytes(found)
        except (aiohttp.ClientError, TimeoutError, OSError):
            # The text of a foreign error can quote addresses and what was answered.
            raise Unavailable("the provider of logins does not answer") from None


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        found = loads(body, limit=MOST_BYTES)
    except Malformed:
        raise Unavailable("the provider of logins does not answer with JSON") from None
    if not isinstance(found, dict):
        raise Unavailable("the provider of logins does not answer with an object")
    return found


def _metadata(found: Mapping[str, Any], issuer: str) -> Metadata:
    """Return what a provider says of itself, if it is the one that was asked."""
    if found.get("issuer") != issuer:
        raise LoginRefused("discovery")
    return Metadata(
        authorization=_endpoint(found, "authorization_endpoint", issuer),
        token=_endpoint(found, "token_endpoint", issuer),
        keys=_endpoint(found, "jwks_uri", issuer),
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(found: Mapping[str, Any], name: str, issuer: str) -> str:
    """Return an address that is written plainly, and as well protected as the issuer's own."""
    url = found.get(name)
    if not isinstance(url, str) or not is_plain(url):
        raise LoginRefused("discovery")
    if urlsplit(url).scheme != urlsplit(issuer).scheme:
        raise LoginRefused("discovery")
    return url


def _keys(found: Mapping[str, Any]) -> KeySet:
    """Return the keys in a set that can sign ID tokens; all others are passed over."""
    listed = found.get("keys")
    keys = [_key(one) for one in listed if isinstance(one, dict)] if type(listed) is list else []
    return KeySet([key for key in keys if key is not None])


def _key(given: dict[str, Any]) -> ECKey | RSAKey | None:
    if given.get("use", "sig") != "sig":
        return None
    try:
        match given:
            case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y), **more}:
                public = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
                return ECKey.import_key({**public, **_named(more)})
            case {"kty": "RSA", "n": str(n), "e": str(e), **more} if _is_long(n):
                return RSAKey.import_key({"kty": "RSA", "n": n, "e": e, **_named(more)})
    except (JoseError, Malformed, ValueError):  # a point on no curve, letters of no alphabet
        return None
    return None


def _named(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what says which key it is, and with which algorithm it goes."""
    return {name: given[name] for name in ("kid", "alg") if isinstance(given.get(name), str)}


def _is_long(modulus: str) -> bool:
    return int.from_bytes(unb64u(modulus)).bit_length() in MODULI
