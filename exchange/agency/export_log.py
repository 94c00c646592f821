"""Export the log with everything this agency may open of it, for officers, auditors and courts.

Works beside a running gateway: of its state it only reads. What the hub delivers is judged by the
agency's own policy, and the whole log is audited while it is copied.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from exchange.agency import tables
from exchange.agency.client import HubClient
from exchange.agency.log_policy import MISSING, read_trusted
from exchange.agency.parts import Desk
from exchange.agency.state import WAITING, Erasing, Receiving, Sending
from exchange.agency.tables import schema
from exchange.audit.opening import read_opening
from exchange.audit.policy import judge
from exchange.audit.spelling import read_base64
from exchange.canonical import digest, loads
from exchange.errors import HubMisbehaves, Misconfigured, NotFound, Unavailable
from exchange.keyid import IdentityCard, identity_card
from exchange.sqlite_file import reader_engine
from exchange.verifier.entries import Progress
from exchange.verifier.export import Belongings, Export, Openings
from exchange.verifier.opened import Opened
from exchange.verifier.pack import pack
from exchange.wire import log, shapes

LARGEST_CARD = 4 * 1024
"""Bytes of a stored identity card; it has 2.7 kB."""
_LODGED = (
    *(Sending.STORED, Sending.COLLECTED, Sending.ACKNOWLEDGED, Sending.EXPIRED, Sending.ENDED),
)
_ANSWERED = (Receiving.DONE, Receiving.ERASED)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds."""

    size: int
    """Entries of the log."""
    opened: int
    """Entries that it opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Store:
    """What the gateway's own state adds."""

    statements: tuple[bytes, ...] = field(default=(), repr=False)
    cards: tuple[IdentityCard, ...] = ()
    status: dict[str, bytes] = field(default_factory=dict, repr=False)
    waiting: tuple[str, ...] = ()
    """Ids of sent disclosures that were answered since, perhaps."""
    older: dict[int, bytes] = field(default_factory=dict, repr=False)


async def export_log(desk: Desk, out: Path, progress: Progress) -> Exported:
    """Write an export of the log as it is now.

    Args:
        desk: speaks for the agency.
        out: a folder, or a file ending in `.tar`; it must not exist.
        progress: told as the entries are read.

    Raises:
        Misconfigured: the gateway has no policy of the log.
        Unavailable: no head is published yet, or too few witnesses have signed the newest one.
        LogInvalid: the log does not hold; nothing is written.
        Conflict: `out` exists.
    """
    trusted = read_trusted(desk.home)
    if trusted is None:
        raise Misconfigured(MISSING)
    try:
        note = await desk.client.log.checkpoint()
    except NotFound:
        raise Unavailable("no head of the log is published yet; try again in a minute") from None
    head = judge(trusted.policy, note)
    if head.checkpoint.origin != trusted.origin:
        raise HubMisbehaves("the hub delivered the head of another log")
    if not head.quorum:
        raise Unavailable("too few witnesses have signed the newest head; try again in a minute")
    store = _read_store(desk.home.state_file, trusted.origin)
    directory = [agency async for agency in desk.client.every_agency()]
    belongings = Belongings(
        agency=desk.agency,
        policy=trusted.raw,
        older=store.older,
        statements=store.statements,
        tombstone=partial(_tombstone, desk.client),
        cards=[*store.cards, *_cards(directory)],
        status=store.status,
    )
    known = await known_at_hub(desk.client, store.waiting)
    export = Export(desk.client.log, head, belongings)
    await pack(out, export.members(_openings(desk.client, known), progress))
    return Exported(head.checkpoint.size, export.opened)


async def known_at_hub(client: HubClient, waiting: Iterable[str]) -> dict[str, bytes]:
    """Return the statements that the hub keeps for this agency, by digest.

    Args:
        client: speaks for the agency.
        waiting: ids of disclosures that were answered since, perhaps. One that the hub knows no
            more, since it was restored from a backup, adds nothing.
    """
    found = [one.encode("utf-8") async for one in _delivered(client, waiting)]
    return {digest(data): data for data in found}


async def _openings(client: HubClient, known: Mapping[str, bytes]) -> AsyncIterator[Openings]:
    """Yield what this agency may open; the export holds each against its leaf when checked."""
    after: int | None = None
    while True:
        page = await client.log.openings(after=after)
        yield Openings([_opened(one) for one in page.entries], known)
        if page.next is None:
            return
        if after is not None and page.next <= after:
            raise HubMisbehaves("the hub's pages do not end")
        after = page.next


def _opened(one: log.Opened) -> Opened:
    detail = None if one.detail is None else read_base64(one.detail)
    return Opened(one.index, read_opening(read_base64(one.opening)), detail)


async def _delivered(client: HubClient, waiting: Iterable[str]) -> AsyncIterator[str]:
    """Yield statements that the hub keeps for this agency; an event has to name them to count."""
    async for agreement in client.every_agreement():
        yield agreement.statement
        for text in _added(agreement):
            yield text
    async for consent in client.every_consent():
        yield consent.statement
        yield consent.withdrawal or ""
    for disclosure_id in waiting:
        for recipient in await _recipients(client, disclosure_id):
            yield recipient.acknowledgement or ""
    async for request in client.every_request():
        yield request.statement or ""
    async for erasure in client.every_erasure():
        yield erasure.confirmation or ""


async def _recipients(client: HubClient, disclosure_id: str) -> tuple[shapes.RecipientState, ...]:
    try:
        return (await client.disclosure(disclosure_id)).recipients
    except NotFound:
        return ()


def _added(agreement: shapes.Agreement) -> tuple[str, ...]:
    """Return what its parties have added to an agreement."""
    signatures = (signature.statement for signature in agreement.signatures)
    return (*signatures, *(notice.statement for notice in agreement.notices))


async def _tombstone(client: HubClient, name: str) -> bytes | None:
    try:
        data = await client.log.tombstone(name)
    except NotFound:
        return None
    if digest(data) != name:
        raise HubMisbehaves("the hub delivered another list of what was erased")
    return data


def _cards(directory: list[shapes.Agency]) -> Iterator[IdentityCard]:
    for agency in directory:
        for card in (agency.card, agency.previous):
            if card is not None:
                yield identity_card(card.model_dump(by_alias=True))


def _read_store(state_file: Path, origin: str) -> _Store:
    """Return what a gateway's state adds to a log; of one that has none yet, nothing."""
    if not state_file.exists():
        return _Store()
    engine = reader_engine(state_file)
    try:
        with engine.connect() as connection:
            schema.check(connection)
            return _read(connection, origin)
    finally:
        engine.dispose()


def _read(conn: Connection, origin: str) -> _Store:
    evidence, heads = tables.evidence.c, tables.log_heads.c
    status = select(evidence.digest, evidence.data).where(evidence.kind == "status")
    older = select(heads.size, heads.note).where(heads.origin == origin)  # not of a closed log
    sent = tables.sent.c
    waiting = select(sent.id).where(sent.state.in_([state.value for state in WAITING]))
    return _Store(
        statements=tuple(_statements(conn)),
        cards=tuple(
            identity_card(loads(card, limit=LARGEST_CARD))
            for card in conn.execute(select(tables.cards.c.card)).scalars()
        ),
        waiting=tuple(conn.execute(waiting).scalars()),
        status={row.digest: row.data for row in conn.execute(status)},
        older={row.size: row.note for row in conn.execute(older)},
    )


def _statements(conn: Connection) -> Iterator[bytes]:
    """Yield what was signed, sent and received here, as far as the hub has taken or given it."""
    sent, received = tables.sent.c, tables.received.c
    evidence, erasures = tables.evidence.c, tables.erasures.c
    answered = [state.value for state in _ANSWERED]
    queries = (
        select(tables.consents.c.statement),
        select(sent.manifest).where(sent.state.in_([state.value for state in _LODGED])),
        select(tables.answers.c.statement),
        select(evidence.data).where(evidence.kind == "manifest"),
        select(evidence.data)
        .join(tables.received, received.digest == evidence.digest)
        .where(evidence.kind == "acknowledgement", received.state.in_(answered)),
        select(erasures.statement).where(erasures.state == Erasing.DONE.value),
    )
    for query in queries:
        yield from conn.execute(query).scalars()
