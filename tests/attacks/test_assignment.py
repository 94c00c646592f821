"""A37: members that only the hub sets, in every body and in every signed payload."""

from typing import Any

import pytest

from exchange.canonical import b64u
from exchange.statement import Kind, sign
from exchange.wire import routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import Operation
from tests.attacks.parties import COLLECTOR, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.authz

OWNED = {
    "state": "valid",
    "collected_by": OUTSIDER,
    "at": "2026-03-03T10:00:00Z",
    "recorded_at": "2026-03-03T10:00:00Z",
    "used": 0,
    "uses_left": 99,
    "agency": SENDER,
    "chain": "7c2a4f10-2f0b-4b64-a3de-5a3f1c9be901",
    "role": "collector",
    "__proto__": {},
}


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.body is not None], ids=lambda one: one.name
)
async def test_a_member_that_no_body_has_is_refused(parties: Parties, operation: Operation) -> None:
    world = await parties.world("withdrawn, collected")
    before = await parties.tables()
    body = fitting(parties, operation)
    own = {"id": RECIPIENT} if "agencies" in operation.path else {}
    options: dict[str, Any] = {"id": parties._id(operation, world), **own}
    for name, value in OWNED.items():
        answer = await parties.call(RECIPIENT, operation, json={**body, name: value}, **options)
        assert answer.status == 400, name
    assert await parties.tables() == before


def fitting(parties: Parties, operation: Operation) -> dict[str, object]:
    """Return a body that is right in form."""
    if operation is routes.DECIDE:
        return {
            "consent": "A" * 43,
            "recipients": [RECIPIENT],
            "purpose": "housing-loss",
            "category": "rent-arrears-letter",
            "secrecy": "professional",
            "exp": 1,
        }
    if operation is routes.PUT_CAPABILITIES:
        return {"max_size": 5000}
    given = parties.signed_consent(collected_by=COLLECTOR)
    body: dict[str, object] = {"statement": given.statement.decode()}
    if operation is routes.POST_CONSENT:
        body["log_key"] = b64u(given.log_key)
    return body


async def test_a_signed_payload_has_no_room_for_more_either(parties: Parties) -> None:
    world = await parties.world("collected")
    before = await parties.tables()
    for name in sorted(set(OWNED) - {"agency"}):
        extra: dict[str, Any] = {name: OWNED[name]}
        consent = parties.signed_consent(**({"collected_by": COLLECTOR} | extra))
        payload = {**parties.agreement_payload(), **extra}
        agreement = sign(Kind.AGREEMENT, payload, parties.offices[RECIPIENT].identity)
        body = {"statement": agreement.decode()}
        answers = [
            await parties.record(consent, COLLECTOR),
            await parties.call(RECIPIENT, routes.POST_AGREEMENT, json=body),
            await parties.acknowledge(world.letter, **extra),
            await parties.withdraw(world.consent, COLLECTOR, **extra),
        ]
        assert [answer.status for answer in answers] == [422] * 4, name
    assert await parties.tables() == before
