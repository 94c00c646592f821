"""Every page, state and language: axe finds nothing, nothing is cut off, everything is reachable.

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

DESK = {"width": 1280, "height": 900}
LOOKS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": PHONE},
    "200 %": {"viewport": {"width": 640, "height": 450}},  # 1280 pixels wide, enlarged twice
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "forced colours": {"viewport": PHONE, "forced_colors": "active"},
}
CUT_OFF = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""Pixels by which the page is wider than the window."""
SMALL = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), .tick")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip, .tick input"))
  .map((one) => [one.outerHTML, one.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([html]) => html)"""
"""What can be pressed and is smaller than 44 pixels (WCAG 2.5.5, level AAA)."""


async def each_page(
    visitor: Visitor, code: str, invitation: str, lang: str, look: Callable[[str], Awaitable[None]]
) -> None:
    """Look at every page there is, in one language."""
    await visitor.opens(lang)
    await look("start")
    await visitor.types(WRONG)
    await look("nothing")
    await visitor.types(invitation)
    await look("sign")
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


async def arranged(sim: Simulator) -> tuple[str, str]:
    code = await happened(sim)
    _, invitation = await upload(sim, draft(sim))
    return code, invitation


@pytest.mark.parametrize(
    ("look", "lang"), [("phone", lang) for lang in LANGUAGES] + [(look, "de") for look in LOOKS][1:]
)
async def test_axe_finds_nothing(sim: Simulator, browser: Browser, look: str, lang: str) -> None:
    code, invitation = await arranged(sim)
    found = dict[str, list[tuple[str, str]]]()
    async with Visitor.arrives(sim, browser, scripts=True, **LOOKS[look]) as visitor:

        async def examined(name: str) -> None:
            found[name] = await visitor.axe()

        await each_page(visitor, code, invitation, lang, examined)

    assert len(found) == 10
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_nothing_is_cut_off_or_too_small_to_hit(
    sim: Simulator, browser: Browser, lang: str
) -> None:
    """At 320 pixels, which is 1280 enlarged four times, and with letters of twice the size."""
    code, invitation = await arranged(sim)
    async with Visitor.arrives(sim, browser, scripts=True, viewport=PHONE) as visitor:

        async def measured(name: str) -> None:
            assert await visitor.page.evaluate(CUT_OFF) <= 0, name
            assert await visitor.page.evaluate(SMALL) == [], name
            await visitor.page.evaluate("document.documentElement.style.fontSize = '200%'")
            assert await visitor.page.evaluate(CUT_OFF) <= 0, f"{name}, twice the size"

        await each_page(visitor, code, invitation, lang, measured)


async def test_every_page_has_one_heading_landmarks_and_a_skip_link(
    sim: Simulator, visitor: Visitor
) -> None:
    code, invitation = await arranged(sim)
    page = visitor.page

    async def built(name: str) -> None:
        for selector in ("h1", "main", "header", "footer", "title"):
            assert await page.locator(selector).count() == 1, (name, selector)
        await page.locator("body").evaluate("document.activeElement.blur()")
        assert await page.locator("a[href='#content']").count() == 1
        assert await page.locator("[lang]").count() >= 4
        assert await page.locator("[style], [onclick], script:not([src])").count() == 0
        unlabelled = page.locator("input:visible:not([id]):not(.tick input)")
        assert await unlabelled.count() == 0

    await each_page(visitor, code, invitation, "de", built)


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

    assert await visitor.page.locator("button:visible, .leave:visible").count() == 0
    assert await visitor.page.locator(".events > li:visible").count() == 6


async def test_the_declaration_says_whom_to_tell_about_a_barrier(
    sim: Simulator, visitor: Visitor
) -> None:
    await visitor.page.goto(f"{sim.origin}/p/accessibility?lang=de")

    text = await visitor.text()
    assert "0123 456" in text
    assert "Hier fehlt noch eine Angabe des Betreibers." in text  # the enforcement body
    assert await visitor.page.locator("input:not([type=hidden])").count() == 0
