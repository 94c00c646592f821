"""An evil hub about what was sent and what must be erased: inventions change nothing."""

import uuid

from exchange.agency import erase, follow, send, state
from exchange.agency.state import Sending
from exchange.errors import StatementNotAcceptable
from exchange.keyring.ceremony import new_identity
from exchange.keyring.signing import IdentityKey
from exchange.statement import Kind, seconds, sign
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, draft, files_below
from tests.evil_hub.forging import received

ERASURE = "1d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a10"


def acknowledgement(network: Network, signer: IdentityKey, manifest: str) -> bytes:
    return sign(
        Kind.ACKNOWLEDGEMENT,
        {
            "id": str(uuid.uuid4()),
            "iat": seconds(network.now),
            "agency": RECIPIENT,
            "manifest": manifest,
            "result": "accepted",
        },
        signer,
    )


async def followed(network: Network, signer: IdentityKey, manifest: str | None = None) -> str:
    """Send, let the double show an acknowledgement, and return the state the sender believes."""
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
        kept = network.double.kept[sent.id]
        forged = acknowledgement(network, signer, manifest or sent.digest)
        kept.answers[RECIPIENT] = ("accepted", forged)
        kept.state = "acknowledged"
        troubles = await follow.follow(gateway)
        found = await gateway.state.read(state.find_sent, sent.id)
        assert found is not None
        assert bool(troubles) == (found.reason == "statement-not-acceptable")
        return found.state.value


async def test_h23_an_acknowledgement_signed_by_somebody_else_is_none(network: Network) -> None:
    stranger = new_identity(RECIPIENT)

    assert await followed(network, stranger) == Sending.STORED


async def test_h23_an_acknowledgement_of_another_manifest_is_none(network: Network) -> None:
    recipient = network.offices[RECIPIENT].identity

    assert await followed(network, recipient, "D" * 42 + "A") == Sending.STORED


async def test_h23_the_recipients_own_is_believed(network: Network) -> None:
    recipient = network.offices[RECIPIENT].identity

    assert await followed(network, recipient) == Sending.ACKNOWLEDGED


async def test_h25_an_invented_request_to_erase_destroys_nothing(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft())
    await received(network)
    before = files_below(network.offices[RECIPIENT].home.spool)
    network.double.end_consent(CONSENT_ID)
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)

    async with network.gateway(RECIPIENT) as gateway:
        troubles = (await erase.erase(gateway)).troubles

    assert [type(trouble) for trouble in troubles] == [StatementNotAcceptable]
    assert files_below(network.offices[RECIPIENT].home.spool) == before
    assert network.double.erasures[ERASURE].confirmation is None
