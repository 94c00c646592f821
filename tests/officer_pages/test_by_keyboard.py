"""Every page by keyboard alone: the tab key comes to everything, in its order, and is seen."""

import pytest
from playwright.async_api import Browser, Page

from exchange.hub.storage.officers import Role
from tests import needs
from tests.officer_pages.reader import Reader
from tests.officer_pages.scene import Scene
from tests.officer_pages.test_accessible import pages
from tests.visit import PHONE

pytestmark = needs.chromium()

STOPS = """() => {
  const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const stops = [...document.querySelectorAll(all)].filter(
    (one) => one.checkVisibility() && !one.disabled && one.type !== "hidden");
  const at = document.activeElement, line = getComputedStyle(at), box = at.getBoundingClientRect();
  const seen = line.outlineStyle === "solid" && parseFloat(line.outlineWidth) >= 3
    && box.top >= -1 && box.bottom <= innerHeight + 1 && box.left >= -1;
  return [stops.length, stops.indexOf(at), seen];
}"""
"""How many places the tab key has to come to, at which of them it is, and whether that is seen."""
MORE = 5
"""How often the key is pressed at one place at most: a date has three parts and a calendar."""


async def walked(page: Page) -> list[int]:
    """Press the tab key once around the page; return where it came to, each place once."""
    count, _, _ = await page.evaluate(STOPS)
    order = list[int]()
    for _ in range(count * MORE):
        await page.keyboard.press("Tab")
        _, at, seen = await page.evaluate(STOPS)
        if at == -1 or (order[1:] and at == order[0]):
            return order
        assert seen, f"{page.url}: nobody sees where the focus is, at place {at} of {count}"
        if order[-1:] != [at]:
            order.append(at)
    raise AssertionError(f"{page.url}: the tab key does not get around, it was at {order[-9:]}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["officer", "auditor", "operator"])
async def test_the_tab_key_comes_to_everything_on_every_page_in_its_order(
    scene: Scene, browser: Browser, role: Role
) -> None:
    who = {"officer": scene.sender, "auditor": scene.auditor, "operator": scene.operator}
    async with Reader.arrives(scene.sim, browser, viewport=PHONE) as reader:
        await reader.enters_as(who[role])
        for path in pages(scene, role):
            await reader.opens(path)
            count, _, _ = await reader.page.evaluate(STOPS)
            assert await walked(reader.page) == list(range(count)), path


async def test_one_key_skips_the_navigation(scene: Scene, browser: Browser) -> None:
    async with Reader.arrives(scene.sim, browser, viewport=PHONE) as reader:
        await reader.enters_as(scene.sender)
        await reader.opens("/officer/log")
        await reader.page.keyboard.press("Tab")
        await reader.page.keyboard.press("Enter")
        await reader.page.wait_for_url("**/officer/log#content")
        await reader.page.keyboard.press("Tab")
        inside = "document.querySelector('main').contains(document.activeElement)"
        assert await reader.page.evaluate(inside)


async def test_the_filters_of_the_log_open_and_close_by_a_key(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser, viewport=PHONE) as reader:
        await reader.enters_as(scene.sender)
        await reader.opens("/officer/log")
        kind = reader.page.locator("#kind")
        assert not await kind.is_visible()
        await reader.reaches(reader.page.locator("details.filters summary"))
        await reader.page.keyboard.press("Enter")
        await kind.select_option("consent-withdrawn")
        await reader.reaches(reader.page.locator("details.filters button"))
        await reader.enters()
        narrowed = await reader.page.locator(".narrowed").inner_text()
        assert "Ereignis: Einwilligung widerrufen" in narrowed
        assert await reader.page.locator("tbody tr").count() == 1
