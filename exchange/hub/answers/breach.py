"""What a lost key, account or code has exposed: exactly, page by page.

Counts are exact here: the report to the authority needs them (Art. 33(3) GDPR). What is affected
is found in `exchange.hub.answers.affected`.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from exchange.hub.answers.affected import affected
from exchange.hub.answers.frame import Answered, agency_of, newest_head
from exchange.hub.answers.lost.code import consent_of_code
from exchange.hub.answers.lost.log_key import vouched
from exchange.hub.answers.lost.mark import BEGIN, Mark, read_mark
from exchange.hub.answers.lost.question import Kind, Wanted
from exchange.hub.answers.lost.rows import Affected, Doubtful, Openable, SealedBlock, Shown
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
    """Exact counts over all pages."""

    disclosures: int
    """Openable, those that are so only from a copy included; of a code those it showed."""
    consents: int
    special: int
    professional_or_higher: int
    sealed_blocks: int
    doubtful: int
    shown: int
    agencies: tuple[str, ...]
    """Those that sent the disclosures."""
    rows: int
    """Of all lists together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Exactly what is affected, as far as the agency may know."""

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
        )


async def scope_breach(
    hub: Hub, asker: Officer, wanted: Wanted, *, after: str | None, limit: int
) -> Answered[Wanted, Breach]:
    """Return a page of what a lost key, account or code has exposed of the agency's relations.

    A page with something in it leaves an `officer-export` on the agency's chain before it goes
    out; asking about a code is a look at its consent, too.

    Raises:
        NotPermitted: the asker reads no records.
        Malformed: not a cursor.
        Unavailable: the vault is away.
    """
    agency, now, behind = agency_of(asker), hub.clock(), read_mark(after)
    rows, next_mark = await _page(hub, agency, wanted, behind, now, limit)
    totals = await count(hub, agency, wanted, now) if behind == BEGIN else None
    if rows:
        await note_look(hub, asker, wanted)
        head = newest_head(hub)
        size = 0 if head is None else head.size
        await trace.record_export(hub, asker, first=0, until=size, count=len(rows))
    else:
        await trace.record_look(hub, asker)
    found = await framed(hub, agency, wanted, now, totals)
    return replace(
        found,
        answer=found.answer.with_rows(rows, wanted.since),
        next=None if next_mark is None else next_mark.write(),
    )


async def pages_of(
    hub: Hub, agency: str, wanted: Wanted, now: datetime, limit: int
) -> AsyncGenerator[list[Affected], None]:
    """Yield everything that is affected, and note nothing: its caller does, before."""
    mark: Mark | None = BEGIN
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
            vouched=await vouched(hub) if wanted.kind == "log" else None,
            totals=totals,
            next_steps=STEPS[wanted.kind],
        ),
    )


async def count(hub: Hub, agency: str, wanted: Wanted, now: datetime) -> Totals:
    """Return the exact counts of everything that is affected."""
    counted = _Counting()
    async with aclosing(affected(hub, agency, wanted, behind=BEGIN, now=now)) as found:
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
    rows: int = 0

    def add(self, row: Affected) -> None:
        """Count a row."""
        self.rows += 1
        if row.consent is not None:
            self.consents.add(row.consent)
        self.blocks += isinstance(row, SealedBlock)
        self.doubtful += isinstance(row, Doubtful)
        self.shown += isinstance(row, Shown)
        sent = row.sent if isinstance(row, Shown) else row
        if isinstance(sent, Openable):
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
            agencies=tuple(sorted(self.agencies)),
            rows=self.rows,
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
