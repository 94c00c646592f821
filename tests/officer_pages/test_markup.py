"""A69 at the officers' desk: whatever an agency has written appears as it was written.

The hub is a real one, and so is the browser, which would run a script that got into a page.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from exchange.hub.desk.agreements import AGREEMENTS
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.desk.figures import FIGURES
from tests import needs
from tests.officer_pages.reader import Reader
from tests.officer_pages.scene import Scene, opened
from tests.officer_pages.test_accessible import pages
from tests.samples import AGREEMENT
from tests.visit import LANGUAGES

pytestmark = needs.chromium()

CANARY = "<script>alert(1)</script><b onclick=\"x\">&'{{ 7 * 7 }}{say}<a href='javascript:x'>"
FOUND = """canary => [
  document.documentElement.textContent.includes(canary),
  document.querySelectorAll("script, b, [onclick], [href^='javascript:']").length,
]"""
"""Whether a page shows the canary as text, and how much of it has become markup."""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def written(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A hub whose operator and whose agencies have put markup wherever they write."""
    texts = ("name", "contact", "officer", "public_label")
    async with opened(
        tmp_path_factory.mktemp("written"),
        person={"contact": CANARY, "enforcement": CANARY},
        title=CANARY,
        authority=CANARY,
        parties=[{**party, **dict.fromkeys(texts, CANARY)} for party in AGREEMENT["parties"]],
        hub={**AGREEMENT["hub"], "operator": CANARY, "storage_location": CANARY},
        retention={"years": 3, "words": dict.fromkeys(("de", "de-simple", "en"), CANARY)},
    ) as scene:
        yield scene


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_markup_of_others_stays_text_on_every_page(
    written: Scene, browser: Browser, lang: str
) -> None:
    shown = set()
    async with Reader.arrives(written.sim, browser, scripts=True) as reader:
        for officer in (written.sender, written.auditor, written.operator):
            await reader.enters_as(officer, lang)
            for path in [*pages(written, officer.role), "/officer/accessibility"]:
                await reader.opens(path)
                as_text, as_markup = await reader.page.evaluate(FOUND, CANARY)
                assert as_markup == 0, path
                shown |= {path} if as_text else set()
    assert shown >= {
        f"{CONSENTS}/{written.given.id}",
        AGREEMENTS,
        f"{AGREEMENTS}/{written.sim.agreement_id}",
        FIGURES,
        "/officer/accessibility",
    }
