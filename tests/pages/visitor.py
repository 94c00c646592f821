"""Somebody at the person's page with a real Chromium, watched closely.

At the end of a visit there was no message in the console, no request to another host but the
neutral one, no cookie, nothing stored, and no code in any address.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Route,
    async_playwright,
)

from tests.simulator import Simulator

CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NEUTRAL = "https://neutral.example/"
PERSON = {
    "leave_to": NEUTRAL,
    "contact": "0123 456",
    "misses_per_minute": 10_000,
    "misses_per_minute_in_all": 10_000,
}
"""Settings of the page, with a pace no test meets unless it wants to."""
CLEARED = "Clear-Site-Data header"
"""Chromium notes in the console that it has done what the last page asked for."""
PHONE = {"width": 320, "height": 640}
LANGUAGES = ("de", "en", "de-simple")


def executable() -> str:
    """Return where Chromium is; without it the tests are skipped (`needs.chromium`)."""
    return shutil.which("chromium") or ""


@asynccontextmanager
async def launched(**options: Any) -> AsyncIterator[Browser]:
    """Run Chromium while the block runs."""
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=executable(), args=CHROMIUM, **options
        )
        yield found
        await found.close()


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
        """Move the focus to `target` with the tab key, as people without a mouse do."""
        wanted = await target.element_handle()
        for _ in range(60):
            await self.page.keyboard.press("Tab")
            if await target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"the tab key does not reach {wanted}")

    # Look

    async def heading(self) -> str:
        return (await self.page.locator("h1").inner_text()).strip()

    async def text(self) -> str:
        return await self.page.locator("body").inner_text()

    async def shot(self, name: str) -> None:
        await self.page.screenshot(path=f"/tmp/shots/{name}.png", full_page=True)

    async def axe(self) -> list[tuple[str, str]]:
        """Return what axe objects to, the criteria of level AAA included."""
        options = {
            "rules": {
                "color-contrast-enhanced": {"enabled": True},
                "target-size": {"enabled": True},
            }
        }
        assert self.console == [], self.console  # a page without its style sheet has small targets
        found = await Axe().run(self.page, options=options)
        assert found.response["passes"], "axe has looked at nothing"
        return [
            (one["id"], f"{node['html']}: {node['failureSummary']}")
            for one in found.response["violations"]
            for node in one["nodes"]
        ]
