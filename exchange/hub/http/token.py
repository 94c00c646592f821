"""POST /oauth2/token: client credentials with `private_key_jwt` (RFC 7523, RFC 6749).

The assertion of an agency is signed by the Ed25519 half of the identity key, the same key that
signs statements: what keeps the two apart is `typ`. That of an auditor is signed by the key which
the operator has given her account. Every failure is one answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from joserfc import jwk, jwt
from joserfc.errors import JoseError
from sqlalchemy import Connection

from exchange.canonical import encode, loads, unb64u
from exchange.errors import Malformed, Unauthenticated
from exchange.hub.directory import client_key
from exchange.hub.http.call import FRONT
from exchange.hub.http.caller import neighbourhood
from exchange.hub.http.limits import within
from exchange.hub.http.tokens import Bearer
from exchange.hub.parts import Hub
from exchange.hub.storage import officer_keys, tokens
from exchange.serving import bodies, front
from exchange.serving.middleware import CALLER
from exchange.statement import seconds
from exchange.wire import problems
from exchange.wire.routes import AUDITOR, JSON, OFFICER
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
KID_SIZE = 32
"""Bytes in the name of a key."""
_FIELDS = frozenset(
    {"grant_type", "client_assertion_type", "client_assertion", "client_id", "scope"}
)
_SCOPES = frozenset({"", OFFICER, AUDITOR})


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
        claimed = await claims(fields, here.hub, now=seconds(now))
        within(here.limits.tokens, claimed.bearer.client)
        if not await here.hub.db.write(_first_use, claimed, now):
            raise Unauthenticated  # noqa: TRY301 - one answer for every failure
    except Unauthenticated as refused:
        return _refused(refused, "invalid_client")
    if claimed.bearer.scope != AUDITOR:  # the hub's log names agencies, and no account
        request[CALLER] = claimed.bearer.client
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
    if not fields.keys() <= _FIELDS or fields.get("scope", "") not in _SCOPES:
        raise Malformed("the form has a field this grant does not use")
    if fields.get("client_assertion_type") != ASSERTION_TYPE:
        raise Malformed("client_assertion_type must name a JWT bearer assertion")
    if not 0 < len(fields.get("client_assertion", "")) <= LARGEST_ASSERTION:
        raise Malformed("client_assertion is missing or too long")


async def claims(fields: Mapping[str, str], hub: Hub, *, now: int) -> Claimed:
    """Return who signed the assertion, in the order of docs/formats.md, client assertion.

    Args:
        fields: a form that `check_form` has passed.
        hub: the parts; its identifier is the only audience accepted.
        now: seconds since 1970.

    Raises:
        Unauthenticated: whatever is wrong.
    """
    assertion, scope = fields["client_assertion"], fields.get("scope", "")
    try:
        header, stated = parts(assertion)
        if header.keys() != {"alg", "kid", "typ"} or header["typ"] != TYPE:
            raise Unauthenticated
        # Not trusted: it only names the key that the signature has to fit.
        client, key = await _known(hub, header["kid"], scope, now=now)
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
        and stated.get("iss") == stated.get("sub") == client == fields.get("client_id", client)
        and stated.get("aud") == hub.origin
        and isinstance(jti, str)
        and 16 <= len(jti) <= 128  # noqa: PLR2004 - at least 96 random bits, at most a row
    ):
        raise Unauthenticated
    return Claimed(Bearer(client, header["kid"], scope), jti, expires)


async def _known(hub: Hub, kid: object, scope: str, *, now: int) -> tuple[str, jwk.OKPKey]:
    """Return whose key this is, and the key; the scope says among whose keys it is looked for.

    Raises:
        KeyError: none of theirs.
        Malformed: it cannot be the name of a key.
    """
    if scope != AUDITOR:
        return hub.directory.client(kid, now=now)
    if not isinstance(kid, str):
        raise KeyError
    unb64u(kid, size=KID_SIZE)
    found = await hub.db.read(officer_keys.find, kid)
    if found is None:
        raise KeyError
    return found.officer, client_key(found.ed25519)


def _first_use(conn: Connection, claimed: Claimed, now: datetime) -> bool:
    """Use up an assertion; False when it was used before."""
    bearer, until = claimed.bearer, datetime.fromtimestamp(claimed.expires + LIFE_S, UTC)
    if not tokens.first_use(conn, bearer.client, claimed.jti, until=until):
        return False
    if bearer.scope == AUDITOR:
        officer_keys.use(conn, bearer.kid, at=now)
    return True


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
