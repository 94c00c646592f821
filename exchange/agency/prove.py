"""Receipts of what this agency did: fetched, verified, kept; and the log is reminded of others.

What was sent, recorded, withdrawn or confirmed counts as done with its receipt. The hub answers
before the log has signed, so a receipt follows a moment later; what does not come is an alarm.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog

from exchange.agency import state
from exchange.agency.awaited import (
    Awaited,
    await_receipt,
    is_awaited,
    list_awaited,
    note_alarm,
    note_proved,
    settle,
)
from exchange.agency.evidence import find_evidence
from exchange.agency.evidence import keep_receipt as keep_evidence
from exchange.agency.home import Home
from exchange.agency.lies import learn_withdrawal
from exchange.agency.log import MISSING, UNWITNESSED
from exchange.agency.log_calls import rid_in
from exchange.agency.log_points import (
    ACKNOWLEDGED,
    CONFIRMED,
    RECORDED,
    STORED,
    WITHDRAWN,
    shows,
    shows_own,
)
from exchange.agency.parts import Gateway
from exchange.audit.proof import ENDING, Proven
from exchange.canonical import digest
from exchange.durable import sync_directory, write_bytes_durably
from exchange.errors import ExchangeError, NotFound

WAIT_S: Final = 5
"""Seconds to wait for the first signed head after something was done; it takes a tenth."""
LATE: Final = timedelta(seconds=60)
"""After so long without a receipt somebody is told."""
HELD_LONG: Final = timedelta(minutes=10)
"""After so long somebody is told that a document waits for its receipt, in every round."""
MOST: Final = 500
"""Receipts asked for in one round."""

FILES: Final[Mapping[str, str]] = MappingProxyType(
    {STORED: "disclosure", RECORDED: "consent", WITHDRAWN: "withdrawal", CONFIRMED: "erasure"}
)
"""How the file of a receipt of our own act begins, by kind of its event."""

log = structlog.get_logger(__name__)


def receipt_file(home: Home, kind: str, about: str) -> Path:
    """Return where the receipt of something this agency did is kept.

    Args:
        home: of the gateway.
        kind: of the event; one of `FILES`.
        about: id of the disclosure, the consent or the erasure.
    """
    return home.receipts / f"{FILES[kind]}-{about}{ENDING}"


def keep_receipt(home: Home, kind: str, about: str, receipt: bytes) -> None:
    """Keep the receipt of something this agency did, durably; a witnessed one takes its place."""
    write_bytes_durably(receipt_file(home, kind, about), receipt, replace=True)


def kept_receipts(home: Home, acts: Iterable[tuple[str, str]]) -> list[bytes]:
    """Return the receipts that are here of these acts, by kind of event and id."""
    files = [receipt_file(home, kind, about) for kind, about in acts]
    return [file.read_bytes() for file in files if file.is_file()]


def forget_receipts(home: Home, acts: Iterable[tuple[str, str]]) -> None:
    """Remove the receipts of what is forgotten, by kind of event and id; durable on return."""
    for kind, about in acts:
        receipt_file(home, kind, about).unlink(missing_ok=True)
    sync_directory(home.receipts)


def owe(gateway: Gateway, kind: str, digest: str, about: str, path: str | None = None) -> Awaited:
    """Return what the log owes from now on.

    Args:
        gateway: the parts.
        kind: of the event.
        digest: of the statement that the event is about.
        about: id of the disclosure, the consent or the erasure.
        path: where the hub's answer says that the receipt will be; None where it says nothing,
            which an honest hub never does.
    """
    rid = "" if path is None else rid_in(path)
    since = gateway.clock()
    return Awaited(kind=kind, digest=digest, own=True, about=about, rid=rid, since=since)


async def obtain(gateway: Gateway, owed: Awaited, *, wait: int = WAIT_S) -> bool:
    """Fetch, verify and keep one receipt; False while no head has it, then a round goes on.

    Harmless when repeated. A crash at any point leaves the row that the next round finds.

    Args:
        gateway: the parts.
        owed: what for; remembered here unless it is already.
        wait: seconds to wait for a head.

    Raises:
        Held: `log-receipt-invalid`, `log-split-view`: the hub's proof proves something else;
            `log-status-false`: it proves that the hub has lied.
        Unavailable: not now.
    """
    await gateway.state.write(await_receipt, owed)
    receipt = await _ask(gateway, owed, wait=wait)
    if receipt is None:
        return False
    proven = gateway.log.proven(receipt)
    await _check(gateway, owed, proven)
    await gateway.log.agree(proven.head)
    await _keep(gateway, owed, receipt)
    if proven.head.quorum:
        await gateway.state.write(settle, owed)
    elif not owed.proved:
        await gateway.state.write(note_proved, owed, gateway.clock())
    return True


async def catch_up(gateway: Gateway) -> list[ExchangeError]:
    """Ask for every receipt that is still owed; return what went wrong, oldest first."""
    troubles: list[ExchangeError] = []
    wait = WAIT_S
    for owed in (await gateway.state.read(list_awaited))[:MOST]:
        try:
            found = await obtain(gateway, owed, wait=wait)
        except ExchangeError as trouble:
            troubles.append(trouble)
            found = False
        if not found and not owed.proved:
            wait = 0  # a log that does not grow is waited for once
        await _alarm(gateway, owed)
    return troubles


async def alarm_held(gateway: Gateway) -> None:
    """Tell somebody of documents that wait at the hub because the log has no receipt of them."""
    now = gateway.clock()
    for disclosure_id, reason, since in await gateway.state.read(state.list_held):
        if reason == MISSING and now - since >= HELD_LONG:
            log.error("held_long", disclosure_id=disclosure_id, code=reason)


async def _ask(gateway: Gateway, owed: Awaited, *, wait: int) -> bytes | None:
    if not owed.rid:
        return None
    try:
        return await gateway.log.calls.receipt(
            owed.rid, wait=0 if owed.proved else wait, witnessed=owed.proved
        )
    except NotFound:
        if owed.proved:  # what is here is all there will be: the chain was erased at the hub
            await gateway.state.write(settle, owed)
        return None


async def _check(gateway: Gateway, owed: Awaited, proven: Proven) -> None:
    """Check that a receipt is of the leaf it should be of."""
    if not owed.own:
        shows(proven, owed.kind, owed.digest)
        return
    statement = None
    if owed.kind == ACKNOWLEDGED:
        given = await gateway.state.look(find_evidence, owed.digest, "acknowledgement")
        statement = digest(given or b"")
    shows_own(proven, owed.kind, owed.digest, agency=gateway.agency, statement=statement)


async def _keep(gateway: Gateway, owed: Awaited, receipt: bytes) -> None:
    """Keep a verified receipt beside what it is about: our own acts as files for people."""
    if owed.own and owed.kind in FILES:
        await asyncio.to_thread(keep_receipt, gateway.home, owed.kind, owed.about, receipt)
    elif owed.kind != WITHDRAWN:
        await gateway.state.write(keep_evidence, owed, receipt)
    if owed.kind == WITHDRAWN:
        await learn_withdrawal(gateway, owed.digest, receipt)


async def _alarm(gateway: Gateway, owed: Awaited) -> None:
    """Tell somebody, once, that a receipt does not come."""
    grace = timedelta(seconds=gateway.settings.log.receipt_grace_s)
    known = await gateway.state.look(is_awaited, owed)
    if known is None or known.alarmed:
        return
    if gateway.clock() - known.since < (grace if known.proved else LATE):
        return
    code = UNWITNESSED if known.proved else MISSING
    log.error("not_proved", disclosure_id=known.about, code=code)
    await gateway.state.write(note_alarm, known)
