"""What an export proves by itself: events that stand in the log, statements that were signed.

Every event is proven against the signed head, every statement verified with keys whose digest
names them. What is missing is None; what is false raises.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exchange import jws
from exchange.audit.coverage import LARGEST_COVERAGE, read_coverage
from exchange.audit.merkle import (
    Position,
    inclusion_path,
    leaf_hash,
    tiles_for_inclusion,
    verify_inclusion,
)
from exchange.audit.note import LARGEST_NOTE, VerifyingKey
from exchange.audit.opening import EVENT, event_of, leaf_of
from exchange.audit.policy import Head, Policy, judge, status_keys
from exchange.audit.status import SUFFIX, Status, read_status
from exchange.audit.tiles import tile_in
from exchange.canonical import digest, loads
from exchange.errors import LogInvalid, Malformed, NotFound
from exchange.keyid import IdentityCard, identity_card
from exchange.members import read_time
from exchange.statement import ANY_TIME, LARGEST_RECORD, Kind, Verified, verify
from exchange.verifier.files import read
from exchange.verifier.opened import Opened, read_opened
from exchange.verifier.source import Source
from exchange.verifier.volumes import lines_of

LARGEST_CARD = 16 * 1024
"""Bytes of an identity card; ours have 2.8 kB."""
_WITHOUT_AGENCY = frozenset({Kind.WITHDRAWAL_ELECTRONIC})


@dataclass(frozen=True, slots=True)
class Logged:
    """An event that an export opens."""

    index: int
    event: Mapping[str, Any] = field(repr=False)
    opened: Opened = field(repr=False)

    @property
    def kind(self) -> str:
        """What happened."""
        return str(self.event["kind"])

    @property
    def at(self) -> datetime:
        """When, by the hub's clock."""
        return read_time(self.event["at"])


class Evidence:
    """An export, asked piece by piece. Make it with `open_evidence`."""

    def __init__(self, source: Source, head: Head, policy: Policy) -> None:
        """Take an export whose head holds."""
        self.head = head
        self._source = source
        self._policy = policy
        self._tiles = dict[Position, bytes]()

    async def events(self) -> list[Logged]:
        """Return every event that the export opens, none of them proven yet.

        Raises:
            NotFound: the export opens nothing.
            Malformed: a line has another form.
        """
        found = list[Logged]()
        async for _, _, line in lines_of(self._source.files):
            opened = read_opened(line)
            if opened.opening.version == EVENT:
                found.append(Logged(opened.index, event_of(opened.opening), opened))
        return found

    async def prove(self, logged: Logged) -> None:
        """Prove that an event stands in the log at its index.

        Raises:
            LogInvalid: it does not.
            NotFound: a tile is missing.
        """
        tree = self.head.checkpoint
        for level, n in tiles_for_inclusion(logged.index, tree.size) - self._tiles.keys():
            self._tiles[level, n] = await self._source.tile(tile_in(tree.size, level, n))
        path = inclusion_path(lambda level, n: self._tiles[level, n], logged.index, tree.size)
        leaf = leaf_hash(leaf_of(logged.opened.opening))
        verify_inclusion(leaf, logged.index, tree.size, path, tree.root)

    async def raw(self, name: str) -> bytes | None:
        """Return the statement with this digest, or None if it is not here.

        Raises:
            Malformed: the file is another statement.
        """
        try:
            data = await read(self._source.files, f"statements/{name}", limit=LARGEST_RECORD)
        except NotFound:
            return None
        if digest(data) != name:
            raise Malformed("a statement of the export was changed")
        return data

    async def statement(
        self, name: str, kinds: Collection[Kind], *, person: bytes | None = None
    ) -> Verified | None:
        """Return the verified statement with this digest, or None if it or its key is not here.

        Args:
            name: its digest.
            kinds: what it may be.
            person: key of the person who signs a statement without an agency.

        Raises:
            StatementNotAcceptable, Malformed: it is here and does not verify.
        """
        data = await self.raw(name)
        if data is None:
            return None
        first = jws.read(data).signatures[0]
        if first.typ in _WITHOUT_AGENCY:
            return verify(data, kinds, {}, now=ANY_TIME, person=person)
        card = await self._card(first.kid)
        return None if card is None else verify(data, kinds, {card.kid: card}, now=ANY_TIME)

    async def _card(self, kid: str) -> IdentityCard | None:
        try:
            raw = await read(self._source.files, f"identities/{kid}.json", limit=LARGEST_CARD)
        except NotFound:
            return None
        card = identity_card(loads(raw, limit=LARGEST_CARD))
        if card.kid != kid:
            raise Malformed("an identity of the export is another one")
        return card

    async def agency(self) -> str | None:
        """Return whose export it says it is; None if it does not say."""
        try:
            raw = await read(self._source.files, "coverage.json", limit=LARGEST_COVERAGE)
        except NotFound:
            return None
        return read_coverage(raw).agency

    async def active_at(self, consent: str, at: datetime) -> bool:
        """Tell whether the log's own word is here that a consent had not ended by `at`."""
        name = self.head.checkpoint.origin + SUFFIX
        keys = [key for key in status_keys(self._policy) if key.name == name]
        for name in self._source.files.names("status"):
            note = await read(self._source.files, f"status/{name}", limit=LARGEST_NOTE)
            for key in keys:
                said = _status(note, key)
                if said is not None and said.consent == consent and said.at >= at.timestamp():
                    return True
        return False


def _status(note: bytes, key: VerifyingKey) -> Status | None:
    try:
        return read_status(note, key)
    except (LogInvalid, Malformed):
        return None


async def open_evidence(source: Source, policy: Policy) -> Evidence:
    """Return an export whose head a log of `policy` has signed.

    Raises:
        LogInvalid, Malformed: the head does not hold.
        NotFound: there is none.
    """
    return Evidence(source, judge(policy, await source.checkpoint()), policy)
