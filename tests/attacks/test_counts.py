"""A34: counting what cannot be read: totals, pages, holes, wake-ups, growth, lengths."""

import asyncio
import time
from uuid import uuid4

import pytest

from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.scraping import Scraper, scraped
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.authz


async def test_pages_are_made_of_what_their_reader_may_see(parties: Parties) -> None:
    visible = []
    for state in ("stored", "recorded", "collected", "withdrawn, waiting", "stored", "recalled"):
        world = await parties.world(state)
        if state in {"stored", "collected"}:
            visible.append((world.consent.digest, world.consent.id))

    found, after = [], ""
    for _ in visible:
        page = await parties.call(RECIPIENT, routes.CONSENTS, query=f"?limit=1{after}")
        (one,) = page.json["consents"]
        found.append(one["id"])
        after = f"&after={page.json['next']}"
    last = await parties.call(RECIPIENT, routes.CONSENTS, query=f"?limit=1{after}")

    # In the order of their digests, which are random and tell nothing.
    assert found == [name for _, name in sorted(visible)]
    assert (last.json["consents"], last.json["next"]) == ([], None)
    assert set(last.json) == {"consents", "next"}


async def test_an_inbox_has_no_numbers_in_which_holes_could_show(parties: Parties) -> None:
    first = await parties.world("stored")
    for state in ("recalled", "withdrawn, waiting", "recalled"):
        await parties.world(state)
    second = await parties.world("stored")
    await parties.settled()

    answer = await parties.call(RECIPIENT, routes.INBOX)

    entries = answer.json["entries"]
    assert [entry["disclosure"]["id"] for entry in entries] == [first.letter.id, second.letter.id]
    assert [entry["cursor"] for entry in entries] == [first.letter.id, second.letter.id]
    assert set(answer.json) == {"entries", "next"}


async def test_a_long_poll_is_not_ended_by_what_its_caller_may_not_see(parties: Parties) -> None:
    world = await parties.world("recorded")
    waiting = await parties.world("stored")
    cursor = f"&after={waiting.letter.id}"

    async def happens() -> None:
        await asyncio.sleep(0.2)
        await parties.withdraw(world.consent, COLLECTOR)
        await parties.withdraw(waiting.consent, COLLECTOR)
        await parties.announce(parties.letter((await parties.consent()).digest))

    begun = time.monotonic()
    answer, _ = await asyncio.gather(
        parties.call(RECIPIENT, routes.INBOX, query=f"?wait=1{cursor}"), happens()
    )

    assert answer.json == {"entries": [], "next": waiting.letter.id}
    assert time.monotonic() - begun >= 1


async def test_a_long_poll_of_a_stranger_sleeps_through_everything(parties: Parties) -> None:
    polls = [
        asyncio.create_task(parties.call(agency, routes.INBOX, query="?wait=1"))
        for agency in (OUTSIDER, PARTY)
    ]
    begun = time.monotonic()
    await parties.world("stored")
    faces = {(await poll).face for poll in polls}

    assert len(faces) == 1
    assert time.monotonic() - begun >= 0.9


async def test_too_many_is_said_in_one_way_whatever_was_asked_for(tmp_path: object) -> None:
    parties = Parties(tmp_path, agency={"denials_per_minute": 2, "burst": 10_000})  # type: ignore[arg-type]
    async with parties.running():
        await parties.arrange()
        world = await parties.world("stored")
        for _ in range(2):
            refused = await parties.call(OUTSIDER, routes.COLLECT, id=str(uuid4()))
            assert refused.status == 404
        before = await parties.leaves()
        faces = {
            (await parties.call(OUTSIDER, routes.COLLECT, id=name)).face
            for name in (world.letter.id, str(uuid4()))
        }

        ((status, headers, _),) = faces
        assert status == 429
        assert dict(headers)["Retry-After"] == "5"
        assert await parties.leaves() == before


async def test_refused_events_and_their_leaves_have_one_length(parties: Parties) -> None:
    withdrawn = (await parties.world("withdrawn, waiting")).consent
    valid = await parties.consent()
    for letter in (
        parties.letter("A" * 43),
        parties.letter(withdrawn.digest),
        parties.letter(valid.digest, category="energy-bill", purpose="energy-debt"),
    ):
        assert (await parties.send(letter)).status == 403

    await parties.settled()
    rows = await parties.rows(
        "SELECT length(t.leaf) AS leaf, length(e.body) AS body FROM log_event e "
        "JOIN log_entry t ON t.rid = e.rid WHERE e.detail IS NOT NULL ORDER BY t.idx"
    )
    events = await parties.log("disclosure-refused")

    assert {row.leaf for row in rows} == {49}
    assert len({len(str(sorted(event))) for event in events}) == 1
    # What the caller may open holds the request and a commitment, never the consent or a reason.
    for event in events:
        event.pop("open")
        assert set(event) == {"v", "kind", "id", "at", "by", "request", "detail"}
        assert withdrawn.digest not in event.values()
    assert len({event["detail"] for event in events}) == len(events)
    assert {len(event["detail"]) for event in events} == {43}


async def test_a_sender_sees_of_a_disclosure_that_ended_only_that_it_ended(
    parties: Parties,
) -> None:
    faces = []
    for state in ("recalled", "withdrawn, waiting"):
        world = await parties.world(state)
        found = (await parties.call(SENDER, routes.GET_DISCLOSURE, id=world.letter.id)).json
        masked = {"id", "manifest", "statement", "consent_id", "stored_at", "payload_sha256"}
        masked |= {"receipt", "consent_receipt", "ended_receipt"}
        faces.append({name: value for name, value in found.items() if name not in masked})

    assert faces[0] == faces[1]
    assert faces[0]["state"] == "ended"


async def test_metrics_grow_alike_by_what_is_hidden_and_by_what_is_not_there(
    parties: Parties,
) -> None:
    world = await parties.world("stored")
    asked = (
        (routes.GET_DISCLOSURE, (world.letter.id, str(uuid4()))),
        (routes.COLLECT, (world.letter.id, str(uuid4()))),
        (routes.GET_CONSENT, (world.consent.id, str(uuid4()))),
    )
    async with scraped(parties) as scraper:
        for operation, names in asked:
            grown = []
            for name in names:
                before = await _counted(parties, scraper)
                assert (await parties.call(OUTSIDER, operation, id=name)).status == 404
                after = await _counted(parties, scraper)
                grown.append({key: value - before.get(key, 0) for key, value in after.items()})
            assert grown[0] == grown[1], operation.name
            assert sum(grown[0].values()) > 0


async def _counted(parties: Parties, scraper: Scraper) -> dict[tuple[str, ...], float]:
    """Return what is shown but how long things took, and what is there for a moment only."""
    await parties.settled()
    passing = ("hub_request_duration_seconds_", "hub_room_bytes", "hub_database_waiting_units")
    values = await scraper.values()
    return {key: value for key, value in values.items() if not key[0].startswith(passing)}
