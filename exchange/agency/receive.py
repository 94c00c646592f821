"""Receiving: the 18 numbered steps from an inbox entry to a signed acknowledgement.

The numbers are those of docs/formats.md, order of verification of the recipient. Every step fails
closed, with one of three outcomes: held at the hub, answered with a rejection, set aside in
quarantine. Interrupted anywhere, the next round goes on without doing anything twice.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from exchange.agency import answer, arrivals, examine, fetch, hand_over, spool, state
from exchange.agency.examine import Examined, Rejected
from exchange.agency.fetch import Payload
from exchange.agency.hand_over import Reception
from exchange.agency.log import MISSING
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownConsent
from exchange.agency.separate import Separated, separate
from exchange.agency.state import Delivered, Received, Receiving
from exchange.agency.threads import off_loop
from exchange.agency.verify_log import verify_log, vouch
from exchange.canonical import digest
from exchange.consent.decision import Onward
from exchange.consent.decision import Reason as Denied
from exchange.envelope.manifest import read_manifest
from exchange.envelope.opening import Opened, open_sealed
from exchange.errors import Held, HubMisbehaves, NotFound, Quarantined, Unreadable
from exchange.statement import Kind
from exchange.wire import shapes
from exchange.wire.acknowledgement import Reason, Result
from exchange.wire.asked import asked_by_manifest

KEPT_SEEN: Final = timedelta(days=1)
"""How long after its end an id stays in the seen-set."""

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of one entry of the inbox in this round."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    HELD = "held"
    ENDED = "ended"
    KNOWN = "known"
    """It was answered before; the answer was sent again."""


async def receive(gateway: Gateway, reception: Reception, offered: shapes.Disclosure) -> Outcome:
    """Verify, fetch, collect, open, hand over and acknowledge one disclosure.

    Args:
        gateway: the parts.
        reception: where it is converted.
        offered: from the inbox; nothing of it is believed.

    Raises:
        Unavailable: the hub or a worker cannot be reached; the next round goes on.
    """
    return await _or_hold(gateway, offered.id, _receive(gateway, reception, offered))


async def resume(gateway: Gateway, reception: Reception, received: Received) -> Outcome:
    """Go on with a disclosure that a crash or an outage has interrupted; see `receive`."""
    return await _or_hold(gateway, received.id, _go_on(gateway, reception, received))


async def _or_hold(
    gateway: Gateway, disclosure_id: str, steps: Coroutine[None, None, Outcome]
) -> Outcome:
    try:
        return await steps
    except (Held, HubMisbehaves) as held:
        news = await gateway.state.write(state.hold, disclosure_id, held.reason, gateway.clock())
        if news:
            # A receipt may follow; `prove.alarm` tells somebody when it does not.
            tell = log.warning if held.reason == MISSING else log.error
            tell("held", disclosure_id=disclosure_id, code=held.reason)
        return Outcome.HELD


async def _receive(gateway: Gateway, reception: Reception, offered: shapes.Disclosure) -> Outcome:
    seen = await gateway.state.look(arrivals.find_received, offered.id)
    named = digest(offered.statement.encode("utf-8"))
    for received in seen:  # 6, for what was verified before: the digest says that it is the same
        if received.digest == named:
            return await _go_on(gateway, reception, received)
    verified = await examine.signed(gateway, offered)  # 1, 2
    fresh = Received(
        digest=verified.digest,
        id=offered.id,
        sender=verified.signer or "",
        consent="",
        consent_id=offered.consent_id,
        size=0,
        manifest=verified.statement,
        state=Receiving.DECIDED,
        seen_at=gateway.clock(),
        keep_until=gateway.clock() + KEPT_SEEN,
    )
    try:
        manifest = examine.read(gateway, offered, verified)  # 3, 4, 5
        fresh = replace(
            fresh,
            consent=manifest.context.consent,
            size=manifest.sealed_size,
            keep_until=datetime.fromtimestamp(manifest.context.exp, UTC) + KEPT_SEEN,
        )
        _refuse_replay(seen, offered)  # 6
        examined = await examine.permitted(gateway, manifest, offered.consent_id)  # 7
        logged = await verify_log(gateway, offered, manifest, examined.consent)  # 8
        payload = await fetch.payload(gateway, offered, manifest)  # 9
        collected = await fetch.collect(gateway, fresh, logged)  # 10
    except Rejected as rejected:
        return await _reject(gateway, fresh, rejected.reason)
    except NotFound:
        # Ended between the inbox and here: withdrawn, expired or recalled, which all look alike.
        await asyncio.to_thread(spool.remove, gateway.home, offered.id, opened=True)
        return Outcome.ENDED
    return await _open(gateway, reception, collected, examined, payload)


def _refuse_replay(seen: Sequence[Received], offered: shapes.Disclosure) -> None:
    """Step 6: an id that was used before names this document no longer."""
    if seen:
        log.error("replayed", disclosure_id=offered.id)
        raise Rejected(Reason.REPLAY)


async def _go_on(gateway: Gateway, reception: Reception, received: Received) -> Outcome:
    """Go on with a disclosure where the stored state says, after a crash or an earlier round."""
    received = await gateway.state.read(arrivals.whole, received)
    if received.state is Receiving.DONE:
        await answer.repeat(gateway, received)
        return Outcome.KNOWN
    if received.state is Receiving.DECIDED:
        await answer.finish(gateway, received)
        return Outcome(received.result or Outcome.KNOWN)
    if received.state in {Receiving.ENDED, Receiving.ERASED}:
        raise Held("consent-ended")
    examined = await _again(gateway, received)
    if examined is None:
        return await _end(gateway, received)
    try:
        if received.receipt is None:  # collected before this gateway asked the log
            received = await _logged_later(gateway, received, examined)
        payload = await fetch.present(gateway, examined.manifest)
    except NotFound:
        return await _end(gateway, received)
    return await _open(gateway, reception, received, examined, payload)


async def _again(gateway: Gateway, received: Received) -> Examined | None:
    """Return what was examined before a crash; None when the consent has ended since."""
    verified = await gateway.partners.verify(
        received.manifest or b"", {Kind.MANIFEST}, now=gateway.clock(), before=True
    )
    manifest = read_manifest(verified)
    try:
        consent = await gateway.records.consent(
            now=gateway.clock(), digest=received.consent, consent_id=received.consent_id
        )
    except NotFound:
        return None
    asked = asked_by_manifest(manifest.context)
    return Examined(manifest=manifest, asked=asked, consent=consent)


async def _logged_later(gateway: Gateway, received: Received, examined: Examined) -> Received:
    """Step 8 for a document that was collected without it; nothing of it was opened for anybody.

    Raises:
        Held: as `verify_log`.
        NotFound: ended in the meantime.
    """
    offered = await gateway.client.disclosure(received.id)
    logged = await verify_log(gateway, offered, examined.manifest, examined.consent)
    proven = replace(received, receipt=logged.receipt, status=logged.status, log=logged.entry)
    await gateway.state.write(fetch.keep_logged, proven, logged)
    return proven


async def _open(
    gateway: Gateway,
    reception: Reception,
    collected: Received,
    examined: Examined,
    payload: Payload,
) -> Outcome:
    try:
        opened = await _opened(gateway, collected, examined, payload)  # 11, 12, 13
    except Unreadable:
        return await _reject(gateway, collected, Reason.UNREADABLE)
    except NotFound:
        return await _end(gateway, collected)
    separated = await separate(gateway, examined, opened)
    aside = _refused_by(reception, separated)  # 14
    denied = await _decided_again(gateway, collected, examined, opened)  # 15
    if denied - {Denied.ONWARD}:
        return await _end(gateway, collected)
    known = replace(collected, state=Receiving.OPENED, contents=opened.contents.raw)
    # 16: seen-set, state and evidence in one transaction. The opened files are not durable: until
    # the answer is signed, header and payload are, and a crash opens them again.
    await gateway.state.write(arrivals.put_received, known, "contents")
    if aside or denied:
        return await _set_aside(gateway, known, Reason.NOT_ACCEPTED, ", ".join(aside) or "onward")
    try:
        converted = await hand_over.convert(gateway, reception, known, examined, separated)  # 17
    except Quarantined as failed:
        reason = Reason.MALFORMED if failed.reason == Reason.MALFORMED else Reason.INTAKE
        return await _set_aside(gateway, known, reason, failed.reason, failed.words)
    handed = answer.Handed(
        folder=converted.folder,
        files=_delivered(known, examined, separated.documents),
        purpose_binding=separated.confirmed,
        expected=hand_over.expected(gateway, converted),
    )
    decided = await answer.decide_answer(gateway, known, Result.ACCEPTED, handed=handed)  # 18
    await answer.finish(gateway, decided)
    return Outcome.ACCEPTED


async def _opened(
    gateway: Gateway, collected: Received, examined: Examined, payload: Payload
) -> Opened:
    """Steps 11 to 13, with a second payload before anything is called unreadable."""
    size = examined.manifest.sealed_size
    try:
        return await off_loop(size, _open_once, gateway, collected, examined, payload)
    except Unreadable:
        payload = await fetch.anew(gateway, examined.manifest)
        return await off_loop(size, _open_once, gateway, collected, examined, payload)


def _open_once(
    gateway: Gateway, collected: Received, examined: Examined, payload: Payload
) -> Opened:
    into = spool.make_room(gateway.home, collected.id)
    keys = {addressee.agency: addressee.key for addressee in examined.manifest.context.recipients}
    key = gateway.document_keys.get(keys[gateway.agency])
    if key is None:  # destroyed between collecting and a restart
        raise Unreadable
    with fetch.reading(payload) as sealed:
        opened = open_sealed(collected.header or b"", sealed, examined.manifest, key, into)
    spool.make_target(gateway.home, collected.id)  # for step 17
    return opened


def _refused_by(reception: Reception, separated: Separated) -> Sequence[str]:
    """Step 14: return why these files are not taken: no notice, or as `hand_over.refused_by`."""
    if separated.missing:
        return ("purpose-binding",)
    return hand_over.refused_by(reception, separated.documents.contents)


async def _decided_again(
    gateway: Gateway, collected: Received, examined: Examined, opened: Opened
) -> frozenset[Denied]:
    """Step 15: decide with what is known now, what is inside included."""
    try:
        consent = await gateway.records.consent(
            now=gateway.clock(), digest=collected.consent, consent_id=collected.consent_id
        )
    except NotFound:
        return frozenset({Denied.ENDED})
    onward = tuple(
        Onward(sender=passed.sender, secrecy=passed.secrecy, collected=True)
        for passed in opened.contents.onward_of
    )
    asked = asked_by_manifest(examined.manifest.context, onward=onward)
    denied = await examine.reasons(gateway, asked, consent)
    if not denied - {Denied.ONWARD}:
        await _vouched_again(gateway, collected, consent)
    return denied


async def _vouched_again(gateway: Gateway, collected: Received, consent: KnownConsent) -> None:
    """Demand the hub's word once more; without it nothing that was opened stays opened.

    Raises:
        Held: it does not vouch; the next round opens the document again.
    """
    try:
        await vouch(gateway, consent.status, collected.consent, collected.receipt or b"")
    except Held:
        await asyncio.to_thread(spool.remove, gateway.home, collected.id, opened=True)
        raise


def _delivered(received: Received, examined: Examined, opened: Opened) -> tuple[Delivered, ...]:
    return tuple(
        Delivered(
            sha256=file.sha256,
            size=file.size,
            id=received.id,
            sender=received.sender,
            secrecy=examined.manifest.context.secrecy.code,
        )
        for file in opened.files
    )


async def _reject(gateway: Gateway, received: Received, reason: Reason) -> Outcome:
    decided = await answer.decide_answer(gateway, received, Result.REJECTED, reason)
    await answer.finish(gateway, decided)
    return Outcome.REJECTED


async def _set_aside(
    gateway: Gateway, opened: Received, reason: Reason, why: str, words: str = ""
) -> Outcome:
    await asyncio.to_thread(spool.set_aside, gateway.home, opened.id, why, words)
    # The words stay beside the document: they may quote it.
    log.error("quarantined", disclosure_id=opened.id, code=why)
    decided = await answer.decide_answer(gateway, opened, Result.QUARANTINED, reason)
    await answer.finish(gateway, decided)
    return Outcome.QUARANTINED


async def _end(gateway: Gateway, collected: Received) -> Outcome:
    """Remove a document whose consent ended after it was collected, before anybody read it.

    The hub asks for an erasure, which `erase` confirms.
    """
    await asyncio.to_thread(spool.remove, gateway.home, collected.id, opened=True)
    ended = replace(collected, state=Receiving.ENDED)
    await gateway.state.write(arrivals.end_received, ended)
    log.warning("ended", disclosure_id=collected.id)
    return Outcome.ENDED
