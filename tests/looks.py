"""What is wrong with a page in any look: for whoever cannot see it, touch it or read small print.

The enhanced contrast (7:1) and targets of 44 pixels are asked for as well.
"""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import Page

from tests.visit import PHONE

ENHANCED = ("color-contrast-enhanced", "target-size")
"""Rules of axe for level AAA, which it leaves out unless asked."""
COLOURS = ("color-contrast", "color-contrast-enhanced")
LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark"},
    "forced colours": {"color_scheme": "light", "forced_colors": "active"},
}
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


async def faults(page: Page, *, coloured: bool) -> dict[str, Any]:
    """Return what is wrong with the page that is open, by look.

    Args:
        page: as the browser shows it.
        coloured: whether to look at it in the dark and with forced colours, too.
    """
    found: dict[str, Any] = {"plan": await page.evaluate(PLAN)}
    found["axe"] = await axe(page)
    if coloured:
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
    await page.evaluate("document.documentElement.style.fontSize = ''")
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return {name: fault for name, fault in found.items() if fault}
