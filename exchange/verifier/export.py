"""Making an export: a log as it stands, and what one agency may open of it, for a court to check.

The log part is a plain C2SP tlog-tiles folder that any tool for such logs reads. Every entry is
audited while it is copied: nobody hands out an export that does not verify.
"""

import tempfile
from array import array
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import chain
from typing import Final

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.coverage import Coverage, bitmap, write_coverage
from exchange.audit.leaf import LABEL_SIZE, LEAF_SIZE
from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.opening import EVENT, event_of
from exchange.audit.policy import Head
from exchange.audit.tiles import Bundle, path_of
from exchange.audit.tombstone import read_tombstone
from exchange.audit.whole import Audit, check_roots, parts_of
from exchange.canonical import digest, encode
from exchange.keyid import IdentityCard
from exchange.verifier.documents import PUBLIC
from exchange.verifier.entries import Progress, read_parts
from exchange.verifier.index import Index
from exchange.verifier.opened import NAME, Opened, write_opened
from exchange.verifier.openings import statements_of
from exchange.verifier.pack import Pack
from exchange.verifier.source import Reader

README: Final = "README.txt"


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
    known: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Further statements by digest, for the events that name them."""
    tombstones: Iterable[bytes] = ()
    cards: Iterable[IdentityCard] = ()
    """Identities that signed; their names are digests of their keys."""
    status: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Status notes by the digest of the manifest that they released."""


@dataclass(slots=True)
class _Named:
    """What the openings of an export are about."""

    indexes: "array[int]" = field(default_factory=lambda: array("Q"))
    """As numbers of 8 bytes: there may be millions."""
    lists: set[str] = field(default_factory=set)
    """Digests of tombstones."""
    statements: set[str] = field(default_factory=set)
    """Digests of statements that events name."""
    later: set[str] = field(default_factory=set)
    """The same of events behind the head, which the next export will have."""


async def export(
    log: Reader,
    head: Head,
    opened: AsyncIterator[Opened],
    belongings: Belongings,
    pack: Pack,
    progress: Progress,
) -> int:
    """Write an export, and return how many entries it opens.

    Args:
        log: to be copied.
        head: of the log, judged by the agency's policy.
        opened: what the agency may open, ascending; what lies behind the head is left for the
            next export.
        belongings: everything else.
        pack: to be filled.
        progress: told as the entries are read.

    Raises:
        LogInvalid: the log does not hold; names the first broken entry.
    """
    tree = head.checkpoint
    pack.add("checkpoint", head.note)
    pack.add("policy", belongings.policy)
    for size, note in belongings.older.items():
        if size < tree.size:
            pack.add(f"checkpoints/{size}", note)
    public = await _copy(log, tree, pack, progress)
    named = await _openings(opened, belongings.agency, tree, pack)
    _statements(belongings, named, pack)
    erased = _tombstones(belongings, named, tree.size, pack)
    known = chain(named.indexes, public, erased)
    covered = bitmap(tree.size, ((one, one) for one in known))
    coverage = Coverage(tree.origin, tree.size, tree.root, belongings.agency, covered)
    pack.add("coverage.json", write_coverage(coverage))
    for card in {card.kid: card for card in belongings.cards}.values():
        pack.add(f"identities/{card.kid}.json", encode(card.payload()))
    for manifest, note in belongings.status.items():
        pack.add(f"status/{manifest}.note", note)
    pack.add(README, files("exchange.verifier").joinpath(README).read_bytes())
    return len(named.indexes)


async def _copy(log: Reader, tree: Checkpoint, pack: Pack, progress: Progress) -> list[int]:
    """Copy and audit the log with its public documents; return the indexes of those."""
    audit, public, documents = Audit(tree.size), list[int](), set[str]()
    async with aclosing(read_parts(log, parts_of(tree.size), tree.size)) as parts:
        async for part, raw in parts:
            pack.add(path_of(part), raw)
            leaves = audit.feed(part, raw)
            for index, leaf in enumerate(leaves, TILE_WIDTH * part.n):
                if leaf[0] == PUBLIC:
                    public.append(index)
                    documents.add(leaf[1 + LABEL_SIZE :].hex())
            if isinstance(part, Bundle):
                read = TILE_WIDTH * part.n + part.width
                progress(read * LEAF_SIZE, tree.size * LEAF_SIZE)
    check_roots(audit.roots(), [tree])
    for name in sorted(documents):
        pack.add(f"documents/{name}", await log.document(name))
    return public


async def _openings(
    opened: AsyncIterator[Opened], agency: str, tree: Checkpoint, pack: Pack
) -> _Named:
    """Write openings and the index for people; both may be larger than memory."""
    named = _Named()
    with tempfile.TemporaryFile() as spool, tempfile.TemporaryFile() as page:
        index = Index(page, agency, tree)
        async for one in opened:
            event = event_of(one.opening) if one.opening.version == EVENT else {}
            stated = statements_of(event)
            if one.index >= tree.size:
                named.later |= stated
                continue
            named.indexes.append(one.index)
            named.statements |= stated
            named.lists |= {event["list"]} if event.get("kind") == "erased" else set()
            spool.write(write_opened(one) + b"\n")
            index.add(one.index, event)
        index.end()
        pack.add_from(NAME, spool)
        pack.add_from("index.html", page)
    return named


def _statements(belongings: Belongings, named: _Named, pack: Pack) -> None:
    """Write the agency's whole store, so that what the log lacks is seen, and what events name."""
    written = set[str]()
    later = named.later - named.statements
    for data in belongings.statements:
        name = digest(data)
        if name not in written and name not in later:
            written.add(name)
            pack.add(f"statements/{name}", data)
    for name in sorted((named.statements & belongings.known.keys()) - written):
        pack.add(f"statements/{name}", belongings.known[name])


def _tombstones(belongings: Belongings, named: _Named, size: int, pack: Pack) -> Collection[int]:
    """Write the lists of what was erased, as far as the log of this export has recorded them."""
    erased = set[int]()
    for data in belongings.tombstones:
        if digest(data) in named.lists:
            pack.add(f"tombstones/{digest(data)}", data)
            for first, last in read_tombstone(data).spans:
                erased.update(range(first, min(last, size - 1) + 1))
    return erased
