"""A32: asking whether something exists by any other way than reading it."""

from typing import Any
from uuid import uuid4

import pytest

from exchange.hub.http.uploads import CREATE, OFFSET
from exchange.wire import routes, shapes
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import Operation
from tests.attacks.parties import COLLECTOR, PARTY, TUS, Parties
from tests.simulator import OUTSIDER, RECIPIENT, Letter

pytestmark = pytest.mark.authz

HEADERS: tuple[dict[str, str], ...] = (
    {"If-None-Match": "*"},
    {"If-None-Match": '"p-x"'},
    {"If-Match": "*"},
    {"If-Match": '"p-x"'},
    {"If-Range": '"p-x"', "Range": "bytes=0-0"},
    {"Range": "bytes=0-0"},
    {"Range": "bytes=999999999-"},
    {"Range": "bytes=0-0,2-3"},
    {"Idempotency-Key": "k"},
)
READABLE = (routes.GET_DISCLOSURE, routes.PAYLOAD_OF, routes.GET_CONSENT, routes.GET_AGREEMENT)


@pytest.mark.parametrize("operation", [*READABLE, routes.COLLECT], ids=lambda one: one.name)
async def test_conditions_ranges_and_keys_tell_nothing_of_what_is_hidden(
    parties: Parties, operation: Operation
) -> None:
    world = await parties.world("stored")
    digest = (await parties.payload(world.letter)).headers["Etag"]
    hidden_id = parties._id(operation, world)
    for headers in HEADERS:
        for sent in (headers, {**headers, "If-None-Match": digest}, {"If-Match": digest}):
            hidden = await parties.call(OUTSIDER, operation, id=hidden_id, headers=sent)
            absent = await parties.call(OUTSIDER, operation, id=str(uuid4()), headers=sent)
            assert absent.status == 404
            assert hidden.face == absent.face


@pytest.mark.parametrize("operation", READABLE, ids=lambda one: one.name)
async def test_other_methods_answer_by_route_and_never_by_id(
    parties: Parties, operation: Operation
) -> None:
    world = await parties.world("stored")
    for method in ("HEAD", "OPTIONS", "DELETE", "TRACE", "PATCH"):
        other = Operation(name="other", method=method, path=operation.path, summary="")
        faces = [
            (await parties.call(OUTSIDER, other, id=name)).face
            for name in (parties._id(operation, world), str(uuid4()))
        ]
        assert faces[0] == faces[1]
        assert faces[0][0] in {404, 405}


async def test_a_hidden_upload_has_no_offset_no_place_and_takes_no_piece(parties: Parties) -> None:
    world = await parties.world("announced")
    size = str(len(world.letter.sealed))
    asked: tuple[tuple[Operation, dict[str, str], Any], ...] = (
        (OFFSET, TUS, None),
        (OFFSET, {}, None),
        (CREATE, {**TUS, "Upload-Length": size}, None),
        (CREATE, {**TUS, "Upload-Length": "1"}, None),
        (routes.UPLOAD, {**TUS, "Upload-Offset": "0"}, b"x"),
        (routes.UPLOAD, {**TUS, "Upload-Offset": "7"}, b"x"),
    )
    for caller in (OUTSIDER, PARTY, RECIPIENT, COLLECTOR):
        for operation, headers, body in asked:
            kind = {"Content-Type": routes.OFFSET_STREAM} if body else {}
            faces = [
                (
                    await parties.call(
                        caller, operation, id=name, headers={**headers, **kind}, body=body
                    )
                ).face
                for name in (world.letter.id, str(uuid4()))
            ]
            assert faces[0] == faces[1]
            assert faces[0][0] in {404, 412}
    assert (await parties.offset(world.letter)).headers["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if one.query is not None and "after" in one.query.model_fields],
    ids=lambda one: one.name,
)
async def test_a_cursor_that_points_at_something_hidden_is_any_cursor(
    parties: Parties, operation: Operation
) -> None:
    world = await parties.world("withdrawn, collected")
    hidden = (world.consent.id, world.letter.id, world.erasure, world.agreement)
    async with parties.still():  # an officer's answer says how large the log is
        for cursor in hidden:
            faces = [
                (await parties.call(OUTSIDER, operation, query=f"?after={after}")).face
                for after in (cursor, str(uuid4()))
            ]
            if operation is routes.INBOX:  # the only list whose answer repeats the cursor
                faces = [(status, fields, b"") for status, fields, _ in faces]
            if operation is not routes.AGENCIES:  # everybody may read the whole directory
                assert faces[0] == faces[1]


async def test_an_inbox_goes_on_behind_a_hidden_entry_as_from_the_beginning(
    parties: Parties,
) -> None:
    hidden = await parties.world("recalled")
    foreign = await parties.world("announced")
    waiting = await parties.world("stored")
    for cursor in (hidden.letter.id, foreign.letter.id, str(uuid4())):
        entries = await parties.inbox(RECIPIENT, f"?after={cursor}")
        ids = [entry["disclosure"]["id"] for entry in entries]
        assert waiting.letter.id in ids or cursor == hidden.letter.id


@pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if "{id}" in one.path and one.body and "agencies" not in one.path],
    ids=lambda one: one.name,
)
async def test_what_cannot_be_parsed_is_refused_before_anything_is_looked_up(
    parties: Parties, operation: Operation
) -> None:
    world = await parties.world("withdrawn, collected")
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"{", b'{"statement":1}', b'{"statement":"x","more":1}'):
        faces = {
            (await parties.call(caller, operation, id=name, body=body, headers=headers)).face
            for caller in (OUTSIDER, RECIPIENT)
            for name in (parties._id(operation, world), str(uuid4()))
        }
        assert len(faces) == 1
        assert faces.pop()[0] == 400


@pytest.mark.parametrize(
    "operation",
    [
        one
        for one in OPERATIONS
        if "{id}" in one.path and one.body is shapes.Given and "agencies" not in one.path
    ],
    ids=lambda one: one.name,
)
async def test_what_is_no_statement_is_refused_after_who_may_know(
    parties: Parties, operation: Operation
) -> None:
    world = await parties.world("withdrawn, collected")
    body = {"statement": "not a statement"}
    faces = [
        (await parties.call(OUTSIDER, operation, id=name, json=body)).face
        for name in (parties._id(operation, world), str(uuid4()))
    ]

    assert faces[0] == faces[1]
    assert faces[0][0] == 404


async def test_the_key_of_another_caller_is_a_fresh_one(parties: Parties) -> None:
    key = {"Idempotency-Key": "the-same"}
    mine, other = await parties.world("stored"), await parties.world("stored")
    assert (await parties.collect(mine.letter, headers=key)).status == 200
    reused = await parties.collect(other.letter, headers=key)

    assert reused.status == 422
    for name in (mine.letter.id, other.letter.id, str(uuid4())):
        answer = await parties.call(OUTSIDER, routes.COLLECT, id=name, headers=key)
        assert answer.status == 404


async def test_a_reused_key_tells_nothing_of_what_is_hidden(parties: Parties) -> None:
    key = {"Idempotency-Key": "used-before"}
    mine = await parties.world("stored")
    hidden = await parties.world("withdrawn, waiting")
    assert (await parties.collect(mine.letter, headers=key)).status == 200
    faces = [
        (await parties.call(RECIPIENT, routes.COLLECT, id=name, headers=key)).face
        for name in (hidden.letter.id, str(uuid4()))
    ]

    assert faces[0] == faces[1]
    assert faces[0][0] == 404


async def test_an_id_in_use_looks_free_to_whoever_may_not_disclose(parties: Parties) -> None:
    world = await parties.world("stored")
    mine = parties.letter("A" * 43, sender=OUTSIDER)
    taken = parties.letter("A" * 43, sender=OUTSIDER, id=world.letter.id)
    found = []
    for letter in (mine, taken):
        one_shot = await parties.traced(lambda letter=letter: parties.send(letter, OUTSIDER))
        upload = await parties.traced(lambda letter=letter: parties.announce(letter, OUTSIDER))
        found.append((one_shot.face, upload.face))

    assert found[0] == found[1]
    assert found[0][0][0][0] == 403  # type: ignore[index]


async def test_a_key_with_a_disclosure_that_is_refused_is_not_used_up(parties: Parties) -> None:
    key = {"Idempotency-Key": "for-later"}
    refused = parties.letter("A" * 43)
    fine: Letter = parties.letter((await parties.consent()).digest)

    assert (await parties.send(refused, headers=key)).status == 403
    assert (await parties.send(fine, headers=key)).status == 201
