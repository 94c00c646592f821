"""Bring this agency's key statements to the hub, in their order, each in the bytes first signed."""

from collections.abc import Callable
from datetime import datetime

from exchange import statement
from exchange.agency.client import HubClient
from exchange.agency.rekey import Ring
from exchange.errors import ExchangeError, Held, StatementNotAcceptable
from exchange.keyring.directory import KeyStatement, read_key_statement
from exchange.statement import Kind, seconds


async def publish(
    ring: Ring, client: HubClient, make: Callable[[], KeyStatement], *, now: datetime
) -> KeyStatement:
    """Publish the statement that `make` signs and stores, after one that never arrived.

    Idempotent: when an answer is lost, the next call sends the stored bytes first.

    Args:
        ring: this agency's keys and statements.
        client: of the hub.
        make: `ring.announce`, `rotate` or `revoke` with its arguments.
        now: aware moment.
    """
    known = (await client.agency(ring.files.card().agency)).key_statement
    await settle(ring, client, None if known is None else known.encode("utf-8"), now=now)
    stated = make()
    await client.put_key_statement(stated.agency, stated.statement)
    return stated


async def settle(
    ring: Ring, client: HubClient, published: bytes | None, *, now: datetime
) -> KeyStatement | None:
    """Send the newest statement if the hub does not have it, and return it if it was sent.

    One that was signed, never arrived and has run out can never follow: it is forgotten, and the
    next one takes its number.

    Args:
        ring: this agency's keys and statements.
        client: of the hub.
        published: the newest statement as the directory has it.
        now: aware moment.

    Raises:
        Held: the directory has a later statement than this home, which was restored from a
            backup: numbering anew would look like equivocation to every partner.
    """
    newest = ring.newest()
    if published is not None:
        if newest is None or _seq(ring, published) > newest.seq:
            raise Held("own-key-statement-unknown")
        if published == newest.statement:
            return None
    if newest is None:
        return None
    try:
        await client.put_key_statement(newest.agency, newest.statement)
    except StatementNotAcceptable:
        if seconds(now) < newest.exp:
            raise
        ring.forget(newest)
        return None
    return newest


def _seq(ring: Ring, published: bytes) -> int:
    """Return the number of an own statement; one that is not our own is beyond all numbers."""
    try:
        verified = statement.verify(
            published, {Kind.KEY_STATEMENT}, ring.files.cards(), now=statement.ANY_TIME
        )
        return read_key_statement(verified).seq
    except ExchangeError:
        raise Held("own-key-statement-unknown") from None
