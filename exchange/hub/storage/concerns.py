"""What the hub knows about the things that some entries name: who could have to do with them.

Each question is asked once for all entries of a window, by the keys of what they name.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, select, union_all

from exchange.hub.storage.disclosures import State
from exchange.hub.storage.log_tables import log_entry, log_event
from exchange.hub.storage.openings import pairs
from exchange.hub.storage.reading import Entry, Place
from exchange.hub.storage.tables import (
    agreement_parties,
    consent_parties,
    consents,
    disclosure_recipients,
    disclosures,
    erasures,
)

RECORDED = "consent-recorded"
WITHDRAWN = "consent-withdrawn"


@dataclass(frozen=True, slots=True)
class Sent:
    """A disclosure that entries are about."""

    sender: str
    state: State
    collected: frozenset[str]
    """Recipients that its header was released to."""


@dataclass(frozen=True, slots=True)
class Held:
    """A consent on whose chain entries are."""

    id: str
    collector: str
    parties: frozenset[str]
    """Releasers and recipients."""
    releasers: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What some entries name."""

    agreements: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Parties by the digest of the agreement."""
    consents: Mapping[str, Held] = field(default_factory=dict)
    """By chain."""
    disclosures: Mapping[tuple[str, str], Sent] = field(default_factory=dict)
    """By chain and digest of the manifest."""
    erasures: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By id: who answers it or may see the answer."""
    recorded: Mapping[str, Place] = field(default_factory=dict)
    """By chain: where the entry stands that records the consent."""
    withdrawn: Mapping[str, Place] = field(default_factory=dict)
    """The same of its withdrawal."""


def gather(conn: Connection, entries: Collection[Entry]) -> Facts:
    """Return what the hub knows of everything that these entries name."""

    def chains(*kinds: str) -> list[str]:
        return sorted({_chain(one) for one in entries if one.found.kind in kinds})

    return Facts(
        agreements=_agreements(conn, _named(entries, "agreement")),
        consents=held(conn, entries),
        disclosures=sent(conn, entries),
        erasures=_erasures(conn, _named(entries, "erasure")),
        recorded=_recorded(conn, chains("disclosure-stored")),
        withdrawn=_withdrawn(conn, chains("erasure-asked")),
    )


def held(conn: Connection, entries: Collection[Entry]) -> dict[str, Held]:
    """Return the consents on whose chains these entries are, by chain."""
    query = (
        select(
            consents.c.chain,
            consents.c.id,
            consents.c.collected_by,
            consent_parties.c.agency,
            consent_parties.c.role,
        )
        .join_from(consents, consent_parties)
        .where(consents.c.chain.in_(sorted({_chain(one) for one in entries})))
    )
    found: dict[str, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in conn.execute(query):
        found[row.chain].append(row)
    return {chain: _held(rows) for chain, rows in found.items()}


def _held(rows: list[Row[*tuple[Any, ...]]]) -> Held:
    return Held(
        id=rows[0].id,
        collector=rows[0].collected_by,
        parties=frozenset(row.agency for row in rows),
        releasers=frozenset(row.agency for row in rows if row.role == "releaser"),
    )


def sent(conn: Connection, entries: Collection[Entry]) -> dict[tuple[str, str], Sent]:
    """Return the disclosures that these entries are about, by chain and manifest."""
    manifests = {(_chain(one), one.event["manifest"]) for one in entries if _is_sent(one)}
    if not manifests:
        return {}
    asked = pairs(manifests)
    query = (
        select(
            asked.c.chain,
            asked.c.manifest,
            disclosures.c.sender,
            disclosures.c.state,
            disclosure_recipients.c.agency,
        )
        .join_from(asked, consents, consents.c.chain == asked.c.chain)
        .join(
            disclosures,
            and_(
                disclosures.c.consent == consents.c.digest,
                disclosures.c.digest == asked.c.manifest,
            ),
        )
        .outerjoin(
            disclosure_recipients,
            and_(
                disclosure_recipients.c.disclosure == disclosures.c.id,
                disclosure_recipients.c.collected_at.is_not(None),
            ),
        )
    )
    found: dict[tuple[str, str], list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in conn.execute(query):
        found[row.chain, row.manifest].append(row)
    return {
        pair: Sent(
            rows[0].sender, rows[0].state, frozenset(row.agency for row in rows if row.agency)
        )
        for pair, rows in found.items()
    }


def records(conn: Connection, entries: Collection[Entry]) -> dict[str, bytes]:
    """Return the signed consents on whose chains these entries are, by chain."""
    query = select(consents.c.chain, consents.c.statement).where(
        consents.c.chain.in_(sorted({_chain(one) for one in entries}))
    )
    return {row.chain: row.statement for row in conn.execute(query)}


def manifests(conn: Connection, entries: Collection[Entry]) -> dict[tuple[str, str], bytes]:
    """Return the manifests that these entries name, by chain and digest; all must name one."""
    if not entries:
        return {}
    asked = pairs({(_chain(one), one.event["manifest"]) for one in entries})
    query = (
        select(asked.c.chain, asked.c.manifest.label("digest"), disclosures.c.manifest)
        .join_from(asked, consents, consents.c.chain == asked.c.chain)
        .join(
            disclosures,
            and_(
                disclosures.c.consent == consents.c.digest,
                disclosures.c.digest == asked.c.manifest,
            ),
        )
    )
    return {(row.chain, row.digest): row.manifest for row in conn.execute(query)}


def _agreements(conn: Connection, digests: Collection[str]) -> dict[str, frozenset[str]]:
    query = select(agreement_parties.c.agreement, agreement_parties.c.agency).where(
        agreement_parties.c.agreement.in_(sorted(digests))
    )
    return _grouped(conn.execute(query))


def _erasures(conn: Connection, ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Return whom `exchange.hub.storage.erasures.concerning` names, of each erasure."""
    mine = erasures.c.id.in_(sorted(ids))
    collected = exists().where(
        disclosure_recipients.c.disclosure == disclosures.c.id,
        disclosure_recipients.c.agency == erasures.c.recipient,
        disclosure_recipients.c.collected_at.is_not(None),
    )
    query = union_all(
        select(erasures.c.id, erasures.c.recipient.label("agency")).where(mine),
        select(erasures.c.id, erasures.c.passed_on_by).where(mine),
        select(erasures.c.id, consents.c.collected_by).join_from(erasures, consents).where(mine),
        select(erasures.c.id, disclosures.c.sender)
        .join_from(erasures, disclosures, disclosures.c.consent == erasures.c.consent)
        .where(mine, collected),
    )
    return _grouped(row for row in conn.execute(query) if row.agency is not None)


def _recorded(conn: Connection, chains: Collection[str]) -> dict[str, Place]:
    query = (
        select(log_event.c.chain, log_event.c.at, log_entry.c.idx)
        .join_from(log_event, log_entry, log_entry.c.rid == log_event.c.rid)
        .where(log_event.c.chain.in_(chains), log_event.c.n == 0)
    )
    return {row.chain: Place(row.at, row.idx) for row in conn.execute(query)}


def _withdrawn(conn: Connection, chains: Collection[str]) -> dict[str, Place]:
    query = (
        select(consents.c.chain, log_event.c.at, log_entry.c.idx)
        .join_from(consents, log_event, log_event.c.rid == consents.c.withdrawal_receipt)
        .join(log_entry, log_entry.c.rid == log_event.c.rid)
        .where(consents.c.chain.in_(chains))
    )
    return {row.chain: Place(row.at, row.idx) for row in conn.execute(query)}


def _grouped(rows: Iterable[Any]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key, agency in rows:
        found[key].add(agency)
    return {key: frozenset(agencies) for key, agencies in found.items()}


def _named(entries: Iterable[Entry], member: str) -> frozenset[str]:
    return frozenset(one.event[member] for one in entries if member in one.event)


def _is_sent(entry: Entry) -> bool:
    return "manifest" in entry.event


def _chain(entry: Entry) -> str:
    return entry.found.chain or ""
