"""Bring entries back that the log has and a restored database does not, from any copy of it.

Nothing of a copy is believed: together with the tree that is here its leaves must lead to a root
that this log has signed. What an entry stands for is known only where somebody shows it. So
whatever has more entries than events is over: a consent whose last events nobody here knows may
have been withdrawn (docs/decisions/0022).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from exchange import jws
from exchange.audit import merkle
from exchange.audit.cosignature import time_of
from exchange.audit.event import agreement_ended
from exchange.audit.leaf import (
    LABEL_SIZE,
    LEAF_SIZE,
    committed_detail,
    document_label,
    document_leaf,
    label,
)
from exchange.audit.merkle import TILE_WIDTH, Range, leaf_hash
from exchange.audit.note import read_note, verified, verifying, write_line
from exchange.audit.opening import DOCUMENT, SALT_SIZE, event_of, leaf_of
from exchange.audit.policy import Head, judge
from exchange.audit.tiles import Bundle, read_bundle
from exchange.canonical import loads, unb64u
from exchange.database import take_time
from exchange.errors import (
    Conflict,
    LogInvalid,
    Malformed,
    Misconfigured,
    StatementNotAcceptable,
    Unavailable,
)
from exchange.hub import high_water
from exchange.hub.parts import Hub
from exchange.hub.publish_keys import relearn
from exchange.hub.signer import head_signed, own_head
from exchange.hub.storage import (
    agencies,
    agreements,
    checkpoints,
    consents,
    ending,
    forgotten,
    log,
    tree,
)
from exchange.hub.storage.checkpoints import Cosigned, Signed
from exchange.hub.storage.forgotten import Begun, Known
from exchange.hub.storage.log import Chain
from exchange.keyid import agency_id
from exchange.members import read_time
from exchange.verifier.entries import Progress
from exchange.verifier.opened import Opened
from exchange.verifier.source import LARGEST_DOCUMENT, Source

AHEAD: Final = 1024
"""How many numbers behind the last one known a chain is searched for."""
PAGE: Final = 200
"""Chains looked for at once."""
KEYS: Final = "key-statement/"
"""Topic of what an agency says about its keys, before its id."""
HARMLESS: Final = frozenset({"disclosure-refused", "request-made", "officer-read"})
"""Kinds of events behind which a consent is what it was; only where they are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import has done."""

    size: int
    """Entries of the log now."""
    entries: int
    """Of them, those that were brought back."""
    explained: int
    """Of these, those of which it is known again what they stand for."""
    consents: int
    """Consents that are over because it is not known what happened to them."""
    agreements: int
    """Agreements likewise."""


@dataclass(slots=True)
class _Found:
    """What the entries that are missing stand for, as far as that can be told."""

    known: dict[int, Known] = field(default_factory=dict)
    """By index."""
    behind: dict[str, int] = field(default_factory=dict)
    """Number of the next event of each chain that went on."""
    uncertain: set[str] = field(default_factory=set)
    """Chains that went on in a way nobody here knows, or whose key is gone."""
    documents: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    """Agency and statement of what is about keys, by index."""


async def import_log(
    hub: Hub, source: Source, shown: Sequence[Opened], progress: Progress
) -> Imported:
    """Append what is missing here of the log that `source` is a copy of.

    The hub does not serve. Either all of it happens or nothing.

    Args:
        hub: the parts.
        source: a mirror, an export or the log at another address.
        shown: openings that agencies have exported; those of other entries are passed over.
        progress: told as the missing entries are read.

    Raises:
        LogInvalid: the copy is not of this log, damaged, or of another tree than is here.
        Misconfigured: the copy is older than what was signed, or the vault is not the one of
            this database.
        NotFound: the copy lacks a part, such as a document.
        Unavailable: a part does not answer.
    """
    head = judge(hub.signer.policy, await source.checkpoint())
    own_head(hub.signer, head.note)
    await _check_newest(hub, head)
    await _fill_deferred(hub)
    before = await hub.db.read(tree.tree)
    leaves = await _missing(source, before.size, head.checkpoint.size, progress)
    _check_root(before, leaves, head)
    found = _Found()
    await _read_documents(hub, source, before.size, leaves, found)
    await _find_chains(hub, before.size, leaves, shown, found)
    imported = await hub.db.write(_import, hub, head, before, leaves, found)
    # A crash before this line: the head is in the database, and the next start compares.
    high_water.raise_to(hub.home, _own(hub, head))
    return imported


async def _check_newest(hub: Hub, head: Head) -> None:
    """Refuse a copy that ends before something that this log has signed."""
    kept = high_water.read(hub.home)
    evidence = await hub.db.read(checkpoints.evidence)
    for note in (*([] if kept is None else [kept]), *evidence):
        size = own_head(hub.signer, note).checkpoint.size
        if size > head.checkpoint.size:
            raise Misconfigured(
                f"the copy ends at {head.checkpoint.size} entries, but a head of {size} was "
                "signed: find a newer copy"
            )


async def _fill_deferred(hub: Hub) -> None:
    """Make the leaves that wait for the vault: some of them may be in the copy."""
    while chains := await hub.db.read(log.deferred_chains, limit=PAGE):
        for chain in chains:
            await hub.db.write(log.fill_deferred, await hub.vault.chain(chain))


async def _missing(source: Source, first: int, size: int, progress: Progress) -> list[bytes]:
    """Return the leaves from index `first` up to `size` as the copy has them."""
    leaves: list[bytes] = []
    for n in range(first // TILE_WIDTH, -(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - n * TILE_WIDTH)
        leaves += read_bundle(await source.bundle(Bundle(n, width)), width)
        progress((n * TILE_WIDTH + width - first) * LEAF_SIZE, (size - first) * LEAF_SIZE)
    return leaves[first % TILE_WIDTH :] if first < size else []


def _check_root(before: Range, leaves: Sequence[bytes], head: Head) -> None:
    if head.checkpoint.size < before.size:
        raise Misconfigured("the copy ends before this database does: nothing is missing from it")
    grown = merkle.append(before, map(leaf_hash, leaves)).range
    if merkle.root(grown) != head.checkpoint.root:
        raise LogInvalid(
            "the tree of this database is not the beginning of the copy's: one of them was "
            "changed, or this database went its own way",
            what="root",
        )


async def _read_documents(
    hub: Hub, source: Source, first: int, leaves: Sequence[bytes], found: _Found
) -> None:
    """Fetch every public document that is missing; each must be there."""
    for index, leaf in enumerate(leaves, first):
        if leaf[0] != DOCUMENT:
            continue
        document = await source.document(leaf[1 + LABEL_SIZE :].hex())
        topic = _topic(leaf[1 : 1 + LABEL_SIZE], document)
        if document_leaf(topic, document) != leaf:
            raise LogInvalid(f"entry {index}: its document is another", what="document")
        found.known[index] = Known(rid=log.name(), kind=topic, at=hub.clock(), body=document)
        if topic.startswith(KEYS):
            found.documents[index] = topic.removeprefix(KEYS), document


def _topic(label_: bytes, document: bytes) -> str:
    """Return what a public document is about, as the label of its leaf must say."""
    for topic in (tree.OPENED, tree.POLICY):
        if label_ == document_label(topic):
            return topic
    try:
        payload = loads(unb64u(jws.read(document).payload), limit=LARGEST_DOCUMENT)
        return KEYS + agency_id(payload.get("agency") if isinstance(payload, dict) else None)
    except Malformed:
        return ""  # the label of nothing


async def _find_chains(
    hub: Hub, first: int, leaves: Sequence[bytes], shown: Sequence[Opened], found: _Found
) -> None:
    """Find the chains that went on, and which of their events are shown.

    Raises:
        Misconfigured: the vault does not have the key of an agency, which it never forgets.
        Unavailable: the vault does not answer.
    """
    waiting = await hub.db.read(forgotten.waiting)
    # What waits here and is in the copy is no news. What waits under a label that has another
    # leaf in the copy is: the hub gave a number again that it had forgotten.
    indexes = {
        leaf[1 : 1 + LABEL_SIZE]: at for at, leaf in enumerate(leaves, first) if leaf not in waiting
    }
    openings = {
        one.index: one
        for one in shown
        if first <= one.index < first + len(leaves)
        and leaf_of(one.opening) == leaves[one.index - first]
    }
    after = ""
    while page := await hub.db.read(forgotten.chains, after=after, limit=PAGE):
        keys = await _keys(hub, [begun.uuid for begun in page])
        await asyncio.to_thread(_search, page, keys, indexes, openings, found)
        after = page[-1].uuid


async def _keys(hub: Hub, chains: Sequence[str]) -> Mapping[str, Chain]:
    """Return these chains with their keys, without those whose key is gone.

    A key that did not come is asked for again, between two answers of the vault: of one that is
    away nothing must be concluded.
    """
    keys = dict(await hub.vault.chains(chains))
    if missing := [chain for chain in chains if chain not in keys]:
        await hub.vault.key_since()
        keys |= await hub.vault.chains(missing)
        await hub.vault.key_since()
    return keys


def _search(
    page: Sequence[Begun],
    keys: Mapping[str, Chain],
    indexes: Mapping[bytes, int],
    openings: Mapping[int, Opened],
    found: _Found,
) -> None:
    for begun in page:
        key = keys[begun.uuid].key if begun.uuid in keys else None
        if key is None:
            if begun.kind in {"agency", "hub"}:
                raise Misconfigured(
                    "the vault does not have the keys of this database: bring back the vault that "
                    "belongs to it, not older than it"
                )
            # Erased since, or lost: either way nobody can tell what happened to it.
            found.uncertain.add(begun.uuid)
            continue
        for n, index in _labelled(key, begun, indexes):
            found.behind[begun.uuid] = n + 1
            event = openings.get(index)
            if event is not None:
                found.known[index] = _known(begun, n, event)
            if event is None or found.known[index].kind not in HARMLESS:
                found.uncertain.add(begun.uuid)


def _labelled(key: bytes, begun: Begun, indexes: Mapping[bytes, int]) -> Iterator[tuple[int, int]]:
    """Yield number and index of each event of a chain, until none comes for `AHEAD` numbers.

    A gap is no end: an event can have got its number and then not been sequenced before others.
    """
    last, n = begun.next_n, begun.first
    while n < last + AHEAD:
        index = indexes.get(label(key, n))
        if index is not None:
            yield n, index
            last = max(last, n + 1)
        n += 1


def _known(begun: Begun, n: int, shown: Opened) -> Known:
    event = event_of(shown.opening)
    detail = None if shown.detail is None else shown.detail[SALT_SIZE:]
    if shown.detail is not None and detail is not None:
        committed = committed_detail(shown.detail[:SALT_SIZE], detail)
        detail = detail if committed == event.get("detail") else None
    return Known(
        rid=event["id"],
        kind=event["kind"],
        at=read_time(event["at"]),
        body=shown.opening.body,
        chain=begun.uuid,
        n=n,
        detail=detail,
    )


def _import(
    conn: Connection,
    hub: Hub,
    head: Head,
    before: Range,
    leaves: Sequence[bytes],
    found: _Found,
) -> Imported:
    take_time(conn)
    if not tree.locked(conn, tree.lock_of(hub.signer.origin)) or tree.tree(conn) != before:
        raise Unavailable("another process sequences this log: stop every hub first")
    waiting = forgotten.waiting(conn)
    names = {
        index: waiting[leaf] for index, leaf in enumerate(leaves, before.size) if leaf in waiting
    }
    forgotten.sequenced(conn, names.values())
    forgotten.raise_numbers(conn, found.behind)  # before events with their numbers are learned
    forgotten.learn(conn, [found.known[index] for index in sorted(found.known)])
    names |= {index: one.rid for index, one in found.known.items()}
    rows = [(leaf, names.get(index)) for index, leaf in enumerate(leaves, before.size)]
    size = tree.extend(conn, rows) if rows else before.size
    if tree.root_at(conn, size) != head.checkpoint.root:
        raise LogInvalid("the tiles of this database are damaged", what="tree")
    _keep_head(conn, hub, head)
    for index, (agency, document) in sorted(found.documents.items()):
        _relearn(conn, hub, index, agency, document)
    ended = _end(conn, hub, found.uncertain)
    return Imported(
        size=size,
        entries=len(rows),
        explained=len(names),
        consents=ended[0],
        agreements=ended[1],
    )


def _keep_head(conn: Connection, hub: Hub, head: Head) -> None:
    """Keep the head of the copy with the lines of witnesses, as if it had been signed here."""
    now, size = hub.clock(), head.checkpoint.size
    checkpoints.keep(conn, Signed(size, head.checkpoint.root, _own(hub, head), now))
    checkpoints.mark_candidate(conn, size, at=now)
    own = verifying(hub.signer.key)
    witnesses = [witness.key for witness in hub.signer.policy.witnesses]
    for key, line in verified(read_note(head.note), [own, *witnesses]):
        if key == own:
            continue
        cosigned = Cosigned(key.name, key.id, time_of(line), write_line(line))
        checkpoints.add_cosignature(conn, size, cosigned)
    if head.quorum:
        checkpoints.mark_witnessed(conn, size, at=now)
    checkpoints.mark_published(conn, size, at=now)


def _own(hub: Hub, head: Head) -> bytes:
    """Return the note with the line of the log's own key alone."""
    return head_signed(hub.signer, head.checkpoint)


def _relearn(conn: Connection, hub: Hub, index: int, agency: str, document: bytes) -> None:
    if agencies.find(conn, agency) is None:
        return  # admitted since: the operator admits it again, and it begins anew
    try:
        relearn(conn, hub, agency, document)
    except (StatementNotAcceptable, Conflict):
        raise LogInvalid(
            f"entry {index}: the statement about keys of {agency} does not follow what is known",
            what="document",
            span=(index, index),
        ) from None


def _end(conn: Connection, hub: Hub, uncertain: set[str]) -> tuple[int, int]:
    """End what went on unknown to this database; its leaves are made when the hub runs again."""
    now, over, ended = hub.clock(), 0, 0
    for chain, digest in forgotten.agreements_of(conn, uncertain):
        if agreements.flag_ended(conn, digest, at=now):
            # Its consents are ended by the sweeper; nothing under them is decided any more.
            log.record(conn, Chain(chain, None), agreement_ended(at=now, agreement=digest))
            over += 1
    for chain, digest in forgotten.consents_of(conn, uncertain):
        standing = consents.find(conn, digest)
        if standing is not None and standing.ended_at is None:
            nobody = Chain(chain, None)
            ending.end_wordless(conn, standing, nobody, why=ending.RESTORED, at=now)
            ended += 1
    return ended, over
