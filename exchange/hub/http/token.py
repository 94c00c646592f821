"""POST /oauth2/token: client credentials with `private_key_jwt` (RFC 7523, RFC 6749).

The assertion is signed by the Ed25519 half of the identity key, the same key that signs
statements: what keeps the two apart is `typ`. Every failure is one answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError

from exchange.canonical import encode, loads, unb64u
from exchange.errors import Malformed, Unauthenticated
from exchange.hub.directory import Directory
from exchange.hub.http.call import FRONT
from exchange.hub.http.caller import neighbourhood
from exchange.hub.http.limits import within
from exchange.hub.http.tokens import Bearer
from exchange.hub.storage import tokens
from exchange.serving import bodies, front
from exchange.serving.middleware import CALLER
from exchange.statement import seconds
from exchange.wire import problems
from exchange.wire.routes import JSON, OFFICER
from exchange.wire.shapes import Token

GRANT = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523, section 2.2."""
TYPE = "client-authentication+jwt"
"""draft-ietf-oauth-rfc7523bis: no statement can be an assertion, and the reverse."""
LARGEST_ASSERTION = 4096
"""Characters; ours have about 600."""
LIFE_S = 60
"""Longest life of an assertion, and the clock difference that is tolerated, in seconds."""
_FIELDS = frozenset(
    {"grant_type", "client_assertion_type", "client_assertion", "client_id", "scope"}
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A client whose assertion verified; its `jti` is not yet used."""

    bearer: Bearer
    jti: str
    expires: int
    """Seconds since 1970."""


async def post_token(request: web.Request) -> web.Response:
    """Return an access token, or an OAuth error that is a problem at the same time."""
    here = request.app[FRONT]
    within(here.limits.token_addresses, neighbourhood(here.address(request)))
    try:
        check_query(front.parameters(request))
        fields = await bodies.form(request, seconds=here.settings.body_s)
        check_form(fields)
    except Malformed as refused:
        grant = isinstance(refused, UnsupportedGrant)
        return _refused(refused, "unsupported_grant_type" if grant else "invalid_request")
    now = here.hub.clock()
    try:
        claimed = claims(
            fields, issuer=here.hub.origin, now=seconds(now), directory=here.hub.directory
        )
        within(here.limits.tokens, claimed.bearer.agency)
        fresh = await here.hub.db.write(
            tokens.first_use,
            claimed.bearer.agency,
            claimed.jti,
            until=datetime.fromtimestamp(claimed.expires + LIFE_S, UTC),
        )
        if not fresh:
            raise Unauthenticated  # noqa: TRY301 - one answer for every failure
    except Unauthenticated as refused:
        return _refused(refused, "invalid_client")
    request[CALLER] = claimed.bearer.agency
    token = here.tokens.make(claimed.bearer, now=seconds(now))
    shape = Token(
        access_token=token,
        token_type="Bearer",  # noqa: S106 - the name of the scheme
        expires_in=here.tokens.life_s,
    )
    return web.Response(body=shape.model_dump_json().encode(), content_type=JSON)


class UnsupportedGrant(Malformed):
    """The only grant is client_credentials."""


def check_query(parameters: Mapping[str, str]) -> None:
    """Refuse credentials in a URL, where proxies and logs would keep them."""
    if parameters:
        raise Malformed("credentials never travel in a URL")


def check_form(fields: Mapping[str, str]) -> None:
    """Refuse a form that asks for something else than a token for client credentials.

    Raises:
        UnsupportedGrant: another grant.
        Malformed: unknown fields, another scope, no assertion or one that is too long.
    """
    if fields.get("grant_type") != GRANT:
        raise UnsupportedGrant("grant_type must be client_credentials")
    if not fields.keys() <= _FIELDS or fields.get("scope", "") not in {"", OFFICER}:
        raise Malformed("the form has a field this grant does not use")
    if fields.get("client_assertion_type") != ASSERTION_TYPE:
        raise Malformed("client_assertion_type must name a JWT bearer assertion")
    if not 0 < len(fields.get("client_assertion", "")) <= LARGEST_ASSERTION:
        raise Malformed("client_assertion is missing or too long")


def claims(fields: Mapping[str, str], *, issuer: str, now: int, directory: Directory) -> Claimed:
    """Return who signed the assertion, in the order of docs/formats.md, client assertion.

    Args:
        fields: a form that `check_form` has passed.
        issuer: this hub's identifier; the only audience accepted.
        now: seconds since 1970.
        directory: the registered identities.

    Raises:
        Unauthenticated: whatever is wrong.
    """
    assertion = fields["client_assertion"]
    try:
        header, stated = parts(assertion)
        if header.keys() != {"alg", "kid", "typ"} or header["typ"] != TYPE:
            raise Unauthenticated
        # Not trusted: it only names the key that the signature has to fit.
        agency, key = directory.client(header["kid"], now=now)
        jwt.decode(assertion, key, algorithms=["Ed25519"])
    except (JoseError, Malformed, ValueError, TypeError, KeyError, RecursionError):
        raise Unauthenticated from None
    issued, expires, jti = stated.get("iat"), stated.get("exp"), stated.get("jti")
    if not (
        type(issued) is int
        and type(expires) is int
        and 0 < expires - issued <= LIFE_S
        and abs(now - issued) <= LIFE_S
        and now - LIFE_S < expires
        and type(stated.get("nbf", issued)) is int
        and stated.get("nbf", issued) <= now + LIFE_S
        and stated.get("iss") == stated.get("sub") == agency == fields.get("client_id", agency)
        and stated.get("aud") == issuer
        and isinstance(jti, str)
        and 16 <= len(jti) <= 128  # noqa: PLR2004 - at least 96 random bits, at most a row
    ):
        raise Unauthenticated
    bearer = Bearer(agency, header["kid"], fields.get("scope", ""))
    return Claimed(bearer, jti, expires)


def parts(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a compact JWT, not yet verified.

    Read strictly, as everything else: the library's reader takes the last of two members.

    Raises:
        Malformed: not base64url, or not two objects.
        ValueError: not three parts.
    """
    first, second, _ = assertion.split(".")
    found = [loads(unb64u(part), limit=LARGEST_ASSERTION) for part in (first, second)]
    if not all(isinstance(part, dict) for part in found):
        raise Malformed("a part of the assertion is no object")
    return found[0], found[1]


def _refused(refused: Malformed | Unauthenticated, code: str) -> web.Response:
    """RFC 6749, section 5.2, with the members of a problem beside it."""
    problem = problems.to_problem(refused)
    return web.Response(
        status=problem["status"],
        body=encode({"error": code, **problem}),
        content_type=JSON,
    )
