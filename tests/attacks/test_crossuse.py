"""A23: something signed for one purpose, shown for another."""

import secrets
from uuid import uuid4

import pytest
from joserfc import jwk, jwt

from exchange import canonical
from exchange.canonical import b64u
from exchange.errors import NotPermitted
from exchange.hub.http.tokens import TYPE, AccessTokens, Bearer
from exchange.keyring.ceremony import announce
from exchange.statement import Kind, sign
from exchange.wire import problems, routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import OFFICER
from tests.attacks import clients
from tests.attacks.served import CANARY, Served
from tests.simulator import RECIPIENT, SENDER

pytestmark = pytest.mark.auth

FORBIDDEN = canonical.encode(problems.to_problem(NotPermitted()))
INBOX = "GET /v1/inbox HTTP/1.1"


def refused_token(hub: Served, token: str) -> None:
    hub.refused(hub.head(INBOX, f"Authorization: Bearer {token}"), 401)


def test_a_statement_reshaped_to_a_compact_jwt_is_no_assertion(hub: Served) -> None:
    """Same key, same signing input: joserfc decodes it; only `typ` keeps the two apart."""
    identity = hub.sim.offices[SENDER].identity
    payload = {**clients.claims(hub), "agency": SENDER, "id": "a"}
    statement = sign(Kind.CONSENT, payload, identity)
    whole = canonical.loads(statement, limit=10**5)
    entry = next(one for one in whole["signatures"] if len(one["signature"]) < 100)

    clients.refused(hub, f"{entry['protected']}.{whole['payload']}.{entry['signature']}")


def test_an_assertion_is_no_statement(hub: Served) -> None:
    head, payload, signature = clients.good(hub).split(".")
    reshaped = canonical.encode(
        {"payload": payload, "signatures": [{"protected": head, "signature": signature}]}
    )
    body = canonical.encode({"statement": reshaped.decode()})
    path = routes.PUT_KEY_STATEMENT.path.replace("{id}", SENDER)
    lines = (hub.token(), "Content-Type: application/json", f"Content-Length: {len(body)}")

    with hub.no_trace():
        reply = hub.ask(hub.head(f"PUT {path} HTTP/1.1", *lines) + body)

    assert reply.status == 422


def test_a_statement_of_another_kind_is_not_taken(hub: Served) -> None:
    office = hub.sim.offices[SENDER]
    statement = announce(
        office.identity, office.key.recipient, previous=hub.sim.stated[SENDER], now=hub.sim.now
    )
    body = canonical.encode({"statement": statement.decode()})
    lines = (hub.token(), "Content-Type: application/json")

    with hub.no_trace():
        reply = hub.ask(hub.post("/v1/agreements", body, *lines))

    assert reply.status == 422


def test_an_access_token_is_no_assertion(hub: Served) -> None:
    clients.refused(hub, hub.sim.token(SENDER))


def test_an_assertion_is_no_access_token(hub: Served) -> None:
    refused_token(hub, clients.good(hub))


def test_a_statement_is_no_access_token(hub: Served) -> None:
    identity = hub.sim.offices[SENDER].identity
    signature = sign(Kind.WITHDRAWAL, clients.claims(hub), identity)

    refused_token(hub, b64u(signature[:900]))


@pytest.mark.parametrize("typ", ["JWT", "id_token+jwt", "", "jwt"])
def test_a_token_of_our_key_with_another_type_is_no_access_token(hub: Served, typ: str) -> None:
    key = jwk.OctKey.import_key((hub.sim.home / "token.key").read_bytes())
    claims = access_claims(hub)

    refused_token(hub, jwt.encode({"alg": "HS256", "typ": typ}, claims, key))
    assert (
        hub.ask(
            hub.head(
                INBOX,
                f"Authorization: Bearer {jwt.encode({'alg': 'HS256', 'typ': TYPE}, claims, key)}",
            )
        ).status
        == 200
    )


@pytest.mark.parametrize(
    "members",
    [
        {"iss": "https://other.example"},
        {"aud": "https://other.example"},
        {"aud": ["https://other.example"]},
        {"sub": "nobody-here"},
        {"sub": RECIPIENT},
        {"sub": 1},
        {"sub": clients.DROPPED},
        {"kid": "A" * 43},
        {"kid": clients.DROPPED},
        {"kid": 1},
        {"exp": clients.DROPPED},
        {"exp": "9999999999"},
        {"exp": 9999999999.5},
        {"exp": 9999999999},
        {"exp": 1},
        {"exp": True},
    ],
    ids=str,
)
def test_a_token_of_our_key_with_other_claims_is_refused(
    hub: Served, members: dict[str, object]
) -> None:
    key = jwk.OctKey.import_key((hub.sim.home / "token.key").read_bytes())
    claims = clients.changed(access_claims(hub), members)

    refused_token(hub, jwt.encode({"alg": "HS256", "typ": TYPE}, claims, key))


def access_claims(hub: Served) -> dict[str, object]:
    return {
        "iss": hub.sim.origin,
        "aud": hub.sim.origin,
        "sub": SENDER,
        "client_id": SENDER,
        "kid": hub.sim.offices[SENDER].identity.kid,
        "iat": clients.now(hub),
        "exp": clients.now(hub) + 600,
        "jti": "a" * 22,
    }


def test_a_token_of_another_hub_is_refused(hub: Served) -> None:
    bearer = Bearer(SENDER, hub.sim.offices[SENDER].identity.kid)
    other = AccessTokens(secrets.token_bytes(32), issuer=hub.sim.origin, life_s=600)
    moved = AccessTokens(
        (hub.sim.home / "token.key").read_bytes(), issuer="https://other.example", life_s=600
    )

    for tokens in (other, moved):
        refused_token(hub, tokens.make(bearer, now=clients.now(hub)))


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: ",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: bearer {token}",
        "Authorization: BEARER {token}",
        "Authorization: Bearer  {token}",
        "Authorization: Bearer {token},Bearer {token}",
        'Authorization: Bearer "{token}"',
        "Authorization: Basic {token}",
        "Authorization: DPoP {token}",
        "Authorization: {token}",
        "Cookie: token={token}",
        "Cookie: __Host-session={token}",
        "X-Access-Token: {token}",
        "Proxy-Authorization: Bearer {token}",
    ],
)
def test_a_token_anywhere_else_is_none(hub: Served, line: str) -> None:
    hub.refused(hub.head(INBOX, line.replace("{token}", hub.sim.token(SENDER))), 401)


@pytest.mark.parametrize("name", ["access_token", "token", "bearer", "client_assertion"])
def test_a_token_in_a_query_is_none_and_not_logged(hub: Served, name: str) -> None:
    token = hub.sim.token(SENDER)
    for query in (f"{name}={token}", f"{name}={CANARY}"):
        hub.ask(hub.head(f"GET /v1/inbox?{query} HTTP/1.1"))

    assert token not in hub.log_text
    assert CANARY not in hub.log_text
    assert {line["status"] for line in hub.log} <= {400, 401}


def test_a_token_in_a_body_is_none(hub: Served) -> None:
    body = b"access_token=" + hub.sim.token(SENDER).encode()

    hub.refused(hub.post("/v1/decisions", body, f"Content-Type: {routes.FORM}"), 401)


@pytest.mark.parametrize(
    ("method", "path"),
    sorted({(one.method, one.path) for one in OPERATIONS if one.scope == OFFICER}),
)
def test_a_token_that_was_not_asked_for_officers_opens_none_of_their_routes(
    hub: Served, method: str, path: str
) -> None:
    route = path.replace("{id}", str(uuid4())).replace("{period}", "2026-03")
    route = route.replace("{finding}", "looks")

    with hub.no_trace():
        hub.refused(hub.head(f"{method} {route} HTTP/1.1", hub.token()), 403, body=FORBIDDEN)


def test_a_token_for_officers_opens_their_routes_and_no_other(hub: Served) -> None:
    reply = hub.ask(clients.posted(hub, clients.form(clients.good(hub), scope=OFFICER)))
    bearer = f"Authorization: Bearer {canonical.loads(reply.body, limit=4096)['access_token']}"

    assert hub.ask(hub.head("GET /v1/officer/agreements HTTP/1.1", bearer)).status == 200
    hub.refused(hub.head(INBOX, bearer), 403, body=FORBIDDEN)
    hub.refused(hub.head("GET /v1/consents HTTP/1.1", bearer), 403, body=FORBIDDEN)
    hub.refused(hub.head("GET /log/openings HTTP/1.1", bearer), 403, body=FORBIDDEN)


@pytest.mark.parametrize("scope", [1, ["officer"], {"officer": True}, None], ids=str)
def test_a_scope_of_another_type_is_refused(hub: Served, scope: object) -> None:
    key = jwk.OctKey.import_key((hub.sim.home / "token.key").read_bytes())
    claims = {**access_claims(hub), "scope": scope}

    refused_token(hub, jwt.encode({"alg": "HS256", "typ": TYPE}, claims, key))


def test_a_token_opens_no_token(hub: Served) -> None:
    """The token endpoint looks at the assertion alone."""
    clients.malformed(
        hub.ask(clients.posted(hub, clients.form("", client_assertion=""), hub.token()))
    )
