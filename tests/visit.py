"""Somebody at pages of ours with a real Chromium, watched closely.

At the end of a visit there was no message in the console (so no breach of the policy), no request
to another host, nothing stored but the cookies she may have, and no dialog.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from playwright.async_api import Browser, BrowserContext, Locator, Page, Response

from tests.browser import PATIENCE_MS

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


@dataclass(kw_only=True)
class Visit:
    """One visit."""

    origin: str
    cookies: frozenset[str]
    """Names of the cookies that may be left."""
    context: BrowserContext
    page: Page
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def begun(
        cls, browser: Browser, *, scripts: bool, options: dict[str, Any], **given: Any
    ) -> AsyncIterator[Self]:
        """Open a browser of its own while the block runs.

        Args:
            browser: the one of the tests.
            scripts: whether pages may run scripts; the tools of a test need it.
            options: of the context, beside the usual ones.
            given: what the visit is made of.
        """
        chosen = {"locale": "de-DE", "timezone_id": "Europe/Berlin", **options}
        context = await browser.new_context(java_script_enabled=scripts, **chosen)
        context.set_default_timeout(PATIENCE_MS)
        visit = cls(context=context, page=await context.new_page(), **given)
        visit.page.on("console", lambda message: visit.console.append(message.text))
        visit.page.on("pageerror", lambda error: visit.console.append(str(error)))
        visit.page.on("dialog", lambda dialog: visit.console.append(f"dialog {dialog.message}"))
        context.on("request", lambda request: visit.asked(request.url))
        try:
            yield visit
            await visit.left_nothing()
        finally:
            await context.close()

    def asked(self, address: str) -> None:
        if not address.startswith(f"{self.origin}/"):
            self.foreign.append(address)

    async def left_nothing(self) -> None:
        assert self.console == [], self.console
        assert self.foreign == [], self.foreign
        kept = await self.context.storage_state(indexed_db=True)
        assert kept["origins"] == []
        assert {cookie["name"] for cookie in kept["cookies"]} <= self.cookies

    # Act

    async def opens(self, path: str = "/") -> Response:
        found = await self.page.goto(self.origin + path)
        assert found is not None
        return found

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
