"""Twenty copies of one request at once, on two replicas: one effect, and nobody is told otherwise.

A copy that loses the race for a row finds it when it looks again; it is not sent away.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from exchange import canonical
from exchange.canonical import Json
from exchange.consent.credential import Purpose
from exchange.hub.drafts import open_draft, sign_draft, take_back
from exchange.keyring.ceremony import announce as state_keys
from exchange.statement import Kind, seconds, sign
from exchange.wire import routes
from tests.asking import request
from tests.hub.test_uploads import announce, patch
from tests.person import OwnKey, completed, draft, fresh, prepared, sign_at_page, upload, written
from tests.replicas.pair import Pair, pair
from tests.simulator import RECIPIENT, SENDER, Answer

COPIES = 20
Ask = Callable[[Any], Awaitable[Answer]]


@pytest.fixture
async def both(tmp_path: Path, postgres_url: str) -> AsyncIterator[Pair]:
    """Two replicas of one hub with parties that have agreed."""
    async with pair(tmp_path, postgres_url) as found:
        yield found


async def copied(both: Pair, ask: Ask) -> Counter[tuple[int, bytes]]:
    """Ask twenty times at once, in turns on the replicas; return the answers, counted."""
    replicas = (both, both.beside)
    answers = await asyncio.gather(*(ask(replicas[n % 2]) for n in range(COPIES)))
    return Counter((answer.status, answer.body) for answer in answers)


def all_alike(found: Counter[tuple[int, bytes]], *statuses: int) -> None:
    """Fail unless every copy got one of these statuses; their bodies are the same."""
    assert {status for status, _ in found} <= set(statuses), found
    assert len({body for _, body in found}) == 1, found


async def test_one_consent_is_recorded(both: Pair) -> None:
    given = both.signed_consent()

    found = await copied(both, lambda one: one.record(given))

    all_alike(found, 200, 201)
    assert len(await both.log("consent-recorded")) == 1


async def test_one_agreement_is_proposed_and_signed_once(both: Pair) -> None:
    payload = both.agreement_payload()
    statement = sign(Kind.AGREEMENT, payload, both.offices[RECIPIENT].identity)
    body = {"statement": statement.decode()}
    before = await both.count("agreements")

    all_alike(
        await copied(both, lambda one: one.call(RECIPIENT, routes.POST_AGREEMENT, json=body)),
        *(200, 201),
    )
    assert await both.count("agreements") == before + 1

    said: dict[str, Json] = {
        "id": str(uuid4()),
        "iat": seconds(both.now),
        "agency": SENDER,
        "agreement": canonical.digest(statement),
    }
    signature = sign(Kind.AGREEMENT_SIGNATURE, said, both.offices[SENDER].identity)
    signed = {"statement": signature.decode()}
    all_alike(
        await copied(
            both,
            lambda one: one.call(SENDER, routes.SIGN_AGREEMENT, id=payload["id"], json=signed),
        ),
        *(200, 201),
    )


async def test_one_disclosure_is_stored_and_one_use_counted(both: Pair) -> None:
    consent = await both.consent()
    letter = both.letter(consent.digest)

    all_alike(await copied(both, lambda one: one.send(letter)), 200, 201)

    assert len(await both.log("disclosure-stored")) == 1
    assert await both.rows("SELECT used FROM consents") == [(1,)]
    assert await both.count("headers") == 1


async def test_one_upload_is_announced_and_each_piece_kept_once(both: Pair) -> None:
    letter = both.letter((await both.consent()).digest)
    middle = 1000

    announced = await copied(both, lambda one: announce(one, letter))
    assert {status for status, _ in announced} <= {200, 201}, announced
    first = await copied(both, lambda one: patch(one, letter, 0, letter.sealed[:middle]))
    second = await copied(both, lambda one: patch(one, letter, middle, letter.sealed[middle:]))

    for found in (first, second):
        assert {status for status, _ in found} <= {204, 409, 423}, found
        assert any(status == 204 for status, _ in found)
    assert (await both.collect(letter)).status == 200
    assert (await both.payload(letter)).body == letter.payload
    assert len(await both.log("disclosure-stored")) == 1


async def test_one_collection_is_recorded_and_every_copy_gets_the_header(both: Pair) -> None:
    letter = await both.sent()

    all_alike(await copied(both, lambda one: one.collect(letter)), 200)

    assert len(await both.log("disclosure-collected")) == 1


async def test_one_acknowledgement_is_kept(both: Pair) -> None:
    letter = await both.sent()
    await both.collect(letter)
    body = {"statement": both.acknowledgement(letter).decode()}

    found = await copied(
        both, lambda one: one.call(RECIPIENT, routes.ACKNOWLEDGE, id=letter.id, json=body)
    )

    all_alike(found, 200, 201)
    assert len(await both.log("disclosure-acknowledged")) == 1


async def test_one_withdrawal_ends_the_consent_and_one_erasure_is_asked_for(both: Pair) -> None:
    consent = await both.consent()
    letter = await both.sent(consent)
    await both.collect(letter)
    body = {"statement": both.withdrawal(consent).decode()}

    found = await copied(
        both, lambda one: one.call(SENDER, routes.WITHDRAW, id=consent.id, json=body)
    )

    all_alike(found, 200, 201)
    assert len(await both.log("consent-withdrawn")) == 1
    (erasure,) = (await both.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    answer = {
        "id": str(uuid4()),
        "iat": seconds(both.now),
        "agency": RECIPIENT,
        "erasure": erasure["id"],
        "consent": erasure["consent"],
        "manifests": sorted(erasure["manifests"]),
        "result": "erased",
        "passed_on": [],
    }
    signed = sign(Kind.ERASURE, answer, both.offices[RECIPIENT].identity)
    confirmed = await copied(
        both,
        lambda one: one.call(
            RECIPIENT,
            routes.CONFIRM_ERASURE,
            id=erasure["id"],
            json={"statement": signed.decode()},
        ),
    )
    all_alike(confirmed, 200, 201)
    assert len(await both.log("erasure-confirmed")) == 1


async def test_one_request_reaches_whoever_is_asked(both: Pair) -> None:
    body = {"statement": request(both).decode()}

    found = await copied(both, lambda one: one.call(RECIPIENT, routes.POST_REQUEST, json=body))

    all_alike(found, 200, 201)
    assert len(await both.log("request-made")) == 1
    assert len(await both.inbox(SENDER)) == 1


async def test_one_key_statement_takes_its_place(both: Pair) -> None:
    before = await both.count("key_statements")
    one_office = both.offices[SENDER]
    statement = state_keys(
        one_office.identity,
        one_office.key.recipient,
        previous=both.stated[SENDER],
        now=both.now,
        revoked=frozenset(),
    )
    body = {"statement": statement.decode()}

    found = await copied(
        both, lambda one: one.call(SENDER, routes.PUT_KEY_STATEMENT, id=SENDER, json=body)
    )

    assert {status for status, _ in found} <= {200, 201, 204}, found
    assert await both.count("key_statements") == before + 1


async def test_one_code_takes_the_place_of_the_first(both: Pair) -> None:
    given, code = await both.consent(), fresh()
    collector = canonical.loads(
        canonical.unb64u(canonical.loads(given.statement, limit=10**6)["payload"]), limit=10**6
    )["collected_by"]
    key = {"Idempotency-Key": str(uuid4())}

    found = await copied(
        both,
        lambda one: one.call(
            collector,
            routes.POST_CREDENTIAL,
            id=given.id,
            json={"credential": code.digest},
            headers=key,
        ),
    )

    all_alike(found, 200, 201)
    assert len(await both.log("receipt-reissued")) == 1


async def test_one_draft_waits_for_the_person(both: Pair) -> None:
    invitation = fresh(Purpose.INVITATION)
    payload = draft(both)
    body = {"draft": written(payload), "invitation": invitation.digest}

    found = await copied(both, lambda one: one.call(SENDER, routes.POST_DRAFT, json=body))

    all_alike(found, 200, 201)
    assert await both.count("drafts") == 1


async def test_what_she_takes_back_is_not_recorded_and_what_is_recorded_was_not_taken_back(
    both: Pair,
) -> None:
    for _ in range(10):
        payload = draft(both)
        _, invitation = await upload(both, payload)
        assert await sign_at_page(both, invitation, OwnKey())
        signed = await both.call(SENDER, routes.GET_DRAFT, id=payload["id"])
        given = completed(both, signed.json)

        recorded, taken_back = await asyncio.gather(
            both.record(given), take_back(both.beside.hub, invitation)
        )

        assert taken_back == (recorded.status != 201), (taken_back, recorded.body)


async def test_of_two_signatures_under_one_draft_the_first_counts(both: Pair) -> None:
    for _ in range(10):
        payload = draft(both)
        _, invitation = await upload(both, payload)
        shown = await open_draft(both.hub, invitation)
        assert shown is not None
        keys = (OwnKey(), OwnKey())
        texts = [await prepared(both, invitation, shown, key.public) for key in keys]

        done = await asyncio.gather(
            *(
                sign_draft(one.hub, invitation, to_sign=text or "", signature=key.sign(text or ""))
                for one, key, text in zip((both, both.beside), keys, texts, strict=True)
            )
        )

        assert sorted(done) == [False, True]
        signed = await both.call(SENDER, routes.GET_DRAFT, id=payload["id"])
        assert signed.json["signed"] == texts[done.index(True)]
