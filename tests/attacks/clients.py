"""Client assertions and forms, right by default and wrong where a test says so."""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from exchange import canonical
from exchange.canonical import b64u
from exchange.errors import Malformed, Unauthenticated
from exchange.hub.http.token import ASSERTION_TYPE, GRANT, TYPE
from exchange.wire import problems, routes
from tests.attacks.served import CANARY, Reply, Served
from tests.simulator import SENDER

DROPPED = Ellipsis
"""Stands for a member that is not there."""
INVALID_CLIENT = canonical.encode(
    {"error": "invalid_client", **problems.to_problem(Unauthenticated())}
)
"""The one body of every assertion that is refused."""


def now(hub: Served) -> int:
    return int(hub.sim.now.timestamp())


def header(hub: Served, agency: str = SENDER, **members: Any) -> dict[str, Any]:
    kid = hub.sim.offices[agency].identity.kid
    return changed({"alg": "Ed25519", "kid": kid, "typ": TYPE}, members)


def claims(hub: Served, agency: str = SENDER, **members: Any) -> dict[str, Any]:
    stated = {
        "iss": agency,
        "sub": agency,
        "aud": hub.sim.origin,
        "iat": now(hub),
        "exp": now(hub) + 60,
        "jti": secrets.token_urlsafe(16),
    }
    return changed(stated, members)


def changed(members: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    found = {**members, **others}
    return {name: value for name, value in found.items() if value is not DROPPED}


def compact(hub: Served, head: bytes, payload: bytes, *, signer: str = SENDER) -> str:
    """Return a JWT over exact bytes, signed with the Ed25519 half of an identity."""
    signed = f"{b64u(head)}.{b64u(payload)}"
    signature = hub.sim.offices[signer].identity.sign("Ed25519", signed.encode("ascii"))
    return f"{signed}.{b64u(signature)}"


def assertion(
    hub: Served, head: Mapping[str, Any], payload: Mapping[str, Any], *, signer: str = SENDER
) -> str:
    return compact(hub, canonical.encode(head), canonical.encode(payload), signer=signer)


def good(hub: Served, agency: str = SENDER, **members: Any) -> str:
    return assertion(hub, header(hub, agency), claims(hub, agency, **members), signer=agency)


def form(text: str, **fields: Any) -> list[tuple[str, str]]:
    """Return the fields of a request for a token."""
    stated = {
        "grant_type": GRANT,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": text,
    }
    return list(changed(stated, fields).items())


def posted(hub: Served, fields: list[tuple[str, str]], *lines: str, query: str = "") -> bytes:
    body = urlencode(fields).encode("ascii")
    return hub.post(f"/oauth2/token{query}", body, f"Content-Type: {routes.FORM}", *lines)


def asked(hub: Served, text: str, **fields: Any) -> Reply:
    return hub.ask(posted(hub, form(text, **fields)))


def refused(hub: Served, text: str, **fields: Any) -> None:
    """Check that an assertion gets no token, one constant answer, and leaves nothing."""
    with hub.no_trace():
        reply = asked(hub, text, **fields)

    assert (reply.status, reply.body) == (401, INVALID_CLIENT), reply.raw
    assert reply.header("Content-Type") == routes.JSON
    assert reply.header("Cache-Control") == "no-store"
    assert CANARY.encode() not in reply.raw


def malformed(reply: Reply, error: str = "invalid_request") -> None:
    """Check an OAuth error about the form itself."""
    assert reply.status == 400, reply.raw
    assert reply.json["error"] == error
    assert reply.json["type"] == problems.TYPE_PREFIX + Malformed.code
    assert CANARY.encode() not in reply.raw
