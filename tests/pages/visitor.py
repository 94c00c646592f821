"""Somebody at the person's page with a real Chromium, watched closely.

At the end of a visit there was no message in the console, no request to another host but the
neutral one, no cookie, nothing stored, and no code in any address.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Route,
)

from tests.browser import PATIENCE_MS
from tests.simulator import Simulator

NEUTRAL = "https://neutral.example/"
PERSON = {
    "leave_to": NEUTRAL,
    "contact": "barriere@kreis.example, 0123 456",
    "misses_per_minute": 10_000,
    "misses_per_minute_in_all": 10_000,
}
"""Settings of the page, with a pace no test meets unless it wants to."""
CLEARED = "Clear-Site-Data header"
"""Chromium notes in the console that it has done what the last page asked for."""
ENHANCED = ("color-contrast-enhanced", "target-size")
"""Rules of axe for level AAA, which it leaves out unless asked."""
FOCUS = """target => {
  const at = document.activeElement;
  const line = getComputedStyle(at), box = at.getBoundingClientRect();
  const above = at.closest("header, .skip") ? 0 : document.querySelector("header").offsetHeight;
  const drawn = line.outlineStyle === "solid" && parseFloat(line.outlineWidth) >= 3;
  const inside = box.top >= above - 1 && box.bottom <= innerHeight + 1;
  return [at === target, at === document.body || (drawn && inside) ? null : at.outerHTML];
}"""
"""Whether the focus is at `target`, and where it is if nobody sees it there: no line is drawn
around it, or the bar that stays at the top covers it (WCAG 2.4.7, 2.4.12, 2.4.13)."""
PHONE = {"width": 320, "height": 640}
LANGUAGES = ("de", "en", "de-simple")


@dataclass
class Visitor:
    """One visit."""

    sim: Simulator
    context: BrowserContext
    page: Page
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    stores: bool = False
    """Whether this visit may leave something in the browser: a key she wants to keep."""

    @classmethod
    @asynccontextmanager
    async def arrives(
        cls, sim: Simulator, browser: Browser, *, scripts: bool, **options: Any
    ) -> AsyncIterator["Visitor"]:
        chosen = {"locale": "de-DE", "viewport": PHONE, **options}
        context = await browser.new_context(java_script_enabled=scripts, **chosen)
        context.set_default_timeout(PATIENCE_MS)
        visitor = cls(sim, context, await context.new_page())
        await visitor.watch()
        yield visitor
        await visitor.left_nothing()
        await context.close()

    async def watch(self) -> None:
        async def neutral(route: Route) -> None:
            await route.fulfill(body="<title>Wetter</title>", content_type="text/html")

        await self.context.route(f"{NEUTRAL}**", neutral)
        self.page.on("console", lambda message: self.said(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.context.on("request", lambda request: self.asked(request.url))

    def said(self, text: str) -> None:
        if not text.startswith(CLEARED):
            self.console.append(text)

    def asked(self, address: str) -> None:
        self.addresses.append(address)
        if not address.startswith((f"{self.sim.origin}/p/", NEUTRAL)):
            self.foreign.append(address)

    async def left_nothing(self) -> None:
        assert self.console == [], self.console
        assert self.foreign == [], self.foreign
        if self.stores:
            return
        kept = await self.context.storage_state(indexed_db=True)
        assert kept == {"cookies": [], "origins": []}

    # Act

    async def opens(self, lang: str = "de") -> None:
        await self.page.goto(f"{self.sim.origin}/p/?lang={lang}")

    async def types(self, code: str) -> None:
        """Type a code by keyboard alone and send it."""
        await self.page.locator("#code").focus()
        await self.page.keyboard.type(code)
        await self.sends()

    async def enters(self, code: str, lang: str = "de") -> None:
        await self.opens(lang)
        await self.types(code)

    def button(self, do: str) -> Locator:
        """Return the button that asks for `do`; empty: that shows the consent."""
        asking = f"form:has(input[name=do][value='{do}'])"
        form = asking if do else ".actions form:not(:has(input[name=do]))"
        return self.page.locator(f"{form} button").first

    async def presses(self, do: str) -> None:
        """Press the button that asks for `do`, by keyboard."""
        await self.reaches(self.button(do))
        await self.sends()

    async def sends(self) -> None:
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def reaches(self, target: Locator) -> None:
        """Move the focus to `target` with the tab key, as people without a mouse do.

        Wherever it stands on the way, it must be seen.
        """
        for _ in range(60):
            await self.page.keyboard.press("Tab")
            there, hidden = await target.evaluate(FOCUS)
            assert not hidden, hidden
            if there:
                return
        raise AssertionError(f"the tab key does not reach {await target.element_handle()}")

    # Look

    async def heading(self) -> str:
        return (await self.page.locator("h1").inner_text()).strip()

    async def text(self) -> str:
        return await self.page.locator("body").inner_text()

    async def shot(self, name: str) -> None:
        await self.page.screenshot(path=f"/tmp/shots/{name}.png", full_page=True)

    async def axe(self, only: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return what axe objects to, the criteria of level AAA included.

        Args:
            only: names of the rules to ask; all by default.
        """
        options: dict[str, Any] = {"rules": {rule: {"enabled": True} for rule in ENHANCED}}
        if only:
            options["runOnly"] = list(only)
        assert self.console == [], self.console  # a page without its style sheet has small targets
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE_SCRIPT)
        found = await self.page.evaluate("options => axe.run(options)", options)
        assert found["passes"] or only, "axe has looked at nothing"
        return [
            (one["id"], f"{node['html']}: {node['failureSummary']}")
            for one in found["violations"]
            for node in one["nodes"]
        ]
