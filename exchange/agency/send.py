"""Sending: plan, seal, sign once, persist, upload, prove; and going on after any interruption.

The sealed file in the out-spool is the unit of retry: nothing is ever sealed or signed twice. It
stays there until the log's receipt shows that the hub has it. No plaintext of an outgoing document
is written to disk.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from sqlalchemy import Connection

from exchange.agency import state
from exchange.agency.awaited import Awaited, await_receipt, is_awaited
from exchange.agency.content import Progress, unseen
from exchange.agency.disk_room import DiskRoom
from exchange.agency.events import EventKind, happened
from exchange.agency.log_points import STORED
from exchange.agency.origins import size_of
from exchange.agency.parts import Gateway
from exchange.agency.plan import Draft, Plan, plan
from exchange.agency.prove import WAIT_S, obtain, owe, receipt_file
from exchange.agency.state import Sending, Sent
from exchange.agency.threads import off_loop
from exchange.canonical import digest
from exchange.durable import sync_directory
from exchange.envelope.manifest import manifest_payload
from exchange.envelope.sealing import SealedDocument, seal
from exchange.errors import (
    Conflict,
    ExchangeError,
    Held,
    HubMisbehaves,
    LintRefused,
    Malformed,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    StatementNotAcceptable,
    TooLarge,
    Unavailable,
)
from exchange.statement import Kind, sign

FINAL: Final = (
    *(NotPermitted, NotFound, Conflict, StatementNotAcceptable),
    *(Malformed, TooLarge, LintRefused),
)
"""Refusals that no repetition changes."""
UNDER_WAY: Final = (Sending.SEALED, Sending.LODGED)
"""States in which a disclosure of ours is not done."""

_OVERHEAD: Final = 1024 * 1024
"""Bytes of a sealed document besides its files and an eighth of them: padding adds at most 12 %."""

Also: TypeAlias = Callable[[Connection, Sequence[Sent]], None]
"""Runs in the unit of work that remembers what was sealed."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """Who looks at the progress of a long sending."""

    sealing: Progress = unseen
    uploading: Progress = unseen


async def send(
    gateway: Gateway, draft: Draft, *, joint: bool = False, watched: Watched | None = None
) -> tuple[Sent, ...]:
    """Send the files of `draft`, one disclosure per recipient, and return what became of them.

    Everything is decided before anything is sealed, and everything is sealed before anything is
    sent: a no concerns all of it.

    Args:
        gateway: the parts.
        draft: what to send.
        joint: one disclosure for all recipients together; each then learns of the others.
        watched: told how far it is.

    Raises:
        NotCovered: the records do not allow it, with every reason; nothing was sealed.
        Held: a recipient's key is not to be trusted.
        NotPermitted: the hub's gate says no, never why.
        Unavailable: not now; what was sealed waits in the out-spool and `resume` sends it.

    Once something is sealed, an error carries a note on each disclosure not to be sent again.
    """
    looks = watched or Watched()
    sealed = await seal_all(gateway, draft, joint=joint, progress=looks.sealing)
    lodged: list[Sent] = []
    for sent in sealed:
        try:
            lodged.append(await deliver(gateway, sent, looks.uploading))
        except ExchangeError as trouble:
            # Whoever asked must not ask again for what is stored, or goes out by itself.
            ended = (*lodged, sent) if isinstance(trouble, FINAL) else lodged
            waiting = sealed[len(ended) :]
            _note(trouble, lodged, "is lodged at the hub")
            _note(trouble, waiting, "is sealed and goes out at the next `fetch` or `run`")
            raise
    return tuple([await _concluded(gateway, sent) for sent in lodged])


async def seal_all(
    gateway: Gateway,
    draft: Draft,
    *,
    joint: bool = False,
    progress: Progress = unseen,
    also: Also | None = None,
) -> list[Sent]:
    """Seal the files of `draft`, one disclosure per recipient; nothing is sent yet.

    From its return on they go out, whatever happens: by whoever uploads them, or by `resume`.

    Args:
        gateway: the parts.
        draft: what to send.
        joint: one disclosure for all recipients together.
        progress: told how far it is.
        also: run in the unit of work that remembers them all.

    Raises:
        NotCovered, Held, Malformed: as `send`; nothing was kept.
        StorageFull: less than the reserve of the disk would be free; nothing was kept.
    """
    if not draft.files or not draft.recipients:
        raise Malformed("a disclosure has at least one file and one recipient")
    groups = [draft.recipients] if joint else [(agency,) for agency in draft.recipients]
    plans = [await plan(gateway, draft, group) for group in groups]
    sealed: list[Sent] = []
    try:
        for planned in plans:
            sealed.append(await _seal(gateway, planned, progress))
        await gateway.state.write(_remember, sealed, also)
    except OutcomeUnknown:  # the rows may name them
        raise
    except (ExchangeError, OSError):
        for sent in sealed:
            await off_loop(sent.size, remove_sealed, gateway, sent.id)
        raise
    # Signed once and persisted: from here on every attempt, also after a crash, sends these bytes.
    return sealed


def _remember(conn: Connection, sealed: Sequence[Sent], also: Also | None) -> None:
    if also is not None:
        also(conn, sealed)
    for sent in sealed:
        state.add_sent(conn, sent)


async def _concluded(gateway: Gateway, lodged: Sent) -> Sent:
    """Return what became of a lodged disclosure; what only takes its time goes on by itself."""
    try:
        return await conclude(gateway, lodged)
    except Held as refused:
        _note(refused, [lodged], "is at the hub, and its log does not prove it")
        raise
    except Unavailable:
        return lodged


def _note(trouble: ExchangeError, concerned: Sequence[Sent], what: str) -> None:
    for sent in concerned:
        trouble.add_note(f"{sent.id} for {sent.recipients} {what}; do not send it again")


async def _seal(gateway: Gateway, planned: Plan, progress: Progress) -> Sent:
    terms = planned.terms
    target = sealed_file(gateway, terms.id)
    document = await asyncio.to_thread(_seal_into, target, gateway.room, planned, progress)
    # The sealed file is durable. A crash before the rows are leaves files that no row names;
    # `sweep` removes them, and the sender starts again.
    manifest = sign(
        Kind.MANIFEST,
        manifest_payload(document.context.raw, sha256=document.sha256, size=document.size),
        gateway.identity,
    )
    return Sent(
        id=terms.id,
        digest=digest(manifest),
        manifest=manifest,
        consent=terms.consent,
        recipients=",".join(sorted(key.statement.agency for key in planned.keys)),
        size=document.size,
        state=Sending.SEALED,
        sent_at=gateway.clock(),
        exp=datetime.fromtimestamp(terms.exp, UTC),
        log=planned.keys[0].log,
    )


def _seal_into(target: Path, room: DiskRoom, planned: Plan, progress: Progress) -> SealedDocument:
    size = sum(size_of(file) for file in planned.files)
    with room.claimed(size + size // 8 + _OVERHEAD):
        return seal(
            planned.files,
            terms=planned.terms,
            recipients={key.statement.agency: key.recipient for key in planned.keys},
            target=target,
            letter=planned.letter,
            progress=progress,
        )


async def deliver(gateway: Gateway, sent: Sent, progress: Progress = unseen) -> Sent:
    """Upload a sealed disclosure, or go on with it; harmless when the hub has it already.

    Not done with that: the hub's word counts when the log shows it; see `conclude`.

    Raises:
        Unavailable: not now; it stays sealed in the out-spool.
        NotPermitted, Conflict, ...: the hub will not take it; nothing of it is kept.
    """
    try:
        stored = await gateway.client.disclose(
            sent.manifest, sealed_file(gateway, sent.id), disclosure_id=sent.id, progress=progress
        )
    except FINAL as refused:
        await gateway.state.write(
            over, sent, Sending.REFUSED, gateway.clock(), EventKind.REFUSED, refused.code
        )
        await off_loop(sent.size, remove_sealed, gateway, sent.id)
        raise
    if (stored.id, stored.manifest, stored.state) != (sent.id, sent.digest, "stored"):
        raise HubMisbehaves("the hub confirms another disclosure than was sent")
    lodged = replace(sent, state=Sending.LODGED, stored_at=gateway.clock())
    owed = owe(gateway, STORED, sent.digest, sent.id, stored.receipt)
    # A crash before this repeats the upload, which the hub answers in the same way.
    await gateway.state.write(_lodge, lodged, owed)
    return lodged


def over(
    conn: Connection,
    sent: Sent,
    into: Sending,
    now: datetime,
    kind: EventKind,
    reason: str | None = None,
) -> None:
    """Write where a disclosure of ours stands from now on, and that it happened."""
    state.change_sent(conn, sent.id, {"state": into.value, "reason": reason})
    happened(conn, kind, sent.id, now, reason=reason)


def _lodge(conn: Connection, lodged: Sent, owed: Awaited) -> None:
    change = {"state": lodged.state.value, "stored_at": lodged.stored_at}
    state.change_sent(conn, lodged.id, change)
    await_receipt(conn, owed)


async def conclude(gateway: Gateway, lodged: Sent, *, wait: int = WAIT_S) -> Sent:
    """Return a lodged disclosure as stored, once its receipt is here; else as it is.

    Args:
        gateway: the parts.
        lodged: what the hub says that it has.
        wait: seconds to wait for the receipt.

    Raises:
        Held: the receipt is of something else.
        Unavailable: not now; `resume` goes on.
    """
    if not receipt_file(gateway.home, STORED, lodged.id).is_file():
        owed = await gateway.state.look(is_awaited, owe(gateway, STORED, lodged.digest, lodged.id))
        if owed is None or not await obtain(gateway, owed, wait=wait):
            return lodged
    # The receipt is durable. What was sealed is needed no more: the hub cannot deny that it has it.
    stored = replace(lodged, state=Sending.STORED)
    await gateway.state.write(over, lodged, Sending.STORED, gateway.clock(), EventKind.STORED)
    # A crash before the removal leaves a file for `sweep`.
    await off_loop(lodged.size, remove_sealed, gateway, lodged.id)
    log.info("disclosed", disclosure_id=lodged.id, size=lodged.size)
    return stored


async def resume(gateway: Gateway) -> list[ExchangeError]:
    """Send what was sealed before an interruption; return what went wrong, oldest first."""
    troubles: list[ExchangeError] = []
    for sent in await gateway.state.read(state.list_sent, UNDER_WAY):
        try:
            with alone(gateway, sent.id) as free:
                if free:
                    await _go_on(gateway, sent)
        except ExchangeError as trouble:
            log.warning("not_disclosed", disclosure_id=sent.id, code=trouble.code)
            troubles.append(trouble)
    return troubles


async def _go_on(gateway: Gateway, listed: Sent) -> None:
    # Listed a while ago: whoever had it since may have finished, or taken it back.
    sent = await gateway.state.read(state.find_sent, listed.id)
    now = gateway.clock()
    if sent is None or sent.state not in UNDER_WAY:
        return
    if sent.state is Sending.SEALED and now >= sent.exp:
        await gateway.state.write(over, sent, Sending.EXPIRED, now, EventKind.EXPIRED)
        await off_loop(sent.size, remove_sealed, gateway, sent.id)
        return
    await conclude(gateway, sent if sent.state is Sending.LODGED else await deliver(gateway, sent))


@contextmanager
def alone(gateway: Gateway, disclosure_id: str) -> Iterator[bool]:
    """Say whether nobody else is uploading a disclosure; nobody else will while the block runs."""
    free = disclosure_id not in gateway.sending
    if free:
        gateway.sending.add(disclosure_id)
    try:
        yield free
    finally:
        if free:
            gateway.sending.discard(disclosure_id)


async def sweep_outgoing(gateway: Gateway) -> None:
    """Remove what a crash has left in the out-spool: files that no unsent disclosure names."""
    waiting = await gateway.state.read(state.list_sent, UNDER_WAY)
    await asyncio.to_thread(_sweep, gateway, [sent.id for sent in waiting])


def _sweep(gateway: Gateway, waiting: Sequence[str]) -> None:
    kept = {sealed_file(gateway, disclosure_id) for disclosure_id in waiting}
    for file in gateway.home.outgoing.iterdir():
        if file not in kept:
            file.unlink()
    sync_directory(gateway.home.outgoing)


def sealed_file(gateway: Gateway, disclosure_id: str) -> Path:
    """Return where a sealed document of ours waits."""
    return gateway.home.outgoing / f"{disclosure_id}.age"


def remove_sealed(gateway: Gateway, disclosure_id: str) -> None:
    """Remove a sealed document of ours; it may be gone already."""
    sealed_file(gateway, disclosure_id).unlink(missing_ok=True)
