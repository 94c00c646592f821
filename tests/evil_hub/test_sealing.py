"""An evil hub in front of a sender: nothing is sealed to a key its owner did not announce."""

from datetime import timedelta

import pytest

from exchange.agency import send
from exchange.errors import Held
from exchange.keyring.ceremony import announce, new_document_key, new_identity
from exchange.statement import seconds
from tests.agency.double import shape_of
from tests.agency.network import RECIPIENT, SENDER, Network, draft, files_below
from tests.evil_hub.forging import key_statement


async def refused(network: Network) -> str:
    """Return why the sender seals nothing, and check that it has not."""
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Held) as held:
            await send.send(gateway, draft())
    assert files_below(network.offices[SENDER].home.outgoing) == {}
    assert network.double.kept == {}
    return held.value.reason


async def accepted(network: Network) -> None:
    """Let the sender see what the directory says now."""
    async with network.gateway(SENDER) as gateway:
        await gateway.partners.key_of(RECIPIENT, now=network.now)


def served(network: Network, statement: bytes) -> None:
    network.double.change_agency(RECIPIENT, key_statement=statement.decode())


async def test_h1_own_key_in_the_directory(network: Network) -> None:
    evil = new_identity(RECIPIENT)
    statement = announce(evil, new_document_key().recipient, previous=None, now=network.now)
    network.double.change_agency(RECIPIENT, card=shape_of(evil.card), kid=evil.kid)
    served(network, statement)

    assert await refused(network) == "key-not-pinned"


async def test_h2_rotated_key_signed_by_the_hub_itself(network: Network) -> None:
    evil = new_identity(RECIPIENT)
    served(network, announce(evil, new_document_key().recipient, previous=None, now=network.now))

    assert await refused(network) == "statement-not-acceptable"


async def test_h3_older_statement_after_a_restart(network: Network) -> None:
    ring = network.offices[RECIPIENT].ring
    first = ring.newest()
    assert first is not None
    served(network, ring.rotate(now=network.now).statement)
    await accepted(network)

    served(network, first.statement)

    assert await refused(network) == "key-rollback"


async def test_h4_two_statements_with_one_number(network: Network) -> None:
    await accepted(network)

    served(network, key_statement(network, RECIPIENT))

    assert await refused(network) == "key-equivocation"


async def test_h5_expired_statement(network: Network) -> None:
    network.sleep(days=35)

    assert await refused(network) == "key-stale"


async def test_h5_statement_valid_for_too_long(network: Network) -> None:
    served(
        network,
        key_statement(network, RECIPIENT, exp=seconds(network.now + timedelta(days=36))),
    )

    assert await refused(network) == "key-stale"


async def test_h6_revoked_key_announced_again(network: Network) -> None:
    office = network.offices[RECIPIENT]
    stolen = office.ring.current().key
    revoking = office.ring.revoke(stolen.fingerprint, now=network.now)
    served(network, revoking.statement)
    await accepted(network)

    served(
        network,
        key_statement(
            network,
            RECIPIENT,
            seq=revoking.seq + 1,
            previous=revoking.digest,
            document=stolen.recipient.text,
        ),
    )

    assert await refused(network) == "key-revoked"


async def test_an_agency_nobody_has_pinned_is_sealed_nothing(network: Network) -> None:
    (network.offices[SENDER].home.pins / f"{RECIPIENT}.json").unlink()

    # The consent is signed by the agency nobody pinned: not even that is believed.
    assert await refused(network) == "key-not-pinned"
