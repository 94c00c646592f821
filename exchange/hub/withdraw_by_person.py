"""End a consent on the person's page: with her code, or with the key she signed it with.

Same effects and the same log entries as any withdrawal; no reason, no second proof, no waiting.
"""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection

from exchange.audit.event import PERSON
from exchange.canonical import Json, digest, unb64u
from exchange.consent import own_key
from exchange.consent.own_key import OwnSignature
from exchange.consent.withdrawal import Withdrawal, by_code, may_end, payload, read_withdrawal
from exchange.errors import Malformed, StatementNotAcceptable, TooLarge
from exchange.hub import opened
from exchange.hub.opened import Opened
from exchange.hub.parts import Hub
from exchange.hub.storage import consents, ending
from exchange.hub.storage.log import Chain
from exchange.hub.withdraw import (
    WITHDRAWN,
    Withdrawn,
    chain_or_deferred,
    told_in_time,
    withdrawn,
)
from exchange.statement import Kind, seconds, verify

PAGE = "page"
"""On the person's page, not recorded by an agency."""


async def withdraw_by_code(hub: Hub, code_text: str) -> Withdrawn | None:
    """Withdraw the consent that a code opens; a repetition gets the moment of the first one.

    Returns None for a code that opens nothing, which looks like a wrong one in `view`.

    Args:
        hub: the parts.
        code_text: as typed, of any length.
    """
    found = await hub.db.read(opened.consent, hub, code_text)
    return None if found is None else await _end(hub, found, statement=None)


async def withdrawal_to_sign(hub: Hub, code_text: str) -> str | None:
    """Return what her own key signs to withdraw (ASCII, to be signed as it is), or None.

    None too where the consent was not given with a key: her code withdraws it.
    """
    found = await hub.db.read(opened.consent, hub, code_text)
    if found is None or found.record.person_key is None:
        return None
    said = _said(found.record.digest, hub.clock())
    return own_key.to_sign(Kind.WITHDRAWAL_ELECTRONIC, said, found.record.person_key)


async def withdraw_by_key(
    hub: Hub, code_text: str, *, to_sign: str, signature: str
) -> Withdrawn | None:
    """Withdraw with a signature of her own key; None when it is not one, without saying why.

    Args:
        hub: the parts.
        code_text: as typed: names the consent.
        to_sign: from `withdrawal_to_sign`, given back by her browser.
        signature: base64url of 64 bytes, Ed25519 over the bytes of `to_sign`.
    """
    found = await hub.db.read(opened.consent, hub, code_text)
    if found is None or found.record.person_key is None:
        return None
    try:
        raw = unb64u(signature, size=64)
        own = OwnSignature(found.record.person_key, to_sign, raw)
        statement = own.statement(Kind.WITHDRAWAL_ELECTRONIC)
        _check(found, statement, hub.clock())
    except (Malformed, TooLarge, StatementNotAcceptable):
        return None
    return await _end(hub, found, statement=statement)


def _said(consent: str, now: datetime) -> dict[str, Json]:
    return payload(
        Withdrawal(
            digest="",  # of the statement, which is made from this
            kind=Kind.WITHDRAWAL_ELECTRONIC,
            id=str(uuid4()),
            iat=seconds(now),
            consent=consent,
            agency=None,
            by=None,
            reason=None,
            channel=None,
            received_at=now,
        )
    )


def _check(found: Opened, statement: bytes, now: datetime) -> None:
    """Refuse a statement that is no withdrawal of this consent by its own key."""
    verified = verify(
        statement,
        (Kind.WITHDRAWAL_ELECTRONIC,),
        {},
        now=now,
        person=found.record.person_key,
    )
    withdrawal = read_withdrawal(verified)
    if not may_end(withdrawal, found.record, found.scope):
        raise StatementNotAcceptable
    if not told_in_time(withdrawal, found.record, now):
        raise StatementNotAcceptable


async def _end(hub: Hub, found: Opened, *, statement: bytes | None) -> Withdrawn | None:
    chain = await chain_or_deferred(hub, found.filed.chain)
    ended = await hub.db.write_first(_withdraw, hub, found.record.digest, statement, chain)
    return None if ended is None else withdrawn(hub, found.record, ended)


def _withdraw(
    conn: Connection, hub: Hub, consent: str, statement: bytes | None, chain: Chain
) -> ending.Ended | None:
    locked = consents.find(conn, consent)
    if locked is None:  # erased since the code was read
        return None
    now = hub.clock()
    recorded = statement or by_code(consent, at=now.replace(microsecond=0))
    return ending.withdraw(
        conn,
        locked,
        ending.Withdrawal(
            statement=recorded,
            digest=digest(recorded),
            by=PERSON,
            via=PAGE,
            why=WITHDRAWN,
            erasure="withdrawn",
            erasure_due=now + hub.rules.erasure_due,
        ),
        chain,
        at=now,
    )
