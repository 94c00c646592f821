"""Pass on that a consent was withdrawn: one statement, stored, then sent until the hub has it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import structlog

from exchange import canonical, jws
from exchange.agency import signed
from exchange.agency.agree import REFUSED
from exchange.agency.awaited import list_awaited
from exchange.agency.events import EventKind, happened_once
from exchange.agency.evidence import list_withdrawn
from exchange.agency.lies import learn_withdrawal
from exchange.agency.log import judged
from exchange.agency.log_calls import rid_in
from exchange.agency.log_points import WITHDRAWN, shows, shows_own
from exchange.agency.log_policy import read_trusted
from exchange.agency.parts import Desk, Gateway
from exchange.agency.prove import WAIT_S, keep_receipt, obtain, owe, receipt_file
from exchange.canonical import Json
from exchange.consent.withdrawal import By, Channel, EndReason, Withdrawal, payload
from exchange.errors import ClockWrong, Conflict, ExchangeError, Held, Malformed, NotFound
from exchange.statement import LARGEST, Kind, seconds, sign
from exchange.wire import shapes

ASKED_FOR: Final = timedelta(days=7)
"""How long after a withdrawal its receipt is asked for."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person, or this agency, said about a consent; no free text."""

    by: By
    channel: Channel
    received_at: datetime | None = None
    """When it reached this agency; None means now."""
    reason: EndReason | None = None
    """Exactly when the collecting agency ends the consent itself."""

    def __post_init__(self) -> None:
        if (self.reason is not None) != (self.by is By.AGENCY):
            raise Malformed("a reason is given by the agency, and only by it")


async def withdraw(desk: Desk, consent_id: str, told: Told) -> shapes.Withdrawn:
    """End a consent at the hub; from its answer on no header under it is released.

    Called again, it hands in the first statement: repeating a withdrawal harms nothing. Its receipt
    is kept if it comes at once (`prove.receipt_file`); a running gateway asks for it later.

    Args:
        desk: the parts; another process may be using the rest of the gateway.
        consent_id: id of the record.
        told: who withdrew, and how.

    Raises:
        NotFound: absent, or this agency may not read the record: it passes the wish on.
        Malformed: `told` gives a reason that is not its to give, or a time that lies ahead.
    """
    if told.received_at is not None and told.received_at > desk.clock():
        raise Malformed(
            "the time of --received lies ahead; give when it reached this agency, or leave it out"
        )
    name = f"withdrawal-{consent_id}.jws"
    data = signed.kept(desk.home, name)
    if data is None:
        named = (await desk.client.consent(consent_id)).consent
        data = sign(Kind.WITHDRAWAL, _payload(desk, named, told), desk.identity)
        # A crash after this sends the same bytes again; nobody is asked a second time.
        signed.keep(desk.home, name, data)
    try:
        withdrawn = await desk.client.withdraw(consent_id, data)
    except REFUSED:
        signed.forget(desk.home, name)
        raise
    try:
        await _keep_receipt(desk, withdrawn)
    except ExchangeError as trouble:  # it has ended, whatever the log shows now
        log.warning("not_proved", code=trouble.code)
    return withdrawn


async def withdraw_here(gateway: Gateway, consent_id: str, told: Told) -> shapes.Withdrawn:
    """End a consent from within the gateway, and remember that it happened; see `withdraw`."""
    ended = await withdraw(gateway.desk, consent_id, told)
    # A crash before this leaves a withdrawal without its event; repeating it writes it.
    await gateway.state.write(happened_once, EventKind.CONSENT_ENDED, ended.id, gateway.clock())
    try:
        await _learn(gateway, ended.id, ended.consent)
    except Held as trouble:  # it has ended; whatever is asked next of this hub says it again
        log.warning("not_proved", code=trouble.reason)
    return ended


async def catch_up(gateway: Gateway) -> list[ExchangeError]:
    """Ask for receipts of withdrawals that have none with a quorum; return what went wrong.

    A withdrawal is handed in beside a running gateway, and knows nothing of its state: what it
    kept at once has the log's signature alone, and no status note was held to it.
    """
    troubles: list[ExchangeError] = []
    known = await gateway.state.read(list_withdrawn)
    for consent_id, consent in await asyncio.to_thread(_handed_in, gateway):
        if consent not in known:
            try:
                await _learn(gateway, consent_id, consent)
            except Held as trouble:
                troubles.append(trouble)
    owed_already = {
        owed.about
        for owed in await gateway.state.read(list_awaited)
        if owed.kind == WITHDRAWN and owed.proved
    }
    for name, data in await asyncio.to_thread(_unproved, gateway):
        consent_id = _consent_of(name)
        if consent_id in owed_already:
            continue  # `prove.catch_up` asks for its quorum, and counts how long it takes
        try:
            withdrawn = await gateway.client.withdraw(consent_id, data)
            owed = owe(gateway, WITHDRAWN, withdrawn.consent, consent_id, withdrawn.receipt)
            await obtain(gateway, owed)
        except (NotFound, Conflict):
            continue  # the hub has forgotten it, or it was never taken
        except ExchangeError as trouble:
            troubles.append(trouble)
    return troubles


async def _keep_receipt(desk: Desk, withdrawn: shapes.Withdrawn) -> None:
    """Fetch the receipt, and keep it if the policy here says that it proves the withdrawal.

    Raises:
        Held: it proves something else.
    """
    trusted = await asyncio.to_thread(read_trusted, desk.home)
    if trusted is None or withdrawn.receipt is None:
        return
    receipt = await desk.client.log.receipt(rid_in(withdrawn.receipt), wait=WAIT_S)
    if receipt is None:
        return
    shows_own(judged(trusted, receipt), WITHDRAWN, withdrawn.consent, agency=desk.agency)
    await asyncio.to_thread(keep_receipt, desk.home, WITHDRAWN, withdrawn.id, receipt)


async def _learn(gateway: Gateway, consent_id: str, consent: str) -> None:
    """Hold the hub's status notes to the receipt of a withdrawal, if it is here.

    Raises:
        Held: `log-status-false`.
    """
    file = receipt_file(gateway.home, WITHDRAWN, consent_id)
    try:
        receipt = await asyncio.to_thread(file.read_bytes)
        shows(gateway.log.proven(receipt), WITHDRAWN, consent)
    except (FileNotFoundError, Held, ClockWrong):
        return  # a round asks for it
    await learn_withdrawal(gateway, consent, receipt)


def _handed_in(gateway: Gateway) -> list[tuple[str, str]]:
    """Return id and digest of the consents of which a withdrawal was signed here."""
    withdrawals = signed.every(gateway.home, "withdrawal")
    return [(_consent_of(name), _said(data)["consent"]) for name, data in withdrawals]


def _said(withdrawal: bytes) -> Any:
    """Return the members of a withdrawal that was signed here."""
    return canonical.loads(canonical.unb64u(jws.read(withdrawal).payload), limit=LARGEST)


def _unproved(gateway: Gateway) -> list[tuple[str, bytes]]:
    """Return name and bytes of withdrawals handed in lately without a receipt with its quorum."""
    found = []
    for name, data in signed.every(gateway.home, "withdrawal"):
        is_late = gateway.clock() - datetime.fromtimestamp(_said(data)["iat"], UTC) >= ASKED_FOR
        if not is_late and not _is_proved(gateway, _consent_of(name)):
            found.append((name, data))
    return found


def _is_proved(gateway: Gateway, consent_id: str) -> bool:
    """Return if a receipt is here that the policy asks for nothing more of."""
    try:
        receipt = receipt_file(gateway.home, WITHDRAWN, consent_id).read_bytes()
        return gateway.log.proven(receipt).head.quorum
    except (FileNotFoundError, Held, ClockWrong):
        return False


def _consent_of(name: str) -> str:
    return name.removeprefix("withdrawal-").removesuffix(".jws")


def _payload(desk: Desk, consent: str, told: Told) -> dict[str, Json]:
    now = desk.clock().replace(microsecond=0)
    return payload(
        Withdrawal(
            digest="",  # of the statement, which is made from this
            kind=Kind.WITHDRAWAL,
            id=str(uuid4()),
            iat=seconds(now),
            consent=consent,
            agency=desk.agency,
            by=told.by,
            reason=told.reason,
            channel=told.channel,
            received_at=told.received_at or now,
        )
    )
