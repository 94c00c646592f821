"""Reading every entry of the log for key statements in our name that we did not make.

A gateway hashes all entries itself, up to a head it has verified, so nobody can show it others.
51 bytes for each, bounded per round; where it stopped, the next round goes on. A public document
under the topic of this agency must be one of its own statements, under that of a partner it must
be there to be read. Whatever else the entries are, they show nothing here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

import structlog
from sqlalchemy import Connection, delete, select

from exchange.agency import tables
from exchange.agency.built import added_once, put
from exchange.agency.log import INVALID
from exchange.agency.partners import TOPIC
from exchange.agency.parts import Gateway
from exchange.audit.leaf import LABEL_SIZE, document_label
from exchange.audit.merkle import (
    TILE_WIDTH,
    Range,
    append,
    encode_range,
    leaf_hash,
    read_range,
    root,
)
from exchange.audit.opening import DOCUMENT
from exchange.audit.tiles import Bundle, read_bundle
from exchange.errors import Held, LogInvalid, NotFound

MOST_BUNDLES: Final = 64
"""Bundles of 256 entries read in one round, 835 kB: a log of a year takes 250 rounds once."""

FOREIGN: Final = "key-statement-foreign"
"""A key statement in this agency's name that was not made here."""
UNEXPLAINED: Final = "log-document-missing"
"""An entry about a partner's keys, whose document the hub does not show."""
DIFFERENT: Final = "log-entries-differ"
"""The entries that the hub shows do not lead to the head it has signed."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tail:
    """How far the entries were read: towards which head, and what is hashed of them."""

    range: Range
    upto: int
    """Size of a head that was verified."""
    root: bytes = field(repr=False)
    """Its root."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry that somebody has to look at."""

    index: int
    code: str
    """`FOREIGN`, `UNEXPLAINED` or `DIFFERENT`."""
    since: datetime


async def tail(gateway: Gateway) -> None:
    """Look at the newest published head, and read entries on up to the largest one verified here.

    A bounded number of entries; the next round goes on.

    Raises:
        Held: `log-receipt-invalid`: the hub's entries are not those of its head, or have another
            form; a finding says so, and the next round begins anew.
        Unavailable: not now.
    """
    await _look(gateway)
    origin, largest = gateway.log.trusted.origin, gateway.log.heads.largest
    if largest is None:
        return
    before = await gateway.state.read(_tail, origin)
    tailed = before
    if tailed.range.size == tailed.upto:
        tailed = Tail(before.range, largest.size, largest.root)
    try:
        read = await _read(gateway, tailed)
    except LogInvalid:
        read = None
    if read is None or (read.range.size == read.upto and root(read.range) != read.root):
        await gateway.state.write(_begin_anew, origin, tailed.upto, gateway.clock())
        log.critical("log_finding", code=DIFFERENT, count=tailed.upto)
        raise Held(INVALID)
    if read != before:
        await gateway.state.write(_keep_tail, origin, read)


async def _look(gateway: Gateway) -> None:
    """Hold the head that everybody is shown to what this gateway knows."""
    try:
        note = await gateway.log.calls.checkpoint()
    except NotFound:
        return  # none is published yet
    await gateway.log.agree(gateway.log.head(note))


async def _read(gateway: Gateway, tailed: Tail) -> Tail:
    """Return the tail after some more bundles; what is found in them is kept at once."""
    own = document_label(TOPIC + gateway.agency)
    labels = {document_label(TOPIC + agency) for agency in gateway.partners.pins} | {own}
    known = frozenset[bytes]()
    compact = tailed.range
    for _ in range(MOST_BUNDLES):
        if compact.size >= tailed.upto:
            break
        leaves = await _bundle(gateway, compact.size, tailed.upto)
        for index, leaf in enumerate(leaves, start=compact.size):
            if leaf[0] != DOCUMENT or leaf[1 : 1 + LABEL_SIZE] not in labels:
                continue
            label, document = leaf[1 : 1 + LABEL_SIZE], leaf[1 + LABEL_SIZE :]
            if label == own:
                known = known or await asyncio.to_thread(_own_statements, gateway)
                if document not in known:
                    await _found(gateway, index, FOREIGN)
            elif not await _is_shown(gateway, document):
                await _found(gateway, index, UNEXPLAINED)
        compact = append(compact, map(leaf_hash, leaves)).range
    return Tail(compact, tailed.upto, tailed.root)


async def _bundle(gateway: Gateway, first: int, upto: int) -> Sequence[bytes]:
    """Return the entries from `first` to the end of its bundle, none behind `upto`."""
    n, skipped = divmod(first, TILE_WIDTH)
    bundle = Bundle(n, min(TILE_WIDTH, upto - n * TILE_WIDTH))
    try:
        raw = await gateway.log.calls.bundle(bundle)
    except NotFound:
        raise LogInvalid("the hub does not show an entry of its head", what="bundle") from None
    return read_bundle(raw, bundle.width)[skipped:]


async def _is_shown(gateway: Gateway, document: bytes) -> bool:
    """Tell whether the hub shows the public document with this SHA-256."""
    try:
        shown = await gateway.log.calls.document(document.hex())
    except NotFound:
        return False
    return sha256(shown).digest() == document


def _own_statements(gateway: Gateway) -> frozenset[bytes]:
    """Return the SHA-256 of everything this agency has ever said about its keys."""
    return frozenset(sha256(said).digest() for said in gateway.ring.said())


async def _found(gateway: Gateway, index: int, code: str) -> None:
    finding = Finding(index, code, gateway.clock())
    await gateway.state.write(_add_finding, gateway.log.trusted.origin, finding)
    log.critical("log_finding", code=code, count=index)


def list_findings(conn: Connection) -> list[Finding]:
    """Return what somebody has to look at, in the order of the log."""
    query = select(tables.log_findings).order_by(tables.log_findings.c.idx)
    return [Finding(row.idx, row.code, row.since) for row in conn.execute(query)]


def forget_findings(conn: Connection) -> None:
    """Forget what somebody has looked at."""
    conn.execute(delete(tables.log_findings))


def _tail(conn: Connection, origin: str) -> Tail:
    query = select(tables.log_tails).where(tables.log_tails.c.origin == origin)
    row = conn.execute(query).one_or_none()
    if row is None:
        return Tail(Range(0), 0, b"")
    return Tail(read_range(row.size, row.range), row.upto, row.root)


def _keep_tail(conn: Connection, origin: str, read: Tail) -> None:
    values: Mapping[str, object] = {
        "origin": origin,
        "size": read.range.size,
        "range": encode_range(read.range),
        "upto": read.upto,
        "root": read.root,
    }
    put(tables.log_tails).changed(conn, values)


def _add_finding(conn: Connection, origin: str, finding: Finding) -> None:
    row = {
        "origin": origin,
        "idx": finding.index,
        "code": finding.code,
        "since": finding.since,
    }
    added_once(tables.log_findings).changed(conn, row)


def _begin_anew(conn: Connection, origin: str, upto: int, now: datetime) -> None:
    conn.execute(delete(tables.log_tails).where(tables.log_tails.c.origin == origin))
    _add_finding(conn, origin, Finding(upto, DIFFERENT, now))
