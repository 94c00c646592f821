"""Somebody at the officers' pages with a real Chromium and no script."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser

from exchange.hub.desk.entrance import BACK
from exchange.hub.desk.shell import LANGUAGE
from exchange.hub.officers import links
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.sessions import COOKIE
from tests.simulator import Simulator
from tests.visit import Visit

CLEARED = "Clear-Site-Data header"


@dataclass(kw_only=True)
class Reader(Visit):
    """One visit."""

    sim: Simulator

    @classmethod
    @asynccontextmanager
    async def arrives(
        cls, sim: Simulator, browser: Browser, *, scripts: bool = False, **options: Any
    ) -> AsyncIterator["Reader"]:
        cookies = frozenset({COOKIE, LANGUAGE, BACK})
        given = {"sim": sim, "origin": sim.origin, "cookies": cookies}
        async with cls.begun(browser, scripts=scripts, options=options, **given) as reader:
            yield reader

    async def left_nothing(self) -> None:
        # Chromium notes there that it has done what the page after a logout asked for.
        self.console = [said for said in self.console if not said.startswith(CLEARED)]
        await super().left_nothing()

    async def enters_as(self, officer: Officer, lang: str = "de") -> None:
        """Open a one-time link and press its button."""
        link = await links.make(self.sim.hub, officer.id)
        await self.opens(f"/officer/link/{link.secret}?lang={lang}")
        await self.presses("form[action='/officer/link'] button.first")
