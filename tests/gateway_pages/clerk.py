"""Somebody at the gateway's pages with a real Chromium and no script, watched closely."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser

from exchange.agency.pages.session import COOKIE
from tests.agency.local import Local
from tests.visit import Visit


@dataclass(kw_only=True)
class Clerk(Visit):
    """One visit to the pages of one office."""

    local: Local

    @classmethod
    @asynccontextmanager
    async def arrives(
        cls, local: Local, browser: Browser, *, scripts: bool = False, **options: Any
    ) -> AsyncIterator["Clerk"]:
        given = {"local": local, "origin": local.origin, "cookies": frozenset({COOKIE})}
        async with cls.begun(browser, scripts=scripts, options=options, **given) as clerk:
            yield clerk

    async def signs_in(self, lang: str = "de", token: str | None = None) -> None:
        await self.opens(f"/enter?lang={lang}")
        await self.page.fill("#token", self.local.token if token is None else token)
        await self.presses("form[action='/enter'] button.first")
