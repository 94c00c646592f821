"""Asking a partner for documents, and what a partner's gateway does with what it is asked."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from aiohttp import web

from exchange.agency import answered, ask, asked, poll, send, state
from exchange.agency.ask import RequestDraft
from exchange.agency.hand_over import open_reception
from exchange.agency.home import Home
from exchange.agency.receive import Outcome
from exchange.consent.subject import SubjectFacts
from exchange.errors import (
    Conflict,
    LintRefused,
    Malformed,
    NotFound,
    StatementNotAcceptable,
    Unavailable,
)
from exchange.keyring.ceremony import new_identity
from exchange.statement import Kind, sign
from exchange.wire.request import Wanted
from tests.agency.double import payload_of
from tests.agency.network import CONSENT_ID, NOW, RECIPIENT, SENDER, Network, draft, files_below
from tests.samples import AGREEMENT

ID = "2d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a11"
WANTED = Wanted(
    subject=SubjectFacts(
        family_name="CANARY-NAME", given_name="Given", born=date(1990, 5, 17), particulars="2 l"
    ),
    needed="CANARY-NEEDED",
    why="CANARY-WHY",
)
"""`women-b` asks `jobcentre-a`, which may disclose to it."""


def wanted(**members: Any) -> RequestDraft:
    given: dict[str, Any] = {
        "id": ID,
        "to": SENDER,
        "agreement": AGREEMENT["id"],
        "consent": CONSENT_ID,
        "purpose": "housing-loss",
        "categories": frozenset({"rent-arrears-letter"}),
        "deadline": NOW + timedelta(days=14),
        "wanted": WANTED,
    }
    return RequestDraft(**{**given, **members})


async def made(network: Network, **members: Any) -> None:
    """Ask as `women-b`."""
    async with network.gateway(RECIPIENT) as gateway:
        await ask.ask(gateway, wanted(**members))


async def fetched(network: Network) -> poll.Round:
    """Make a round of `jobcentre-a`, which is asked."""
    async with (
        network.gateway(SENDER) as gateway,
        open_reception(gateway) as reception,
    ):
        return await poll.fetch(gateway, reception)


@pytest.mark.parametrize("consent", [CONSENT_ID, None])
async def test_a_request_is_put_where_people_read_it(network: Network, consent: str | None) -> None:
    await made(network, consent=consent)

    first, second = await fetched(network), await fetched(network)

    assert (first.asked, second.asked) == (1, 0)
    (found,) = asked.list_asked(network.offices[SENDER].home)
    assert found == asked.Asked(
        id=ID,
        digest=network.double.requests[ID].request,
        agency=RECIPIENT,
        purpose="housing-loss",
        categories=frozenset({"rent-arrears-letter"}),
        deadline=NOW + timedelta(days=14),
        consent_id=consent,
        wanted=WANTED,
    )
    assert "CANARY" not in repr(found)


async def test_the_hub_reads_nothing_of_what_is_sealed(network: Network) -> None:
    await made(network)

    shown = network.double.requests[ID]
    assert "CANARY" not in str(payload_of((shown.statement or "").encode()))
    for name, data in files_below(network.offices[RECIPIENT].home.root).items():
        assert b"CANARY-NEEDED" not in data, name  # nor does the asker keep it


async def test_asking_again_sends_the_same_bytes(network: Network) -> None:
    async def away(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    network.double.replaced["post_request"] = away
    with pytest.raises(Unavailable):
        await made(network)
    del network.double.replaced["post_request"]
    await made(network)
    first = network.double.requests.pop(ID)
    await made(network)

    assert network.double.requests[ID].statement == first.statement


@pytest.mark.parametrize(
    "members",
    [
        {"to": "youth-c"},
        {"purpose": "energy-debt"},
        {"deadline": NOW + timedelta(days=15)},
        {"consent": None},
    ],
    ids=str,
)
async def test_another_draft_under_the_same_id_is_refused(
    network: Network, members: dict[str, Any]
) -> None:
    await made(network)

    with pytest.raises(Conflict):
        await made(network, **members)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"categories": frozenset({"tenancy-termination"})}, LintRefused),
        ({"purpose": "never-heard"}, LintRefused),
        ({"deadline": NOW + timedelta(days=31)}, Malformed),
        ({"deadline": NOW}, Malformed),
        ({"agreement": ID}, NotFound),
        ({"consent": ID}, NotFound),
    ],
    ids=str,
)
async def test_what_could_not_be_answered_is_not_asked(
    network: Network, members: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await made(network, **members)

    assert "post_request" not in network.double.calls
    assert not list(network.offices[RECIPIENT].home.statements.glob("request-*"))


async def test_what_the_hub_refuses_may_be_asked_anew(network: Network) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise StatementNotAcceptable

    network.double.replaced["post_request"] = refuse
    with pytest.raises(StatementNotAcceptable):
        await made(network)
    del network.double.replaced["post_request"]

    await made(network, purpose="housing-loss", deadline=NOW + timedelta(days=3))

    assert ID in network.double.requests


async def forged(network: Network, **changed: Any) -> None:
    """Let the hub show another statement than the partner signed."""
    await made(network)
    shown = network.double.requests[ID]
    payload = {**payload_of((shown.statement or "").encode()), **changed}
    identity = network.offices[RECIPIENT].identity
    if changed.get("agency", RECIPIENT) != RECIPIENT:
        identity = network.offices[SENDER].identity
    statement = sign(Kind.DOCUMENT_REQUEST, payload, identity)
    network.double.requests[ID] = shown.model_copy(update={"statement": statement.decode()})


@pytest.mark.parametrize(
    "changed",
    [
        {"to": "youth-c"},
        {"id": "3d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a12"},
        {"agreement": "A" * 43},
        {"consent": "A" * 43},
        {"purpose": "never-heard"},
        {"note": "x"},
        {"iat": 1_772_532_000 - 86_400, "deadline": "2026-03-03T10:00:00Z"},
    ],
    ids=str,
)
async def test_a_request_that_is_none_is_held_and_shown_to_nobody(
    network: Network, changed: dict[str, Any]
) -> None:
    await forged(network, **changed)

    done = await fetched(network)

    assert done.outcomes[Outcome.HELD] == 1
    assert asked.list_asked(network.offices[SENDER].home) == []
    async with network.gateway(SENDER) as gateway:
        ((held, reason, _),) = await gateway.state.read(state.list_held)
    assert (held, reason) == (ID, "statement-not-acceptable")


async def test_a_request_signed_by_a_stranger_is_held(network: Network) -> None:
    await made(network)
    shown = network.double.requests[ID]
    payload = payload_of((shown.statement or "").encode())
    statement = sign(Kind.DOCUMENT_REQUEST, payload, new_identity(RECIPIENT))
    network.double.requests[ID] = shown.model_copy(update={"statement": statement.decode()})

    done = await fetched(network)

    assert done.outcomes[Outcome.HELD] == 1
    async with network.gateway(SENDER) as gateway:
        ((_, reason, _),) = await gateway.state.read(state.list_held)
    assert reason == "key-not-pinned"


async def test_a_sealed_part_for_other_keys_or_of_another_request_is_held(
    network: Network,
) -> None:
    await made(network, id="3d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a12")
    (other,) = network.double.requests.values()
    network.double.requests.clear()
    sealed = payload_of((other.statement or "").encode())["sealed"]
    await forged(network, sealed=sealed)
    assert (await fetched(network)).outcomes[Outcome.HELD] == 1
    await forged(network, sealed="YWdlLWVuY3J5cHRpb24")

    assert (await fetched(network)).outcomes[Outcome.HELD] == 1
    async with network.gateway(SENDER) as gateway:
        ((_, reason, _),) = await gateway.state.read(state.list_held)
    assert reason == "request-unreadable"


async def test_what_the_hub_no_longer_offers_goes(network: Network) -> None:
    await made(network)
    await fetched(network)
    network.double.requests.clear()

    await fetched(network)

    home = network.offices[SENDER].home
    assert asked.list_asked(home) == []
    assert files_below(home.requests) == {}


async def test_the_answer_names_the_request_and_the_asker_finds_it(network: Network) -> None:
    await made(network)
    await fetched(network)
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft(answers=ID))
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)

    home = network.offices[RECIPIENT].home
    named = network.double.requests[ID].request
    assert answered.by_request(home, since=NOW) == {named: [sent.id]}
    assert answered.by_request(home, since=NOW + timedelta(seconds=1)) == {}
    assert answered.by_request(network.offices[SENDER].home, since=NOW) == {}


async def test_before_anything_was_received_nothing_is_answered(tmp_path: Any) -> None:
    assert answered.by_request(Home(tmp_path), since=NOW) == {}


@pytest.mark.parametrize(
    ("asked_for", "changed", "error"),
    [
        ({}, {"answers": "3d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a12"}, NotFound),
        ({}, {"answers": "../../keys"}, NotFound),
        ({"categories": frozenset({"energy-bill"}), "consent": None}, {}, Malformed),
    ],
    ids=str,
)
async def test_only_a_request_that_waits_is_answered_and_with_what_it_asks_for(
    network: Network, asked_for: dict[str, Any], changed: dict[str, Any], error: type[Exception]
) -> None:
    await made(network, **asked_for)
    await fetched(network)

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(error):
            await send.send(gateway, draft(**{"answers": ID, **changed}))

    assert network.double.kept == {}


async def test_a_request_is_answered_to_nobody_but_its_asker(network: Network) -> None:
    await made(network)
    await fetched(network)
    home = network.offices[SENDER].home
    (found,) = asked.list_asked(home)
    async with network.gateway(SENDER) as gateway:
        await asked.keep_only(gateway, ())
    asked._write(home, replace(found, agency="youth-c"))

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Malformed):
            await send.send(gateway, draft(answers=ID))
