"""Making an export: a log as it stands, and what one agency may open of it, for a court to check.

The log part is a plain C2SP tlog-tiles folder that any tool for such logs reads. Every entry is
audited while it goes by: an export that ends is one that verifies.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from exchange.audit.coverage import Coverage, write_coverage
from exchange.audit.leaf import LABEL_SIZE, LEAF_SIZE
from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.opening import EVENT, event_of
from exchange.audit.policy import Head
from exchange.audit.tiles import Bundle, path_of
from exchange.audit.tombstone import read_tombstone
from exchange.audit.whole import Audit, check_roots, parts_of
from exchange.canonical import digest, encode, sha256_hex
from exchange.errors import LogInvalid, NotFound
from exchange.keyid import IdentityCard
from exchange.verifier.archive import Member
from exchange.verifier.documents import PUBLIC
from exchange.verifier.entries import Progress, read_parts
from exchange.verifier.opened import Opened
from exchange.verifier.openings import statements_of
from exchange.verifier.source import Reader
from exchange.verifier.volumes import Volumes

README: Final = "README.txt"
Find: TypeAlias = Callable[[str], Awaitable[bytes | None]]


async def _nothing(_digest: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What an agency adds to its export beside the log."""

    agency: str
    policy: bytes = field(repr=False)
    """Its own policy file; whoever checks the export takes hers from elsewhere."""
    older: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """Notes of older heads it has kept, by their size."""
    statements: Iterable[bytes] = ()
    """Every signed statement in its store, verbatim."""
    tombstone: Find = field(default=_nothing, repr=False)
    """Returns the list of what was erased with a digest, or None where there is none."""
    cards: Iterable[IdentityCard] = ()
    """Identities that signed; their names are digests of their keys."""
    status: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Status notes by the digest of the manifest that they released."""


@dataclass(frozen=True, slots=True)
class Openings:
    """Some of what an agency may open."""

    opened: Sequence[Opened]
    """Ascending, and behind all before."""
    statements: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Signed statements by digest; those go into the export that these events name."""


class Export:
    """An export in the making: its files, one after the other, each small enough for memory."""

    def __init__(self, log: Reader, head: Head, belongings: Belongings) -> None:
        """Take what goes into it, but for the openings.

        Args:
            log: to be copied.
            head: of the log, judged by the agency's policy.
            belongings: everything else.
        """
        self._log = log
        self._head = head
        self._belongings = belongings
        self._covered = bytearray(-(-head.checkpoint.size // 8))
        """One bit per entry, least significant first."""
        self._lists = set[str]()
        """Digests of tombstones that were named."""
        self._named = set[str]()
        """Digests of statements that events have named."""
        self._later = set[str]()
        """The same of events behind the head, which the next export will have."""
        self._written = set[str]()
        """Digests of statements that are in the export."""
        self.opened = 0
        """Entries that it opens, so far."""

    async def members(
        self, openings: AsyncIterator[Openings], progress: Progress
    ) -> AsyncGenerator[Member, None]:
        """Yield every file, the log before what opens it; once.

        Args:
            openings: what the agency may open; what lies behind the head is left for the next
                export.
            progress: told as the entries are read.

        Raises:
            LogInvalid: the log does not hold; names the first broken entry. What was yielded
                before is no export.
        """
        tree, mine = self._head.checkpoint, self._belongings
        yield "checkpoint", self._head.note
        yield "policy", mine.policy
        for size, note in mine.older.items():
            if size < tree.size:
                yield f"checkpoints/{size}", note
        async with aclosing(self._tree(progress)) as copied:
            async for member in copied:
                yield member
        async with aclosing(self._opened(openings)) as written:
            async for member in written:
                yield member
        for member in self._store():
            yield member
        async for member in self._tombstones():
            yield member
        for member in self._account():
            yield member

    async def _tree(self, progress: Progress) -> AsyncGenerator[Member, None]:
        """Copy and audit the log with its public documents."""
        size = self._head.checkpoint.size
        audit, documents = Audit(size), set[str]()
        async with aclosing(read_parts(self._log, parts_of(size), size)) as parts:
            async for part, raw in parts:
                leaves = audit.feed(part, raw)
                for index, leaf in enumerate(leaves, TILE_WIDTH * part.n):
                    if leaf[0] == PUBLIC:
                        self._cover(index, index)
                        documents.add(leaf[1 + LABEL_SIZE :].hex())
                yield path_of(part), raw
                if isinstance(part, Bundle):
                    read = TILE_WIDTH * part.n + part.width
                    progress(read * LEAF_SIZE, size * LEAF_SIZE)
        check_roots(audit.roots(), [self._head.checkpoint])
        for name in sorted(documents):
            yield f"documents/{name}", await self._document(name)

    async def _document(self, name: str) -> bytes:
        try:
            found = await self._log.document(name)
        except NotFound:
            raise LogInvalid("a public document is missing", what="missing") from None
        if sha256_hex(found) != name:
            raise LogInvalid("a public document is another one", what="document")
        return found

    async def _opened(self, openings: AsyncIterator[Openings]) -> AsyncGenerator[Member, None]:
        """Write openings with the statements behind them; there may be more than memory holds."""
        tree = self._head.checkpoint
        volumes = Volumes(self._belongings.agency, tree)
        async for some in openings:
            stated = set[str]()
            for one in some.opened:
                event = event_of(one.opening) if one.opening.version == EVENT else {}
                if one.index >= tree.size:
                    self._later |= statements_of(event)
                    continue
                stated |= statements_of(event)
                self._note(one.index, event)
                for member in volumes.add(one, event):
                    yield member
            self._named |= stated
            for name in sorted(stated & some.statements.keys()):
                for member in self._statement(name, some.statements[name]):
                    yield member
        for member in volumes.end():
            yield member

    def _note(self, index: int, event: Mapping[str, Any]) -> None:
        self.opened += 1
        self._cover(index, index)
        if event.get("kind") == "erased":
            self._lists.add(event["list"])

    def _store(self) -> Iterator[Member]:
        """Write the agency's whole store, so that what the log lacks is seen."""
        later = self._later - self._named
        for data in self._belongings.statements:
            name = digest(data)
            if name not in later:
                yield from self._statement(name, data)

    def _statement(self, name: str, data: bytes) -> Iterator[Member]:
        if name not in self._written:
            self._written.add(name)
            yield f"statements/{name}", data

    async def _tombstones(self) -> AsyncGenerator[Member, None]:
        """Write the lists of what was erased that the log of this export records."""
        for name in sorted(self._lists):
            data = await self._belongings.tombstone(name)
            if data is not None and digest(data) == name:
                yield f"tombstones/{name}", data
                for first, last in read_tombstone(data).spans:
                    self._cover(first, last)

    def _account(self) -> Iterator[Member]:
        mine, tree = self._belongings, self._head.checkpoint
        coverage = Coverage(tree.origin, tree.size, tree.root, mine.agency, bytes(self._covered))
        yield "coverage.json", write_coverage(coverage)
        for card in {card.kid: card for card in mine.cards}.values():
            yield f"identities/{card.kid}.json", encode(card.payload())
        for manifest, note in mine.status.items():
            yield f"status/{manifest}.note", note
        yield README, files("exchange.verifier").joinpath(README).read_bytes()

    def _cover(self, first: int, last: int) -> None:
        """Say that the agency accounts for these entries, as far as the log has them."""
        for index in range(first, min(last, self._head.checkpoint.size - 1) + 1):
            self._covered[index >> 3] |= 1 << (index & 7)
