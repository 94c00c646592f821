"""Majority ahead: the collector is reminded once, sixty days before, and of what stands only."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exchange.agency import majorities
from exchange.agency.hand_in import hand_in
from exchange.agency.parts import Gateway
from exchange.agency.record_consent import ConsentDraft, record_consent
from exchange.agency.remind import remind
from exchange.canonical import digest
from exchange.cli import gateway_status
from exchange.consent.record import Signer
from exchange.consent.subject import GuardianFacts
from exchange.consent.words import Capacity, Custody, Identified, Power, Role
from exchange.days import begin_of
from exchange.errors import Unavailable
from exchange.wire import routes, shapes
from tests.agency.double import answer, body, payload_of
from tests.agency.network import NOW, RECIPIENT, Network
from tests.agency.test_lint_consent import DRAFT, FACTS, shown

EVENT = "consent.majority-ahead"
ENDS = begin_of(date(2026, 9, 1))
PARENT = Signer(
    role=Role.GUARDIAN,
    at=NOW,
    identified=Identified.KNOWN,
    power=Power.PARENT,
    custody=Custody.SOLE,
)
YOUNG = replace(
    FACTS,
    born=date(2008, 9, 17),
    guardians=(GuardianFacts(name="CANARY-GUARDIAN", power=Power.PARENT),),
)


@pytest.fixture(autouse=True)
def recording(network: Network) -> None:
    """Let the hub's double record consents and know them afterwards."""

    async def record(request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"]
        given = shapes.Consent(
            id=payload_of(statement.encode())["id"],
            consent=digest(statement.encode()),
            statement=statement,
            state="valid",
            used=0,
        )
        network.double.consents[given.id] = given
        stored = shapes.ConsentRecorded(id=given.id, consent=given.consent, recorded_at=network.now)
        return answer(stored, status=201)

    network.double.replaced[routes.POST_CONSENT.name] = record


async def by_guardian(network: Network, **members: Any) -> ConsentDraft:
    """Return the draft of a consent that a parent gives until majority."""
    given: dict[str, Any] = {
        "capacity": Capacity.SELF_AND_GUARDIAN,
        "signers": (*DRAFT.signers, PARENT),
        "subject": YOUNG,
        "valid_until": ENDS,
        **members,
    }
    return await shown(network, **given)


async def reminded(gateway: Gateway) -> list[int]:
    """Return how many consents each event of one look speaks of."""
    with capture_logs() as lines:
        await remind(gateway)
    return [line["count"] for line in lines if line["event"] == EVENT]


def status(network: Network, capsys: pytest.CaptureFixture[str]) -> str:
    gateway_status.show(network.offices[RECIPIENT].home.root, None)
    return capsys.readouterr().out


async def test_sixty_days_before_the_collector_is_reminded_once(network: Network) -> None:
    draft = await by_guardian(network)
    async with network.gateway(RECIPIENT) as gateway:
        await record_consent(gateway, draft)
        network.now = begin_of(date(2026, 7, 2))
        assert await reminded(gateway) == []
        network.now = begin_of(date(2026, 7, 3))
        assert await reminded(gateway) == [1]
        assert await reminded(gateway) == []
    async with network.gateway(RECIPIENT) as gateway:
        network.sleep(days=2)
        assert await reminded(gateway) == []
        listed = await gateway.state.read(majorities.list_ahead, network.now)

    assert [(one.consent, one.ends) for one in listed] == [(draft.id, ENDS)]


async def test_no_birth_date_is_kept_for_it(network: Network) -> None:
    draft = await by_guardian(network)
    async with network.gateway(RECIPIENT) as gateway:
        await record_consent(gateway, draft)

    state: Path = network.offices[RECIPIENT].home.state
    for file in state.iterdir():
        data = file.read_bytes()
        assert b"2008-09-17" not in data
        assert b"CANARY" not in data


@pytest.mark.parametrize(
    "members",
    [
        {"capacity": Capacity.SELF, "signers": DRAFT.signers},
        {"valid_until": begin_of(date(2026, 7, 3))},
    ],
    ids=["given by herself", "over before"],
)
async def test_nobody_is_reminded_of_what_majority_does_not_touch(
    network: Network, members: dict[str, Any]
) -> None:
    draft = await by_guardian(network, **members)
    async with network.gateway(RECIPIENT) as gateway:
        await record_consent(gateway, draft)
        network.now = begin_of(date(2026, 8, 30))
        assert await reminded(gateway) == []


@pytest.mark.parametrize("how", ["ended", "hidden", "of age"])
async def test_what_is_over_is_forgotten(network: Network, how: str) -> None:
    draft = await by_guardian(network)
    async with network.gateway(RECIPIENT) as gateway:
        await record_consent(gateway, draft)
        network.now = begin_of(date(2026, 8, 1))
        assert await reminded(gateway) == [1]
        network.sleep(days=2)
        if how == "ended":
            network.double.end_consent(draft.id)
        elif how == "hidden":
            del network.double.consents[draft.id]
        else:
            network.now = ENDS
        assert await reminded(gateway) == []
        assert await gateway.state.read(majorities.list_ahead, NOW) == []


async def test_what_was_withdrawn_before_is_never_told(network: Network) -> None:
    draft = await by_guardian(network)
    async with network.gateway(RECIPIENT) as gateway:
        await record_consent(gateway, draft)
        network.double.end_consent(draft.id)
        network.now = begin_of(date(2026, 8, 1))
        assert await reminded(gateway) == []


async def test_a_crash_before_it_was_noted_is_made_good(network: Network) -> None:
    honest = network.double.replaced[routes.POST_CONSENT.name]
    draft = await by_guardian(network)

    async def lost(request: web.Request) -> web.StreamResponse:
        await honest(request)
        raise Unavailable

    network.double.replaced[routes.POST_CONSENT.name] = lost
    async with network.gateway(RECIPIENT) as gateway:
        with pytest.raises(Unavailable):
            await record_consent(gateway, draft)
        network.double.replaced[routes.POST_CONSENT.name] = honest
        await hand_in(gateway, draft.id)
        network.now = begin_of(date(2026, 8, 1))
        assert await reminded(gateway) == [1]


async def test_status_says_what_to_do_and_names_nobody(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = await by_guardian(network)
    async with network.gateway(RECIPIENT) as gateway:
        await record_consent(gateway, draft)
        await gateway.state.write(majorities.note_look, draft.id, network.now)
        far = majorities.Majority(
            "0b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9b78", begin_of(date(9000, 1, 1))
        )
        await gateway.state.write(majorities.add_majority, far)
        await gateway.state.write(majorities.note_look, far.consent, network.now)

    said = status(network, capsys)

    assert f"consent {far.consent}: its guardians speak until 8999-12-31;" in said
    assert "ask the young adult" in said
    assert "CANARY" not in said
