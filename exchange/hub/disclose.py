"""Store a sealed document, in one shot or announced for an upload; or refuse it.

The numbers are those of docs/formats.md, order of verification: the hub, storing.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from exchange.audit import event
from exchange.consent.decision import Asked, Deny
from exchange.envelope.age.header import Splitter
from exchange.envelope.manifest import (
    Manifest,
    check_header,
    check_sealed_size,
    check_times,
    read_manifest,
)
from exchange.errors import (
    Conflict,
    ExchangeError,
    HeaderMalformed,
    Malformed,
    NotPermitted,
    OutcomeUnknown,
    StatementNotAcceptable,
    Tampered,
    TooLarge,
    Unavailable,
)
from exchange.hub import gate, quota, repeat, witnessed
from exchange.hub.gate import Attempt, Denied
from exchange.hub.parts import Hub
from exchange.hub.publish_capabilities import largest_accepted
from exchange.hub.repeat import Once
from exchange.hub.storage import agencies, consents, disclosures, keys, log, notices, requests
from exchange.hub.storage.blobs import Kept, discard, new_name
from exchange.hub.storage.disclosures import OVER, NewDisclosure, State
from exchange.hub.storage.log import Chain
from exchange.statement import Kind, verify
from exchange.wire.asked import asked_by_manifest


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed document that is durable: its header in memory, its payload in the blob store."""

    header: bytes = field(repr=False)
    kept: Kept


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found out before anything is received; the decision that counts comes later."""

    asked: Asked
    vetoed: bool
    chain: Chain
    known: State | None
    """State of the disclosure if this very manifest announced or stored it before."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A disclosure that is there, and whether it was there before."""

    before: State | None
    """Its state if this very manifest was stored before; None when it is stored now."""
    receipt: str | None


def verified_manifest(hub: Hub, line: bytes, caller: str) -> Manifest:
    """Return the manifest in `line`, if `caller` signed it and may have signed it now.

    Raises:
        StatementNotAcceptable: steps 1 to 4: signatures, form, sender or times.
    """
    now = hub.clock()
    identities = hub.directory.identities(caller, now=now)
    verified = verify(line, (Kind.MANIFEST,), identities, now=now)  # 1, 2
    try:
        manifest = read_manifest(verified)  # 3
    except Malformed as error:
        raise StatementNotAcceptable(step=3) from error
    check_times(manifest.context, now)  # 4
    return manifest


async def plan(hub: Hub, manifest: Manifest) -> Plan:
    """Decide whether it is worth receiving the sealed document at all.

    Raises:
        NotPermitted: absent, hidden or denied; the denial is recorded.
        Conflict: the identifier was used for another manifest.
        StatementNotAcceptable: sealed to keys that do not count, or to the sender itself.
        TooLarge, Malformed: a size that cannot be.
        Unavailable: it would be new, and the log is behind, or has stopped.
        LogNotWitnessed: it would be new, and nobody has witnessed the log for hours.
    """
    asked = asked_by_manifest(manifest.context)
    vetoed = await gate.vetoes(hub, asked)
    looked = await hub.db.look(_look, hub, manifest, asked, vetoed)
    if isinstance(looked, Denied):
        await _refuse(hub, manifest, looked)
        raise NotPermitted
    known, chain = looked
    if known in {None, "announced"}:
        hub.heads.check_room()
        witnessed.check(hub)
    return Plan(asked, vetoed, await gate.chain_for(hub, chain), known)


async def disclose(
    hub: Hub, manifest: Manifest, planned: Plan, sealed: AsyncIterator[bytes], *, once: Once | None
) -> str | None:
    """Store `sealed`, record the disclosure and queue the notices; or refuse, and record that.

    Args:
        hub: the parts.
        manifest: from `verified_manifest`.
        planned: from `plan`, a moment ago.
        sealed: header and payload, as they arrive.
        once: the caller's Idempotency-Key.

    Returns:
        Name of the entry that records it; a repetition gets the first.

    Raises:
        NotPermitted: the consent ended while the document arrived; the denial is recorded.
        Conflict: the identifier was used for another manifest.
        Tampered, TooLarge, Malformed: `sealed` is not what the manifest describes.
    """
    if planned.known not in {None, "announced"}:
        # A repetition after a lost answer.
        return await hub.db.read(disclosures.receipt, manifest.context.id)
    await quota.check(hub, manifest.context.sender, manifest.sealed_size)
    # A crash from here to the commit leaves a payload that no row names; the sweeper removes
    # it. The reverse, a row without its payload, cannot happen.
    received = await receive(hub, manifest, sealed)  # 9
    return await conclude(hub, manifest, planned, received, once=once)  # 10


async def announce(hub: Hub, manifest: Manifest, planned: Plan, *, once: Once | None) -> State:
    """Record that the sealed document of `manifest` follows in pieces, and return its state.

    Counts no use, leaves no leaf and tells nobody: nothing has been disclosed.

    Raises:
        NotPermitted, Conflict: as for `disclose`.
        TooMany: too many uploads of this sender are open.
    """
    if planned.known is not None:
        return planned.known
    await quota.check_upload(hub, manifest.context.sender, manifest.sealed_size)
    done = await hub.db.write(_announce, hub, manifest, planned, once)
    if isinstance(done, Denied):
        raise NotPermitted
    return "announced"


async def receive(hub: Hub, manifest: Manifest, sealed: AsyncIterator[bytes]) -> Sealed:
    """Split header and payload, check both against the manifest, make the payload durable.

    Raises:
        Malformed: the header is not one of a document for these recipients.
        Tampered: size or digest differ; nothing is left of it.
        TooLarge: more arrives than the manifest says.
    """
    arrival = _Arrival(manifest, sealed)
    name = new_name()
    kept = await hub.blobs.put(name, arrival.payload(), limit=manifest.payload_size)
    try:
        header = arrival.checked()
    except ExchangeError:
        await discard(hub.blobs, name)
        raise
    return Sealed(header, kept)


class _Arrival:
    """A sealed document while it arrives: split and hashed, nothing of it kept but the header."""

    def __init__(self, manifest: Manifest, sealed: AsyncIterator[bytes]) -> None:
        self._manifest = manifest
        self._sealed = sealed
        self._splitter = Splitter()
        self._digest = hashlib.sha256()
        self._size = 0

    async def payload(self) -> AsyncIterator[bytes]:
        """Yield the payload; the header is checked before its first byte is yielded."""
        async for chunk in self._sealed:
            self._size += len(chunk)
            if self._size > self._manifest.sealed_size:
                raise TooLarge("more arrives than the manifest says")
            self._digest.update(chunk)
            if rest := self._split(chunk):
                yield rest

    def _split(self, chunk: bytes) -> bytes:
        before = self._splitter.header
        try:
            rest = self._splitter.feed(chunk)
            if before is None and self._splitter.header is not None:
                check_header(self._splitter.header, len(self._manifest.context.recipients))
        except HeaderMalformed:
            raise Malformed("the header of the sealed document is malformed") from None
        return rest

    def checked(self) -> bytes:
        """Return the header of a document that is the one the manifest describes."""
        whole = self._size == self._manifest.sealed_size
        if not whole or self._digest.hexdigest() != self._manifest.sealed_sha256:
            raise Tampered("the sealed document is not the one of the manifest")
        if self._splitter.header is None:
            raise Malformed("the sealed document has no header")
        return self._splitter.header.raw


async def conclude(
    hub: Hub, manifest: Manifest, planned: Plan, sealed: Sealed, *, once: Once | None
) -> str | None:
    """Decide again and record everything in one unit of work; then wake whoever waits for it.

    Returns:
        Name of the entry that records it.

    Raises:
        NotPermitted: the consent no longer covers it; the denial is recorded.
    """
    try:
        done = await hub.db.write(_store, hub, manifest, planned, sealed, once)
    except OutcomeUnknown:
        raise  # the row may name the payload: it must not go
    except Exception:
        await discard(hub.blobs, sealed.kept.blob)
        raise
    if isinstance(done, Denied) or done.before is not None:
        await discard(hub.blobs, sealed.kept.blob)
    if isinstance(done, Denied) or (planned.known == "announced" and done.before in OVER):
        raise NotPermitted  # of an upload: it ended while its last piece was on the way
    # Committed: it has happened, whatever becomes of our answer. A sender who missed the
    # answer sends the same manifest again and is told the same.
    # Recipients are shown it once a signed head of the log covers its entry.
    hub.news.tell(addressee.agency for addressee in manifest.context.recipients)
    return done.receipt


def _look(
    conn: Connection, hub: Hub, manifest: Manifest, asked: Asked, vetoed: bool
) -> tuple[State | None, str | None] | Denied:
    context = manifest.context
    taken: Conflict | None = None
    known: State | None = None
    try:
        known = disclosures.known(conn, context.id, manifest.digest)  # 5
    except Conflict as conflict:
        taken = conflict  # said only to whoever may disclose: to others the id is free
    if known is not None:
        chain = consents.chain(conn, context.consent)
        if chain is None:
            raise Unavailable("a disclosure without its consent")
        return known, chain
    _check_keys(conn, hub, manifest)  # 6
    _check_request(conn, manifest)
    examined = gate.examine(conn, hub, asked, vetoed=vetoed)  # 7
    if isinstance(examined.decision, Deny):
        return Denied(examined.decision.reasons, chain=examined.chain)
    if taken is not None:
        raise taken
    _check_size(conn, hub, manifest)  # 8
    return None, examined.chain


def _store(
    conn: Connection, hub: Hub, manifest: Manifest, planned: Plan, sealed: Sealed, once: Once | None
) -> Denied | _Stored:
    """Store it, or say why not; a repetition stores nothing."""
    examined = gate.examine(conn, hub, planned.asked, vetoed=planned.vetoed)  # locks, decides
    known = disclosures.known(conn, manifest.context.id, manifest.digest)
    if known not in {None, "announced"}:  # the same document, twice at once
        return _Stored(known, disclosures.receipt(conn, manifest.context.id))
    granted = examined.decision
    if isinstance(granted, Deny):
        denied = Denied(granted.reasons, chain=examined.chain)
        gate.refuse(conn, hub, planned.chain, _attempt(manifest), denied)
        return denied
    at = granted.decided_at
    repeat.claim(conn, once, now=at)
    consents.consume_use(conn, granted)
    rid = log.name()
    disclosures.store(conn, granted, _row(manifest, rid), sealed.header, sealed.kept, at=at)
    # Behind the numbers in the recipients' inboxes, which locked them: a revocation that comes
    # now waits, and then deletes the header that was just kept.
    _check_keys(conn, hub, manifest)
    if manifest.context.request is not None:
        requests.answer(conn, manifest.context.request, at=at)
    _record(conn, manifest, planned.chain, at, rid)
    return _Stored(None, rid)


def _announce(
    conn: Connection, hub: Hub, manifest: Manifest, planned: Plan, once: Once | None
) -> Denied | None:
    examined = gate.examine(conn, hub, planned.asked, vetoed=planned.vetoed)
    if disclosures.known(conn, manifest.context.id, manifest.digest) is not None:
        return None
    granted = examined.decision
    if isinstance(granted, Deny):
        denied = Denied(granted.reasons, chain=examined.chain)
        gate.refuse(conn, hub, planned.chain, _attempt(manifest), denied)
        return denied
    repeat.claim(conn, once, now=granted.decided_at)
    disclosures.announce(conn, granted, _row(manifest, None), at=granted.decided_at)
    return None


def _record(conn: Connection, manifest: Manifest, chain: Chain, at: datetime, rid: str) -> None:
    context = manifest.context
    recipients = [addressee.agency for addressee in context.recipients]
    stored = event.disclosure_stored(
        at=at,
        by=context.sender,
        consent=context.consent,
        manifest=manifest.digest,
        to=recipients,
        subject=(context.purpose, context.category),
    )
    log.record(conn, chain, stored, rid=rid)
    notices.enqueue(
        conn, recipients, "disclosure", consent=context.consent, disclosure=context.id, at=at
    )


def _check_keys(conn: Connection, hub: Hub, manifest: Manifest) -> None:
    """Step 6: known recipients, none of them the sender, each with a key that counts now."""
    wanted = {addressee.agency: addressee.key for addressee in manifest.context.recipients}
    found = keys.accepted(conn, wanted.keys(), now=hub.clock())
    if manifest.context.sender in wanted or any(
        key not in found.get(agency, ()) for agency, key in wanted.items()
    ):
        raise StatementNotAcceptable(step=6)


def _check_request(conn: Connection, manifest: Manifest) -> None:
    """Step 6: the request it answers, if it names one, is its one recipient's to its sender."""
    context = manifest.context
    if context.request is None:
        return
    recipients = [addressee.agency for addressee in context.recipients]
    if not requests.is_answered_by(conn, context.request, context.sender, recipients):
        raise StatementNotAcceptable(step=6)


def _check_size(conn: Connection, hub: Hub, manifest: Manifest) -> None:
    """Step 8: a size that a padded document has, and that hub and recipients take."""
    check_sealed_size(manifest.sealed_size, len(manifest.context.recipients))
    limits = [hub.rules.max_size]
    for addressee in manifest.context.recipients:
        stated = agencies.capabilities(conn, addressee.agency)
        limits.append(largest_accepted(stated, hub.rules.max_size))
    if manifest.sealed_size > min(limits):
        raise TooLarge("the sealed document is larger than the hub or a recipient takes")


def _attempt(manifest: Manifest) -> Attempt:
    return Attempt(
        caller=manifest.context.sender,
        request=manifest.digest,
        consent=manifest.context.consent,
    )


async def _refuse(hub: Hub, manifest: Manifest, denied: Denied) -> None:
    chain = await gate.chain_for(hub, denied.chain)
    await hub.db.write(gate.refuse, hub, chain, _attempt(manifest), denied)


def _row(manifest: Manifest, receipt: str | None) -> NewDisclosure:
    context = manifest.context
    return NewDisclosure(
        id=context.id,
        digest=manifest.digest,
        manifest=manifest.statement,
        sender=context.sender,
        consent=context.consent,
        recipients={addressee.agency: addressee.key for addressee in context.recipients},
        sealed_size=manifest.sealed_size,
        exp=datetime.fromtimestamp(context.exp, UTC),
        receipt=receipt,
    )
