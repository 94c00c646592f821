"""Every page, state, look and language: axe finds nothing, nothing is cut off, all is reachable.

The enhanced contrast (7:1) and targets of 44 pixels are asked for as well.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser

from tests import needs
from tests.pages.test_reading import happened
from tests.pages.visitor import LANGUAGES, PHONE, Visitor
from tests.person import WRONG, draft, upload
from tests.simulator import Simulator

pytestmark = needs.chromium()

ENLARGED = {"width": 640, "height": 450}
"""1280 pixels wide, enlarged twice."""
OTHER_LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark"},
    "forced colours": {"color_scheme": "light", "forced_colors": "active"},
}
USUAL: dict[str, Any] = {"color_scheme": "light", "forced_colors": "none"}
COLOURS = ("color-contrast", "color-contrast-enhanced")
"""What can differ from look to look; everything else was looked at before."""
CUT_OFF = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""Pixels by which the page is wider than the window."""
SMALL = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), .tick")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip, .tick input"))
  .map((one) => [one.outerHTML, one.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([html]) => html)"""
"""What can be pressed and is smaller than 44 pixels (WCAG 2.5.5, level AAA)."""
PLAN = """() => [
  ...["h1", "main", "header", "nav", "footer", "title", "a[href='#content']"]
    .filter((one) => document.querySelectorAll(one).length !== 1),
  ...["[style]", "[onclick]", "script:not([src])"].filter((one) => document.querySelector(one)),
  ...[...document.querySelectorAll("input")]
    .filter((one) => one.checkVisibility() && !one.labels.length).map((one) => one.outerHTML),
]"""
"""What a page must have once and has not, what it must not have, and fields without a label."""
PAGES = {
    *("start", "nothing", "sign", "unsigned", "signed", "taken back", "view", "names", "confirm"),
    *("withdrawn", "ended", "end", "accessibility", "unknown"),
}

Look = Callable[[str], Awaitable[None]]


async def each_page(visitor: Visitor, code: str, invitation: str, lang: str, look: Look) -> None:
    """Look at every page there is, in one language."""
    await visitor.opens(lang)
    await look("start")
    await visitor.types(WRONG)
    await look("nothing")
    await before_and_after_signing(visitor, invitation, lang, look)
    await visitor.enters(code, lang)
    await look("view")
    show = visitor.page.locator("form:has(input[name=names][value=yes]) button").first
    async with visitor.page.expect_navigation():  # with its style sheet, which decides about sizes
        await show.click()
    await visitor.page.locator(".shown").wait_for()
    await look("names")
    await visitor.presses("ask")
    await look("confirm")
    await visitor.presses("withdraw")
    await look("withdrawn")
    await visitor.presses("")
    await look("ended")
    for path in ("end", "accessibility"):
        await visitor.page.goto(f"{visitor.sim.origin}/p/{path}?lang={lang}")
        await look(path)
    await visitor.page.goto(f"{visitor.sim.origin}/p/unknown?lang={lang}")
    assert "404" in visitor.console.pop(), "the browser says itself that there was no such page"
    await look("unknown")


async def before_and_after_signing(
    visitor: Visitor, invitation: str, lang: str, look: Look
) -> None:
    form = visitor.page.locator("#sign")
    await visitor.enters(invitation, lang)
    await form.wait_for(state="visible")
    await look("sign")
    async with visitor.page.expect_navigation():
        await form.evaluate("form => form.submit()")  # past the script: without a signature
    await look("unsigned")
    await visitor.presses("")
    await form.wait_for(state="visible")
    await form.locator("[required]").check()
    async with visitor.page.expect_navigation():
        await form.locator("button.first").click()
    await look("signed")
    await visitor.presses("take-back")
    await look("taken back")


async def faults(visitor: Visitor, lang: str) -> dict[str, Any]:
    """Return what is wrong with the page that is open, by look; it is shown on a small phone."""
    page = visitor.page
    found: dict[str, Any] = {"plan": await page.evaluate(PLAN)}
    found["small"] = await page.evaluate(SMALL)
    found["axe"] = await visitor.axe()
    if lang == "de":  # colours do not depend on the language
        for name, look in OTHER_LOOKS.items():
            await page.emulate_media(**look)
            found[name] = await visitor.axe(only=COLOURS)
        await page.emulate_media(**USUAL)
    found["320 pixels"] = await page.evaluate(CUT_OFF)
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    found["letters of twice the size"] = await page.evaluate(CUT_OFF)
    await page.evaluate("document.documentElement.removeAttribute('style')")
    await page.set_viewport_size(ENLARGED)  # type: ignore[arg-type]  # a width and a height
    found["200 %"] = await page.evaluate(CUT_OFF)
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    return {name: fault for name, fault in found.items() if fault}


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_no_page_has_a_fault_in_any_look(sim: Simulator, browser: Browser, lang: str) -> None:
    """320 pixels are 1280 enlarged four times."""
    code, invitation = await arranged(sim)
    found = dict[str, Any]()
    async with Visitor.arrives(sim, browser, scripts=True, viewport=PHONE) as visitor:

        async def looked(name: str) -> None:
            found[name] = await faults(visitor, lang)

        await each_page(visitor, code, invitation, lang, looked)

    assert {name: fault for name, fault in found.items() if fault} == {}
    assert found.keys() == PAGES


async def arranged(sim: Simulator) -> tuple[str, str]:
    code = await happened(sim)
    _, invitation = await upload(sim, draft(sim))
    return code, invitation


async def test_the_skip_link_comes_first_and_leads_to_the_content(
    sim: Simulator, visitor: Visitor
) -> None:
    await visitor.opens()

    await visitor.page.keyboard.press("Tab")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.keyboard.press("Tab")

    assert await visitor.page.locator("#code").evaluate("it => it === document.activeElement")


async def test_a_text_in_another_language_says_so(sim: Simulator, visitor: Visitor) -> None:
    _, invitation = await arranged(sim)

    await visitor.enters(invitation, "en")

    assert await visitor.page.locator(".shown").get_attribute("lang") == "de"
    assert await visitor.page.locator("html").get_attribute("lang") == "en"


async def test_on_paper_there_are_no_buttons_but_everything_that_happened(
    sim: Simulator, visitor: Visitor
) -> None:
    code, _ = await arranged(sim)
    await visitor.enters(code)
    await visitor.page.emulate_media(media="print")

    assert await visitor.page.locator("button:visible, .button:visible").count() == 0
    assert await visitor.page.locator(".leave:visible").count() == 0
    assert await visitor.page.locator(".events > li:visible").count() == 6


async def test_the_declaration_says_whom_to_tell_about_a_barrier(
    sim: Simulator, visitor: Visitor
) -> None:
    await visitor.page.goto(f"{sim.origin}/p/accessibility?lang=de")

    text = await visitor.text()
    assert "0123 456" in text
    assert "Hier fehlt noch eine Angabe des Betreibers." in text  # the enforcement body
    assert await visitor.page.locator("input:not([type=hidden])").count() == 0
    mail = visitor.page.get_by_role("link", name="E-Mail schreiben")
    assert await mail.get_attribute("href") == "mailto:barriere@kreis.example"
