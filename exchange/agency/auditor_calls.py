"""The questions of an auditor, as her own tool asks them of the hub.

Each needs a token of her account, which opens nothing else; `Calls` asks for it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from exchange.agency.calls import Calls, Credentials, Patience
from exchange.agency.officer_calls import page_query
from exchange.agency.session import open_session
from exchange.wire import audit, audit_routes, figures
from exchange.wire.routes import AUDITOR


class AuditorCalls:
    """Questions over one session. Make it with `connect_auditor`."""

    def __init__(self, calls: Calls) -> None:
        """Take what makes single calls."""
        self._calls = calls

    async def access_token(self) -> str:
        """Return the access token that calls carry, for tools of another kind."""
        return await self._calls.bearer(AUDITOR)

    async def audit_agreements(self, *, after: str | None = None) -> audit.AgreementsAudited:
        """Return a page of agreements, whoever's they are."""
        return await self._calls.call(
            audit_routes.AGREEMENTS, audit.AgreementsAudited, query=page_query(after)
        )

    async def audit_figures(
        self, agreement: str, period: str, *, by: figures.By = "total"
    ) -> audit.FiguresAudited:
        """Return published figures of an agreement; NotFound when there is none."""
        return await self._calls.call(
            audit_routes.FIGURES,
            audit.FiguresAudited,
            path={"id": agreement, "period": period},
            query={"by": by},
        )

    async def audit_log(self) -> audit.LogAudited:
        """Return how the log is doing, its newest published head, and who has signed it."""
        return await self._calls.call(audit_routes.LOG, audit.LogAudited)

    async def audit_entry(self, index: int) -> audit.EntryAudited:
        """Return the proof of an entry; NotFound when no signed head covers it."""
        return await self._calls.call(
            audit_routes.ENTRY, audit.EntryAudited, path={"index": str(index)}
        )

    async def audit_growth(self, old: int, new: int | None = None) -> audit.GrowthAudited:
        """Return the proof that the log has only grown; NotFound when a head is not kept."""
        query = {"old": old} if new is None else {"old": old, "new": new}
        return await self._calls.call(audit_routes.GROWTH, audit.GrowthAudited, query=query)


@asynccontextmanager
async def connect_auditor(
    origin: str,
    credentials: Credentials,
    *,
    clock: Callable[[], datetime],
    certificates: Path | None = None,
    proxy: str | None = None,
) -> AsyncIterator[AuditorCalls]:
    """Yield an auditor's questions to the hub at `origin`; see `exchange.agency.client.connect`."""
    async with open_session(certificates, proxy) as session:
        yield AuditorCalls(Calls(session, origin, credentials, clock=clock, patience=Patience()))
