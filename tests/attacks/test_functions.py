"""A36: which route asks for which credential; and that there is no route for administrators."""

from typing import Any
from uuid import uuid4

import pytest

from exchange.hub import app
from exchange.hub.http.tokens import Bearer
from exchange.hub.http.uploads import CREATE, OFFSET, OPTIONS
from exchange.hub.pages import site
from exchange.hub.pages.assets import PATH
from exchange.keyring.ceremony import new_identity
from exchange.statement import seconds
from exchange.wire import routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import Operation
from tests import needs, officer
from tests.attacks.parties import Parties
from tests.simulator import SENDER, Simulator

pytestmark = [pytest.mark.authz, needs.both_databases()]

OPEN = {
    ("POST", "/oauth2/token"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/log/checkpoint"),
    ("GET", "/log/candidate"),
    ("GET", "/log/policy"),
    ("GET", "/log/policy-pq"),
    ("GET", "/log/documents/{sha256}"),
    ("GET", "/log/tile/{tile}"),
    ("POST", "/log/cosignatures"),
}
"""Routes without a bearer token: the first authenticates by assertion, the last by the signature
inside; the others tell the same to everybody."""
NAMES = {
    "bundle": "000",
    "digest": "A" * 43,
    "period": "2026-03",
    "finding": "looks",
    "index": "0",
}
"""What stands in paths that name no id."""
DOCS = {"/openapi.json", "/docs"}
PAGES = {path for _, path, _ in site.PAGES} | {"/p"}
"""For persons: a code or an invitation in a form is all they ask for; no bearer is read there."""
DESK = {path for _, path in officer.served()}
"""For officers: a session's cookie, as tests/attacks/test_officer_session.py shows of each."""


async def test_every_route_names_its_authenticator(parties: Parties) -> None:
    served = {
        (route.method, route.resource.canonical)
        for route in app.site(parties.front, parties.settings).router.routes()
        if route.resource is not None
    }
    described = {(one.method, one.path) for one in (*OPERATIONS, CREATE, OFFSET, OPTIONS)}
    others = ("/docs/", PATH)  # the files that pages load
    extra = {path for _, path in served - described if not path.startswith(others)}

    assert described <= served
    assert extra == DOCS | PAGES | DESK
    assert {(one.method, one.path) for one in OPERATIONS if not one.authenticated} == OPEN
    for method, path in sorted(served - OPEN):
        if path in DOCS | PAGES | DESK or path.startswith(others):
            continue
        operation = Operation(name="x", method=method, path=path, summary="")
        names: dict[str, Any] = {**NAMES, "id": str(uuid4())}
        answer = await parties.call(None, operation, **names)
        assert answer.status == 401, (method, path)


async def test_every_wrong_credential_gets_one_answer_on_every_route(parties: Parties) -> None:
    stranger = new_identity(SENDER)
    good = parties.token(SENDER)
    now = seconds(parties.now)
    elsewhere = Bearer(SENDER, stranger.kid)
    # In the middle: the last characters of base64url say little, and might be these by chance.
    forged = f"{good[:-9]}{'A' if good[-9] != 'A' else 'B'}{good[-8:]}"
    wrong = [
        "",
        "Basic d29tZW4tYjp4",
        "Bearer",
        "Bearer ",
        "Bearer x.y.z",
        f"bearer {good}",
        f"Bearer  {good}",
        f"Bearer {forged}",
        f"Bearer {good}, Bearer {good}",
        "Bearer " + parties.front.tokens.make(elsewhere, now=now),
        "Bearer " + parties.front.tokens.make(Bearer("nobody-here", stranger.kid), now=now),
        "Bearer " + parties.front.tokens.make(Bearer(SENDER, stranger.kid), now=now - 86_400),
        "DPoP " + good,
        parties.signed_consent(collected_by=SENDER).statement.decode(),
    ]
    for operation in OPERATIONS:
        if not operation.authenticated:
            continue
        faces = set()
        for credential in wrong:
            answer = await parties.call(
                None, operation, **NAMES, id=str(uuid4()), headers={"Authorization": credential}
            )
            faces.add(answer.face)
        assert len(faces) == 1, operation.name
        assert faces.pop()[0] == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/metrics"),
        ("GET", "/admin"),
        ("GET", "/debug/pprof"),
        ("GET", "/.env"),
        ("GET", "/v1/log"),
        ("POST", "/v1/agencies"),
        ("DELETE", "/v1/agencies/women-b"),
        ("POST", "/v1/agencies/women-b/suspension"),
        ("PUT", "/v1/agencies/women-b"),
        ("DELETE", "/v1/consents/{id}"),
        ("PUT", "/v1/consents/{id}"),
        ("DELETE", "/v1/disclosures/{id}"),
        ("GET", "/v1/disclosures/{id}/collection"),
        ("HEAD", "/v1/disclosures/{id}/collection"),
        ("DELETE", "/v1/disclosures/{id}/upload"),
        ("GET", "/v1/idempotency"),
        ("GET", "/v1/events"),
    ],
)
async def test_there_is_no_function_that_is_not_described(
    parties: Parties, method: str, path: str
) -> None:
    world = await parties.world("stored")
    operation = Operation(name="x", method=method, path=path, summary="")
    for caller in (None, SENDER):
        answer = await parties.call(caller, operation, id=world.letter.id)
        assert answer.status in {404, 405}
    assert (await parties.collect(world.letter)).status == 200


async def test_health_says_ok_and_nothing_else(parties: Simulator) -> None:
    for operation in (routes.HEALTHZ, routes.READYZ):
        answer = await parties.call(None, operation)
        assert (answer.status, answer.json) == (200, {"status": "ok"})
