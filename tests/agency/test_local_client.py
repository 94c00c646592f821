"""exchange.agency.local_client: commands given beside a running gateway."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.agency.local_client import beside
from exchange.envelope.sealing import Outgoing
from exchange.errors import (
    Conflict,
    HubMisbehaves,
    Misconfigured,
    NotCovered,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from exchange.wire import local_shapes
from tests.agency.local import Local, fresh_id, local_api, submission
from tests.agency.network import LETTER, SENDER, Network


@pytest.fixture
async def sender(network: Network) -> AsyncIterator[Local]:
    async with local_api(network, SENDER) as local:
        yield local


async def test_files_are_sent_and_taken_back_through_the_running_gateway(
    sender: Local, tmp_path: Path
) -> None:
    letter = tmp_path / "Mahnung März 100%.pdf"
    letter.write_bytes(LETTER)
    files = [
        Outgoing(letter.name, "application/pdf", letter),
        Outgoing("short.pdf", "application/pdf", LETTER),
    ]

    async with beside(sender.office.gateway.home) as client:
        sent = await client.submit(wanted(), files)
        (disclosure,) = sent.disclosures
        recalled = await client.recall(disclosure.id)
        await client.look_now()
        status = await client.status()

    assert disclosure.state == "stored"
    assert recalled.state == "ended"
    assert sender.office.stir.is_set()
    assert status.sent == {"ended": 1}


def wanted(**members: object) -> local_shapes.Submission:
    return local_shapes.Submission.model_validate_json(json.dumps(submission(**members)))


async def test_a_no_is_told_in_the_same_words(sender: Local) -> None:
    async with beside(sender.office.gateway.home) as client:
        with pytest.raises(NotCovered) as refused:
            await client.submit(
                wanted(category="energy-bill"), [Outgoing("a.pdf", "application/pdf", LETTER)]
            )
        with pytest.raises(NotFound, match="no disclosure"):
            await client.recall(fresh_id())
        with pytest.raises(NotFound, match="no request to erase"):
            await client.confirm(fresh_id(), local_shapes.Confirmation())

    assert refused.value.reasons == ("category",)


async def test_what_is_under_way_is_a_conflict(sender: Local) -> None:
    of = (await sender.submit()).json["disclosures"][0]["id"]
    sender.office.gateway.sending.add(of)

    async with beside(sender.office.gateway.home) as client:
        with pytest.raises(Conflict, match="try again"):
            await client.recall(of)


async def test_a_gateway_that_serves_nothing_is_told_what_to_do(sender: Local) -> None:
    home = sender.office.gateway.home
    text = home.settings_file.read_text().partition("\n[api]")[0]
    home.settings_file.write_text(f'{text}\n[api]\nlisten = ""\n')

    with pytest.raises(Misconfigured, match="no local API"):
        async with beside(home):
            pass


async def test_a_gateway_that_does_not_answer_is_told(network: Network) -> None:
    async with local_api(network, SENDER) as local:
        home = local.office.gateway.home

    async with beside(home) as client:
        with pytest.raises(Unavailable, match="gateway run"):
            await client.status()


async def test_a_token_of_another_home_is_refused(sender: Local) -> None:
    home = sender.office.gateway.home
    home.api_token.write_text("x" * 43)

    async with beside(home) as client:
        with pytest.raises(Unauthenticated):
            await client.status()


async def test_another_program_at_the_address_is_no_gateway(
    sender: Local, network: Network
) -> None:
    home = sender.office.gateway.home
    text = home.settings_file.read_text().partition("\n[api]")[0]
    address = network.double.origin.removeprefix("http://")
    home.settings_file.write_text(f'{text}\n[api]\nlisten = "{address}"\n')

    async with beside(home) as client:
        with pytest.raises(HubMisbehaves):
            await client.status()
