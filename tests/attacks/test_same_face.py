"""Rule 6 over all routes: absent, hidden and refused are one answer, one path, one trace.

Generated over `wire.routes.OPERATIONS`: an operation that is added is tested, or fails here.
"""

from uuid import uuid4

import pytest

from exchange.hub.http.uploads import CREATE, OFFSET
from exchange.wire import routes
from exchange.wire.routes import OPERATIONS, Operation
from tests.attacks.parties import COLLECTOR, PARTY, TUS, Parties, World
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer

pytestmark = pytest.mark.authz

BY_ID = tuple(one for one in OPERATIONS if "{id}" in one.path)
OF_AN_AGENCY = {
    routes.AGENCY,  # the directory is open to every agency
    routes.PUT_KEY_STATEMENT,
    routes.PUT_SUCCESSION,
    routes.PUT_CAPABILITIES,
}
OF_AN_AGREEMENT = {routes.GET_AGREEMENT, routes.SIGN_AGREEMENT, routes.GIVE_NOTICE}
STRANGERS = {
    OUTSIDER: "announced stored collected withdrawn,collected",
    PARTY: "announced stored collected withdrawn,collected",
    RECIPIENT: "recorded announced recalled withdrawn,waiting",
}
"""Callers, and the states of a consent that they must not tell from an unknown id."""


async def face(parties: Parties, operation: Operation, world: World, caller: str) -> object:
    traced = await parties.traced(lambda: parties.ask_about(operation, world, caller))
    assert traced.answer.status == 404, traced.answer.body
    return traced.face


@pytest.mark.parametrize(
    "operation",
    [one for one in (*BY_ID, OFFSET) if one not in OF_AN_AGENCY],
    ids=lambda one: one.name,
)
async def test_what_is_hidden_is_absent_on_every_route_with_an_id(
    parties: Parties, operation: Operation
) -> None:
    for caller, states in STRANGERS.items():
        if operation in OF_AN_AGREEMENT and caller != OUTSIDER:
            continue
        for state in states.split():
            world = await parties.world(state.replace(",", ", "))
            hidden = await face(parties, operation, world, caller)
            assert hidden == await face(parties, operation, parties.absent(world), caller)


@pytest.mark.parametrize(
    "operation", [one for one in BY_ID if one in OF_AN_AGENCY - {routes.AGENCY}]
)
async def test_of_another_agency_nothing_can_be_published_whether_it_exists_or_not(
    parties: Parties, operation: Operation
) -> None:
    body = parties._body(operation, await parties.world("recorded"), OUTSIDER)
    faces = [
        (await parties.call(OUTSIDER, operation, id=name, json=body)).face
        for name in (SENDER, "nobody-here")
    ]

    assert faces[0] == faces[1]
    assert faces[0][0] == 404


async def test_an_upload_is_created_at_a_hidden_place_as_little_as_at_none(
    parties: Parties,
) -> None:
    world = await parties.world("announced")
    headers = {**TUS, "Upload-Length": str(len(world.letter.sealed))}
    for caller in (OUTSIDER, PARTY, RECIPIENT, COLLECTOR):
        faces = [
            (await parties.call(caller, CREATE, id=name, headers=headers)).face
            for name in (world.letter.id, str(uuid4()))
        ]
        assert faces[0] == faces[1]
        assert faces[0][0] == 404


async def test_every_refusal_of_the_gate_is_one_answer_one_path_and_one_leaf(
    parties: Parties,
) -> None:
    withdrawn = (await parties.world("withdrawn, waiting")).consent
    once = await parties.consent(uses="once")
    assert (await parties.send(parties.letter(once.digest))).status == 201
    later = await parties.consent(valid_until="2026-03-03T11:00:00Z")
    valid = await parties.consent()
    parties.later(minutes=61)
    letters = {
        "absent": parties.letter("A" * 43),
        "withdrawn": parties.letter(withdrawn.digest),
        "used up": parties.letter(once.digest),
        "expired": parties.letter(later.digest),
        "category": parties.letter(valid.digest, category="energy-bill"),
        "purpose": parties.letter(valid.digest, purpose="energy-debt"),
        "recipient": parties.letter(valid.digest, recipient=PARTY),
    }

    for send in (parties.send, parties.announce):
        found = {
            name: (await parties.traced(lambda letter=letter, send=send: send(letter))).face
            for name, letter in letters.items()
        }
        assert found["absent"][0][0] == 403  # type: ignore[index]
        assert found["absent"][2] == (49,)
        assert found == dict.fromkeys(letters, found["absent"])


async def test_every_answer_to_a_question_that_is_no_yes_is_the_same(parties: Parties) -> None:
    withdrawn = (await parties.world("withdrawn, collected")).consent
    valid = await parties.consent()
    cases: dict[str, tuple[str, str, dict[str, object]]] = {
        "absent": (SENDER, "A" * 43, {}),
        "withdrawn": (SENDER, withdrawn.digest, {}),
        "purpose": (SENDER, valid.digest, {"purpose": "energy-debt"}),
        "category": (SENDER, valid.digest, {"category": "energy-bill"}),
        "unknown words": (SENDER, valid.digest, {"category": "never-heard"}),
        "recipient": (SENDER, valid.digest, {"recipients": [PARTY]}),
        "nobody": (SENDER, valid.digest, {"recipients": ["nobody-here"]}),
        "too long": (SENDER, valid.digest, {"exp": 1_900_000_000}),
        "another's": (OUTSIDER, valid.digest, {}),
        "collector": (COLLECTOR, valid.digest, {}),
        "party": (PARTY, valid.digest, {}),
    }

    async def asked(name: str) -> Answer:
        caller, consent, members = cases[name]
        return await parties.ask(caller, consent, **members)

    traces = {name: await parties.traced(lambda name=name: asked(name)) for name in cases}

    absent = traces["absent"]
    assert (absent.answer.status, absent.leaves) == (403, ())
    # Of the faces of callers the number of statements is the same for one and the same caller.
    assert {trace.answer.face for trace in traces.values()} == {absent.answer.face}
    assert {trace.statements for trace in traces.values()} == {absent.statements}
