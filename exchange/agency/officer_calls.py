"""The questions of a privacy officer, as her agency's own tools ask them of the hub.

Each needs a token of its own kind, which opens nothing else; `Calls` asks for it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, Protocol, TypeAlias, TypeVar

from exchange.agency.calls import Calls
from exchange.errors import HubMisbehaves
from exchange.wire import (
    figures,
    officer,
    officer_files,
    officer_findings,
    officer_papers,
    officer_routes,
    officer_terms,
)
from exchange.wire.officer_breach import BreachAnswer, Lost
from exchange.wire.routes import Operation

MOST = 200
"""Rows of one page, at most."""

Taken: TypeAlias = AbstractAsyncContextManager[AsyncIterator[bytes]]
"""A file while it arrives, piece by piece."""


class Paged(Protocol):
    """A page of an answer."""

    @property
    def next(self) -> str | None:
        """Cursor to go on; None where nothing is left."""


Page = TypeVar("Page", bound=Paged)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Which part of a paper, and in which language."""

    part: int = 1
    lang: officer_papers.Language = "de"

    @property
    def query(self) -> dict[str, str]:
        """Return it as parameters."""
        return {"part": str(self.part), "lang": self.lang}


class OfficerCalls:
    """Questions over the same session as everything else."""

    def __init__(self, calls: Calls) -> None:
        """Take what makes single calls."""
        self._calls = calls

    async def officer_overview(self) -> officer_findings.OverviewAnswer:
        """Return what needs the officer's attention."""
        return await self._calls.call(officer_routes.OVERVIEW, officer_findings.OverviewAnswer)

    async def officer_findings(
        self,
        finding: officer_findings.Finding,
        *,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
    ) -> officer_findings.FindingsAnswer:
        """Return a page of one finding; without days of the last 30."""
        days = {"from": since, "until": until}
        given = {name: day.isoformat() for name, day in days.items() if day is not None}
        return await self._calls.call(
            officer_routes.FINDINGS,
            officer_findings.FindingsAnswer,
            path={"finding": finding},
            query={**given, **page_query(after)},
        )

    async def officer_disclosures(
        self, since: date, until: date, *, after: str | None = None
    ) -> officer.DisclosuresAnswer:
        """Return a page of what was disclosed from a day on and before another."""
        query = {"from": since.isoformat(), "until": until.isoformat(), **page_query(after)}
        return await self._calls.call(
            officer_routes.DISCLOSURES, officer.DisclosuresAnswer, query=query
        )

    async def officer_erasures(
        self,
        state: Literal["open", "overdue", "answered", "all"],
        *,
        after: str | None = None,
    ) -> officer.ErasuresAnswer:
        """Return a page of erasures in a state."""
        query = {"state": state, **page_query(after)}
        return await self._calls.call(officer_routes.ERASURES, officer.ErasuresAnswer, query=query)

    async def officer_remind(self, erasure: str) -> officer.Reminded:
        """Have an agency reminded of an erasure that it owes; NotFound if it owes none."""
        return await self._calls.call(officer_routes.REMIND, officer.Reminded, path={"id": erasure})

    async def officer_breach(
        self,
        kind: Lost,
        key: str,
        since: datetime,
        *,
        until: datetime | None = None,
        noticed_at: datetime | None = None,
        after: str | None = None,
    ) -> BreachAnswer:
        """Return a page of what a lost key, account or code has exposed since a moment.

        Args:
            kind: what was lost.
            key: its name; empty for the log's key, the id of its consent for a code.
            since: from when on it may have been in the wrong hands.
            until: when it was stopped; None is now.
            noticed_at: when it became known; None is now.
            after: `next` of the page before.
        """
        query = {"kind": kind, "from": _compact(since), **page_query(after)}
        if key:
            query["key"] = key
        if until is not None:
            query["until"] = _compact(until)
        if noticed_at is not None:
            query["noticed_at"] = _compact(noticed_at)
        return await self._calls.call(officer_routes.BREACH, BreachAnswer, query=query)

    async def officer_consent(
        self, consent: str, *, at: datetime | None = None
    ) -> officer.ConsentAnswer:
        """Return one consent, and whether it held at a moment; NotFound when it is hidden."""
        query = None if at is None else {"at": _compact(at)}
        return await self._calls.call(
            officer_routes.CONSENT, officer.ConsentAnswer, path={"id": consent}, query=query
        )

    async def officer_agreements(
        self, *, after: str | None = None
    ) -> officer_terms.AgreementsAnswer:
        """Return a page of the agency's agreements."""
        return await self._calls.call(
            officer_routes.AGREEMENTS, officer_terms.AgreementsAnswer, query=page_query(after)
        )

    async def officer_partners(self, *, after: str | None = None) -> officer_terms.PartnersAnswer:
        """Return a page of partners with their keys."""
        return await self._calls.call(
            officer_routes.PARTNERS, officer_terms.PartnersAnswer, query=page_query(after)
        )

    async def officer_art30(self, agreement: str) -> officer_terms.Art30Answer:
        """Return the record of processing of an agreement; NotFound when it is another's."""
        return await self._calls.call(
            officer_routes.ART30, officer_terms.Art30Answer, path={"id": agreement}
        )

    async def officer_processor(self) -> officer_terms.ProcessorAnswer:
        """Return what the hub does on behalf of this agency."""
        return await self._calls.call(officer_routes.PROCESSOR, officer_terms.ProcessorAnswer)

    async def officer_events(
        self, wanted: officer.EventsQuery, *, after: str | None = None
    ) -> officer.EventsAnswer:
        """Return a page of the agency's log, the newest first.

        Args:
            wanted: what narrows it; its page is not used.
            after: `next` of the page before.
        """
        given = wanted.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude={"after", "limit"}
        )
        return await self._calls.call(
            officer_routes.EVENTS, officer.EventsAnswer, query={**given, **page_query(after)}
        )

    async def officer_figures(
        self, agreement: str, period: str, *, by: figures.By = "total"
    ) -> figures.FiguresAnswer:
        """Return published figures of an agreement; NotFound when it is another's."""
        return await self._calls.call(
            officer_routes.FIGURES,
            figures.FiguresAnswer,
            path={"id": agreement, "period": period},
            query={"by": by},
        )

    # As files: all of an answer, while it is made

    def officer_disclosures_file(
        self, since: date, until: date, *, as_: officer_files.Format
    ) -> Taken:
        """Yield the disclosures from a day on and before another, piece by piece."""
        query = {"from": since.isoformat(), "until": until.isoformat(), "format": as_}
        return self._taken(officer_files.DISCLOSURES_FILE, query)

    def officer_erasures_file(
        self,
        state: Literal["open", "overdue", "answered", "all"],
        *,
        as_: officer_files.Format,
    ) -> Taken:
        """Yield the erasures in a state, piece by piece."""
        return self._taken(officer_files.ERASURES_FILE, {"state": state, "format": as_})

    def officer_events_file(
        self, since: date | None, until: date | None, *, as_: officer_files.Format
    ) -> Taken:
        """Yield the agency's log, the newest first, piece by piece."""
        query = {"format": str(as_)}
        if since is not None:
            query["from"] = since.isoformat()
        if until is not None:
            query["until"] = until.isoformat()
        return self._taken(officer_files.EVENTS_FILE, query)

    def officer_partners_file(self, *, as_: officer_files.Format) -> Taken:
        """Yield the partners with their keys, piece by piece."""
        return self._taken(officer_files.PARTNERS_FILE, {"format": as_})

    def officer_breach_file(
        self,
        kind: Lost,
        key: str | None,
        since: datetime,
        *,
        as_: officer_files.Format,
    ) -> Taken:
        """Yield all that a lost key, account or code has exposed since a moment."""
        query = {"kind": str(kind), "from": _compact(since), "format": as_}
        if key is not None:
            query["key"] = key
        return self._taken(officer_files.BREACH_FILE, query)

    # On paper: one part of an answer as PDF

    def officer_disclosures_paper(self, since: date, until: date, sheet: Sheet) -> Taken:
        """Yield a part of the disclosures from a day on and before another."""
        query = {"from": since.isoformat(), "until": until.isoformat()}
        return self._taken(officer_papers.DISCLOSURES_PAPER, {**query, **sheet.query})

    def officer_erasures_paper(
        self, state: Literal["open", "overdue", "answered", "all"], sheet: Sheet
    ) -> Taken:
        """Yield a part of the erasures in a state."""
        return self._taken(officer_papers.ERASURES_PAPER, {"state": state, **sheet.query})

    def officer_breach_paper(
        self, kind: Lost, key: str | None, since: datetime, sheet: Sheet
    ) -> Taken:
        """Yield a part of the report about a lost key, account or code."""
        query = {"kind": str(kind), "from": _compact(since), **sheet.query}
        if key is not None:
            query["key"] = key
        return self._taken(officer_papers.BREACH_PAPER, query)

    def officer_consent_paper(
        self, consent: str, lang: officer_papers.Language, *, at: datetime | None = None
    ) -> Taken:
        """Yield what the page of a consent says; NotFound when it is hidden.

        Args:
            consent: id of the record.
            lang: of the paper.
            at: when it is asked whether it held; None is now.
        """
        query = {"lang": str(lang)}
        if at is not None:
            query["at"] = _compact(at)
        return self._taken(officer_papers.CONSENT_PAPER, query, path={"id": consent})

    def officer_consent_file(self, consent: str) -> Taken:
        """Yield one consent as ISO/IEC TS 27560 orders it; NotFound when it is hidden."""
        return self._taken(officer_files.CONSENT_FILE, {}, path={"id": consent})

    def officer_proof_file(self, receipt: str) -> Taken:
        """Yield the proof of an event; NotFound when it is hidden, or under no signed head."""
        return self._taken(officer_files.PROOF_FILE, {}, path={"id": receipt})

    def officer_log_file(self) -> Taken:
        """Yield the whole log with what the agency may open of it, a tar that is verified here."""
        return self._taken(officer_files.LOG_FILE, {})

    @asynccontextmanager
    async def _taken(
        self,
        operation: Operation,
        query: Mapping[str, str],
        *,
        path: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a file that the hub makes while it is read; what breaks off is an error here."""
        async with self._calls.open(operation, path=path, query=query, streams=True) as response:
            if response.content_type not in (operation.answers, *operation.also_answers):
                raise HubMisbehaves("the hub answered in another media type")
            yield response.content.iter_any()


async def every(ask: Callable[[str | None], Awaitable[Page]]) -> AsyncIterator[Page]:
    """Yield one page after the other; `ask` takes the cursor behind which each begins.

    Raises:
        HubMisbehaves: the hub leads in a circle.
    """
    seen: set[str] = set()
    after: str | None = None
    while True:
        page = await ask(after)
        yield page
        if page.next is None:
            return
        if page.next in seen:
            raise HubMisbehaves("the hub leads in a circle")
        seen.add(page.next)
        after = page.next


def page_query(after: str | None) -> dict[str, str | int]:
    """Return the parameters of a page behind a cursor; of the first one without."""
    return {"limit": MOST} if after is None else {"limit": MOST, "after": after}


def _compact(moment: datetime) -> str:
    """Return a moment as queries of the hub have it: without colons, in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
