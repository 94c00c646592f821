"""Bring this agency's key statements to the hub, in their order, each in the bytes first signed."""

from collections.abc import Callable
from datetime import datetime

from exchange.agency.client import HubClient
from exchange.agency.rekey import Ring
from exchange.errors import StatementNotAcceptable
from exchange.keyring.directory import KeyStatement
from exchange.statement import seconds


async def publish(
    ring: Ring, client: HubClient, make: Callable[[], KeyStatement], *, now: datetime
) -> KeyStatement:
    """Publish the statement that `make` signs and stores, after those that never arrived.

    Idempotent: when an answer is lost, the next call sends the stored bytes first.

    Args:
        ring: this agency's keys and statements.
        client: of the hub.
        make: `ring.announce`, `rotate` or `revoke` with its arguments.
        now: aware moment.
    """
    await settle(ring, client, now=now)
    stated = make()
    await client.put_key_statement(stated.agency, stated.statement)
    return stated


async def settle(ring: Ring, client: HubClient, *, now: datetime) -> None:
    """Send the newest statement if the hub does not have it; harmless to repeat.

    One that was signed, never arrived and has run out can never follow: it is forgotten, and the
    next one takes its number.
    """
    newest = ring.newest()
    if newest is None:
        return
    published = (await client.agency(newest.agency)).key_statement
    if published is not None and published.encode("utf-8") == newest.statement:
        return
    try:
        await client.put_key_statement(newest.agency, newest.statement)
    except StatementNotAcceptable:
        if seconds(now) < newest.exp:
            raise
        ring.forget(newest)
