"""A document's way between two gateways: sent, received, acknowledged, followed."""

from exchange.agency import follow, poll, send, state
from exchange.agency.receive import Outcome
from exchange.agency.state import Sending
from tests.agency.network import LETTER, RECIPIENT, SENDER, Network, draft, files_below


async def test_a_document_arrives_and_both_sides_know(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
    async with network.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)
    async with network.gateway(SENDER) as gateway:
        await follow.follow(gateway)
        followed = await gateway.state.read(state.find_sent, sent.id)

    assert done.outcomes == {Outcome.ACCEPTED: 1}
    assert done.troubles == []
    assert followed is not None
    assert (followed.state, followed.result) == (Sending.ACKNOWLEDGED, "accepted")
    spool = files_below(network.offices[RECIPIENT].home.spool)
    assert LETTER in spool.values()
    assert files_below(network.offices[RECIPIENT].home.incoming) == {}
    assert files_below(network.offices[RECIPIENT].home.quarantine) == {}
    assert files_below(network.offices[SENDER].home.outgoing) == {}
