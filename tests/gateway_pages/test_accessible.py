"""Every page in every language and look: axe finds nothing, nothing is cut off, all is reachable.

The enhanced contrast (7:1) and targets of 44 pixels are asked for as well.
"""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from exchange.agency.pages.site import PAGES
from tests import needs
from tests.agency.network import CONSENT_ID
from tests.gateway_pages.clerk import Clerk
from tests.gateway_pages.scene import ERASURE, SEEK, Scene
from tests.gateway_pages.test_invitation import Page, invited
from tests.gateway_pages.test_work import letter, prepared, put_together
from tests.looks import WIDE, faults
from tests.visit import LANGUAGES

pytestmark = needs.chromium()

LOOKED_AT = {"missed", "/", "/erasures/*", "/quarantine/*", "draft", "check"}
"""Pages that together have every piece there is, in every look."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lang", LANGUAGES)
async def test_no_page_has_a_fault_in_any_look(
    scene: Scene, browser: Browser, tmp_path: Path, lang: str
) -> None:
    found = dict[str, Any]()
    seen = set[str]()

    async def looked(clerk: Clerk, name: str) -> None:
        # Colours do not depend on the language.
        coloured = lang == "de" and pattern(name) in LOOKED_AT
        found[name] = await faults(clerk.page, coloured=coloured)
        seen.add(clerk.page.url.partition("?")[0].removeprefix(clerk.origin))
        assert await clerk.page.get_attribute("html", "lang") == lang

    async with Clerk.arrives(scene.recipient, browser, scripts=True, viewport=WIDE) as clerk:
        await clerk.opens(f"/enter?lang={lang}")
        await looked(clerk, "enter")
        await clerk.signs_in(lang, token="wrong")
        await looked(clerk, "missed")
        await clerk.signs_in(lang)
        for path in (
            *("/", "/documents", f"/documents/{scene.sent}", "/quarantine"),
            *(f"/quarantine/{scene.aside}", "/erasures", f"/erasures/{ERASURE}", "/consents"),
            *(f"/consents/{CONSENT_ID}", f"/consents/{CONSENT_ID}/withdrawal", "/events"),
            f"/consents/{CONSENT_ID}/receipt",
            *("/consents/new", "/requests/new", f"/requests/new?consent={CONSENT_ID}"),
            "/unknown",
        ):
            await clerk.opens(path)
            await looked(clerk, path)
        await prepared(clerk)
        await looked(clerk, "draft")
        form = clerk.page.url + "/form"
        Page.served(scene)
        await prepared(clerk, form="electronic")
        await looked(clerk, "electronic draft")
        electronic = clerk.page.url
        await invited(clerk)
        await looked(clerk, "invited")
        await clerk.page.goto(electronic)
        await looked(clerk, "waits for the person")
        await clerk.presses("form[action$='/dropped'] button")
        await clerk.page.goto(form)
        seen.add(clerk.page.url.removeprefix(clerk.origin))
        clerk.console = [said for said in clerk.console if "404" not in said and "403" not in said]
    async with Clerk.arrives(scene.sender, browser, scripts=True, viewport=WIDE) as clerk:
        await clerk.signs_in(lang)
        for path in (
            *("/", "/sent", f"/sent/{scene.sent}", "/requests", f"/requests/{SEEK}", "/send"),
            *(f"/send?consent={CONSENT_ID}", "/consents/new"),
        ):
            await clerk.opens(path)
            await looked(clerk, f"sender {path}")
        await put_together(clerk, letter(tmp_path))
        await looked(clerk, "check")

    assert {name: fault for name, fault in found.items() if fault} == {}
    assert {pattern(path) for path, _ in PAGES} - {pattern(path) for path in seen} == FILES


FILES = {
    *("/documents/*/files/*", "/quarantine/*/files/*", "/sent/*/receipt"),
    *("/consents/withdrawal-form", "/consents/*/receipt/paper"),
}
"""Pages that are no pages: files to be saved, and papers (`tests/forms` looks at those)."""


def pattern(path: str) -> str:
    """Return a path with a star for each id."""
    parts = path.split("/")
    return "/".join(
        "*" if ("-" in part and len(part) > 30) or "{" in part else part for part in parts
    )


async def test_a_document_is_sent_by_keyboard_alone(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    """The focus is seen at every step: a line around it, three pixels wide."""
    async with Clerk.arrives(scene.sender, browser, viewport=WIDE) as clerk:
        page = clerk.page
        await clerk.opens("/enter")
        await clerk.reaches(page.locator("#token"))
        await page.keyboard.type(scene.sender.token)
        await clerk.enters()
        await clerk.reaches(page.locator("a[href='/send']"))
        await clerk.enters()
        await clerk.reaches(page.locator(".events a").first)
        await clerk.enters()
        await clerk.reaches(page.locator("#file"))
        await page.set_input_files("#file", str(letter(tmp_path)))  # the dialog is the system's
        await clerk.reaches(page.locator("form[action='/send'] button.first"))
        await clerk.enters()
        await clerk.reaches(page.locator("form[action^='/send/'] button.first"))
        await clerk.enters()
        assert "Gesendet" in await clerk.note()


async def test_the_skip_link_comes_first(scene: Scene, browser: Browser) -> None:
    async with Clerk.arrives(scene.sender, browser, viewport=WIDE) as clerk:
        await clerk.signs_in()
        await clerk.page.keyboard.press("Tab")
        await clerk.page.keyboard.press("Enter")
        await clerk.page.keyboard.press("Tab")
        inside = "it => document.querySelector('main').contains(document.activeElement)"
        assert await clerk.page.locator("body").evaluate(inside)
