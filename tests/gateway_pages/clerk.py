"""Somebody at the gateway's pages with a real Chromium and no script, watched closely.

At the end of a visit there was no message in the console (so no breach of the policy), no request
to another host, nothing stored but the one cookie, and no dialog.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, Response

from exchange.agency.pages.session import COOKIE
from tests.agency.local import Local

LANGUAGES = ("de", "en")
PHONE = {"width": 320, "height": 640}
FOCUS = """target => {
  const at = document.activeElement, line = getComputedStyle(at), box = at.getBoundingClientRect();
  const drawn = line.outlineStyle === "solid" && parseFloat(line.outlineWidth) >= 3;
  const inside = box.top >= -1 && box.bottom <= innerHeight + 1;
  return [at === target, at === document.body || (drawn && inside) ? null : at.outerHTML];
}"""
"""Whether the focus is at `target`, and where it is if nobody sees it there."""
STEPS = 120
"""How often the tab key is pressed before something counts as out of reach."""


@dataclass
class Clerk:
    """One visit to the pages of one office."""

    local: Local
    context: BrowserContext
    page: Page
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def arrives(
        cls, local: Local, browser: Browser, *, scripts: bool = False, **options: Any
    ) -> AsyncIterator["Clerk"]:
        chosen = {"locale": "de-DE", "timezone_id": "Europe/Berlin", **options}
        context = await browser.new_context(java_script_enabled=scripts, **chosen)
        clerk = cls(local, context, await context.new_page())
        clerk.page.on("console", lambda message: clerk.console.append(message.text))
        clerk.page.on("pageerror", lambda error: clerk.console.append(str(error)))
        clerk.page.on("dialog", lambda dialog: clerk.console.append(f"dialog {dialog.message}"))
        context.on("request", lambda request: clerk.asked(request.url))
        try:
            yield clerk
            await clerk.left_nothing()
        finally:
            await context.close()

    def asked(self, address: str) -> None:
        if not address.startswith(f"{self.local.origin}/"):
            self.foreign.append(address)

    async def left_nothing(self) -> None:
        assert self.console == [], self.console
        assert self.foreign == [], self.foreign
        kept = await self.context.storage_state(indexed_db=True)
        assert kept["origins"] == []
        assert {cookie["name"] for cookie in kept["cookies"]} <= {COOKIE}

    # Act

    async def opens(self, path: str = "/") -> Response:
        found = await self.page.goto(self.local.origin + path)
        assert found is not None
        return found

    async def signs_in(self, lang: str = "de", token: str | None = None) -> None:
        await self.opens(f"/enter?lang={lang}")
        await self.page.fill("#token", self.local.token if token is None else token)
        await self.presses("form[action='/enter'] button.first")

    async def presses(self, selector: str) -> None:
        """Press the one button or link that matches, and wait for the page behind it."""
        async with self.page.expect_navigation():
            await self.page.locator(selector).first.click()

    async def saves(self, selector: str) -> tuple[str, bytes]:
        """Follow a link that saves a file; return its name and content."""
        async with self.page.expect_download() as arriving:
            await self.page.locator(selector).first.click()
        saved = await arriving.value
        return saved.suggested_filename, Path(await saved.path()).read_bytes()

    # See

    async def heading(self) -> str:
        return (await self.page.locator("h1").inner_text()).strip()

    async def text(self) -> str:
        return await self.page.locator("main").inner_text()

    async def note(self) -> str:
        return await self.page.locator("[role=status]").inner_text()

    async def enters(self) -> None:
        """Press the enter key, and wait for the page behind it."""
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def reaches(self, target: Locator) -> None:
        """Go to something with the tab key alone."""
        for _ in range(STEPS):
            await self.page.keyboard.press("Tab")
            there, hidden = await target.evaluate(FOCUS)
            assert not hidden, hidden
            if there:
                return
        raise AssertionError(f"the tab key does not reach {target}")
