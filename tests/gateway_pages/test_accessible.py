"""Every page in every language and look: axe finds nothing, nothing is cut off, all is reachable.

The enhanced contrast (7:1) and targets of 44 pixels are asked for as well.
"""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import Browser, Page

from exchange.agency.pages.site import PAGES
from tests import needs
from tests.agency.network import CONSENT_ID
from tests.gateway_pages.clerk import LANGUAGES, PHONE, Clerk
from tests.gateway_pages.scene import ERASURE, SEEK, Scene
from tests.gateway_pages.test_work import letter, prepared, put_together

pytestmark = needs.chromium()

ENHANCED = ("color-contrast-enhanced", "target-size")
"""Rules of axe for level AAA, which it leaves out unless asked."""
COLOURS = ("color-contrast", "color-contrast-enhanced")
LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark"},
    "forced colours": {"color_scheme": "light", "forced_colors": "active"},
}
LOOKED_AT = {"missed", "/", "/erasures/*", "/quarantine/*", "draft", "check"}
"""Pages that together have every piece there is, in every look."""
USUAL: dict[str, Any] = {"color_scheme": "light", "forced_colors": "none"}
WIDE = {"width": 1280, "height": 900}
ENLARGED = {"width": 640, "height": 450}
"""1280 pixels wide, enlarged twice."""
CUT_OFF = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll("a, button, select, textarea, input, .tick")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip, .tick input, [type=hidden]"))
  .map((one) => [one.outerHTML, one.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([html]) => html)"""
"""What can be pressed and is smaller than 44 pixels (WCAG 2.5.5, level AAA)."""
PLAN = """() => [
  ...["h1", "main", "header", "footer", "title", "a[href='#content']"]
    .filter((one) => document.querySelectorAll(one).length !== 1),
  ...["[style]", "[onclick]", "script"].filter((one) => document.querySelector(one)),
  ...[...document.querySelectorAll("input, select, textarea")]
    .filter((one) => one.checkVisibility() && !one.labels.length).map((one) => one.outerHTML),
  ...[document.title].filter(
    (title) => !title.startsWith(document.querySelector("h1")?.textContent.trim())),
]"""
"""What a page must have once and has not, what it must not have, fields without a label, and a
title that does not say what its heading says (WCAG 2.4.2)."""


async def axe(page: Page, only: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return what axe objects to, the criteria of level AAA included."""
    options: dict[str, Any] = {"rules": {rule: {"enabled": True} for rule in ENHANCED}}
    if only:
        options["runOnly"] = list(only)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("options => axe.run(options)", options)
    assert found["passes"] or only, "axe has looked at nothing"
    return [
        (one["id"], f"{node['html']}: {node['failureSummary']}")
        for one in found["violations"]
        for node in one["nodes"]
    ]


async def faults(clerk: Clerk, name: str, lang: str) -> dict[str, Any]:
    """Return what is wrong with the page that is open, by look."""
    page = clerk.page
    found: dict[str, Any] = {"plan": await page.evaluate(PLAN)}
    found["axe"] = await axe(page)
    if lang == "de" and pattern(name) in LOOKED_AT:  # colours do not depend on the language
        for look, options in LOOKS.items():
            await page.emulate_media(**options)
            found[look] = await axe(page, only=COLOURS)
        await page.emulate_media(**USUAL)
    for width, size in (("320 pixels", PHONE), ("200 %", ENLARGED)):
        await page.set_viewport_size(size)  # type: ignore[arg-type]  # a width and a height
        found[width] = await page.evaluate(CUT_OFF)
        found[f"small at {width}"] = await page.evaluate(SMALL)
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    found["letters of twice the size"] = await page.evaluate(CUT_OFF)
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return {name: fault for name, fault in found.items() if fault}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lang", LANGUAGES)
async def test_no_page_has_a_fault_in_any_look(
    scene: Scene, browser: Browser, tmp_path: Path, lang: str
) -> None:
    found = dict[str, Any]()
    seen = set[str]()

    async def looked(clerk: Clerk, name: str) -> None:
        found[name] = await faults(clerk, name, lang)
        seen.add(clerk.page.url.partition("?")[0].removeprefix(clerk.local.origin))
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
            *("/consents/new", "/unknown"),
        ):
            await clerk.opens(path)
            await looked(clerk, path)
        await prepared(clerk)
        await looked(clerk, "draft")
        await clerk.presses("a[href$='/form']")
        seen.add(clerk.page.url.removeprefix(clerk.local.origin))
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
    "/consents/withdrawal-form",
}
"""Pages that are no pages: files to be saved, and a paper (`tests/forms` looks at those)."""


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
