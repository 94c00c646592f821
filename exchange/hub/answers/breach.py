"""What a lost key, account or code has exposed, page by page: exactly, or named as the most.

Counts are exact, or say that they are upper bounds: the report to the authority needs them
(Art. 33(3) GDPR). What is affected is found in `exchange.hub.answers.affected`.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from exchange.hub.answers.affected import affected
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.answers.lost.code import consent_of_code
from exchange.hub.answers.lost.log_key import vouched
from exchange.hub.answers.lost.looks import cut_of
from exchange.hub.answers.lost.mark import Mark, read_mark
from exchange.hub.answers.lost.question import Kind, Wanted
from exchange.hub.answers.lost.rows import (
    Affected,
    Doubtful,
    Openable,
    PerhapsSeen,
    SealedBlock,
    Shown,
)
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements
from exchange.vocabulary import Body, Secrecy

LOOKED: Final = 10_000
"""Rows that a page looks at, however few of them are affected."""
NEWEST: Final = 500
"""Agreements that are asked what an agency is."""
REPORT: Final = timedelta(hours=72)
"""Time to report to the authority (Art. 33(1) GDPR)."""
STEPS: Final[dict[Kind, tuple[str, ...]]] = {
    "document": ("rotate", "senders-seal-again", "inform-persons-when-risk-is-high"),
    "identity": ("succession", "look-through-doubtful", "inform-persons-when-risk-is-high"),
    "account": ("remove-account", "look-through-doubtful", "inform-persons-when-risk-is-high"),
    "log": ("succeed-log", "compare-heads", "keep-receipts", "look-through-doubtful"),
    "code": ("replace-code", "ask-person", "consent-anew", "inform-persons-when-risk-is-high"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts over all pages: exact, but for what looks may have shown."""

    disclosures: int
    """Openable, those that are so only from a copy included; of a code those it showed."""
    consents: int
    special: int
    professional_or_higher: int
    sealed_blocks: int
    doubtful: int
    shown: int
    perhaps_seen: int
    at_most: bool
    """True: disclosures and consents count what looks may have shown, too. They are upper bounds
    then, and no exact numbers."""
    agencies: tuple[str, ...]
    """Those that sent the disclosures."""
    rows: int
    """Of all lists together."""
    entries: tuple[int, int]
    """The first entry of the log that a row is, and the one behind the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """What is affected, as far as the agency may know; `perhaps_seen` is the most it can be."""

    deadline: datetime
    also_notify: tuple[str, ...]
    """`social-data`: also the supervisory authority that § 83a SGB X names."""
    openable: tuple[Openable, ...]
    """Sealed to the key, and its header existed at or after the moment."""
    openable_if_copied: tuple[Openable, ...]
    """The same, but the header was gone before: only who had copied it can read it."""
    sealed_blocks: tuple[SealedBlock, ...]
    """Recorded while the key was in use; which key a block is sealed to the hub cannot see."""
    doubtful: tuple[Doubtful, ...]
    shown: tuple[Shown, ...]
    perhaps_seen: tuple[PerhapsSeen, ...]
    """The most that the looks under `doubtful` can have shown."""
    vouched: int | None
    """Of the log's key: entries before this one stand under a head that the witnesses have
    cosigned, and are not doubtful. None of everything else."""
    totals: Totals | None
    """None behind the first page."""
    next_steps: tuple[str, ...]

    def with_rows(self, rows: Sequence[Affected], since: datetime) -> "Breach":
        """Return the same with these rows, each in its list; exposed since a moment."""
        openable = [one for one in rows if isinstance(one, Openable)]
        return replace(
            self,
            openable=tuple(one for one in openable if not one.gone_before(since)),
            openable_if_copied=tuple(one for one in openable if one.gone_before(since)),
            sealed_blocks=tuple(one for one in rows if isinstance(one, SealedBlock)),
            doubtful=tuple(one for one in rows if isinstance(one, Doubtful)),
            shown=tuple(one for one in rows if isinstance(one, Shown)),
            perhaps_seen=tuple(one for one in rows if isinstance(one, PerhapsSeen)),
        )


async def scope_breach(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, Breach]:
    """Return a page of what a lost key, account or code has exposed of the agency's relations.

    Behind the first page a cursor says how long the log was then: looks since are no part of it.
    A page with something in it leaves an `officer-export` on the agency's chain before it goes
    out; asking about a code is a look at its consent, too.

    Raises:
        NotPermitted: the asker reads no records.
        Malformed: not a cursor.
        Unavailable: the vault is away.
    """
    agency, now, behind = agency_of(asker), hub.clock(), await begun(hub, after)
    rows, next_mark = await _page(hub, agency, wanted, behind, now, limit)
    totals = await count(hub, agency, wanted, now, behind) if after is None else None
    if rows:
        await note_look(hub, asker, wanted)
        first, until = _entries(hub, rows)
        await trace.record_export(hub, asker, first=first, until=until, count=len(rows))
    else:
        await trace.record_look(hub, asker)
    found = await framed(hub, agency, wanted, now, totals)
    return replace(
        found,
        answer=found.answer.with_rows(rows, wanted.since),
        next=None if next_mark is None else next_mark.write(),
    )


async def begun(hub: Hub, after: str | None = None) -> Mark:
    """Return where to begin or to go on; what is asked now is no part of its own answer.

    Raises:
        Malformed: not a cursor.
    """
    return Mark(cut=await cut_of(hub)) if after is None else read_mark(after)


async def pages_of(
    hub: Hub, agency: str, wanted: Wanted, now: datetime, limit: int, begin: Mark
) -> AsyncGenerator[list[Affected], None]:
    """Yield everything that is affected, and note nothing: its caller does, before."""
    mark: Mark | None = begin
    while mark is not None:
        rows, mark = await _page(hub, agency, wanted, mark, now, limit)
        yield rows


async def framed(
    hub: Hub, agency: str, wanted: Wanted, now: datetime, totals: Totals | None
) -> Answered[Wanted, Breach]:
    """Return an answer without rows."""
    social = await hub.db.read(_is_social, hub, agency)
    return Answered(
        question="breach",
        agency=agency,
        asked=wanted,
        answered_at=now,
        checkpoint=newest_head(hub),
        answer=Breach(
            deadline=wanted.noticed_at + REPORT,
            also_notify=("social-data",) if social else (),
            openable=(),
            openable_if_copied=(),
            sealed_blocks=(),
            doubtful=(),
            shown=(),
            perhaps_seen=(),
            vouched=await vouched(hub) if wanted.kind == "log" else None,
            totals=totals,
            next_steps=STEPS[wanted.kind],
        ),
    )


async def count(hub: Hub, agency: str, wanted: Wanted, now: datetime, asked: Mark) -> Totals:
    """Return the counts of everything that is affected.

    Args:
        hub: the parts.
        agency: whose relations they are.
        wanted: the question.
        now: nothing later counts.
        asked: any mark of the answer: its looks end where that says.
    """
    counted = _Counting()
    begin = Mark(cut=asked.cut)
    async with aclosing(affected(hub, agency, wanted, behind=begin, now=now)) as found:
        async for _, row in found:
            if row is not None:
                counted.add(row)
    return counted.totals()


async def note_look(hub: Hub, asker: Officer, wanted: Wanted) -> None:
    """Note that an officer looks at the consent of a code she asks about; of all else nothing.

    Raises:
        NotPermitted: the asker reads no records.
        Unavailable: the vault is away.
    """
    if wanted.kind != "code":
        return
    digest = await consent_of_code(hub, agency_of(asker), wanted)
    if digest is not None:
        await trace.record_read(hub, asker, digest)


def _entries(hub: Hub, rows: Sequence[Affected]) -> tuple[int, int]:
    """Return between which entries of the log rows lie; of a document key's, how long it was."""
    indexes = [one.index for one in rows if not isinstance(one, Openable | SealedBlock)]
    if indexes:
        return min(indexes), max(indexes) + 1
    head = newest_head(hub)
    return 0, 0 if head is None else head.size


async def _page(
    hub: Hub, agency: str, wanted: Wanted, behind: Mark, now: datetime, limit: int
) -> tuple[list[Affected], Mark | None]:
    """Return the next rows and, where there is more, behind which mark to go on."""
    rows: list[Affected] = []
    come, looked = behind, 0
    async with aclosing(affected(hub, agency, wanted, behind=behind, now=now)) as found:
        async for mark, row in found:
            if looked == LOOKED or (row is not None and len(rows) == limit):
                return rows, come
            rows += [] if row is None else [row]
            come, looked = mark, looked + 1
    return rows, None


@dataclass(slots=True)
class _Counting:
    """Counts of rows, one after the other; of consents and agencies it remembers the names."""

    consents: set[str] = field(default_factory=set)
    agencies: set[str] = field(default_factory=set)
    disclosures: int = 0
    special: int = 0
    grave: int = 0
    blocks: int = 0
    doubtful: int = 0
    shown: int = 0
    perhaps: set[int] = field(default_factory=set)
    """Disclosures that looks may have shown, of which several entries can tell."""
    perhaps_rows: int = 0
    rows: int = 0
    entries: tuple[int, int] = (0, 0)

    def add(self, row: Affected) -> None:
        """Count a row."""
        self.rows += 1
        if not isinstance(row, Openable | SealedBlock):
            first, end = self.entries if self.entries[1] else (row.index, 0)
            self.entries = min(first, row.index), max(end, row.index + 1)
        if row.consent is not None:
            self.consents.add(row.consent)
        self.blocks += isinstance(row, SealedBlock)
        self.doubtful += isinstance(row, Doubtful)
        self.shown += isinstance(row, Shown)
        self.perhaps_rows += isinstance(row, PerhapsSeen)
        sent = row.sent if isinstance(row, Shown | PerhapsSeen) else row
        if isinstance(sent, Openable):
            if isinstance(row, PerhapsSeen):
                named = UUID(sent.disclosure).int
                if named in self.perhaps:
                    return
                self.perhaps.add(named)
            self.disclosures += 1
            self.special += sent.special
            self.grave += _is_grave(sent.secrecy)
            self.agencies.add(sent.sender)

    def totals(self) -> Totals:
        """Return what was counted."""
        return Totals(
            disclosures=self.disclosures,
            consents=len(self.consents),
            special=self.special,
            professional_or_higher=self.grave,
            sealed_blocks=self.blocks,
            doubtful=self.doubtful,
            shown=self.shown,
            perhaps_seen=self.perhaps_rows,
            at_most=self.perhaps_rows > 0,
            agencies=tuple(sorted(self.agencies)),
            rows=self.rows,
            entries=self.entries,
        )


def _is_grave(code: str) -> bool:
    return any(one.code == code and one >= Secrecy.PROFESSIONAL for one in Secrecy)


def _is_social(conn: Connection, hub: Hub, agency: str) -> bool:
    """Tell whether the agency is a body of § 35 SGB I, as its newest agreements have it."""
    for stored in agreements.listed(conn, agency, after=None, limit=NEWEST):
        terms, _ = hub.records.agreement(conn, stored.digest, stored.statement)
        if terms.party(agency).body is Body.SGB35:
            return True
    return False
