"""Events of the log with what opens them for somebody, and what an agency is to each.

Nothing here holds a key or a salt: openings are made from the vault's key for each answer and
stored nowhere.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    column,
    exists,
    or_,
    select,
    values,
)

from exchange.audit.event import read_event
from exchange.hub.storage import consents as consent_rows
from exchange.hub.storage import erasures
from exchange.hub.storage.log_tables import (
    log_checkpoint,
    log_entry,
    log_event,
)
from exchange.hub.storage.tables import (
    Word,
    agreement_parties,
    consents,
    disclosure_recipients,
    disclosures,
)
from exchange.prepared import Prepared


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An event or a public document, as it was recorded."""

    rid: str
    chain: str | None
    """UUID of the chain; None of a public document."""
    n: int
    """Its number in the chain; 0 of a document."""
    kind: str
    """Of the event, or the topic of the document."""
    body: bytes = field(repr=False)
    detail: bytes | None = field(repr=False)
    """Canonical JSON behind the event's member `detail`."""

    def event(self) -> Mapping[str, Any]:
        """Return the members of the event; of a document none."""
        return self._members

    @cached_property
    def _members(self) -> Mapping[str, Any]:
        # Read once: whoever judges an entry asks for them again and again.
        return {} if self.chain is None else read_event(self.body)


@dataclass(frozen=True, slots=True)
class Role:
    """What an agency is to one consent."""

    collected: bool
    """It has collected the consent."""
    reads: bool
    """The consent exists for it."""
    erases: bool
    """It was asked to erase what came under it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an agency is to what some events are about."""

    agreements: frozenset[str]
    """Digests of those it is a party of."""
    consents: Mapping[str, Role]
    """By the chain of the consent."""
    sent: frozenset[tuple[str, str]]
    """Chain and manifest of disclosures it has sent."""
    received: frozenset[tuple[str, str]]
    """The same of those that exist for it as a recipient."""
    erasures: frozenset[str]
    """Ids of those that it must answer or may see."""


_COLUMNS = (
    log_event.c.rid,
    log_event.c.chain,
    log_event.c.n,
    log_event.c.kind,
    log_event.c.body,
    log_event.c.detail,
)
_FIND = Prepared(select(*_COLUMNS).where(log_event.c.rid == bindparam("of")))
_WINDOW = Prepared(
    select(log_entry.c.idx, *_COLUMNS)
    .join_from(log_entry, log_event, log_entry.c.rid == log_event.c.rid)
    .where(
        log_entry.c.idx >= bindparam("first"),
        log_entry.c.idx < bindparam("end"),
        log_event.c.chain.is_not(None),
    )
    .order_by(log_entry.c.idx)
)
_CHAIN = Prepared(
    select(*_COLUMNS)
    .where(log_event.c.chain == bindparam("of"), log_event.c.n >= bindparam("first"))
    .order_by(log_event.c.n)
    .limit(bindparam("most", type_=Integer))
)
_SIZE = Prepared(select(log_checkpoint.c.size).order_by(log_checkpoint.c.size.desc()).limit(1))


def find(conn: Connection, rid: str) -> Recorded | None:
    """Return what a receipt is about, or None; who may have it is decided afterwards."""
    row = _FIND.one(conn, {"of": rid})
    return None if row is None else _recorded(row)


def window(conn: Connection, first: int, end: int) -> dict[int, Recorded]:
    """Return the events at the indexes from `first` to before `end`, in their order.

    Public documents are left out, and what was erased.
    """
    rows = _WINDOW.all(conn, {"first": first, "end": end})
    return {row.idx: _recorded(row) for row in rows}


def of_chain(conn: Connection, chain: str, *, first: int, limit: int) -> tuple[Recorded, ...]:
    """Return events of a chain in their order, also those that wait for the tree.

    Args:
        conn: may be a reader's.
        chain: its UUID.
        first: number of the first one.
        limit: most of them.
    """
    rows = _CHAIN.all(conn, {"of": chain, "first": first, "most": limit})
    return tuple(_recorded(row) for row in rows)


def signed_size(conn: Connection) -> int:
    """Return how many entries the newest signed head covers."""
    row = _SIZE.one(conn, {})
    return 0 if row is None else row.size


def standing(conn: Connection, caller: str, events: Iterable[Recorded]) -> Standing:
    """Return what `caller` is to what these events are about.

    The same statements for every caller and every event, also for none: neither their number nor
    their time tells what is there.
    """
    about = _About.of(events)
    return Standing(
        agreements=_parties(conn, caller, about.agreements),
        consents=_roles(conn, caller, about.chains),
        sent=_sent(conn, caller, about),
        received=_received(conn, caller, about),
        erasures=erasures.concerning(conn, caller, about.erasures),
    )


@dataclass(frozen=True, slots=True)
class _About:
    """What events name."""

    agreements: frozenset[str]
    chains: frozenset[str]
    manifests: frozenset[tuple[str, str]]
    """Each behind the chain of its consent."""
    erasures: frozenset[str]

    @classmethod
    def of(cls, events: Iterable[Recorded]) -> "_About":
        found = [(one.chain, one.event()) for one in events]

        def named(member: str) -> frozenset[str]:
            return frozenset(event[member] for _, event in found if member in event)

        chains = frozenset(chain for chain, _ in found if chain is not None)
        manifests = frozenset(
            (chain, event["manifest"])
            for chain, event in found
            if chain is not None and "manifest" in event
        )
        return cls(named("agreement"), chains, manifests, named("erasure"))


def _parties(conn: Connection, caller: str, agreements: Collection[str]) -> frozenset[str]:
    query = select(agreement_parties.c.agreement).where(
        agreement_parties.c.agreement.in_(sorted(agreements)), agreement_parties.c.agency == caller
    )
    return frozenset(conn.execute(query).scalars())


def _roles(conn: Connection, caller: str, chains: Collection[str]) -> dict[str, Role]:
    query = select(
        consents.c.chain,
        (consents.c.collected_by == caller).label("collected"),
        consent_rows.may_read(caller).label("reads"),
        consent_rows.must_erase(caller).label("erases"),
    ).where(consents.c.chain.in_(sorted(chains)))
    return {
        row.chain: Role(bool(row.collected), bool(row.reads), bool(row.erases))
        for row in conn.execute(query)
    }


def _sent(conn: Connection, caller: str, about: _About) -> frozenset[tuple[str, str]]:
    query = _disclosures(about).where(disclosures.c.sender == caller)
    return frozenset((row.chain, row.digest) for row in conn.execute(query))


def _received(conn: Connection, caller: str, about: _About) -> frozenset[tuple[str, str]]:
    # What ended before this recipient collected it does not exist for it any more.
    reached = exists().where(
        disclosure_recipients.c.disclosure == disclosures.c.id,
        disclosure_recipients.c.agency == caller,
        disclosure_recipients.c.number.is_not(None),
        or_(
            disclosures.c.state.in_(("stored", "collected", "acknowledged")),
            disclosure_recipients.c.collected_at.is_not(None),
        ),
    )
    return frozenset(
        (row.chain, row.digest) for row in conn.execute(_disclosures(about).where(reached))
    )


def _disclosures(about: _About) -> Any:
    """Select chain and manifest of disclosures; by their consent first, as their index is."""
    asked = pairs(about.manifests or {("", "")})
    return (
        select(asked.c.chain, disclosures.c.digest)
        .join_from(asked, consents, consents.c.chain == asked.c.chain)
        .join(
            disclosures,
            and_(
                disclosures.c.consent == consents.c.digest,
                disclosures.c.digest == asked.c.manifest,
            ),
        )
    )


def pairs(manifests: Collection[tuple[str, str]]) -> CTE:
    """Return chains, each with a manifest, as a table to join with.

    Two lists would be searched crosswise: a thousand of each are a million places of an index.

    Args:
        manifests: one at least.
    """
    columns = column("chain", Word), column("manifest", Word)
    return values(*columns, name="asked").data(sorted(manifests)).cte()


def _recorded(row: Row[*tuple[object, ...]]) -> Recorded:
    return Recorded(
        rid=row.rid,
        chain=row.chain,
        n=row.n or 0,
        kind=row.kind,
        body=row.body,
        detail=row.detail,
    )
