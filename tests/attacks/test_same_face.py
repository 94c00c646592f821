"""Rule 6 over all routes: absent, hidden and refused are one answer, one path, one trace.

Generated over `wire.OPERATIONS`: an operation that is added is tested, or fails here.
"""

import base64
import io
import tarfile
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from pypdf import PdfReader

from exchange import canonical
from exchange.audit.opening import event_of, read_opening
from exchange.canonical import unb64u
from exchange.hub import publish
from exchange.hub.answers.findings import FINDINGS
from exchange.hub.follow_log import catch_up
from exchange.hub.http.uploads import CREATE, OFFSET
from exchange.verifier.openings import statements_of
from exchange.wire import (
    audit_routes,
    log_routes,
    officer_files,
    officer_papers,
    officer_routes,
    routes,
)
from exchange.wire.operations import OPERATIONS
from exchange.wire.routes import AUDITOR, Operation
from tests.asking import post, request
from tests.attacks.parties import COLLECTOR, PARTY, TUS, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer

pytestmark = pytest.mark.authz

BY_ID = tuple(one for one in OPERATIONS if "{id}" in one.path)
OF_AN_AGENCY = {
    routes.AGENCY,  # the directory is open to every agency
    routes.PUT_KEY_STATEMENT,
    routes.PUT_SUCCESSION,
    routes.PUT_CAPABILITIES,
}
OF_AN_AGREEMENT = {
    *(routes.GET_AGREEMENT, routes.SIGN_AGREEMENT, routes.GIVE_NOTICE),
    *(officer_routes.ART30, officer_routes.FIGURES),
}
HIDING = tuple(one for one in (*BY_ID, OFFSET) if one not in OF_AN_AGENCY and one.scope != AUDITOR)
"""An auditor's routes open to no agency at all: tests/attacks/test_auditor.py."""
STRANGERS = {
    "declined": (RECIPIENT, SENDER, PARTY, OUTSIDER),
    "invited": (RECIPIENT, SENDER, PARTY, OUTSIDER),
    "recorded": (RECIPIENT, PARTY, OUTSIDER),
    "announced": (RECIPIENT, PARTY, OUTSIDER),
    "recalled": (RECIPIENT, PARTY, OUTSIDER),
    "withdrawn, waiting": (RECIPIENT, PARTY, OUTSIDER),
    "expired": (RECIPIENT, PARTY, OUTSIDER),
    "asked": (PARTY, OUTSIDER),
    "stored": (PARTY, OUTSIDER),
    "collected": (PARTY, OUTSIDER),
    "withdrawn, collected": (PARTY, OUTSIDER),
}
"""States of a consent, and callers that must tell none of them from an unknown id."""

SINCE = "&from=20260101T000000Z&noticed_at=20260101T000000Z"
"""Of a question about a breach."""


@pytest.mark.parametrize("state", STRANGERS)
async def test_what_is_hidden_is_absent_on_every_route_with_an_id(
    parties: Parties, state: str
) -> None:
    world = await parties.world(state)
    absent = parties.absent(world)
    asks = {
        (operation.name, caller): [
            partial(parties.ask_about, operation, one, caller) for one in (world, absent)
        ]
        for operation in HIDING
        for caller in STRANGERS[state]
        if caller == OUTSIDER or operation not in OF_AN_AGREEMENT
    }

    traces = await parties.traces([ask for pair in asks.values() for ask in pair])

    for place, which in enumerate(asks):
        hidden, unknown = traces[2 * place : 2 * place + 2]
        assert hidden.answer.status == 404, (which, hidden.answer.body)
        assert hidden.face == unknown.face, which


Ask = Callable[[Parties, str, str], Awaitable[Answer]]
"""Asks a route without an id, as a caller, about the consent with a digest where it can."""


def plain(operation: Operation) -> Ask:
    async def ask(parties: Parties, caller: str, _digest: str) -> Answer:
        return await parties.call(caller, operation)

    return ask


def unreadable(operation: Operation) -> Ask:
    """Hand in something that is nothing: it is refused before anything is looked up."""

    async def ask(parties: Parties, caller: str, digest: str) -> Answer:
        return await parties.call(caller, operation, json={"statement": digest})

    return ask


async def log_in(parties: Parties, caller: str, _digest: str) -> Answer:
    parties.ticks += 1  # the rate of an address is no part of this
    return await parties.call(caller, routes.TOKEN)


async def list_by_digest(parties: Parties, caller: str, digest: str) -> Answer:
    return await parties.call(caller, routes.CONSENTS, query=f"?consent={digest}")


async def may_i(parties: Parties, caller: str, digest: str) -> Answer:
    return await parties.ask(caller, digest, recipients=[somebody_else(caller)])


async def send_under(parties: Parties, caller: str, digest: str) -> Answer:
    letter = parties.letter(digest, sender=caller, recipient=somebody_else(caller))
    return await parties.send(letter, caller)


async def ask_under(parties: Parties, caller: str, digest: str) -> Answer:
    statement = request(parties, caller, to=somebody_else(caller), consent=digest)
    return await post(parties, statement, caller)


async def consent_of_ones_own(parties: Parties, caller: str, _digest: str) -> Answer:
    return await parties.record(parties.signed_consent(collected_by=caller), caller)


async def document_of(parties: Parties, caller: str, digest: str) -> Answer:
    return await parties.call(caller, log_routes.LOG_DOCUMENT, sha256=unb64u(digest).hex())


async def tombstone_of(parties: Parties, caller: str, digest: str) -> Answer:
    return await parties.call(caller, log_routes.LOG_TOMBSTONE, digest=digest)


async def hand_in(parties: Parties, _caller: str, digest: str) -> Answer:
    headers = {"Content-Type": routes.TEXT}
    return await parties.call(
        None, log_routes.LOG_COSIGNATURES, body=digest.encode(), headers=headers
    )


def as_officer(operation: Operation, query: str = "") -> Ask:
    """Ask as an officer does; when it was answered and under which head is nobody's secret."""

    async def ask(parties: Parties, caller: str, _digest: str) -> Answer:
        await parties.settled()
        await catch_up(parties.hub)
        lost = {
            "identity": parties.offices[COLLECTOR].identity.kid,
            "key": parties.offices[RECIPIENT].key.recipient.fingerprint,
        }
        found = await parties.call(caller, operation, query=query.format(**lost))
        assert found.status == 200, found.body
        said = {name: found.json[name] for name in ("question", "agency", "answer", "next")}
        return Answer(found.status, {}, canonical.encode(said))

    return ask


def on_paper(operation: Operation, query: str) -> Ask:
    """Ask for a paper as an officer's tool does; what stands behind the head is compared."""

    async def ask(parties: Parties, caller: str, _digest: str) -> Answer:
        await parties.settled()
        await catch_up(parties.hub)
        key = parties.offices[RECIPIENT].key.recipient.fingerprint
        found = await parties.call(caller, operation, query=query.format(key=key))
        assert found.status == 200, found.body
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(found.body)).pages]
        text = "".join("\n".join(pages).split())
        _, head, told = text.partition("StanddesProtokolls:")
        # Behind the head of the log, which ends with its root in base64: 32 bytes.
        _, equal, told = told.partition("=")
        assert head
        assert equal
        return Answer(found.status, {}, told.encode())

    return ask


def first_of(operation: Operation) -> Ask:
    """Ask for the oldest entry, which is everybody's: the document that opens the log."""

    async def ask(parties: Parties, caller: str, _digest: str) -> Answer:
        return await parties.call(caller, operation, tile="0/000.p/1", bundle="000.p/1")

    return ask


async def openings_of_others(parties: Parties, caller: str, _digest: str) -> Answer:
    """Return what a caller may open and has not done itself: each question leaves its own."""
    await parties.settled()
    found = await parties.call(caller, log_routes.LOG_OPENINGS)
    openings = [read_opening(base64.b64decode(one["opening"])) for one in found.json["entries"]]
    others = [one.body for one in openings if event_of(one)["by"] != caller]
    return Answer(found.status, {}, b"\n".join(others))


async def events_of_others(parties: Parties, caller: str, _digest: str) -> Answer:
    """Return what is listed to a caller's officer and what it has not done itself: as above."""
    return await _events_of_others(parties, caller, officer_routes.EVENTS, "?limit=200")


async def overview_without_the_log(parties: Parties, caller: str, _digest: str) -> Answer:
    """Return what an officer's first page counts, but how often she was refused herself: as above.

    How long the log is stands on it too, and is no secret.
    """
    found = await as_officer(officer_routes.OVERVIEW)(parties, caller, _digest)
    said = found.json["answer"]
    # Nor `refusals`, the same counted by weeks.
    counts = [one for one in said["findings"] if one["finding"] != "refused"]
    return Answer(found.status, {}, canonical.encode([said["standing"], counts]))


async def findings_of_others(parties: Parties, caller: str, _digest: str) -> Answer:
    """Return every finding that does not rest on what the caller has done itself: as above."""
    await parties.settled()
    await catch_up(parties.hub)
    others = []
    for finding in FINDINGS:
        found = await parties.call(caller, officer_routes.FINDINGS, finding=finding)
        assert (found.status, found.json["next"]) == (200, None)
        others += [one for one in found.json["answer"] if one["by"] != caller]
    return Answer(200, {}, canonical.encode(others))


async def events_file_of_others(parties: Parties, caller: str, _digest: str) -> Answer:
    return await _events_of_others(parties, caller, officer_files.EVENTS_FILE, "?format=json")


async def log_file_of_others(parties: Parties, caller: str, _digest: str) -> Answer:
    """Return what the file with the log opens to a caller and it has not done itself: as above.

    How long the log is stands in the file too, and is no secret.
    """
    await parties.settled()
    parties.later(seconds=parties.settings.log.witness_interval_s)
    await publish.publish(parties.hub, parties.settings.log)
    found = await parties.call(caller, officer_files.LOG_FILE)
    with tarfile.open(fileobj=io.BytesIO(found.body)) as tar:
        opened = tar.extractfile("openings.jsonl")
        assert opened is not None
        lines = [canonical.loads(line, limit=10**5) for line in opened]
        kept = {one for one in tar.getnames() if one.startswith(("statements/", "identities/"))}
    openings = [read_opening(base64.b64decode(line["opening"])) for line in lines]
    events = {one.body: event_of(one) for one in openings}
    others = [body for body, event in events.items() if event["by"] != caller]
    own = {f"statements/{name}" for one in events.values() for name in statements_of(one)}
    own -= {f"statements/{name}" for body in others for name in statements_of(events[body])}
    return Answer(found.status, {}, b"\n".join([*others, *map(str.encode, sorted(kept - own))]))


async def _events_of_others(
    parties: Parties, caller: str, operation: Operation, query: str
) -> Answer:
    await parties.settled()
    await catch_up(parties.hub)
    found = await parties.call(caller, operation, query=query)
    assert (found.status, found.json["next"]) == (200, None)
    others = [one for one in found.json["answer"] if one["by"] != caller]
    return Answer(found.status, {}, canonical.encode(others))


async def doubtful_of_others(parties: Parties, caller: str, _digest: str) -> Answer:
    """Return what of others the log's key makes doubtful for a caller."""
    await parties.settled()
    await catch_up(parties.hub)
    query = f"?kind=log&limit=200{SINCE}"
    found = await parties.call(caller, officer_routes.BREACH, query=query)
    assert (found.status, found.json["next"]) == (200, None)
    others = [one for one in found.json["answer"]["doubtful"] if one["by"] != caller]
    return Answer(found.status, {}, canonical.encode(others))


def somebody_else(caller: str) -> str:
    return RECIPIENT if caller == SENDER else SENDER


WITHOUT_ID: dict[Operation, tuple[Ask, ...]] = {
    routes.TOKEN: (log_in,),
    routes.AGENCIES: (plain(routes.AGENCIES),),
    routes.POST_AGREEMENT: (unreadable(routes.POST_AGREEMENT),),
    routes.AGREEMENTS: (plain(routes.AGREEMENTS),),
    routes.POST_CONSENT: (unreadable(routes.POST_CONSENT), consent_of_ones_own),
    routes.CONSENTS: (plain(routes.CONSENTS), list_by_digest),
    routes.POST_DRAFT: (unreadable(routes.POST_DRAFT),),
    routes.DECIDE: (may_i,),
    routes.DISCLOSE: (send_under,),
    routes.INBOX: (plain(routes.INBOX),),
    routes.POST_REQUEST: (ask_under,),
    routes.REQUESTS: (plain(routes.REQUESTS),),
    routes.ERASURES: (plain(routes.ERASURES),),
    officer_routes.OVERVIEW: (overview_without_the_log,),
    officer_routes.FINDINGS: (findings_of_others,),
    officer_routes.DISCLOSURES: (
        as_officer(officer_routes.DISCLOSURES, "?from=2026-01-01&until=2027-01-01"),
    ),
    officer_routes.ERASURES: (as_officer(officer_routes.ERASURES, "?state=all"),),
    officer_routes.BREACH: (
        as_officer(officer_routes.BREACH, f"?kind=document&key={{key}}{SINCE}"),
        as_officer(officer_routes.BREACH, f"?kind=identity&key={{identity}}{SINCE}"),
        doubtful_of_others,
    ),
    officer_routes.EVENTS: (events_of_others,),
    officer_files.DISCLOSURES_FILE: (
        as_officer(officer_files.DISCLOSURES_FILE, "?from=2026-01-01&until=2027-01-01&format=json"),
    ),
    officer_files.ERASURES_FILE: (
        as_officer(officer_files.ERASURES_FILE, "?state=all&format=json"),
    ),
    officer_files.BREACH_FILE: (
        as_officer(officer_files.BREACH_FILE, f"?kind=document&key={{key}}{SINCE}&format=json"),
    ),
    officer_files.EVENTS_FILE: (events_file_of_others,),
    officer_files.LOG_FILE: (log_file_of_others,),
    officer_files.PARTNERS_FILE: (as_officer(officer_files.PARTNERS_FILE, "?format=json"),),
    officer_papers.DISCLOSURES_PAPER: (
        on_paper(officer_papers.DISCLOSURES_PAPER, "?from=2026-01-01&until=2027-01-01"),
    ),
    officer_papers.ERASURES_PAPER: (on_paper(officer_papers.ERASURES_PAPER, "?state=all"),),
    officer_papers.BREACH_PAPER: (
        on_paper(officer_papers.BREACH_PAPER, f"?kind=document&key={{key}}{SINCE}"),
    ),
    officer_routes.AGREEMENTS: (as_officer(officer_routes.AGREEMENTS),),
    officer_routes.PARTNERS: (as_officer(officer_routes.PARTNERS),),
    officer_routes.PROCESSOR: (as_officer(officer_routes.PROCESSOR),),
    audit_routes.AGREEMENTS: (plain(audit_routes.AGREEMENTS),),
    audit_routes.LOG: (plain(audit_routes.LOG),),
    audit_routes.ENTRY: (plain(audit_routes.ENTRY),),
    audit_routes.GROWTH: (plain(audit_routes.GROWTH),),
    # The log grows in public: what its growth tells is told by the number of leaves, below.
    log_routes.LOG_CHECKPOINT: (),
    log_routes.LOG_CANDIDATE: (),
    log_routes.LOG_POLICY: (plain(log_routes.LOG_POLICY),),
    log_routes.LOG_POLICY_PQ: (plain(log_routes.LOG_POLICY_PQ),),
    log_routes.LOG_DOCUMENT: (document_of,),
    log_routes.LOG_ENTRIES: (first_of(log_routes.LOG_ENTRIES),),
    log_routes.LOG_TILE: (first_of(log_routes.LOG_TILE),),
    log_routes.LOG_OPENINGS: (openings_of_others,),
    log_routes.LOG_TOMBSTONES: (plain(log_routes.LOG_TOMBSTONES),),
    log_routes.LOG_TOMBSTONE: (tombstone_of,),
    log_routes.LOG_COSIGNATURES: (hand_in,),
    routes.HEALTHZ: (plain(routes.HEALTHZ),),
    routes.READYZ: (plain(routes.READYZ),),
}


def test_every_route_is_asked() -> None:
    assert {*BY_ID, *WITHOUT_ID} == {*OPERATIONS}


async def test_thread_03_no_route_without_an_id_tells_a_stranger_that_something_has_happened(
    parties: Parties,
) -> None:
    async def transcript(caller: str, digest: str) -> dict[tuple[str, int], Any]:
        return {
            (operation.name, place): (await ask(parties, caller, digest)).face
            for operation, asks in WITHOUT_ID.items()
            for place, ask in enumerate(asks)
        }

    never = {caller: await transcript(caller, "A" * 43) for caller in STRANGERS["declined"]}
    # In this order: to whom something is hidden, everything before it was hidden too.
    for state, callers in STRANGERS.items():
        world = await parties.world(state)
        for caller in callers:
            assert await transcript(caller, world.consent.digest) == never[caller], (state, caller)


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
