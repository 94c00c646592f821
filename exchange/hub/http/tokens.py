"""Access tokens: short-lived, made and read by this hub alone (RFC 9068).

A token says who authenticated and with which key; whether that agency or auditor may still call
is looked at anew at every request. The hub is the only issuer and the only reader, therefore one
symmetric key is enough; it lies in the data directory, mode 0600.
"""

import secrets
from dataclasses import dataclass

from joserfc import jwk, jwt
from joserfc.errors import JoseError

from exchange.errors import Unauthenticated

ALGORITHM = "HS256"
TYPE = "at+jwt"
"""RFC 9068, section 2.1: what keeps access tokens and other JWTs apart."""
KEY_SIZE = 32
LARGEST = 2048
"""Characters of a token; ours have about 500."""
KEPT = 4096
"""Verified tokens remembered: what was signed does not change, its expiry is looked at anew."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a valid token was made for."""

    client: str
    """Id of an agency; of an auditor's account where the scope is hers."""
    kid: str
    """Identity, or auditor's key, that authenticated; the token dies with it."""
    scope: str = ""
    """What it was asked for: `exchange.wire.routes.OFFICER` or `AUDITOR`, or nothing, which is
    everything else."""


class AccessTokens:
    """Makes and reads the tokens of one hub."""

    def __init__(self, key: bytes, *, issuer: str, life_s: int) -> None:
        self._key = jwk.OctKey.import_key(key)
        self._issuer = issuer
        self._read: dict[str, tuple[Bearer, int]] = {}
        self.life_s = life_s

    def make(self, bearer: Bearer, *, now: int) -> str:
        """Return a token for `bearer`, valid from `now` (seconds) for `life_s` seconds."""
        asked = {"scope": bearer.scope} if bearer.scope else {}
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": bearer.client,
            "client_id": bearer.client,
            "kid": bearer.kid,
            "iat": now,
            "exp": now + self.life_s,
            "jti": secrets.token_urlsafe(16),
            **asked,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, self._key)

    def read(self, token: str, *, now: int) -> Bearer:
        """Return who `token` was made for.

        Raises:
            Unauthenticated: not a token of this hub, or not valid at `now`.
        """
        bearer, expires = self._read.get(token) or self._verified(token)
        if not now < expires <= now + self.life_s:
            raise Unauthenticated
        if len(self._read) >= KEPT:
            self._read.clear()
        self._read[token] = bearer, expires
        return bearer

    def _verified(self, token: str) -> tuple[Bearer, int]:
        """Return who a token of this hub names and when it expires; only such ones are kept."""
        if len(token) > LARGEST:
            raise Unauthenticated
        try:
            read = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):
            raise Unauthenticated from None
        claims = read.claims
        client, kid, expires = claims.get("sub"), claims.get("kid"), claims.get("exp")
        scope = claims.get("scope", "")
        if (
            read.header.get("typ") != TYPE
            or claims.get("iss") != self._issuer
            or claims.get("aud") != self._issuer
            or not isinstance(client, str)
            or not isinstance(kid, str)
            or type(expires) is not int
            or not isinstance(scope, str)
        ):
            raise Unauthenticated
        return Bearer(client, kid, scope), expires
