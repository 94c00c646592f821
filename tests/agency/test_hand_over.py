"""Handing over: the format that reads a document's profile gets what proves it."""

import json
from dataclasses import replace

import pytest

from exchange.agency import arrivals, poll, send
from exchange.agency.hand_over import published
from exchange.agency.packaged import _kept
from exchange.agency.receive import Outcome
from exchange.errors import Malformed
from exchange.hookspecs import FILES
from exchange.wire import shapes
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, draft

CAPABILITIES = shapes.Capabilities(
    profiles=(FILES, "xdomea/3"), max_size=1 << 20, media_types=("application/pdf",)
)


async def sent(network: Network, **members: object) -> None:
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft(**members))


async def test_the_format_is_told_the_consent_and_nothing_of_the_person(network: Network) -> None:
    await sent(network)
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
        (folder,) = gateway.home.spool.iterdir()
    told = (folder / "document.json").read_text()
    assert json.loads(told)["consent"]["id"] == CONSENT_ID
    assert "CANARY-NAME" not in told


async def test_the_proofs_are_the_verified_bytes(network: Network) -> None:
    await sent(network)
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
        (light,) = await gateway.state.read(arrivals.list_received)
        received = await gateway.state.read(arrivals.whole, light)
        proofs = {proof.kind: proof for proof in await gateway.state.read(_kept, received)}
    assert proofs["manifest"].content.encode() == received.manifest
    assert proofs["stored"].content.encode() == received.receipt
    assert proofs["collected"].content.encode() == received.collected
    assert proofs["consent"].content == network.double.consents[CONSENT_ID].statement


async def test_a_profile_the_recipient_does_not_publish_is_not_sent(network: Network) -> None:
    with pytest.raises(Malformed, match="does not read files of this profile"):
        await sent(network, profile="xdomea/3")
    network.double.change_agency(
        RECIPIENT, capabilities=CAPABILITIES.model_copy(update={"profiles": (FILES,)})
    )
    with pytest.raises(Malformed, match="does not read files of this profile"):
        await sent(network, profile="xdomea/3")
    await sent(network, profile=FILES)  # is said by saying nothing


async def test_a_profile_nobody_here_reads_any_more_is_set_aside(network: Network) -> None:
    network.double.change_agency(RECIPIENT, capabilities=CAPABILITIES)
    await sent(network, profile="xdomea/3")
    async with network.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)
        (aside,) = (path for path in gateway.home.quarantine.glob("[0-9a-f]*-*"))
    assert done.outcomes == {Outcome.QUARANTINED: 1}
    assert (aside / "reason.txt").read_text().startswith("profile\n")


async def test_senders_see_what_any_format_here_takes(network: Network) -> None:
    async with network.receiving() as (_, reception):
        (desk,) = reception.desks.values()
        # A format that reads it, whatever the plugin behind it calls the profile.
        capabilities = replace(desk.capabilities, profiles=frozenset({"xdomea/3"}))
        both = replace(
            reception,
            desks={FILES: desk, "xdomea/3": replace(desk, capabilities=capabilities)},
        )
        assert published(both).profiles == (FILES, "xdomea/3")
        assert published(both).name_alphabet is None
        narrow = replace(capabilities, name_alphabet="ab", max_size=800)
        one = replace(reception, desks={FILES: replace(desk, capabilities=narrow)})
        assert (published(one).name_alphabet, published(one).max_size) == ("ab", 900)
