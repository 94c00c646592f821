"""Document requests: asked, answered or not; the asker sees a deadline and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from exchange import canonical
from exchange.hub import sweep
from exchange.hub.admit import suspend
from exchange.hub.view_consent import view
from exchange.members import write_time
from exchange.vocabulary import Secrecy
from exchange.wire import routes
from tests.asking import ask, listed, post, request, seen
from tests.person import consent_with_code
from tests.simulator import GENEROUS, OUTSIDER, RECIPIENT, SENDER, Simulator

NOT_ACCEPTABLE = "urn:consent-exchange:problem:statement-not-acceptable"


async def read_by_recipient(sim: Simulator) -> Any:
    """Return a consent under which something was stored, so that `jobcentre-a` may read it."""
    consent = await sim.consent()
    await sim.sent(consent)
    return consent


async def test_a_request_waits_in_the_inbox_of_whoever_is_asked(sim: Simulator) -> None:
    await sim.reach(SENDER)
    statement = request(sim)

    made = await post(sim, statement)

    assert made.status == 201
    (event,) = await sim.log("request-made")
    assert made.json == {
        "id": made.json["id"],
        "receipt": f"/log/receipts/{event['id']}",
        "request": canonical.digest(statement),
        "agency": RECIPIENT,
        "to": SENDER,
        "agreement": sim.agreement,
        "purpose": "housing-loss",
        "categories": ["rent-arrears-letter"],
        "consent": None,
        "asked_at": "2026-03-03T10:00:00.000000Z",
        "deadline": "2026-03-17T10:00:00.000000Z",
        "state": "open",
        "statement": None,
    }
    (entry,) = await sim.inbox(SENDER)
    assert entry["disclosure"] is None
    assert entry["request"] == {**made.json, "statement": statement.decode()}
    assert await sim.inbox(RECIPIENT) == []
    assert [(row.agency, row.kind) for row in await sim.notices()] == [(SENDER, "request")]
    (event,) = await sim.log("request-made")
    assert (event["by"], event["to"]) == (RECIPIENT, SENDER)
    assert event["request"] == canonical.digest(statement)


async def test_a_request_under_a_consent_is_on_its_chain_for_the_person_to_see(
    sim: Simulator,
) -> None:
    consent = await read_by_recipient(sim)

    made = await ask(sim, consent=consent.digest)

    assert made["consent"] == consent.digest
    ((chain,),) = await sim.rows("SELECT chain FROM log_event WHERE kind = 'request-made'")
    ((own,),) = await sim.rows("SELECT chain FROM consents")
    assert chain == own


async def test_the_person_sees_who_asked_whom_under_her_consent(sim: Simulator) -> None:
    consent, code = await consent_with_code(sim)
    await sim.sent(consent)
    await ask(sim, consent=consent.digest)
    await ask(sim)

    shown = await view(sim.hub, code)

    assert shown is not None
    asked = [event for event in shown.events if event.kind == "request-made"]
    assert [(event.by, event.to) for event in asked] == [(RECIPIENT, (SENDER,))]


async def test_only_the_two_see_a_request_and_only_the_asked_what_is_sealed(
    sim: Simulator,
) -> None:
    made = await ask(sim)

    assert (await seen(sim, made, RECIPIENT)).json["statement"] is None
    assert (await seen(sim, made, SENDER)).json["statement"] is not None
    hidden = await seen(sim, made, OUTSIDER)
    absent = await seen(sim, {"id": str(uuid4())}, OUTSIDER)
    assert hidden.status == 404
    assert hidden.face == absent.face
    assert await listed(sim, OUTSIDER) == []


async def test_lists_are_narrowed_by_role_and_state_and_come_in_pages(sim: Simulator) -> None:
    made = [await ask(sim) for _ in range(3)]
    early = await ask(sim, deadline=write_time(sim.now + timedelta(days=1)))
    sim.later(days=2)

    every = sorted([*(one["id"] for one in made), early["id"]])
    assert [one["id"] for one in await listed(sim, RECIPIENT)] == every
    assert [one["id"] for one in await listed(sim, SENDER, "?role=asked")] == every
    assert await listed(sim, SENDER, "?role=asking") == []
    assert await listed(sim, RECIPIENT, "?role=asked") == []
    still = await listed(sim, RECIPIENT, "?role=asking&state=open")
    assert [one["id"] for one in still] == sorted(one["id"] for one in made)
    first = (await sim.call(RECIPIENT, routes.REQUESTS, query="?limit=3")).json
    rest = await listed(sim, RECIPIENT, f"?limit=3&after={first['next']}")
    assert [one["id"] for one in [*first["requests"], *rest]] == every


async def test_documents_and_requests_wait_in_the_order_in_which_they_came(
    sim: Simulator,
) -> None:
    back = await sim.consent(
        releasers=[RECIPIENT],
        recipients=[SENDER],
        categories=["rent-arrears-letter"],
        secrecy="social",
    )
    first = (await ask(sim))["id"]
    letter = sim.letter(back.digest, sender=RECIPIENT, recipient=SENDER, secrecy=Secrecy.SOCIAL)
    assert (await sim.send(letter, RECIPIENT)).status == 201
    third = (await ask(sim))["id"]

    whole = await sim.inbox(SENDER)
    page = (await sim.call(SENDER, routes.INBOX, query="?limit=1")).json
    rest = await sim.inbox(SENDER, f"?after={page['next']}&limit=1")
    last = await sim.inbox(SENDER, f"?after={rest[0]['cursor']}")

    assert [entry["cursor"] for entry in whole] == [first, letter.id, third]
    assert [*page["entries"], *rest, *last] == whole


async def test_a_repetition_gets_the_first_answer_and_asks_once(sim: Simulator) -> None:
    statement = request(sim)
    first = await post(sim, statement)
    sim.later(days=20)

    again = await post(sim, statement)

    assert again.status == 201
    assert {**again.json, "state": "open"} == first.json
    assert len(await sim.log("request-made")) == 1
    other = request(sim, id=first.json["id"])
    assert (await post(sim, other)).status == 409


async def test_the_answering_disclosure_names_the_request(sim: Simulator) -> None:
    made = await ask(sim)
    before = (await seen(sim, made)).face

    await sim.sent(request=made["request"])

    assert await sim.inbox(SENDER) == []
    (entry,) = await sim.inbox(RECIPIENT)
    assert entry["disclosure"]["state"] == "stored"
    assert (await seen(sim, made)).face == before


@pytest.mark.parametrize("case", ["unknown", "another's", "another recipient's"])
async def test_a_disclosure_names_no_request_but_one_it_answers(sim: Simulator, case: str) -> None:
    consent = await sim.consent()
    named = "A" * 43
    if case != "unknown":
        made = await ask(sim)
        named = made["request"]
    if case == "another's":
        letter = sim.letter(consent.digest, sender=RECIPIENT, recipient=SENDER, request=named)
        refused = await sim.send(letter, RECIPIENT)
    elif case == "another recipient's":
        letter = sim.letter(consent.digest, recipient=OUTSIDER, request=named)
        refused = await sim.send(letter)
    else:
        refused = await sim.send(sim.letter(consent.digest, request=named))

    assert refused.status == 422
    assert refused.json["type"] == NOT_ACCEPTABLE
    assert await sim.log("disclosure-refused") == []


async def test_the_sealed_part_goes_with_the_answer_and_the_rest_after_ninety_days(
    sim: Simulator,
) -> None:
    made = await ask(sim)
    await sim.sent(request=made["request"])

    assert await sim.rows("SELECT statement FROM requests") == [(None,)]
    assert (await seen(sim, made, SENDER)).json["statement"] is None
    sim.later(days=14 + 90, seconds=-1)
    await sweep.close_requests(sim.hub)
    assert (await seen(sim, made)).status == 200
    sim.later(seconds=1)
    await sweep.close_requests(sim.hub)
    assert (await seen(sim, made)).status == 404
    assert await sim.count("requests") == 0


async def test_at_the_deadline_the_sealed_part_goes_whatever_has_happened(sim: Simulator) -> None:
    made = await ask(sim)
    sim.later(days=14, seconds=-1)
    await sweep.close_requests(sim.hub)
    assert (await seen(sim, made, SENDER)).json["statement"] is not None
    sim.later(seconds=1)

    # Before the sweeper comes it is not served any more, afterwards it is nowhere.
    assert (await seen(sim, made, SENDER)).json["statement"] is None
    assert await sim.inbox(SENDER) == []
    await sweep.sweep(sim.hub, leftovers=False)
    while not await sim.database.erase_from_wal():
        pass

    assert (await seen(sim, made)).json["state"] == "closed"
    sealed = canonical.b64u(b"CANARY-SEALED-PART" * 60)[:40].encode()
    for file in Path(sim.home).rglob("*"):
        if file.is_file():
            assert sealed not in file.read_bytes(), file.name


Happening = Callable[[Simulator, Any], Awaitable[object]]


async def nothing(_sim: Simulator, _asked: Any) -> None:
    """Nobody does anything: the partner has not asked the person, or keeps silent."""


async def consented(sim: Simulator, _asked: Any) -> None:
    await sim.consent()


async def withdrawn(sim: Simulator, _asked: Any) -> None:
    await sim.withdraw(await sim.consent())


async def taken_back(sim: Simulator, asked: Any) -> None:
    letter = await sim.sent(request=asked["request"])
    await sim.call(SENDER, routes.RECALL, id=letter.id)


async def withdrawn_before_it_was_collected(sim: Simulator, asked: Any) -> None:
    consent = await sim.consent()
    await sim.sent(consent, request=asked["request"])
    await sim.withdraw(consent)


@pytest.mark.parametrize(
    "happening",
    [nothing, consented, withdrawn, taken_back, withdrawn_before_it_was_collected],
    ids=lambda one: one.__name__,
)
async def test_the_askers_transcript_is_the_same_until_deadline_and_after(
    sim: Simulator, happening: Happening
) -> None:
    made = await ask(sim)
    sim.later(hours=1)
    await happening(sim, made)

    async def transcript() -> list[object]:
        answers = [
            await seen(sim, made),
            await sim.call(RECIPIENT, routes.REQUESTS),
            await sim.call(RECIPIENT, routes.INBOX),
            await sim.call(RECIPIENT, routes.CONSENTS),
            await sim.call(RECIPIENT, routes.ERASURES),
        ]
        return [answer.face[0::2] for answer in answers]

    shown = {**made, "state": "open"}
    empty = [b'{"entries":[],"next":null}', b'{"consents":[],"next":null}']
    for later, state in (({"days": 1}, "open"), ({"days": 14}, "closed"), ({"days": 60}, "closed")):
        sim.later(**later)
        await sweep.sweep(sim.hub, leftovers=True)
        one, page, inbox, consents, erasures = await transcript()
        expected = canonical.encode({**shown, "state": state})
        assert canonical.encode(canonical.loads(one[1], limit=10_000)) == expected  # type: ignore[index]
        assert canonical.loads(page[1], limit=10_000)["requests"] == [{**shown, "state": state}]  # type: ignore[index]
        assert [inbox[1], consents[1]] == empty  # type: ignore[index]
        assert erasures[1] == b'{"erasures":[],"next":null}'  # type: ignore[index]


@pytest.mark.parametrize(
    "members",
    [
        {"deadline": "2026-03-03T10:00:00Z", "iat": 1_772_532_000 - 60},
        {"to": "nobody-here"},
        {"consent": "A" * 43},
        {"note": "x"},
    ],
    ids=str,
)
async def test_what_nobody_could_answer_is_refused(sim: Simulator, members: dict[str, Any]) -> None:
    refused = await post(sim, request(sim, **members))

    assert refused.status == 422
    assert refused.json["type"] == NOT_ACCEPTABLE
    assert await sim.count("requests") == 0


async def test_a_consent_the_asker_may_not_read_is_none(sim: Simulator) -> None:
    hidden = await sim.consent()
    absent = await post(sim, request(sim, consent="A" * 43))

    found = await post(sim, request(sim, consent=hidden.digest))

    assert found.status == 422
    assert found.face == absent.face


@pytest.mark.parametrize(
    ("members", "rule", "field"),
    [
        ({"purpose": "never-heard"}, "L06", "purpose"),
        ({"categories": ["never-heard"]}, "L09", "categories"),
        ({"agreement": "A" * 43}, "L10", "agreement"),
    ],
    ids=str,
)
async def test_what_the_agreement_does_not_cover_is_told_to_whoever_asks(
    sim: Simulator, members: dict[str, Any], rule: str, field: str
) -> None:
    refused = await post(sim, request(sim, **members))

    assert refused.status == 422
    told = [(one["id"], one["field"]) for one in refused.json["findings"]]
    assert told == [(rule, field)]


async def test_an_agreement_of_others_looks_like_none(sim: Simulator) -> None:
    hidden = await post(sim, request(sim, OUTSIDER), OUTSIDER)
    absent = await post(sim, request(sim, OUTSIDER, agreement="A" * 43), OUTSIDER)

    assert hidden.status == 422
    assert hidden.face == absent.face


async def test_nobody_asks_in_anothers_name(sim: Simulator) -> None:
    refused = await post(sim, request(sim, RECIPIENT), OUTSIDER)

    assert refused.status == 422
    assert refused.json["type"] == NOT_ACCEPTABLE


async def test_after_the_end_of_the_agreement_nothing_is_asked(sim: Simulator) -> None:
    await sim.agree(term={"from": "2026-01-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"})
    sim.later(days=40)

    refused = await post(sim, request(sim))

    assert [one["id"] for one in refused.json["findings"]] == ["L10"]


async def test_a_suspended_partner_is_not_asked(sim: Simulator) -> None:
    await suspend(sim.hub, SENDER)

    assert (await post(sim, request(sim))).status == 422


async def test_so_many_requests_are_open_and_no_more(tmp_path: Path) -> None:
    async with Simulator(tmp_path, agency={**GENEROUS, "requests": 2}).running() as sim:
        await sim.arrange()
        await ask(sim, deadline=write_time(sim.now + timedelta(days=1)))
        await ask(sim)

        assert (await post(sim, request(sim))).status == 429
        sim.later(days=1)
        assert (await post(sim, request(sim))).status == 201


async def test_a_request_outlives_the_consent_it_names_and_its_notice_too(sim: Simulator) -> None:
    await sim.reach(SENDER)
    consent = await read_by_recipient(sim)
    made = await ask(sim, consent=consent.digest)

    await sim.withdraw(consent)

    assert (await seen(sim, made)).json["state"] == "open"
    assert [row.kind for row in await sim.notices()] == ["request"]
    (entry,) = await sim.inbox(SENDER)
    assert entry["request"]["id"] == made["id"]


async def test_a_request_wakes_the_poll_of_whoever_is_asked(sim: Simulator) -> None:
    poll = asyncio.create_task(sim.inbox(SENDER, "?wait=30"))
    while SENDER not in sim.hub.news.waiting():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    made = await ask(sim)

    async with asyncio.timeout(20):
        (entry,) = await poll
    assert entry["request"]["id"] == made["id"]


async def test_an_idempotency_key_is_claimed_by_a_request(sim: Simulator) -> None:
    headers = {"Idempotency-Key": "one"}
    assert (await post(sim, request(sim), headers=headers)).status == 201

    assert (await post(sim, request(sim), headers=headers)).status == 422
