"""Absent, hidden and refused look the same: status, headers, body, statements, leaves."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from exchange.wire import routes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import AUDITOR, Operation
from tests.asking import ask
from tests.person import draft, upload
from tests.simulator import (
    OUTSIDER,
    RECIPIENT,
    SENDER,
    Answer,
    Given,
    Letter,
    Simulator,
    statements,
)

UPLOAD = {"Tus-Resumable": "1.0.0"}
BY_ID = tuple(
    operation
    for operation in OPERATIONS
    # An auditor's routes open to no agency at all.
    if operation.path_shape and "{id}" in operation.path and operation.scope != AUDITOR
)


class World:
    """One consent with a stored letter, an announced one, an erasure; ids of each kind."""

    consent: Given
    letter: Letter
    announced: Letter
    erasure: str
    request: str
    draft: str
    receipt: str

    def id_for(self, operation: Operation, sim: Simulator) -> str:
        if "upload" in operation.path:
            return self.announced.id
        return {
            "agreements": str(sim.agreement_id),
            "consents": self.consent.id,
            "erasures": self.erasure,
            "requests": self.request,
            "drafts": self.draft,
            "receipts": self.receipt,
        }.get(operation.path.split("/")[2], self.letter.id)


@pytest.fixture
async def world(sim: Simulator) -> World:
    found = World()
    ended = await sim.consent()
    collected = await sim.sent(ended)
    assert (await sim.collect(collected)).status == 200
    assert (await sim.withdraw(ended)).status == 200
    (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    found.erasure = erasure["id"]
    found.request = (await ask(sim))["id"]
    uploaded, _ = await upload(sim, draft(sim))
    found.draft = uploaded.json["id"]
    found.consent = await sim.consent()
    found.letter = await sim.sent(found.consent)
    (stored, *_) = reversed(await sim.log("disclosure-stored"))
    found.receipt = stored["id"]
    found.announced = sim.letter(found.consent.digest)
    announced = await sim.call(
        SENDER,
        routes.DISCLOSE,
        body=found.announced.manifest,
        headers={"Content-Type": routes.MANIFEST},
    )
    assert announced.json["state"] == "announced"
    return found


async def asked(sim: Simulator, operation: Operation, name: str, world: World) -> Answer:
    """Ask about `name` as an agency that is party of nothing."""
    options: dict[str, Any] = {}
    if operation.name == "put_capabilities":
        options["json"] = {"max_size": 5000}
    elif operation.name == "post_credential":
        options["json"] = {}
    elif operation.body is not None:
        statement = sim.withdrawal(world.consent, OUTSIDER)
        if operation.name == "acknowledge":
            statement = sim.acknowledgement(world.letter, OUTSIDER)
        options["json"] = {"statement": statement.decode()}
    elif operation.name == "upload":
        options["headers"] = {
            **UPLOAD,
            "Upload-Offset": "0",
            "Content-Type": routes.OFFSET_STREAM,
        }
        options["body"] = b"x"
    return await sim.call(OUTSIDER, operation, id=name, **options)


@pytest.mark.parametrize(
    "operation", [one for one in BY_ID if one.name != "agency"], ids=lambda one: one.name
)
async def test_what_is_hidden_looks_absent_on_every_route_with_an_id(
    sim: Simulator, world: World, operation: Operation
) -> None:
    if operation.path.startswith("/v1/agencies"):
        absent = await asked(sim, operation, "nobody-here", world)
        hidden = await asked(sim, operation, SENDER, world)
    else:
        absent = await asked(sim, operation, str(uuid4()), world)
        hidden = await asked(sim, operation, world.id_for(operation, sim), world)

    assert absent.status == 404
    assert hidden.face == absent.face


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": "*"},
        {"If-Match": '"p-x"'},
        {"Range": "bytes=0-1"},
        {"Range": "bytes=99999999999-"},
        {"Idempotency-Key": "k"},
    ],
)
@pytest.mark.parametrize("operation", [routes.PAYLOAD_OF, routes.GET_DISCLOSURE, routes.COLLECT])
async def test_conditions_and_ranges_are_no_oracle(
    sim: Simulator, world: World, operation: Operation, headers: dict[str, str]
) -> None:
    absent = await sim.call(OUTSIDER, operation, id=str(uuid4()), headers=headers)
    hidden = await sim.call(OUTSIDER, operation, id=world.letter.id, headers=headers)

    assert absent.status == 404
    assert hidden.face == absent.face


async def test_the_upload_answers_strangers_like_an_unknown_one(
    sim: Simulator, world: World
) -> None:
    from exchange.hub.http.uploads import CREATE, OFFSET

    for operation, headers in (
        (OFFSET, UPLOAD),
        (CREATE, {**UPLOAD, "Upload-Length": "3584"}),
    ):
        absent = await sim.call(OUTSIDER, operation, id=str(uuid4()), headers=headers)
        hidden = await sim.call(OUTSIDER, operation, id=world.announced.id, headers=headers)
        assert absent.status == 404
        assert hidden.face == absent.face


async def refused(
    sim: Simulator, ask: Callable[[], Awaitable[Answer]]
) -> tuple[Any, int, list[int]]:
    """Return the face of an answer, its number of statements, and the leaves it left."""
    await ask()  # warm: what is read for the first time is verified once more
    async with sim.still():
        before = await sim.count("log_pending")
        with statements(sim.home) as seen:
            answer = await ask()
            count = len(seen)
        lengths = await sim.rows("SELECT length(leaf) FROM log_pending ORDER BY id")
    assert before == 0
    return answer.face, count, [row[0] for row in lengths]


async def test_a_refused_disclosure_looks_the_same_whatever_the_reason(sim: Simulator) -> None:
    withdrawn = await sim.consent()
    await sim.withdraw(withdrawn)
    once = await sim.consent(uses="once")
    await sim.sent(once)
    valid = await sim.consent()
    cases = {
        "absent": sim.letter("A" * 43),
        "withdrawn": sim.letter(withdrawn.digest),
        "used up": sim.letter(once.digest),
        "category": sim.letter(valid.digest, category="energy-bill"),
        "purpose": sim.letter(valid.digest, purpose="energy-debt"),
    }

    found = {name: await refused(sim, partial(sim.send, letter)) for name, letter in cases.items()}

    face, count, left = found["absent"]
    assert face[0] == 403
    assert left == [49]
    assert found == dict.fromkeys(cases, (face, count, left))


async def test_anothers_consent_looks_absent_to_the_gate(sim: Simulator) -> None:
    other = await sim.consent()
    hidden = sim.letter(other.digest, sender=OUTSIDER)
    absent = sim.letter("A" * 43, sender=OUTSIDER)

    found = [await refused(sim, partial(sim.send, letter, OUTSIDER)) for letter in (hidden, absent)]

    assert found[0] == found[1]


async def test_a_refused_collection_looks_the_same_whatever_the_reason(sim: Simulator) -> None:
    withdrawn = await sim.consent()
    ended = await sim.sent(withdrawn)
    await sim.withdraw(withdrawn)
    recalled = await sim.sent()
    await sim.call(SENDER, routes.RECALL, id=recalled.id)
    stored = await sim.sent()
    cases: dict[str, Callable[[], Awaitable[Answer]]] = {
        "absent": lambda: sim.call(RECIPIENT, routes.COLLECT, id=str(uuid4())),
        "withdrawn": lambda: sim.collect(ended),
        "recalled": lambda: sim.collect(recalled),
        "anothers": lambda: sim.collect(stored, OUTSIDER),
        "own, as sender": lambda: sim.collect(stored, SENDER),
    }

    found = {name: await refused(sim, ask) for name, ask in cases.items()}

    face, _, left = found["absent"]
    assert face[0] == 404
    assert left == [49]
    assert found == dict.fromkeys(cases, found["absent"])


async def test_a_question_is_refused_like_any_other_and_leaves_nothing(sim: Simulator) -> None:
    withdrawn = await sim.consent()
    await sim.withdraw(withdrawn)
    await sim.settled()
    before = await sim.count("log_entry")

    faces = {
        (await sim.ask(SENDER, "A" * 43)).face,
        (await sim.ask(SENDER, withdrawn.digest)).face,
        (await sim.ask(OUTSIDER, withdrawn.digest)).face,
    }

    assert len(faces) == 1
    assert faces.pop()[0] == 403
    await sim.settled()
    assert await sim.count("log_entry") == before


async def test_a_refusal_leaves_one_leaf_and_nothing_else(sim: Simulator) -> None:
    letter = sim.letter("A" * 43)
    tables = await sim.table_names()
    async with sim.still():
        before = {table: await sim.count(table) for table in tables}
        await sim.send(letter, headers={"Idempotency-Key": "again"})
        after = {table: await sim.count(table) for table in tables}
    grown = {
        table: after[table] - before[table] for table in tables if after[table] != before[table]
    }
    assert grown == {"log_event": 1, "log_pending": 1}
    assert list((sim.home / "payloads").iterdir()) == []
