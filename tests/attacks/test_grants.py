"""A26: other ways OAuth knows to ask for a token."""

import pytest

from exchange.canonical import b64u
from tests.attacks import clients
from tests.attacks.served import CANARY, Served
from tests.simulator import SENDER

pytestmark = pytest.mark.auth

BASIC = f"Authorization: Basic {b64u(b'women-b:secret')}"


@pytest.mark.parametrize(
    "grant",
    [
        "password",
        "authorization_code",
        "refresh_token",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "Client_Credentials",
        " client_credentials",
        "",
        CANARY,
        clients.DROPPED,
    ],
    ids=str,
)
def test_another_grant_is_unsupported(hub: Served, grant: object) -> None:
    with hub.no_trace():
        reply = clients.asked(hub, clients.good(hub), grant_type=grant)

    clients.malformed(reply, "unsupported_grant_type")


@pytest.mark.parametrize(
    "fields",
    [
        {"client_secret": "secret"},
        {"username": "a", "password": "b"},
        {"scope": "Officer"},
        {"scope": "officer "},
        {"scope": "officer officer"},
        {"scope": "officer openid"},
        {"scope": "openid"},
        {"scope": " "},
        {"resource": "https://other.example"},
        {"audience": "https://other.example"},
        {"assertion": "a"},
        {"code": "a"},
        {"refresh_token": "a"},
        {"requested_token_type": "a"},
        {CANARY: CANARY},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": clients.DROPPED},
        {"client_assertion_type": ""},
        {"client_assertion": clients.DROPPED},
        {"client_assertion": ""},
        {"client_assertion": "a" * 4097},
    ],
    ids=str,
)
def test_a_form_that_asks_for_more_or_less_is_refused(
    hub: Served, fields: dict[str, object]
) -> None:
    with hub.no_trace():
        reply = clients.asked(hub, clients.good(hub), **fields)

    clients.malformed(reply)


@pytest.mark.parametrize("name", ["client_assertion", "grant_type", "client_id", "scope"])
def test_a_field_twice_is_refused(hub: Served, name: str) -> None:
    fields = [*clients.form(clients.good(hub), client_id=SENDER, scope="")]
    doubled = [*fields, (name, dict(fields)[name])]

    with hub.no_trace():
        reply = hub.ask(clients.posted(hub, doubled))

    clients.malformed(reply)


@pytest.mark.parametrize("query", ["?client_id=women-b", "?grant_type=client_credentials", "?a=b"])
def test_nothing_travels_in_the_url(hub: Served, query: str) -> None:
    with hub.no_trace():
        reply = hub.ask(clients.posted(hub, clients.form(clients.good(hub)), query=query))

    clients.malformed(reply)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_token_is_asked_for_with_post(hub: Served, method: str) -> None:
    reply = hub.refused(hub.head(f"{method} /oauth2/token HTTP/1.1"), 405, closed=True)

    assert reply.header("Allow") == "POST"


def test_a_password_of_a_client_authenticates_nobody(hub: Served) -> None:
    fields = [("grant_type", "client_credentials")]

    with hub.no_trace():
        clients.malformed(hub.ask(clients.posted(hub, fields, BASIC)))
    hub.refused(hub.head("GET /v1/inbox HTTP/1.1", BASIC), 401)


@pytest.mark.parametrize(
    "path", ["/authorize", "/oauth2/authorize", "/oauth2/introspect", "/oauth2/revoke", "/token"]
)
def test_other_endpoints_of_oauth_do_not_exist(hub: Served, path: str) -> None:
    hub.refused(
        clients.posted(hub, clients.form("a")).replace(b"/oauth2/token", path.encode()), 404
    )
