"""A73: what a browser has on its disk after a visit: the address, and nothing of what was there."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import Page, Playwright

from tests import needs
from tests.browser import CHROMIUM, executable
from tests.pages.test_reading import happened
from tests.person import draft, upload
from tests.simulator import Simulator

pytestmark = needs.chromium()


def holding(directory: Path, canaries: Iterable[str]) -> list[tuple[str, str]]:
    """Return files of a browser's directory that hold one of the words, in either encoding."""
    return [
        (word, str(file.relative_to(directory)))
        for file in directory.rglob("*")
        if file.is_file()
        for word in canaries
        if word.encode() in (content := file.read_bytes()) or word.encode("utf-16-le") in content
    ]


def visited(directory: Path) -> set[str]:
    """Return the addresses in a browser's history."""
    (history,) = directory.rglob("History")
    with closing(sqlite3.connect(history)) as connection:
        return {address for (address,) in connection.execute("SELECT url FROM urls")}


async def sends(page: Page, selector: str) -> None:
    async with page.expect_navigation():
        await page.locator(selector).first.press("Enter")


@pytest.mark.parametrize("scripts", [False, True])
async def test_after_a_visit_the_disk_holds_no_code_and_no_word(
    sim: Simulator, playwright: Playwright, tmp_path: Path, *, scripts: bool
) -> None:
    code = await happened(sim)
    _, invitation = await upload(sim, draft(sim))
    profile = tmp_path / "profile"
    context = await playwright.chromium.launch_persistent_context(
        profile, executable_path=executable(), args=CHROMIUM, java_script_enabled=scripts
    )
    page = context.pages[0]
    for typed in (invitation, code):
        await page.goto(f"{sim.origin}/p/?lang=de")
        await page.fill("#code", typed)
        await sends(page, "#code")
    await sends(page, "form:has(input[value=ask]) button")
    await sends(page, "form:has(input[value=withdraw]) button")
    assert "Widerruf angekommen" in await page.content()
    await page.wait_for_timeout(3000)  # session files are written every few seconds
    await context.close()

    words = ("Einwilligung", "Widerruf", "Beratungsstelle", "Mietschulden")
    codes = (code, code.replace("-", ""), invitation, invitation.replace("-", ""))
    assert holding(profile, ["127.0.0.1"]), "the browser has written something"
    assert holding(profile, codes) == []
    assert holding(profile, words) == []
    assert visited(profile) == {f"{sim.origin}/p/?lang=de", f"{sim.origin}/p/"}, "not what she did"
