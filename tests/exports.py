"""One short history in a log, with everything behind it really signed, and an export of it.

`women-b` collected a consent and disclosed one document under it to `jobcentre-a`; later the
consent was withdrawn. Between these entries lie others', which nobody here can open.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from exchange.audit import event as events
from exchange.audit.event import Event, encode_event
from exchange.audit.leaf import detail_commitment, detail_salt, document_leaf
from exchange.audit.note import ED25519, SigningKey
from exchange.audit.opening import Opening, event_opening, leaf_of, write_opening
from exchange.audit.policy import judge, read_policy
from exchange.audit.proof import Receipt, write_receipt
from exchange.audit.status import Status, sign_status
from exchange.audit.tombstone import write_tombstone
from exchange.canonical import Json, digest, encode, sha256_hex
from exchange.envelope.contents import Contents, Entry, Letter, new_contents
from exchange.envelope.manifest import Addressee, Terms, manifest_payload, new_context
from exchange.keyring.demo import demo_identity
from exchange.keyring.signing import IdentityKey
from exchange.members import write_time
from exchange.statement import Kind, sign
from exchange.verifier.export import Belongings, Export, Openings
from exchange.verifier.files import FolderFiles
from exchange.verifier.opened import Opened
from exchange.verifier.pack import pack
from exchange.verifier.source import Source
from exchange.vocabulary import Secrecy
from tests.logs import ORIGIN, WITNESS_KEY, Log, policy, random_leaves, vkey
from tests.samples import AGREEMENT, CONSENT, agreement, changed, noticed

SENDER, RECIPIENT = "women-b", "jobcentre-a"
CHAIN_KEY = bytes(range(32))
"""Of the consent: K_c."""
OTHER_KEY = bytes(range(32, 64))
"""Of the agreement's chain, and of the hub's."""
STATUS_KEY = SigningKey(f"{ORIGIN}/status", ED25519, b"\x05" * 32)
FILE = b"%PDF-1.7 the letter\n"
AGREED = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RECORDED = datetime(2026, 3, 2, 9, 45, tzinfo=UTC)
STORED = datetime(2026, 3, 3, 10, 12, 9, tzinfo=UTC)
WITHDRAWN = datetime(2026, 3, 20, 8, 30, tzinfo=UTC)
"""When the withdrawal was recorded; it had reached the agency two days before."""
RECEIVED = WITHDRAWN - timedelta(days=2)
POLICY = f"log {vkey(STATUS_KEY)}\n".encode() + policy(WITNESS_KEY, quorum="w0")
"""As a gateway holds it: the log's key and that of its status notes, and a witness."""
ERASED = (12, 13)
"""Entries of somebody else that were erased."""


def uuid(number: int) -> str:
    """Return a version 4 UUID that is the same each time."""
    return str(UUID(int=number, version=4))


def identity(agency: str) -> IdentityKey:
    """Return the identity key of an agency."""
    return demo_identity(agency)


@dataclass
class Story:
    """What happened, entry by entry."""

    consent_members: dict[str, Any] = field(default_factory=dict)
    """Other members of the consent than usual."""
    skipped: frozenset[str] = frozenset()
    """Kinds of events that never got into the log."""
    leaves: list[bytes] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    statements: list[bytes] = field(default_factory=list)
    n: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        begin = encode({"origin": ORIGIN, "v": 1})
        self.documents = [begin, POLICY]
        self.leaves = [document_leaf("opened", begin), document_leaf("policy", POLICY)]
        for agency, statement in ((RECIPIENT, self.agreement), (SENDER, self.agreement_signature)):
            signed = events.agreement_signed(
                at=AGREED, by=agency, agreement=self.agreement_digest, statement=digest(statement)
            )
            self.happens(OTHER_KEY, signed, statement)
        self.others(10)
        recorded = events.consent_recorded(
            at=RECORDED, by=SENDER, agreement=self.agreement_digest, consent=self.consent_digest
        )
        self.happens(CHAIN_KEY, recorded, self.consent)
        self.others(3)
        stored = events.disclosure_stored(
            at=STORED,
            by=SENDER,
            consent=self.consent_digest,
            manifest=digest(self.manifest),
            to=[RECIPIENT],
            subject=("housing-loss", "rent-arrears-letter"),
        )
        self.happens(CHAIN_KEY, stored, self.manifest)
        self.others(290)
        refused = events.disclosure_refused(
            at=STORED + timedelta(days=1),
            by=SENDER,
            request="R" * 42 + "A",
            consent=self.consent_digest,
            reasons=["purpose"],
        )
        self.happens(CHAIN_KEY, refused)
        withdrawn = events.consent_withdrawn(
            at=WITHDRAWN,
            by=SENDER,
            consent=self.consent_digest,
            statement=digest(self.withdrawal),
            via="office",
        )
        self.happens(CHAIN_KEY, withdrawn, self.withdrawal)
        listed = events.erased(at=WITHDRAWN, count=2, document=digest(self.tombstone))
        self.happens(OTHER_KEY, listed)
        self.others(7)

    def happens(self, key: bytes, happened: Event, *statements: bytes) -> None:
        """Log an event, open it, and keep the statements behind it."""
        self.statements += statements
        n = self.n[key] = self.n.get(key, -1) + 1
        if happened.kind in self.skipped:
            return
        committed = None
        if happened.detail is not None:
            committed = detail_commitment(key, n, happened.detail)
        rid = uuid(len(self.leaves))
        opening = event_opening(key, n, encode_event(happened, rid=rid, detail=committed))
        detail = None if happened.detail is None else detail_salt(key, n) + happened.detail
        self.opened.append(Opened(len(self.leaves), opening, detail))
        self.leaves.append(leaf_of(opening))

    def others(self, count: int) -> None:
        """Log what nobody here can open."""
        self.leaves += random_leaves(count, f"others {len(self.leaves)}")

    @cached_property
    def agreement(self) -> bytes:
        payload = changed(AGREEMENT)
        for party in payload["parties"]:
            party["kid"] = identity(party["agency"]).kid
        return sign(Kind.AGREEMENT, payload, identity(RECIPIENT))

    @property
    def agreement_digest(self) -> str:
        return digest(self.agreement)

    @cached_property
    def agreement_signature(self) -> bytes:
        payload: dict[str, Json] = {
            "id": uuid(2),
            "iat": int(AGREED.timestamp()),
            "agency": SENDER,
            "agreement": self.agreement_digest,
        }
        return sign(Kind.AGREEMENT_SIGNATURE, payload, identity(SENDER))

    @cached_property
    def consent(self) -> bytes:
        members = {"agreement": self.agreement_digest, **self.consent_members}
        payload = noticed(changed(CONSENT, **members), agreement().scope())
        return sign(Kind.CONSENT, payload, identity(SENDER))

    @property
    def consent_digest(self) -> str:
        return digest(self.consent)

    @cached_property
    def contents(self) -> Contents:
        entry = Entry("letter.pdf", "application/pdf", len(FILE), sha256_hex(FILE))
        return new_contents([entry], Letter())

    @cached_property
    def manifest(self) -> bytes:
        key = identity(SENDER)
        terms = Terms(
            id=uuid(4),
            sender=SENDER,
            kid=key.kid,
            consent=self.consent_digest,
            purpose="housing-loss",
            category="rent-arrears-letter",
            secrecy=Secrecy.PROFESSIONAL,
            iat=int(STORED.timestamp()) - 5,
            exp=int(STORED.timestamp()) + 7 * 86400,
        )
        context = new_context(terms, [Addressee(RECIPIENT, "D" * 42 + "A")], self.contents.sha256)
        return sign(Kind.MANIFEST, manifest_payload(context.raw, sha256="0" * 64, size=9999), key)

    @cached_property
    def withdrawal(self) -> bytes:
        payload: dict[str, Json] = {
            "id": uuid(5),
            "iat": int(WITHDRAWN.timestamp()),
            "consent": self.consent_digest,
            "agency": SENDER,
            "by": "subject",
            "channel": "phone",
            "received_at": write_time(RECEIVED),
        }
        return sign(Kind.WITHDRAWAL, payload, identity(SENDER))

    @cached_property
    def tombstone(self) -> bytes:
        return write_tombstone(b"\x0b" * 32, ERASED)

    @property
    def log(self) -> Log:
        return Log(self.leaves, witnesses=(WITNESS_KEY,))

    def index_of(self, kind: str) -> int:
        """Return the index of the last event of a kind."""
        return max(one.index for one in self.opened if _kind(one.opening) == kind)

    def receipt(self, kind: str, size: int | None = None) -> bytes:
        """Return the receipt of the last event of a kind."""
        index, log = self.index_of(kind), self.log
        opening = next(one.opening for one in self.opened if one.index == index)
        return write_receipt(
            Receipt(write_opening(opening), index, log.path(index, size), log.note(size))
        )

    def status(self, at: datetime, size: int | None = None, root: bytes | None = None) -> bytes:
        """Return the hub's word that the consent had not ended then.

        Args:
            at: when.
            size: of the tree that it names; else that before the withdrawal.
            root: of that tree, if not the true one.
        """
        entries = self.index_of("consent-withdrawn") if size is None else size
        top = self.log.root(entries) if root is None else root
        said = Status(ORIGIN, self.consent_digest, entries, top, int(at.timestamp()))
        return sign_status(said, STATUS_KEY)

    def belongings(self, agency: str = SENDER, **members: Any) -> Belongings:
        """Return what an agency adds to its export."""
        given: dict[str, Any] = {
            "policy": POLICY,
            "statements": self.statements,
            "tombstone": self._tombstone,
            "cards": [identity(one).card for one in (SENDER, RECIPIENT)],
            **members,
        }
        return Belongings(agency=agency, **given)

    async def _tombstone(self, name: str) -> bytes | None:
        return self.tombstone if digest(self.tombstone) == name else None

    def export(
        self, out: Path, *, without: Sequence[int] = (), agency: str = SENDER, **members: Any
    ) -> Path:
        """Write the export of an agency that may open all but some entries."""
        folder = out.with_name(f"{out.name}-log")
        log = self.log
        log.write(folder, documents=self.documents)
        head = judge(read_policy(POLICY), log.note())
        kept = [one for one in self.opened if one.index not in without]

        async def opened() -> AsyncIterator[Openings]:
            for one in kept:
                yield Openings([one])

        async def run() -> None:
            source = Source(FolderFiles(folder))
            made = Export(source, head, self.belongings(agency, **members))
            await pack(out, made.members(opened(), lambda _done, _all: None))
            assert made.opened == len(kept)

        asyncio.run(run())
        return out


def _kind(opening: Opening) -> str:
    return str(events.read_event(opening.body)["kind"])


def document_name(document: bytes) -> str:
    """Return the path of a public document in an export."""
    return f"documents/{sha256(document).hexdigest()}"
