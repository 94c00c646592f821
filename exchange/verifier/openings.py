"""Step 6: what an export opens: each entry, the statements behind it, what is erased, coverage."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Final

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.coverage import LARGEST_COVERAGE, bitmap, read_coverage
from exchange.audit.leaf import committed_detail
from exchange.audit.opening import EVENT, SALT_SIZE, event_of, leaf_of
from exchange.audit.spans import Span, spans_of
from exchange.audit.status import WITHDRAWN, Withdrawal, withdrawal_of
from exchange.audit.tombstone import LARGEST_TOMBSTONE, read_tombstone
from exchange.canonical import b64u, digest
from exchange.errors import Malformed, NotFound, TooLarge
from exchange.statement import LARGEST_RECORD
from exchange.verifier.files import read
from exchange.verifier.opened import Opened, read_opened
from exchange.verifier.report import Check, broken, good, numbered, unchecked
from exchange.verifier.source import Source
from exchange.verifier.volumes import lines_of

SHOWN: Final = 5
"""Indexes named in one line."""
STATED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "agreement-signed": frozenset({"agreement", "statement"}),
        "agreement-notice": frozenset({"statement"}),
        "consent-recorded": frozenset({"consent"}),
        "consent-withdrawn": frozenset({"statement"}),
        "disclosure-stored": frozenset({"manifest"}),
        "disclosure-acknowledged": frozenset({"statement"}),
        "erasure-confirmed": frozenset({"statement"}),
    }
)
"""Members with the digest of a statement that exists, by kind of event.

What a refusal names was refused, and need not be kept by anybody.
"""
FORGOTTEN: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"request-made": frozenset({"request"})}
)
"""The same of statements that need not be here: a request is erased soon after its deadline."""


def statements_of(event: Mapping[str, Any]) -> frozenset[str]:
    """Return the digests of all statements that an event is about and that exist, or did."""
    kind = event.get("kind", "")
    members = STATED.get(kind, frozenset()) | FORGOTTEN.get(kind, frozenset())
    return frozenset(event[member] for member in members)


class Openings:
    """The openings of an export, held against the entries as they pass by."""

    def __init__(self, source: Source, head: Checkpoint) -> None:
        """Take the export and the signed head of its log."""
        self._source = source
        self._head = head
        self._lines = self._read()
        self._next: Opened | None = None
        self._wrong: Check | None = None
        self._stated = dict[str, int]()
        self._forgotten = set[str]()
        self._lists = dict[str, int]()
        self.opened = list[int]()
        """Indexes that were opened, ascending."""
        self.withdrawals = list[Withdrawal]()
        """Those of consents that were opened, ascending."""

    async def see(self, first: int, leaves: list[bytes]) -> None:
        """Look at the leaves from index `first` on."""
        if self._wrong is None:
            try:
                await self._see(first, leaves)
            except (Malformed, TooLarge) as error:
                self._refuse(error)

    async def _see(self, first: int, leaves: list[bytes]) -> None:
        if first == 0:
            self._next = await anext(self._lines, None)
        while self._next is not None and self._next.index < first + len(leaves):
            if self._next.index <= (self.opened[-1] if self.opened else -1):
                raise Malformed("the openings are not in the order of the log")
            self._open(self._next, leaves[self._next.index - first])
            self._next = None  # what is wrong with the next line is not about this entry
            self._next = await anext(self._lines, None)

    def _refuse(self, error: Exception) -> None:
        if self._next is None:
            self._wrong = broken(6, "opening", str(error))
        else:
            at = self._next.index
            self._wrong = broken(6, "opening", f"entry {at}: {error}", (at, at))

    async def checks(self, public: Mapping[int, bytes]) -> list[Check]:
        """Return what was found, after every entry has passed by.

        Args:
            public: SHA-256 of the log's public documents by index.
        """
        await self._lines.aclose()
        if self._wrong is not None:
            return [self._wrong]
        if self._next is not None:
            return [broken(6, "opening", "an opening is of an entry behind the last")]
        spans, tombstones = await self._tombstones()
        size = self._head.size
        covered = bitmap(size, spans_of([*self.opened, *public, *_indexes(spans)]))
        known = sum(map(int.bit_count, covered))
        said = (
            f"{len(self.opened):,} opened, {len(public):,} public, {_count(spans):,} erased, "
            f"{size - known:,} others'"
        )
        if not self.opened:
            said += ": nothing here opens an entry"
        statements = await self._statements(frozenset(map(b64u, public.values())))
        coverage = await self._coverage(covered)
        return [good(6, "openings", said), *statements, *tombstones, *coverage]

    async def _read(self) -> AsyncGenerator[Opened, None]:
        try:
            async with aclosing(lines_of(self._source.files)) as found:
                async for file, number, line in found:
                    yield _opened(file, number, line)
        except NotFound:
            return

    def _open(self, opened: Opened, leaf: bytes) -> None:
        if leaf_of(opened.opening) != leaf:
            raise Malformed("what opens it is not what was logged")
        self.opened.append(opened.index)
        if opened.opening.version == EVENT:
            self._note(opened, event_of(opened.opening))

    def _note(self, opened: Opened, event: Mapping[str, Any]) -> None:
        """Remember what an event binds, and refuse a detail that is not its own."""
        kind = event["kind"]
        for member in STATED.get(kind, ()):
            self._stated.setdefault(event[member], opened.index)
        self._forgotten.update(event[member] for member in FORGOTTEN.get(kind, ()))
        if kind == WITHDRAWN:
            origin = self._head.origin
            self.withdrawals.append(withdrawal_of(origin, opened.index, opened.opening))
        if kind == "erased":
            self._lists[event["list"]] = opened.index
        if opened.detail is not None:
            salt, detail = opened.detail[:SALT_SIZE], opened.detail[SALT_SIZE:]
            if committed_detail(salt, detail) != event.get("detail"):
                raise Malformed("its detail is another one")

    async def _statements(self, public: frozenset[str]) -> list[Check]:
        """Hold the signed statements of the export against its events.

        Args:
            public: digests of documents that stand in the log in the open.

        Returns:
            One check; none where nothing is opened and no statement is kept.
        """
        files = self._source.files
        kept = files.names("statements")
        for name in kept:
            data = await read(files, f"statements/{name}", limit=LARGEST_RECORD)
            if digest(data) != name:
                return [broken(6, "statement", f"statements/{name} was changed")]
        bound = self._stated.keys() | self._forgotten | public
        unlogged = [name for name in kept if name not in bound]
        if unlogged:
            count = numbered(len(unlogged), "statement is", "statements are")
            said = f"happened, and not logged: {count} in no event, first {unlogged[0]}"
            return [broken(6, "statement", said)]
        missing = sorted(self._stated[name] for name in self._stated.keys() - set(kept))
        if missing:
            shown = ", ".join(map(str, missing[:SHOWN])) + (" …" if missing[SHOWN:] else "")
            events = numbered(len(missing), "event", "events")
            said = f"the signed statement is not here for {events}: {shown}"
            return [unchecked(6, "statement", said)]
        if not self.opened and not kept:
            return []
        count = numbered(len(kept), "signed statement", "signed statements")
        return [good(6, "statement", f"{count}, each bound by an event")]

    async def _tombstones(self) -> tuple[tuple[Span, ...], list[Check]]:
        files, spans, found = self._source.files, list[Span](), list[Check]()
        kept = files.names("tombstones")
        for name in kept:
            data = await read(files, f"tombstones/{name}", limit=LARGEST_TOMBSTONE)
            if digest(data) != name or name not in self._lists:
                said = f"tombstones/{name} is not one that the log has recorded"
                return (), [broken(6, "tombstone", said)]
            spans += read_tombstone(data).spans
        for name in self._lists.keys() - set(kept):
            said = f"the list of what was erased is not here: entry {self._lists[name]}"
            found.append(unchecked(6, "tombstone", said))
        if any(last >= self._head.size for _, last in spans):
            return (), [broken(6, "tombstone", "a tombstone names an entry behind the last")]
        return tuple(sorted(spans)), found

    async def _coverage(self, covered: bytes) -> list[Check]:
        """Hold the list of what the agency accounts for against what is opened here.

        Returns:
            One check; none of a plain log, which opens nothing and has no such list.
        """
        try:
            raw = await read(self._source.files, "coverage.json", limit=LARGEST_COVERAGE)
        except NotFound:
            said = "coverage.json is not here"
            return [unchecked(6, "coverage", said)] if self.opened else []
        return [self._compared(raw, covered)]

    def _compared(self, raw: bytes, covered: bytes) -> Check:
        try:
            stated = read_coverage(raw)
        except (Malformed, TooLarge) as error:
            return broken(6, "coverage", f"coverage.json: {error}")
        head = self._head
        if (stated.origin, stated.size, stated.root) != (head.origin, head.size, head.root):
            return broken(6, "coverage", "coverage.json is about another log or another head")
        if stated.covered != covered:
            return broken(6, "coverage", "coverage.json covers other entries than this export")
        return good(6, "coverage", f"coverage.json of {stated.agency} says the same")


def _opened(file: str, number: int, line: bytes) -> Opened:
    try:
        return read_opened(line)
    except (Malformed, TooLarge) as error:
        raise Malformed(f"line {number} of {file}: {error}") from None


def _indexes(spans: Sequence[Span]) -> list[int]:
    return [index for first, last in spans for index in range(first, last + 1)]


def _count(spans: Sequence[Span]) -> int:
    return sum(last - first + 1 for first, last in spans)
