"""Record a proposed agreement, the signatures of its parties, and notices of termination."""

from uuid import uuid4

from sqlalchemy import Connection

from exchange.agreement.force import check_notice, check_signature
from exchange.agreement.lint import lint
from exchange.agreement.reading import read_agreement
from exchange.agreement.record import Agreement
from exchange.agreement.signing import (
    AgreementNotice,
    AgreementSignature,
    read_notice,
    read_signature,
)
from exchange.audit import event
from exchange.consent.proofread import proofread
from exchange.days import last_day
from exchange.errors import Malformed, NotFound, StatementNotAcceptable
from exchange.hub import repeat
from exchange.hub.parts import Hub
from exchange.hub.repeat import Once
from exchange.hub.storage import agencies, agreements, log
from exchange.hub.storage.agreements import NewAgreement, Signed
from exchange.hub.storage.log import Chain
from exchange.rules import refuse
from exchange.statement import Kind, Verified, verify


async def record_agreement(hub: Hub, caller: str, statement: bytes, *, once: Once | None) -> str:
    """Record an agreement that `caller` has drafted and signed; return its id.

    Raises:
        StatementNotAcceptable: not an agreement this caller has signed.
        LintRefused: it, or a text in it, breaks rules.
        Conflict: its id was used for another agreement.
    """
    verified = _verified(hub, caller, statement, Kind.AGREEMENT)
    try:
        agreement = read_agreement(verified)
        refuse((*lint(agreement), *proofread(agreement.notices)))
    except Malformed as error:
        raise StatementNotAcceptable from error
    if not await hub.db.read(agreements.known, agreement.id, agreement.digest):
        # A crash after this leaves a key without a chain; the sweeper forgets it after a day.
        chain = await hub.vault.draw(str(uuid4()))
        await hub.db.write(_record, hub, verified, agreement, chain, once)
        hub.news.tell(agreement.agencies)
    return agreement.id


async def sign_agreement(
    hub: Hub, agreement_id: str, caller: str, statement: bytes, *, once: Once | None
) -> None:
    """Record `caller`'s signature of an agreement it is a party of; a repetition is no error.

    Raises:
        NotFound: absent, or the caller is no party.
        StatementNotAcceptable: not the caller's signature of this agreement, with the key it names.
        Conflict: the caller has signed with another statement.
    """
    agreement, stored = await _party_to(hub, agreement_id, caller)
    verified = _verified(hub, caller, statement, Kind.AGREEMENT_SIGNATURE)
    try:
        signature = read_signature(verified)
        check_signature(agreement, signature)
    except Malformed as error:
        raise StatementNotAcceptable from error
    chain = await hub.vault.chain(stored.chain)
    await hub.db.write(_sign, hub, verified, signature, chain, once)
    hub.news.tell(agreement.agencies)


async def give_notice(
    hub: Hub, agreement_id: str, caller: str, statement: bytes, *, once: Once | None
) -> None:
    """Record `caller`'s notice of termination; a repetition is no error.

    Raises:
        NotFound: absent, or the caller is no party.
        StatementNotAcceptable: not a notice this caller can give now.
        Conflict: its id was used for another notice.
    """
    agreement, stored = await _party_to(hub, agreement_id, caller)
    verified = _verified(hub, caller, statement, Kind.AGREEMENT_NOTICE)
    try:
        notice = read_notice(verified)
        if not await hub.db.read(_noticed, agreement.digest, verified.statement):
            check_notice(agreement, notice, now=hub.clock())
    except Malformed as error:
        raise StatementNotAcceptable from error
    chain = await hub.vault.chain(stored.chain)
    await hub.db.write(_give_notice, hub, verified, notice, chain, once)
    hub.news.tell(agreement.agencies)


def _verified(hub: Hub, caller: str, statement: bytes, kind: Kind) -> Verified:
    now = hub.clock()
    return verify(statement, (kind,), hub.directory.identities(caller, now=now), now=now)


async def _party_to(
    hub: Hub, agreement_id: str, caller: str
) -> tuple[Agreement, agreements.Agreement]:
    found = await hub.db.read(_find, hub, agreement_id, caller)
    if found is None:
        raise NotFound
    return found


def _find(
    conn: Connection, hub: Hub, agreement_id: str, caller: str
) -> tuple[Agreement, agreements.Agreement] | None:
    stored = agreements.find(conn, agreement_id, caller)
    if stored is None:
        return None
    agreement, _ = hub.records.agreement(conn, stored.digest, stored.statement)
    return agreement, stored


def _noticed(conn: Connection, agreement: str, statement: bytes) -> bool:
    return any(notice.statement == statement for notice in agreements.notices(conn, agreement))


def _record(
    conn: Connection,
    hub: Hub,
    verified: Verified,
    agreement: Agreement,
    chain: Chain,
    once: Once | None,
) -> None:
    if agreements.known(conn, agreement.id, agreement.digest):
        return
    now = hub.clock()
    _check_parties(conn, agreement)
    repeat.claim(conn, once, now=now)
    new = NewAgreement(
        digest=agreement.digest,
        id=agreement.id,
        statement=verified.statement,
        drafted_by=agreement.drafted_by,
        parties=agreement.agencies,
        chain=chain.uuid,
        receipt=log.name(),
    )
    agreements.add(conn, new, at=now)
    signed = event.agreement_signed(
        at=now, by=agreement.drafted_by, agreement=agreement.digest, statement=agreement.digest
    )
    log.record(conn, chain, signed, rid=new.receipt)


def _check_parties(conn: Connection, agreement: Agreement) -> None:
    """Refuse an agreement with an agency that is not admitted here: nobody could sign for it."""
    if agencies.active(conn, agreement.agencies) != agreement.agencies:
        raise StatementNotAcceptable


def _sign(
    conn: Connection,
    hub: Hub,
    verified: Verified,
    signature: AgreementSignature,
    chain: Chain,
    once: Once | None,
) -> None:
    agreements.lock(conn, signature.agreement)
    now = hub.clock()
    repeat.claim(conn, once, now=now)
    given = Signed(verified.digest, verified.statement, log.name())
    if agreements.sign(conn, signature.agreement, signature.agency, given, at=now):
        signed = event.agreement_signed(
            at=now,
            by=signature.agency,
            agreement=signature.agreement,
            statement=verified.digest,
        )
        log.record(conn, chain, signed, rid=given.receipt)


def _give_notice(
    conn: Connection,
    hub: Hub,
    verified: Verified,
    notice: AgreementNotice,
    chain: Chain,
    once: Once | None,
) -> None:
    agreements.lock(conn, notice.agreement)
    now = hub.clock()
    repeat.claim(conn, once, now=now)
    rid = log.name()
    statement = verified.statement
    if agreements.give_notice(conn, notice, statement=statement, at=now, receipt=rid):
        given = event.agreement_notice(
            at=now,
            by=notice.agency,
            agreement=notice.agreement,
            statement=verified.digest,
            ends=last_day(notice.ends).isoformat(),
        )
        log.record(conn, chain, given, rid=rid)
