"""A21 to A27, A31 and A36 at an auditor's own tool: whose key gets a token, what that opens.

An agency's token opens nothing of an auditor's and the reverse; an assertion that is not right in
every member is the one 401.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwk, jwt

from exchange import canonical
from exchange.canonical import b64u
from exchange.hub.http.token import TYPE
from exchange.hub.http.tokens import Bearer
from exchange.hub.officers import accounts, keys
from exchange.keyring.ceremony import new_auditor_key
from exchange.statement import seconds
from exchange.wire import audit_routes, routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import AUDITOR, OFFICER, Operation
from tests import needs
from tests.attacks.clients import DROPPED, INVALID_CLIENT, changed
from tests.attacks.parties import Parties
from tests.auditor import ASKS, Auditor, auditor, published
from tests.simulator import RECIPIENT, SENDER, Answer, Simulator

pytestmark = pytest.mark.authz

NOBODY = "00000000-0000-4000-8000-000000000001"
NOBODY_ELSE = "00000000-0000-4000-8000-000000000002"
NAMES = {
    "bundle": "000",
    "digest": "A" * 43,
    "period": "2026-01",
    "finding": "looks",
    "index": "0",
}


def compact(tool: Auditor, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a JWT that the auditor's key has signed, right but for what a test changes."""
    now = seconds(tool.sim.now)
    head = {"alg": "Ed25519", "kid": tool.key.kid, "typ": TYPE}
    stated = {
        "iss": tool.officer.id,
        "sub": tool.officer.id,
        "aud": tool.sim.origin,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_urlsafe(16),
    }
    parts = (changed(head, header), changed(stated, claims))
    signed = ".".join(b64u(canonical.encode(part)) for part in parts)
    return f"{signed}.{b64u(tool.key._key.sign(signed.encode('ascii')))}"


def is_refused(answer: Answer) -> bool:
    return (answer.status, answer.body) == (401, INVALID_CLIENT)


# Tokens


async def test_an_assertion_of_her_key_gets_one_token(sim: Simulator) -> None:
    tool = await auditor(sim)
    text = compact(tool, {}, {})
    assert (await tool.asks_for_token(text)).status == 200
    assert is_refused(await tool.asks_for_token(text))


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "EdDSA"}, {}),
        ({"alg": "none"}, {}),
        ({"alg": "HS256"}, {}),
        ({"typ": "JWT"}, {}),
        ({"typ": DROPPED}, {}),
        ({"kid": DROPPED}, {}),
        ({"kid": "A" * 43}, {}),
        ({"kid": "A" * 42 + "\0"}, {}),
        ({"kid": 1}, {}),
        ({"jwk": {}}, {}),
        ({}, {"iss": SENDER}),
        ({}, {"sub": SENDER}),
        ({}, {"iss": SENDER, "sub": SENDER}),
        ({}, {"iss": NOBODY, "sub": NOBODY_ELSE}),
        ({}, {"aud": "https://other.example"}),
        ({}, {"jti": "a" * 15}),
        ({}, {"jti": DROPPED}),
        ({}, {"iat": DROPPED}),
        ({}, {"exp": 9999999999}),
        ({}, {"iat": 1, "exp": 2}),
    ],
    ids=str,
)
async def test_an_assertion_with_one_wrong_member_is_refused(
    sim: Simulator, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    tool = await auditor(sim)
    assert is_refused(await tool.asks_for_token(compact(tool, header, claims)))
    assert await sim.count("used_assertions") == 0


async def test_the_public_key_is_no_secret_to_sign_with(sim: Simulator) -> None:
    tool = await auditor(sim)
    key = jwk.OctKey.import_key(tool.key.public)
    claims = {"iss": tool.officer.id, "sub": tool.officer.id, "aud": sim.origin}
    text = jwt.encode({"alg": "HS256", "kid": tool.key.kid, "typ": TYPE}, claims, key)
    assert is_refused(await tool.asks_for_token(text))


@pytest.mark.parametrize("scope", ["", OFFICER])
async def test_her_key_gets_no_token_of_another_kind(sim: Simulator, scope: str) -> None:
    tool = await auditor(sim)
    assert is_refused(await tool.asks_for_token(scope=scope))


async def test_an_agency_gets_no_token_of_hers(sim: Simulator) -> None:
    tool, identity = await auditor(sim), sim.offices[SENDER].identity
    text = identity.client_assertion(
        issuer=sim.origin, now=seconds(sim.now), jti=secrets.token_urlsafe(16)
    )
    assert is_refused(await tool.asks_for_token(text))


async def test_one_auditor_is_not_another(sim: Simulator) -> None:
    first, second = await auditor(sim), await auditor(sim)
    assert is_refused(await first.asks_for_token(first.assertion(client=second.officer.id)))
    borrowed = compact(first, {"kid": second.key.kid}, {})
    assert is_refused(await first.asks_for_token(borrowed))
    token = sim.front.tokens.make(
        Bearer(second.officer.id, first.key.kid, AUDITOR), now=seconds(sim.now)
    )
    assert (await first.asks(audit_routes.LOG, token=token)).status == 401


async def test_a_key_that_the_operator_never_set_is_refused(sim: Simulator) -> None:
    tool = await auditor(sim)
    strange = Auditor(sim, tool.officer, new_auditor_key())
    assert is_refused(await strange.asks_for_token())


async def test_a_token_ends_with_its_life(sim: Simulator) -> None:
    tool = await auditor(sim)
    token = await tool.token()
    sim.later(seconds=599)
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 200
    sim.later(seconds=1)
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 401


async def test_she_is_refused_beyond_her_rate_and_nobody_else_is(tmp_path: Path) -> None:
    limited = Simulator(tmp_path, agency={"rate": 1, "burst": 2})
    async with limited.running():
        first, second = await auditor(limited), await auditor(limited)
        token, other = await first.token(), await second.token()
        found = [(await first.asks(audit_routes.LOG, token=token)).status for _ in range(3)]
        assert found == [200, 200, 429]
        assert (await second.asks(audit_routes.LOG, token=other)).status == 200


# What a token opens


async def everywhere(
    parties: Parties, ask: Callable[[Operation, str], Any], operations: list[Operation]
) -> set[Any]:
    """Return how every one of these routes answers, about what exists and what does not."""
    world = await parties.world("collected")
    faces = set()
    for operation in operations:
        for name in (parties._id(operation, world), str(uuid4())):
            answer = await ask(operation, name)
            fields = {**answer.headers, "Tus-Resumable": ""}  # on every answer of an upload
            faces.add(Answer(answer.status, fields, answer.body).face)
    return faces


OURS = [operation for operation, _, _ in ASKS]
OTHERS = [one for one in OPERATIONS if one.authenticated and one not in OURS]


def test_every_route_of_auditors_is_asked() -> None:
    assert [one for one in OPERATIONS if one.scope == AUDITOR] == OURS


@needs.both_databases()
async def test_her_token_opens_her_routes_and_no_other(parties: Parties) -> None:
    await published(parties)
    tool = await auditor(parties)
    token = await tool.token()
    assert {one.status for one in (await tool.every(token)).values()} == {200}

    async def ask(operation: Operation, name: str) -> Answer:
        return await tool.asks(operation, token=token, **{**NAMES, "id": name})

    ((status, _, body),) = await everywhere(parties, ask, OTHERS)
    assert (status, canonical.loads(body, limit=4096)["type"]) == (
        403,
        "urn:consent-exchange:problem:not-permitted",
    )
    await accounts.remove(parties.hub, tool.officer.id)
    ((status, _, _),) = await everywhere(parties, ask, OURS)
    assert status == 401
    # Elsewhere it never opens anything: that is said before the database is asked.
    ((status, _, _),) = await everywhere(parties, ask, OTHERS)
    assert status == 403


@pytest.mark.parametrize("scope", ["", OFFICER])
@pytest.mark.parametrize("agency", [SENDER, RECIPIENT])
async def test_no_agency_s_token_opens_a_route_of_hers(
    parties: Parties, agency: str, scope: str
) -> None:
    await published(parties)
    token = parties.token(agency, scope)

    async def ask(operation: Operation, name: str) -> Answer:
        names = {**NAMES, "id": name}
        return await parties.call(
            None, operation, headers={"Authorization": f"Bearer {token}"}, **names
        )

    ((status, _, _),) = await everywhere(parties, ask, OURS)
    assert status == 403


async def test_a_token_of_an_agency_with_her_scope_opens_nothing(parties: Parties) -> None:
    """None is ever made; were it, the agency's identity is no auditor's key."""

    async def ask(operation: Operation, name: str) -> Answer:
        names: dict[str, Any] = {**NAMES, "id": name}
        return await parties.call(SENDER, operation, **names)

    ((status, _, _),) = await everywhere(parties, ask, OURS)
    assert status == 401


async def test_her_token_opens_no_page_and_leaves_no_name_in_the_hub_s_log(
    sim: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = await auditor(sim)
    token = await tool.token()
    await tool.every(token)
    page = Operation(name="page", method="GET", path="/officer/proofs", summary="")
    answer = await tool.asks(page, token=token)
    assert (answer.status, answer.headers["Location"]) == (303, "/officer/login")
    await keys.remove(sim.hub, tool.officer.id)
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 401
    said = capsys.readouterr()
    assert audit_routes.LOG.path in said.out + said.err
    for secret in (tool.officer.id, tool.key.kid, token):
        assert secret not in said.out + said.err


async def test_a_token_is_not_asked_for_in_a_url(sim: Simulator) -> None:
    tool = await auditor(sim)
    answer = await sim.call(None, routes.TOKEN, query=f"?client_assertion={tool.assertion()}")
    assert answer.status in {400, 415}
