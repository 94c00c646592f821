"""Every page in every language and look: axe finds nothing, nothing is cut off or out of reach."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from exchange.hub.desk.site import PLACES
from exchange.hub.storage.officers import Role
from tests import needs
from tests.looks import WIDE, faults
from tests.officer_pages.reader import Reader
from tests.officer_pages.scene import Scene
from tests.visit import LANGUAGES, PHONE

pytestmark = needs.chromium()

GUESS = "A" * 43
LOOKED_AT = {"/officer/", "/officer/account"}
"""Pages that together have every piece there is, in every look."""


def pages(scene: Scene, role: Role) -> list[str]:
    """Return the address of every page of a role, with an id where one belongs; of no file."""
    return [
        scene.path(place.path)
        for place in PLACES
        if place.method == "GET" and role in place.roles
        if "." not in place.path.rpartition("/")[2]
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lang", LANGUAGES)
async def test_no_page_has_a_fault_in_any_look(
    scene: Scene, browser: Browser, tmp_path: Path, lang: str
) -> None:
    found = dict[str, Any]()

    async def looked(reader: Reader, name: str) -> None:
        coloured = lang == "de" and name in LOOKED_AT
        found[name] = await faults(reader.page, coloured=coloured)
        assert await reader.page.get_attribute("html", "lang") == lang
        file = re.sub(r"[^a-z]+", "-", name) + f"-{lang}.png"
        await reader.page.screenshot(path=tmp_path / file, full_page=True)

    async with Reader.arrives(scene.sim, browser, scripts=True, viewport=WIDE) as reader:
        for path in ("login", f"link/{GUESS}", "accessibility"):
            await reader.opens(f"/officer/{path}?lang={lang}")
            await looked(reader, path.partition("/")[0])
        await reader.opens(f"/officer/link/{GUESS}")
        await reader.presses("form[action='/officer/link'] button")
        await looked(reader, "missed")
        await reader.enters_as(scene.officer, lang)
        for path in pages(scene, "officer"):
            shown = await reader.opens(path)
            assert shown.status == 200, path
            await looked(reader, path)
        await reader.opens("/officer/nothing-of-this-kind")
        await looked(reader, "absent")
        for officer in (scene.auditor, scene.operator):
            await reader.enters_as(officer, lang)
            await looked(reader, officer.role)
            for path in {*pages(scene, officer.role)} - found.keys():
                shown = await reader.opens(path)
                assert shown.status == 200, path
                await looked(reader, path)
        refused = ("403", "404")
        reader.console = [
            said for said in reader.console if not any(map(said.__contains__, refused))
        ]

    assert {name: fault for name, fault in found.items() if fault} == {}


async def test_an_officer_comes_in_looks_around_and_leaves_by_keyboard_alone(
    scene: Scene, browser: Browser
) -> None:
    """The focus is seen at every step: a line around it, three pixels wide."""
    async with Reader.arrives(scene.sim, browser, viewport=PHONE) as reader:
        await reader.enters_as(scene.officer)
        page = reader.page
        await reader.reaches(page.locator("nav a[href='/officer/account']"))
        await reader.enters()
        assert await reader.heading() == "Mein Zugang"
        await reader.reaches(page.locator("form[action='/officer/logout'] button"))
        await reader.enters()
        assert await reader.heading() == "Anmelden"
        await reader.opens("/officer/")
        assert await reader.heading() == "Anmelden"
