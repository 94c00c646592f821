"""/officer/figures in a browser: tables and the chart beside them, also on a narrow page."""

from pathlib import Path

from playwright.async_api import Browser

from tests import needs
from tests.hub.test_figures_page import chosen, counted
from tests.looks import faults
from tests.officer import account
from tests.officer_pages.reader import Reader
from tests.simulator import Simulator
from tests.visit import PHONE

pytestmark = needs.chromium()


async def test_figures_with_their_chart_have_no_fault_and_break_no_policy(
    browser: Browser, tmp_path: Path
) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        await counted(sim)
        officer = await account(sim)
        async with Reader.arrives(sim, browser, scripts=True, viewport=PHONE) as reader:
            await reader.enters_as(officer, "de")
            await reader.opens("/officer/figures" + chosen(sim, "2026-Q2", "category"))
            drawn = await reader.page.evaluate(
                "[...document.querySelectorAll('img.chart')].map(one => one.naturalWidth)"
            )
            assert drawn == [900] * 2
            assert await faults(reader.page, coloured=False) == {}
            assert reader.console == []
