"""exchange.agency.record_consent, .withdraw and .agree: an answer that is lost changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from exchange.agency import agree
from exchange.agency.app import open_desk, open_gateway
from exchange.agency.client import HubClient
from exchange.agency.hand_in import Recorded
from exchange.agency.record_consent import record_consent
from exchange.agency.withdraw import Told, withdraw
from exchange.cli import agreement_draft, consent_draft
from exchange.consent.withdrawal import By, Channel
from exchange.errors import LintRefused, Unavailable
from tests.cli.network import AGREEMENT, A, B, Network, draft, recorded

pytestmark = pytest.mark.xdist_group("cli-network")


class Interrupted:
    """The client of a hub whose answer to one kind of call is lost, once.

    `keeps` decides whether the hub has heard the call: both can happen to a real one.
    """

    def __init__(self, client: HubClient, call: str, *, keeps: bool) -> None:
        self._client, self._call, self._keeps = client, call, keeps
        self.sent: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        real: Callable[..., Awaitable[Any]] = getattr(self._client, name)
        if name != self._call:
            return real

        async def lost(*args: Any) -> Any:
            self.sent.append(args)
            if len(self.sent) > 1:
                return await real(*args)
            if self._keeps:
                await real(*args)
            raise Unavailable

        return lost


def client_of(found: Interrupted) -> HubClient:
    return cast("HubClient", found)


def statements(network: Network, home: str) -> set[str]:
    return {path.name for path in (network.root / home / "statements").iterdir()}


@pytest.mark.parametrize("keeps", [True, False])
def test_a_consent_is_recorded_once_when_the_answer_is_lost(
    network: Network, agreed: str, keeps: bool
) -> None:
    name = f"interrupted-{keeps}.toml"
    draft(network, agreed, name)

    async def story() -> tuple[Recorded, list[tuple[Any, ...]]]:
        async with open_gateway(network.root / B) as gateway:
            completed = consent_draft.read_draft(network.root / name, now=gateway.clock())
            client = Interrupted(gateway.client, "post_consent", keeps=keeps)
            flaky = replace(gateway, client=client_of(client))
            with pytest.raises(Unavailable):
                await record_consent(flaky, completed)
            assert f"consent-{completed.id}.key" in statements(network, B)
            done = await record_consent(flaky, completed)
            return done, client.sent

    done, sent = asyncio.run(story())
    assert sent[0] == sent[1]
    assert done.receipt is not None
    assert f"consent-{done.id}.key" not in statements(network, B)
    assert network.must("consent", "show", done.id, home=B).fact("digest") == done.digest


@pytest.mark.parametrize("keeps", [True, False])
def test_a_withdrawal_is_the_same_when_the_answer_is_lost(
    network: Network, agreed: str, keeps: bool
) -> None:
    consent = recorded(network, agreed, f"ended-{keeps}.toml")

    async def story() -> list[tuple[Any, ...]]:
        async with open_desk(network.root / B) as desk:
            client = Interrupted(desk.client, "withdraw", keeps=keeps)
            flaky = replace(desk, client=client_of(client))
            told = Told(by=By.SUBJECT, channel=Channel.PHONE)
            with pytest.raises(Unavailable):
                await withdraw(flaky, consent, told)
            await withdraw(flaky, consent, told)
            return client.sent

    sent = asyncio.run(story())
    assert sent[0] == sent[1]
    assert network.must("consent", "show", consent, home=B).fact("state").startswith("ended")


@pytest.mark.parametrize(("keeps", "first"), [(True, "6"), (False, "7")])
def test_an_agreement_is_proposed_and_signed_once_when_answers_are_lost(
    network: Network, keeps: bool, first: str
) -> None:
    name = f"agreement-{keeps}.toml"
    network.write(name, AGREEMENT.replace("3f0c9b1e", f"{first}f0c9b1e"))

    async def proposing() -> str:
        async with open_gateway(network.root / A) as gateway:
            members = agreement_draft.read_draft(network.root / name, agree.known_keys(gateway))
            client = Interrupted(gateway.client, "post_agreement", keeps=keeps)
            flaky = replace(gateway, client=client_of(client))
            with pytest.raises(Unavailable):
                await agree.propose(flaky, members)
            proposed = await agree.propose(flaky, members)
            assert client.sent[0] == client.sent[1]
            return proposed.id

    async def signing(agreement: str) -> None:
        async with open_gateway(network.root / B) as gateway:
            proposal = await agree.examine(gateway, agreement)
            client = Interrupted(gateway.client, "sign_agreement", keeps=keeps)
            flaky = replace(gateway, client=client_of(client))
            with pytest.raises(Unavailable):
                await agree.sign_agreement(flaky, proposal.agreement)
            given = await agree.sign_agreement(flaky, proposal.agreement)
            assert client.sent[0] == client.sent[1]
            assert given.state == "in-force"
            notifying = Interrupted(gateway.client, "give_notice", keeps=keeps)
            flaky = replace(gateway, client=client_of(notifying))
            with pytest.raises(Unavailable):
                await agree.give_notice(flaky, proposal.agreement)
            await agree.give_notice(flaky, proposal.agreement)
            assert notifying.sent[0] == notifying.sent[1]

    asyncio.run(signing(asyncio.run(proposing())))


def test_what_the_hub_will_never_take_is_not_kept(network: Network, agreed: str) -> None:
    draft(network, agreed, "refused.toml")

    class Refusing(Interrupted):
        def __getattr__(self, name: str) -> Any:
            if name != "post_consent":
                return getattr(self._client, name)

            async def refuse(*_args: Any) -> Any:
                raise LintRefused

            return refuse

    async def story(file: Path) -> None:
        async with open_gateway(network.root / B) as gateway:
            completed = consent_draft.read_draft(file, now=gateway.clock())
            before = statements(network, B)
            client = Refusing(gateway.client, "post_consent", keeps=False)
            with pytest.raises(LintRefused):
                await record_consent(replace(gateway, client=client_of(client)), completed)
            assert statements(network, B) == before
            assert (await record_consent(gateway, completed)).receipt is not None

    asyncio.run(story(network.root / "refused.toml"))
