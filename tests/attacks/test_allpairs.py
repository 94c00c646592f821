"""A31: who is told what, for every route, relation and state; the table of docs/consent.md.

Everybody who may not know gets the 404 of an id that does not exist, byte for byte; without a
token there is only 401. What a relation may do, it can do.
"""

from dataclasses import dataclass, field

import pytest

from exchange.hub.http.uploads import OFFSET
from exchange.wire import officer_routes, routes
from exchange.wire.routes import Operation
from tests.attacks.parties import COLLECTOR, NOBODY, RELATIONS, Parties
from tests.simulator import RECIPIENT, SENDER, Answer

pytestmark = pytest.mark.authz

STATES = (
    "invited",
    "recorded",
    "asked",
    "announced",
    "stored",
    "collected",
    "acknowledged",
    "recalled",
    "withdrawn, waiting",
    "withdrawn, collected",
)
RECORDED = set(STATES) - {"invited"}
"""States in which there is a consent, not only a draft of one."""
REACHED = {"stored", "collected", "acknowledged", "withdrawn, collected"}
"""States in which the consent and its disclosure exist for the recipient."""


@dataclass(frozen=True)
class Row:
    """What one operation answers to whoever may know; everybody else gets a 404."""

    operation: Operation
    answers: dict[str, dict[str, int]] = field(default_factory=dict)
    """Relation to state to status."""


def each(states: object, status: int = 200) -> dict[str, int]:
    return {state: status for state in STATES if state in states}  # type: ignore[operator]


TABLE = (
    Row(
        routes.GET_CONSENT,
        {"collector": each(RECORDED), "releaser": each(RECORDED), "recipient": each(REACHED)},
    ),
    Row(
        officer_routes.CONSENT,
        {"collector": each(RECORDED), "releaser": each(RECORDED), "recipient": each(REACHED)},
    ),
    Row(
        officer_routes.REMIND,
        {
            "collector": each({"withdrawn, collected"}),
            "releaser": each({"withdrawn, collected"}),
        },
    ),
    Row(
        routes.WITHDRAW,
        {"collector": each(RECORDED), "releaser": each(RECORDED), "recipient": each(REACHED)},
    ),
    Row(
        routes.GET_DISCLOSURE,
        {"releaser": each(RECORDED - {"recorded", "asked"}), "recipient": each(REACHED)},
    ),
    Row(routes.PAYLOAD_OF, {"recipient": each({"stored", "collected"})}),
    Row(routes.COLLECT, {"recipient": each({"stored", "collected"})}),
    Row(
        routes.ACKNOWLEDGE,
        {
            "recipient": {
                **each({"stored", "collected", "withdrawn, collected"}),
                "acknowledged": 409,
            }
        },
    ),
    Row(
        routes.RECALL,
        {
            "releaser": {
                **each({"announced", "stored", "recalled"}),
                "collected": 409,
                "acknowledged": 409,
                "withdrawn, waiting": 409,
                "withdrawn, collected": 409,
            }
        },
    ),
    Row(
        OFFSET,
        {"releaser": each({"announced", "stored", "collected", "acknowledged"})},
    ),
    Row(
        routes.UPLOAD,
        {"releaser": {"announced": 204}},
    ),
    Row(routes.CONFIRM_ERASURE, {"recipient": each({"withdrawn, collected"})}),
    Row(routes.GET_REQUEST, {"recipient": each({"asked"}), "releaser": each({"asked"})}),
    Row(routes.POST_CREDENTIAL, {"collector": each(RECORDED)}),
    Row(routes.GET_DRAFT, {"collector": each({"invited"})}),
    Row(routes.DELETE_DRAFT, {"collector": each({"invited"})}),
)
CHANGING = {"POST", "PATCH", "DELETE"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.operation.name)
async def test_every_relation_gets_the_answer_of_the_table(parties: Parties, row: Row) -> None:
    for state in STATES:
        world = await parties.world(state)
        absent = parties.absent(world)
        for relation, caller in RELATIONS.items():
            expected = row.answers.get(relation, {}).get(state, 404)
            if caller == NOBODY:
                expected = 401
            asked = world
            if expected < 400 and row.operation.method in CHANGING:
                asked = await parties.world(state)
            answer = await parties.ask_about(row.operation, asked, caller)
            assert answer.status == expected, (state, relation, answer.body)
            if expected == 404:
                unknown = await parties.ask_about(row.operation, absent, caller)
                assert answer.face == unknown.face, (state, relation)


@pytest.mark.parametrize("state", STATES)
async def test_lists_show_what_their_reader_may_read_one_by_one(
    parties: Parties, state: str
) -> None:
    world = await parties.world(state)
    for relation, caller in RELATIONS.items():
        if caller == NOBODY:
            continue
        consents = (await parties.call(caller, routes.CONSENTS)).json["consents"]
        one = await parties.ask_about(routes.GET_CONSENT, world, caller)
        assert [found["id"] for found in consents] == [world.consent.id] * (one.status == 200)
        asked = f"?consent={world.consent.digest}"
        by_digest = await parties.call(caller, routes.CONSENTS, query=asked)
        assert by_digest.json["consents"] == consents
        erasures = (await parties.call(caller, routes.ERASURES)).json["erasures"]
        told = state == "withdrawn, collected" and relation in {
            "collector",
            "releaser",
            "recipient",
        }
        assert len(erasures) == told, relation
        waiting = (await parties.call(caller, routes.INBOX)).json["entries"]
        reached = caller == RECIPIENT and state in {"stored", "collected"}
        asked_for = caller == SENDER and state == "asked"
        assert len(waiting) == reached + asked_for, relation
        requests = (await parties.call(caller, routes.REQUESTS)).json["requests"]
        assert len(requests) == (caller in {SENDER, RECIPIENT} and state == "asked"), relation
        agreements = (await parties.call(caller, routes.AGREEMENTS)).json["agreements"]
        assert len(agreements) == (relation != "outsider")


@pytest.mark.parametrize("state", ["collected", "withdrawn, collected"])
async def test_why_a_consent_ended_is_told_to_the_collector_and_to_whoever_must_erase(
    parties: Parties, state: str
) -> None:
    world = await parties.world(state)
    ended = state != "collected"
    seen = {
        caller: (await parties.ask_about(routes.GET_CONSENT, world, caller)).json
        for caller in (COLLECTOR, SENDER, RECIPIENT)
    }

    assert {found["state"] for found in seen.values()} == {"ended" if ended else "valid"}
    why = "withdrawn" if ended else None
    assert [seen[caller]["reason"] for caller in seen] == [why, None, why]
    assert [seen[caller]["withdrawal"] is not None for caller in seen] == [ended, False, ended]
    assert [seen[caller]["ended_at"] is not None for caller in seen] == [ended, False, ended]
    assert [seen[caller]["used"] for caller in seen] == [1, 1, None]


@pytest.mark.parametrize("relation", RELATIONS)
async def test_only_the_releaser_passes_the_gate_and_only_while_the_consent_holds(
    parties: Parties, relation: str
) -> None:
    caller = RELATIONS[relation]
    signer = SENDER if caller == NOBODY else caller
    agency = None if caller == NOBODY else caller
    to = SENDER if caller == RECIPIENT else RECIPIENT
    absent = "A" * 43

    async def decided(consent: str) -> Answer:
        return await parties.question(agency, consent, to)

    async def sent(consent: str) -> Answer:
        letter = parties.letter(consent, sender=signer, recipient=to)
        headers = {"Content-Type": routes.DISCLOSURE}
        return await parties.call(agency, routes.DISCLOSE, body=letter.one_shot, headers=headers)

    for state in STATES:
        consent = (await parties.world(state)).consent.digest
        decision, answer = await decided(consent), await sent(consent)
        if relation == "releaser" and state in RECORDED and not state.startswith("withdrawn"):
            assert (decision.status, answer.status) == (200, 201), state
            continue
        refused = 401 if caller == NOBODY else 403
        assert (decision.status, answer.status) == (refused, refused), state
        assert decision.face == (await decided(absent)).face
        assert answer.face == (await sent(absent)).face
