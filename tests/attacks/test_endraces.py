"""A42: every end of a consent or a disclosure, racing everything that stores or releases.

One process here; three processes on one database race in tests/races/. Afterwards the log tells
the order, and the order must be lawful: I1 nothing after the end, I3 headers only where they may
be released, I8 nothing under a revoked key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from exchange.canonical import Json
from exchange.hub.sweep import sweep
from exchange.keyring.ceremony import new_document_key
from exchange.statement import Kind, seconds, sign
from exchange.wire import routes
from tests import needs
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.simulator import RECIPIENT, SENDER, Answer, Given, Letter

pytestmark = [pytest.mark.gate, needs.both_databases()]

ROUNDS = 3


async def storm(
    parties: Parties,
    given: Given,
    stored: list[Letter],
    fresh: list[Letter],
    end: Callable[[], Awaitable[object]],
) -> list[Answer]:
    """Do everything at once, with the end somewhere in the middle; return what was collected."""
    acts: list[Coroutine[Any, Any, Any]] = []
    for number, letter in enumerate(stored):
        acts += [parties.collect(letter), parties.collect(letter)]
        if number % 2:
            acts.append(parties.acknowledge(letter))
    acts += [sent(parties, letter) for letter in fresh[::2]]
    acts += [uploaded(parties, letter) for letter in fresh[1::2]]

    async def ending() -> None:
        await asyncio.sleep(0.01)
        await end()

    acts.insert(len(acts) // 2, ending())
    answers = await asyncio.gather(*acts)
    statuses = {one.status for one in answers if isinstance(one, Answer)}
    assert statuses <= {200, 201, 204, 403, 404, 409, 422}, statuses
    return [one for one in answers if isinstance(one, Answer)]


async def sent(parties: Parties, letter: Letter) -> Answer | None:
    try:
        return await parties.send(letter)
    except (aiohttp.ClientConnectionError, ConnectionResetError):
        return None  # the end has cut it


async def uploaded(parties: Parties, letter: Letter) -> Answer | None:
    try:
        return await in_pieces(parties, letter)
    except (aiohttp.ClientConnectionError, ConnectionResetError):
        return None


async def in_pieces(parties: Parties, letter: Letter) -> Answer:
    announced = await parties.announce(letter)
    if announced.status != 201:
        return announced
    half = len(letter.sealed) // 2
    first = await parties.patch(letter, 0, letter.sealed[:half])
    return first if first.status != 204 else await parties.patch(letter, half, letter.sealed[half:])


async def arranged(parties: Parties) -> tuple[Given, list[Letter], list[Letter]]:
    given = await parties.consent()
    stored = [await parties.sent(given) for _ in range(4)]
    return given, stored, [parties.letter(given.digest) for _ in range(4)]


async def headers_under(parties: Parties, given: Given) -> int:
    query = text(
        "SELECT count(*) FROM headers h JOIN disclosures d ON d.id = h.disclosure "
        "WHERE d.consent = :consent"
    )
    found = await parties.hub.db.read(
        lambda conn: conn.execute(query, {"consent": given.digest}).scalar_one()
    )
    return int(found)


async def test_nothing_happens_after_a_withdrawal_in_the_log(parties: Parties) -> None:
    for _ in range(ROUNDS):
        given, stored, fresh = await arranged(parties)
        await storm(parties, given, stored, fresh, partial(parties.withdraw, given))

        digests = {letter.digest for letter in (*stored, *fresh)}
        chain = [
            event
            for event in await parties.log()
            if event.get("manifest") in digests or event.get("consent") == given.digest
        ]
        kinds = [event["kind"] for event in chain]
        after = kinds[kinds.index("consent-withdrawn") :]
        assert not {"disclosure-stored", "disclosure-collected"} & set(after)
        collected = {
            event["manifest"] for event in chain if event["kind"] == "disclosure-collected"
        }
        assert await headers_under(parties, given) == 0
        asked = await parties.call(COLLECTOR, routes.ERASURES, query="?limit=200")
        mine = [one for one in asked.json["erasures"] if one["consent_id"] == given.id]
        assert len(mine) == bool(collected)
        for letter in (*stored, *fresh):
            assert (await parties.collect(letter)).status == 404
            assert (await parties.payload(letter)).status == 404


async def test_a_revoked_key_keeps_no_header_and_gets_none(parties: Parties) -> None:
    given, stored, fresh = await arranged(parties)
    old = parties.offices[RECIPIENT].key.recipient.fingerprint

    async def revoke() -> None:
        answer = await parties.publish(RECIPIENT, new_document_key(), frozenset({old}))
        assert answer.status == 200

    await storm(parties, given, stored, fresh, revoke)

    assert await headers_under(parties, given) == 0
    assert (await parties.send(parties.letter(given.digest))).status == 422
    for letter in (*stored, *fresh):
        assert (await parties.collect(letter)).status == 404


async def test_a_recall_wins_or_a_collection_and_never_both(parties: Parties) -> None:
    given = await parties.consent()
    for _ in range(8):
        letter = await parties.sent(given)
        recall, *collected = await asyncio.gather(
            parties.call(SENDER, routes.RECALL, id=letter.id),
            *(parties.collect(letter) for _ in range(3)),
        )
        released = {answer.status for answer in collected}
        assert (recall.status, released) in ((200, {404}), (409, {200}), (409, {200, 404}))
        state = (await parties.call(SENDER, routes.GET_DISCLOSURE, id=letter.id)).json["state"]
        assert state == ("ended" if recall.status == 200 else "collected")


async def test_what_expires_is_released_to_nobody_with_or_without_the_sweeper(
    parties: Parties,
) -> None:
    given = await parties.consent()
    letters = [await parties.sent(given, exp=seconds(parties.now) + 60) for _ in range(4)]
    parties.later(seconds=60)

    answers = await asyncio.gather(
        *(parties.collect(letter) for letter in letters),
        sweep(parties.hub, leftovers=False),
        *(parties.collect(letter) for letter in letters),
    )

    assert {one.status for one in answers if isinstance(one, Answer)} == {404}
    await sweep(parties.hub, leftovers=False)  # the first one passed over what was being asked for
    assert await headers_under(parties, given) == 0
    found = await parties.call(COLLECTOR, routes.GET_CONSENT, id=given.id)
    assert found.json["used"] == 0


async def test_an_agreement_that_ends_denies_from_its_moment_on(parties: Parties) -> None:
    _, stored, fresh = await arranged(parties)
    payload: dict[str, Json] = {
        "id": "2b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a07",
        "iat": seconds(parties.now),
        "agency": PARTY,
        "agreement": parties.agreement,
        "ends": "2026-12-31T23:00:00Z",
    }
    notice = sign(Kind.AGREEMENT_NOTICE, payload, parties.offices[PARTY].identity)
    answer = await parties.call(
        PARTY, routes.GIVE_NOTICE, id=parties.agreement_id, json={"statement": notice.decode()}
    )
    assert answer.status == 201, answer.body

    longer = await parties.consent(valid_until="2027-01-31T22:00:00Z")
    parties.now = parties.now.replace(year=2026, month=12, day=31, hour=22, minute=59)
    for agency in (SENDER, RECIPIENT):
        assert (await parties.publish(agency)).status == 200
    last = await parties.sent(longer)
    parties.later(minutes=1)

    assert (await parties.collect(last)).status == 404
    assert (await parties.send(parties.letter(longer.digest))).status == 403
    await sweep(parties.hub, leftovers=False)
    assert await headers_under(parties, longer) == 0
    for letter in (*stored, *fresh):
        assert (await parties.collect(letter)).status == 404
