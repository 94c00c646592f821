"""GET /log/receipts and /log/openings: who may open which entry, and proofs that verify."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from exchange.audit import leaf
from exchange.audit.opening import event_of, leaf_of, read_opening
from exchange.audit.proof import Proven, prove, read_receipt
from exchange.canonical import b64u
from exchange.errors import Unavailable
from exchange.hub import open_entries
from exchange.hub.heads import CHECKING
from exchange.wire import log_routes, routes
from tests import asking
from tests.attacks.parties import COLLECTOR, PARTY
from tests.hub.witnessing import Watched, watched
from tests.several import BOTH, Several
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator

EVERYBODY = (COLLECTOR, SENDER, RECIPIENT, PARTY, OUTSIDER)
PARTIES = {COLLECTOR, SENDER, RECIPIENT, PARTY}


async def fetch(sim: Simulator, agency: str | None, rid: str, query: str = "") -> Answer:
    return await sim.call(agency, log_routes.LOG_RECEIPT, id=rid, query=query)


def proven(sim: Simulator, answer: Answer) -> Proven:
    """Return what a receipt proves under the policy of the hub's own home."""
    assert answer.status == 200, answer.body
    return prove(read_receipt(answer.body), sim.hub.signer.policy)


def rid_in(path: str) -> str:
    """Return the name of the receipt that an answer points to."""
    assert path.startswith("/log/receipts/")
    return path.removeprefix("/log/receipts/")


async def openings(sim: Simulator, agency: str, query: str = "") -> Any:
    return (await sim.call(agency, log_routes.LOG_OPENINGS, query=query)).json


async def everything(sim: Several) -> dict[str, str]:
    """Let something of every kind happen; return names of entries that a kind alone cannot tell."""
    given = await sim.consent(recipients=list(BOTH))
    joint = sim.joint_letter(given.digest)
    assert (await sim.send(joint)).status == 201
    recalled = await sim.sent(given)
    assert (await sim.call(SENDER, routes.RECALL, id=recalled.id)).status == 200
    assert (await sim.collect(joint)).status == 200
    assert (await sim.acknowledge(joint)).status == 200
    refused = sim.letter(given.digest, category="energy-bill")
    nowhere = sim.letter("A" * 43)
    for letter in (refused, nowhere):
        assert (await sim.send(letter)).status == 403
    await asking.ask(sim)
    body = {"credential": b64u(b"c" * 32)}
    reissued = await sim.call(COLLECTOR, routes.POST_CREDENTIAL, id=given.id, json=body)
    assert reissued.status == 200
    assert (await sim.withdraw(given, COLLECTOR)).status == 200
    (asked,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert (await sim.confirm(asked)).status == 200
    assert (await sim.give_notice("2026-12-31T23:00:00Z")).status == 201
    await sim.settled()
    return {"joint": joint.digest, "recalled": recalled.digest, "nowhere": nowhere.digest}


def readers(event: Mapping[str, Any], named: Mapping[str, str]) -> set[str]:
    """Return who may open an event of `everything`, from the table in the documents."""
    # The joint letter ended before `debt-d` collected it, the other one before anybody did.
    disclosed = {SENDER, RECIPIENT} if event.get("manifest") == named["joint"] else {SENDER}
    return {
        "agreement-signed": PARTIES,
        "agreement-notice": PARTIES,
        "consent-recorded": {COLLECTOR, SENDER, RECIPIENT},
        "consent-withdrawn": {COLLECTOR, RECIPIENT},
        "receipt-reissued": {COLLECTOR},
        "request-made": {RECIPIENT, SENDER},
        "disclosure-stored": disclosed,
        "disclosure-refused": {SENDER}
        if event.get("request") == named["nowhere"]
        else {SENDER, COLLECTOR},
        "disclosure-collected": {RECIPIENT, SENDER},
        "disclosure-acknowledged": {RECIPIENT, SENDER},
        "disclosure-ended": disclosed,
        "erasure-asked": {COLLECTOR, SENDER, RECIPIENT},
        "erasure-confirmed": {COLLECTOR, SENDER, RECIPIENT},
    }[event["kind"]]


DETAILED = {"disclosure-refused": {COLLECTOR}, "disclosure-ended": {RECIPIENT}}
"""Who also learns why."""


async def test_each_entry_opens_to_those_of_the_table_and_its_receipt_proves_it(
    several: Several,
) -> None:
    named = await everything(several)
    events = await several.log()

    for event in events:
        allowed = set()
        for agency in EVERYBODY:
            answer = await fetch(several, agency, event["id"])
            if answer.status == 200:
                allowed.add(agency)
                found = proven(several, answer)
                plain = {name: value for name, value in event.items() if name != "open"}
                assert event_of(found.opening) == plain
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            else:
                assert answer.face == (await fetch(several, agency, str(uuid4()))).face
        assert allowed == readers(event, named), event["kind"]


async def test_an_agency_lists_what_it_may_open_in_the_order_of_the_log(
    several: Several,
) -> None:
    named = await everything(several)
    events = await several.log()
    rows = await several.rows("SELECT idx, leaf FROM log_entry")
    leaves = {row.idx: row.leaf for row in rows}

    for agency in EVERYBODY:
        page = await openings(several, agency)
        mine = [event for event in events if agency in readers(event, named)]
        assert [one["rid"] for one in page["entries"]] == [event["id"] for event in mine]
        assert page["next"] is None
        for one, event in zip(page["entries"], mine, strict=True):
            opened = read_opening(base64.b64decode(one["opening"], validate=True))
            assert leaf_of(opened) == leaves[one["index"]]
            knows = agency in DETAILED.get(event["kind"], set())
            assert (one["detail"] is not None) is knows, (agency, event["kind"])
            if knows:
                raw = base64.b64decode(one["detail"], validate=True)
                committed = leaf.committed_detail(raw[:32], raw[32:])
                assert committed == event["detail"]


async def test_a_list_of_openings_goes_on_behind_an_index(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_entries, "WINDOW", 3)
    monkeypatch.setattr(open_entries, "WINDOWS", 2)
    await everything(several)
    whole: list[Any] = []
    after, pages = "", 0
    while True:
        page = await openings(several, SENDER, f"?limit=2{after}")
        assert len(page["entries"]) <= 2
        whole += page["entries"]
        pages += 1
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    monkeypatch.undo()
    assert whole == (await openings(several, SENDER))["entries"][: len(whole)]
    assert pages > len(whole) // 2


async def test_each_page_of_openings_leaves_a_trace_that_its_agency_alone_can_open(
    several: Several,
) -> None:
    """A page of nothing but traces leaves none: a list comes to its end."""
    await everything(several)

    first = await openings(several, SENDER)
    traces = [one for one in await several.log() if one["kind"] == "officer-export"]
    assert [(one["by"], one["officer"], one["count"]) for one in traces] == [
        (SENDER, "gateway", len(first["entries"]))
    ]
    indexes = [one["index"] for one in first["entries"]]
    assert (traces[0]["from"], traces[0]["until"]) == (indexes[0], indexes[-1] + 1)

    await several.settled()
    rest = await openings(several, SENDER, f"?after={indexes[-1]}")
    assert [one["rid"] for one in rest["entries"]] == [traces[0]["id"]]
    assert rest["next"] is None
    assert len([one for one in await several.log() if one["kind"] == "officer-export"]) == 1
    assert not [
        one
        for one in (await openings(several, RECIPIENT))["entries"]
        if one["rid"] == traces[0]["id"]
    ]


async def test_an_entry_that_no_head_covers_yet_is_answered_with_202_and_then_waited_for(
    sim: Simulator,
) -> None:
    given = sim.signed_consent()
    with paused(sim):
        recorded = await sim.record(given)
        rid = rid_in(recorded.json["receipt"])
        answer = await fetch(sim, SENDER, rid)
        assert (answer.status, answer.body) == (202, b"")
        assert (await fetch(sim, OUTSIDER, rid)).status == 404
        waiting = asyncio.create_task(fetch(sim, SENDER, rid, "?wait=30"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert event_of(proven(sim, await waiting).opening)["consent"] == given.digest


@contextmanager
def paused(sim: Simulator) -> Iterator[None]:
    """Let nothing be signed while the block runs."""
    sim.hub.heads.stop(CHECKING)
    yield
    sim.hub.heads.resume()


@pytest.fixture
async def pulling(tmp_path: Path, stored_in: dict[str, Any]) -> AsyncIterator[Watched]:
    """A hub with two witnesses that come by themselves; both must cosign."""
    async with watched(tmp_path, pull=("a", "b"), **stored_in) as sim:
        yield sim


async def test_a_witnessed_receipt_is_the_one_under_the_quorums_head(pulling: Watched) -> None:
    given = await pulling.consent()
    await pulling.settled()
    rid = rid_in((await pulling.call(SENDER, routes.GET_CONSENT, id=given.id)).json["receipt"])
    assert not proven(pulling, await fetch(pulling, SENDER, rid)).head.quorum
    assert (await fetch(pulling, SENDER, rid, "?witnessed=true")).status == 202
    candidate = await pulling.candidate()
    for name in pulling.witnesses:
        body = await pulling.cosigned(name, candidate)
        kind = {"Content-Type": routes.TEXT}
        kept = await pulling.call(None, log_routes.LOG_COSIGNATURES, body=body, headers=kind)
        assert (kept.status, kept.body) == (200, b"")
    await pulling.grow()  # the newest head has no quorum
    for query in ("", "?witnessed=true"):
        found = proven(pulling, await fetch(pulling, SENDER, rid, query))
        assert (found.head.quorum, found.head.checkpoint.size) == (True, candidate.size)


async def test_while_the_vault_is_away_there_is_no_receipt_and_nobody_learns_whose_it_is(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await sim.consent()
    await sim.settled()
    rid = rid_in((await sim.call(SENDER, routes.GET_CONSENT, id=given.id)).json["receipt"])

    async def away(*_: object) -> object:
        raise Unavailable

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    monkeypatch.setattr(type(sim.hub.vault), "chain", away)
    monkeypatch.setattr(type(sim.hub.vault), "chains", nothing)
    assert (await fetch(sim, SENDER, rid)).status == 503
    assert (await fetch(sim, OUTSIDER, rid)).status == 404
    assert (await sim.call(SENDER, log_routes.LOG_OPENINGS)).status == 503
    assert (await openings(sim, OUTSIDER)) == {"entries": [], "next": None}


async def test_a_key_statement_has_a_receipt_for_everybody_and_the_directory_names_it(
    sim: Simulator,
) -> None:
    stored = await sim.publish(SENDER)
    await sim.settled()
    shown = (await sim.call(OUTSIDER, routes.AGENCY, id=SENDER)).json
    assert shown["key_statement_receipt"] == stored.json["receipt"]
    found = proven(sim, await fetch(sim, OUTSIDER, rid_in(stored.json["receipt"])))
    assert found.opening.body == shown["key_statement"].encode()
    assert found.opening.label == leaf.document_label(f"key-statement/{SENDER}")
    assert (await fetch(sim, None, rid_in(stored.json["receipt"]))).status == 401


async def test_every_write_answers_with_its_receipt_and_a_repetition_with_the_same(
    several: Several,
) -> None:
    given = several.signed_consent(collected_by=COLLECTOR)
    letter = several.letter(given.digest)
    body = {"credential": b64u(b"d" * 32)}
    withdrawal = {"statement": several.withdrawal(given, COLLECTOR).decode()}
    request = asking.request(several)
    acknowledgement = {"statement": several.acknowledgement(letter).decode()}
    writes: dict[str, Callable[[], Awaitable[Answer]]] = {
        "consent-recorded": lambda: several.record(given, COLLECTOR),
        "disclosure-stored": lambda: several.send(letter),
        "disclosure-collected": lambda: several.collect(letter),
        "disclosure-acknowledged": lambda: several.call(
            RECIPIENT, routes.ACKNOWLEDGE, id=letter.id, json=acknowledgement
        ),
        "request-made": lambda: asking.post(several, request),
        "receipt-reissued": lambda: several.call(
            COLLECTOR, routes.POST_CREDENTIAL, id=given.id, json=body
        ),
        "consent-withdrawn": lambda: several.call(
            COLLECTOR, routes.WITHDRAW, id=given.id, json=withdrawal
        ),
    }
    for kind, write in writes.items():
        first, again = await write(), await write()
        assert first.status < 300, (kind, first.body)
        assert first.json["receipt"] == again.json["receipt"], kind
        assert rid_in(first.json["receipt"]) in {one["id"] for one in await several.log(kind)}


async def test_what_is_stored_of_receipts_is_their_names_alone(sim: Simulator) -> None:
    letter = await sim.sent()
    (entry,) = await sim.inbox()
    answer = await fetch(sim, RECIPIENT, rid_in(entry["disclosure"]["receipt"]))
    found = proven(sim, answer)
    assert event_of(found.opening)["manifest"] == letter.digest
    consent = proven(
        sim, await fetch(sim, RECIPIENT, rid_in(entry["disclosure"]["consent_receipt"]))
    )
    assert event_of(consent.opening)["consent"] == letter.consent
    assert consent.index < found.index
    dumped = await sim.dump()
    for opened in (found.opening, consent.opening):
        assert opened.salt not in dumped
        assert base64.b64encode(opened.salt) not in dumped
