"""Consents and agreements as this agency may read them, verified, with what became of them.

A record is immutable: verified once, it is kept. What became of it is asked of the hub each time
somebody decides; only an agreement's standing may be a few minutes old, because the hub decides
again with its own.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from exchange import canonical, jws
from exchange.agency import tables
from exchange.agency.client import HubClient
from exchange.agency.partners import Partners
from exchange.agreement.force import check_signature, in_force
from exchange.agreement.reading import read_agreement
from exchange.agreement.record import Agreement
from exchange.agreement.signing import AgreementNotice, read_notice, read_signature
from exchange.consent.decision import Asked, Standing
from exchange.consent.record import ConsentRecord, read_consent
from exchange.database import Database
from exchange.envelope.block import open_block
from exchange.errors import Held, HubMisbehaves, Malformed, NotFound, Unreadable
from exchange.keyid import IdentityCard, agency_id
from exchange.keyring.decryption import DocumentKey
from exchange.statement import Kind, Verified, VerifyingKeys, verify
from exchange.vocabulary import Scope
from exchange.wire import shapes
from exchange.wire.asked import standing

FRESH: Final = timedelta(minutes=10)
"""How old the known standing of an agreement may be at a gateway."""
RECENT: Final = timedelta(minutes=1)
"""How old the known state of a consent may be when this agency decides about sending."""
MOST_CACHED: Final = 1024
"""Records kept parsed in memory; each has a few kB."""
CONSENT_KINDS: Final = frozenset({Kind.CONSENT, Kind.CONSENT_ELECTRONIC})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownConsent:
    """A verified consent, and what the hub says became of it at this moment."""

    record: ConsentRecord
    ended_at: datetime | None
    """When it ended, by the hub's word; the hub cannot make an ended one valid again."""
    used: int
    """Uses counted, where the hub tells this agency; else 0."""
    status: bytes | None = field(default=None, repr=False)
    """The hub's signed word that it has not ended, not yet verified; None where it gave none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAgreement:
    """A verified agreement and everything its parties have added."""

    agreement: Agreement
    scope: Scope
    signed: Mapping[str, datetime]
    """When each party signed, by its own signature."""
    notices: tuple[AgreementNotice, ...]
    ended_at: datetime | None
    """When the hub first said here that it has ended."""
    since: datetime

    def is_in_force(self, now: datetime) -> bool:
        """Tell whether it is in force at `now`."""
        return in_force(self.agreement, self.signed, self.notices, self.ended_at, now=now)


class Records:
    """The consents and agreements of one gateway."""

    def __init__(
        self,
        own: IdentityCard,
        document_keys: Mapping[str, DocumentKey],
        client: HubClient,
        state: Database,
        partners: Partners,
    ) -> None:
        """Take the parts; nothing is asked yet."""
        self._own = own
        self._document_keys = document_keys
        self._client = client
        self._state = state
        self._partners = partners
        self._consents: OrderedDict[str, ConsentRecord] = OrderedDict()
        self._subjects: dict[str, bytes] = {}
        self._recent: dict[str, tuple[KnownConsent, datetime]] = {}
        self._agreements: dict[str, KnownAgreement] = {}

    async def consent(
        self, *, now: datetime, digest: str | None = None, consent_id: str | None = None
    ) -> KnownConsent:
        """Return a consent by digest or id, with its state as of now.

        Raises:
            NotFound: absent, or hidden from this agency.
            Held: signed by nobody pinned.
            StatementNotAcceptable, Malformed: not a consent, or another one than asked for.
        """
        given, status = await self._ask(digest, consent_id)
        if digest not in {None, given.consent}:
            raise HubMisbehaves("the hub delivered another consent than was asked for")
        known = await self.stated(given, now=now, status=status)
        if consent_id not in {None, known.record.id}:
            raise HubMisbehaves("the hub delivered another consent than was asked for")
        return known

    async def stated(
        self, given: shapes.Consent, *, now: datetime, status: bytes | None = None
    ) -> KnownConsent:
        """Return a consent that the hub has delivered, such as one of a list, verified.

        Args:
            given: nothing of it is believed but what became of the consent.
            now: aware moment of its delivery.
            status: the hub's signed word that came with it.

        Raises:
            Held, HubMisbehaves, StatementNotAcceptable, Malformed: as `consent`.
        """
        data = given.statement.encode("utf-8")
        found = canonical.digest(data)
        if found != given.consent:
            raise HubMisbehaves("the hub delivered another consent than was asked for")
        record = self._consents.get(found) or await self._read(data, found, now)
        ended = given.state == "ended"
        return KnownConsent(
            record=record,
            ended_at=(given.ended_at or now) if ended else given.ended_at,
            used=given.used or 0,
            status=status,
        )

    async def consent_to_send(self, consent_id: str, *, now: datetime) -> KnownConsent:
        """Return a consent by id, for deciding in advance what the hub decides again.

        What is used again and again may be known from a minute ago; a consent with counted uses
        is asked for each time, so that this agency hears here why it is used up.
        """
        known = self._recent.get(consent_id)
        if known is not None and known[1] <= now < known[1] + RECENT:
            return known[0]
        found = await self.consent(now=now, consent_id=consent_id)
        self._recent.clear()  # one at a time: a series of documents goes out under one consent
        if found.record.uses == "recurring" and found.ended_at is None:
            self._recent[consent_id] = (found, now)
        return found

    async def agreement(self, digest: str, *, now: datetime) -> KnownAgreement | None:
        """Return the agreement with this digest, if this agency has signed it; else None."""
        known = self._agreements.get(digest)
        if known is not None and known.since <= now < known.since + FRESH:
            return known
        given = await self._ask_agreement(digest, known)
        if given is None:
            return None
        if canonical.digest(given.statement.encode("utf-8")) != digest:
            raise HubMisbehaves("the hub delivered another agreement than was asked for")
        fresh = await self._read_agreement(given, digest, now)
        if fresh is not None:
            self._agreements[digest] = fresh
        return fresh

    async def standing(self, asked: Asked, consent: KnownConsent, *, now: datetime) -> Standing:
        """Return how `consent` stands to what is asked, for `decide`.

        Args:
            asked: by this agency or of it.
            consent: just asked for.
            now: aware moment.
        """
        agreement = await self.agreement(consent.record.agreement, now=now)
        return standing(
            asked,
            agreement.scope if agreement else None,
            in_force=agreement is not None and agreement.is_in_force(now),
            # The hub tells senders what was used before; a recipient's own disclosure is one of
            # the uses, and the hub has decided about it.
            used=consent.used if asked.sender == self._own.agency else 0,
            ended_at=consent.ended_at,
            recorded=True,
            vetoed=False,
        )

    async def subject(self, digest: str) -> dict[str, Any] | None:
        """Return who a consent is about, as opened when it was first seen; None if it was not."""
        known = self._subjects.get(digest)
        if known is None:
            row = await self._state.read(_stored, digest)
            known = None if row is None else row[1]
        if known is None:
            return None
        found: dict[str, Any] = canonical.loads(known, limit=len(known))
        return found

    def forget_subject(self, digest: str) -> None:
        """Forget who a consent was about: it was erased."""
        self._subjects.pop(digest, None)

    async def by_party(
        self, agreement: Agreement, data: bytes, allowed: Collection[Kind], *, now: datetime
    ) -> Verified:
        """Verify a statement of somebody pinned, or of a party with the key the agreement names.

        Raises:
            Held: signed by nobody of them.
            StatementNotAcceptable: anything else about it.
        """
        try:
            return await self._partners.verify(data, allowed, now=now, before=True)
        except Held:
            kid = jws.read(data).signatures[0].kid
            named = [party for party in agreement.parties if party.kid == kid]
            if not named:
                raise
        keys = await self._partners.card(named[0].agency, kid)
        return verify(data, allowed, {keys.kid: keys}, now=now)

    async def _ask(
        self, digest: str | None, consent_id: str | None
    ) -> tuple[shapes.Consent, bytes | None]:
        if consent_id is not None:
            found = await self._client.consent_now(consent_id)
            return found.value, found.status
        page = await self._client.consents(consent=digest, limit=1)
        if not page.consents:
            raise NotFound
        return page.consents[0], None

    async def _read(self, data: bytes, digest: str, now: datetime) -> ConsentRecord:
        stored = await self._state.read(_stored, digest)
        block = None if stored is None else stored[1]
        verified = await self._partners.verify(
            data, CONSENT_KINDS, now=now, before=stored is not None
        )
        record = read_consent(verified)
        if stored is None:
            # The subject block is opened now: document keys are destroyed after 45 days,
            # consents live longer.
            block = _open(record, self._document_keys)
            await self._state.write(_store, record, data, block)
        self._consents[digest] = record
        if block is not None:
            self._subjects[digest] = block
        while len(self._consents) > MOST_CACHED:
            self._subjects.pop(self._consents.popitem(last=False)[0], None)
        return record

    async def _ask_agreement(
        self, digest: str, known: KnownAgreement | None
    ) -> shapes.Agreement | None:
        if known is not None:
            return await self._client.agreement(known.agreement.id)
        async for given in self._client.every_agreement():
            if given.agreement == digest:
                return given
        return None

    async def _read_agreement(
        self, given: shapes.Agreement, digest: str, now: datetime
    ) -> KnownAgreement | None:
        """Verify an agreement; None when this agency never signed it.

        Our own signature over its digest is what makes the keys it names trustworthy, also those
        of parties nobody here has pinned.
        """
        data = given.statement.encode("utf-8")
        if not await self._is_ours(given, digest, now):
            return None
        drafter = await self._drafter(data)
        verified = verify(data, {Kind.AGREEMENT}, {drafter.kid: drafter}, now=now)
        agreement = read_agreement(verified)
        signed = {agreement.drafted_by: datetime.fromtimestamp(agreement.iat, UTC)}
        for entry in given.signatures:
            # The draft is its drafter's signature and is listed as such.
            if entry.agency in agreement.agencies and entry.statement != given.statement:
                signed[entry.agency] = await self._signed(agreement, entry, now)
        notices = [await self._notice(agreement, entry, now) for entry in given.notices]
        return KnownAgreement(
            agreement=agreement,
            scope=agreement.scope(),
            signed=signed,
            notices=tuple(notices),
            ended_at=now if given.state == "ended" else None,
            since=now,
        )

    async def _is_ours(self, given: shapes.Agreement, digest: str, now: datetime) -> bool:
        if await self._is_drafted_here(given, now):
            return True
        for entry in given.signatures:
            if entry.agency == self._own.agency and entry.statement != given.statement:
                verified = await self._partners.verify(
                    entry.statement.encode("utf-8"),
                    {Kind.AGREEMENT_SIGNATURE},
                    now=now,
                    before=True,
                )
                signature = read_signature(verified)
                return (signature.agency, signature.agreement) == (self._own.agency, digest)
        return False

    async def _is_drafted_here(self, given: shapes.Agreement, now: datetime) -> bool:
        try:
            verified = await self._partners.verify(
                given.statement.encode("utf-8"), {Kind.AGREEMENT}, now=now, before=True
            )
        except Held:
            return False
        return verified.signer == self._own.agency

    async def _drafter(self, data: bytes) -> VerifyingKeys:
        """Return the keys of who drafted an agreement that this agency has signed."""
        outer = jws.read(data)
        payload = canonical.loads(canonical.unb64u(outer.payload), limit=len(data))
        agency = agency_id(payload.get("drafted_by") if isinstance(payload, dict) else None)
        return await self._partners.card(agency, outer.signatures[0].kid)

    async def _signed(
        self, agreement: Agreement, entry: shapes.Signature, now: datetime
    ) -> datetime:
        keys = await self._partners.card(entry.agency, agreement.party(entry.agency).kid)
        data = entry.statement.encode("utf-8")
        verified = verify(data, {Kind.AGREEMENT_SIGNATURE}, {keys.kid: keys}, now=now)
        signature = read_signature(verified)
        check_signature(agreement, signature)
        return datetime.fromtimestamp(signature.iat, UTC)

    async def _notice(
        self, agreement: Agreement, entry: shapes.TerminationNotice, now: datetime
    ) -> AgreementNotice:
        data = entry.statement.encode("utf-8")
        verified = await self.by_party(agreement, data, {Kind.AGREEMENT_NOTICE}, now=now)
        notice = read_notice(verified)
        if notice.agreement != agreement.digest:
            raise HubMisbehaves("the hub delivered a notice of another agreement")
        return notice


def _open(record: ConsentRecord, keys: Mapping[str, DocumentKey]) -> bytes | None:
    """Return the opened subject block as JSON; None when it is not for a key held here.

    Raises:
        Malformed: it opens, and is about another consent or another reference.
    """
    for key in keys.values():
        try:
            block = open_block(record.subject.sealed, key)
        except Unreadable:
            continue
        if (block.get("consent"), block.get("ref")) != (record.id, record.subject.ref):
            raise Malformed("the subject block belongs to another consent")
        return canonical.encode(block)
    return None


def _stored(conn: Connection, digest: str) -> tuple[bytes, bytes | None] | None:
    query = select(tables.consents.c.statement, tables.consents.c.subject)
    row = conn.execute(query.where(tables.consents.c.digest == digest)).one_or_none()
    return None if row is None else (row.statement, row.subject)


def _store(conn: Connection, record: ConsentRecord, data: bytes, block: bytes | None) -> None:
    values = {"digest": record.digest, "id": record.id, "statement": data, "subject": block}
    conn.execute(insert(tables.consents).values(values).on_conflict_do_nothing())
