"""An agency publishes its next key statement or its next identity; both are logged for all.

A revocation takes effect in the unit of work that stores it: no header sealed to a revoked key
is left when it commits.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection

from exchange.errors import Conflict, Malformed, StatementNotAcceptable
from exchange.hub.mirror import refresh
from exchange.hub.parts import Hub
from exchange.hub.storage import agencies, ending, keys, log
from exchange.hub.storage.log import Chain
from exchange.keyring.directory import (
    LONGEST_LIFE_S,
    KeyStatement,
    Succession,
    read_key_statement,
    read_succession,
)
from exchange.keyring.recipient import DocumentRecipient
from exchange.statement import CLOCK_SKEW_S, Kind, seconds, verify


async def publish_key_statement(hub: Hub, caller: str, statement: bytes) -> KeyStatement:
    """Store `caller`'s next key statement; a repetition of the newest one is no error.

    Raises:
        StatementNotAcceptable: not a key statement of this caller that is valid now.
        Conflict: it does not follow the newest one.
    """
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified = verify(statement, (Kind.KEY_STATEMENT,), identities, now=now)
    try:
        stated = read_key_statement(verified)
        recipient = DocumentRecipient.parse(stated.document)
    except Malformed as error:
        raise StatementNotAcceptable from error
    moment = seconds(now)
    if not stated.nbf - CLOCK_SKEW_S <= moment < stated.exp <= stated.nbf + LONGEST_LIFE_S:
        raise StatementNotAcceptable
    if recipient.fingerprint in stated.revoked:
        raise StatementNotAcceptable
    due = await hub.db.read(ending.sealed_to, stated.revoked)
    chains = await hub.vault.chains({one.chain for one in due})
    # First in the queue: it may take back a stolen key.
    await hub.db.write_first(_publish, hub, stated, recipient.fingerprint, chains)
    return stated


def _publish(
    conn: Connection,
    hub: Hub,
    stated: KeyStatement,
    fingerprint: str,
    chains: Mapping[str, Chain],
) -> None:
    # First the consents, then the agency, as a disclosure does. It reads which keys count after
    # it has raised the number of our inbox: so either it sees this revocation, or we see it.
    ending.lock(conn, ending.sealed_to(conn, stated.revoked))
    agencies.lock(conn, stated.agency)
    if _take_effect(conn, hub, stated, fingerprint, chains):
        log.record_document(conn, _topic(stated.agency), stated.statement, hub.clock())


def _take_effect(
    conn: Connection,
    hub: Hub,
    stated: KeyStatement,
    fingerprint: str,
    chains: Mapping[str, Chain],
) -> bool:
    """Let the next key statement count; False for a repetition of the newest one."""
    newest = keys.newest(conn, stated.agency)
    if newest is not None and newest.digest == stated.digest:
        return False
    _check_order(stated, newest)
    if fingerprint in keys.revoked(conn, stated.agency):
        raise StatementNotAcceptable
    now = hub.clock()
    keys.add(
        conn,
        keys.KeyStatement(
            agency=stated.agency,
            seq=stated.seq,
            digest=stated.digest,
            statement=stated.statement,
            fingerprint=fingerprint,
            nbf=datetime.fromtimestamp(stated.nbf, UTC),
            exp=datetime.fromtimestamp(stated.exp, UTC),
        ),
        at=now,
    )
    revoked = keys.revoke(conn, stated.agency, stated.revoked, at=now)
    if revoked:
        ending.end_sealed_to(conn, revoked, chains, at=now)
    return True


def relearn(conn: Connection, hub: Hub, agency: str, document: bytes) -> None:
    """Let a key statement or a succession count again that the log has and the database forgot.

    Whether it was in time then, the log has decided. Its leaf is there: nothing is recorded.

    Args:
        conn: of the unit of work.
        hub: the parts.
        agency: whose it is, as the log's topic says.
        document: the statement.

    Raises:
        StatementNotAcceptable: not a statement about keys by this agency.
        Conflict: it does not follow what is known.
    """
    agencies.lock(conn, agency)
    cards = {one.card.kid: one.card for one in agencies.identities_of(conn, agency)}
    kinds = (Kind.KEY_STATEMENT, Kind.KEY_SUCCESSION)
    verified = verify(document, kinds, cards, now=hub.clock())
    try:
        if verified.kind is Kind.KEY_SUCCESSION:
            _take_over(conn, hub, read_succession(verified))
        else:
            stated = read_key_statement(verified)
            fingerprint = DocumentRecipient.parse(stated.document).fingerprint
            _take_effect(conn, hub, stated, fingerprint, {})
    except Malformed as error:
        raise StatementNotAcceptable from error


def _topic(agency: str) -> str:
    return f"key-statement/{agency}"


def _check_order(stated: KeyStatement, newest: keys.KeyStatement | None) -> None:
    """Refuse a statement that does not follow the newest one: nobody else would accept it."""
    if stated.seq != (1 if newest is None else newest.seq + 1):
        raise Conflict("seq: the statement does not follow the newest one")
    if stated.previous != (None if newest is None else newest.digest):
        raise Conflict("previous: the statement does not follow the newest one")


async def publish_succession(hub: Hub, caller: str, statement: bytes) -> Succession:
    """Register `caller`'s next identity; a repetition is no error.

    Raises:
        StatementNotAcceptable: not a succession signed by both identities, or over already.
        Conflict: the new identity is registered already.
    """
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified = verify(statement, (Kind.KEY_SUCCESSION,), identities, now=now)
    try:
        succession = read_succession(verified)
    except Malformed as error:
        raise StatementNotAcceptable from error
    if succession.agency != caller or succession.until <= seconds(now):
        raise StatementNotAcceptable
    await hub.db.write(_succeed, hub, succession)
    await refresh(hub)
    return succession


def _succeed(conn: Connection, hub: Hub, succession: Succession) -> None:
    agencies.lock(conn, succession.agency)  # two successions at once would both follow the old one
    if _take_over(conn, hub, succession):
        log.record_document(conn, _topic(succession.agency), succession.statement, hub.clock())


def _take_over(conn: Connection, hub: Hub, succession: Succession) -> bool:
    """Let the next identity count; False for a repetition."""
    known = agencies.identities_of(conn, succession.agency)
    if any(one.succession == succession.statement for one in known):
        return False
    if known[0].card.kid != succession.old:
        raise Conflict("another succession has come before")
    now = hub.clock()
    until = datetime.fromtimestamp(succession.until, UTC)
    agencies.succeed(conn, succession.new, succession.statement, until=until, at=now)
    return True
