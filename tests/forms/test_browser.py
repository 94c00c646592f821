"""The page to print in a real Chromium: opened from a file, as an office does, and printed."""

import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
import zxingcpp
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from PIL import Image
from playwright.async_api import Browser, Page

from exchange.forms.page import html
from exchange.forms.paper import Head, Secrets, consent_form, receipt, withdrawal_form
from exchange.forms.sheet import Sheet
from tests import needs, samples
from tests.accounts import account
from tests.pages.visitor import LANGUAGES

pytestmark = needs.chromium()

SCOPE = samples.agreement().scope()
CONSENT = samples.consent()
ADDRESS = "https://hub.example/p/"
CODE, KEY = "C000-4106-1050-R3GG-28A1-C60T-3GF4", "K00010-81G818-60W40J-2GB1G6"
HOSTILE = (
    "</style><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
)


def papers(lang: str) -> dict[str, Sheet]:
    shown = replace(CONSENT, notice=replace(CONSENT.notice, lang=lang))
    return {
        "form": consent_form(shown, SCOPE),
        "withdrawal": withdrawal_form(SCOPE, lang=lang),
        "receipt": receipt(SCOPE, lang=lang, secrets=Secrets(code=CODE, log_key=KEY)),
        "no-code": receipt(SCOPE, lang=lang, secrets=None),
        "everything": account(lang),
    }


@pytest_asyncio.fixture(loop_scope="session")
async def opened(browser: Browser) -> AsyncIterator[Page]:
    """Return a window in which nothing may be asked of another host or said on the console."""
    said: list[str] = []
    page = await browser.new_page(locale="de-DE", viewport={"width": 820, "height": 1100})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith("file:") else said.append(request.url),
    )
    yield page
    await page.close()
    assert said == []


async def show(page: Page, paper: Sheet, folder: Path) -> None:
    file = folder / "paper.html"
    file.write_bytes(html(paper))
    await page.goto(file.as_uri())


async def printed(page: Page) -> bytes:
    return await page.pdf(prefer_css_page_size=True)


def scanned(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_a_page_is_accessible_also_on_a_phone(
    opened: Page, tmp_path: Path, lang: str
) -> None:
    options = {"rules": {"color-contrast-enhanced": {"enabled": True}}}
    for paper in papers(lang).values():
        await show(opened, paper, tmp_path)
        for width in (820, 320):
            await opened.set_viewport_size({"width": width, "height": 900})
            found = await Axe().run(opened, options=options)
            assert [one["id"] for one in found.response["violations"]] == []
            assert await opened.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_box_to_tick_stays_with_its_word_on_a_narrow_screen(
    opened: Page, tmp_path: Path
) -> None:
    await opened.set_viewport_size({"width": 320, "height": 900})
    for lang in LANGUAGES:
        paper = withdrawal_form(SCOPE, lang=lang)
        await show(opened, paper, tmp_path)
        parts = [part for block in paper.blocks for part in block.parts]
        text = " ".join(line for part in parts for line in part.lines)

        boxes = await opened.locator(".box").evaluate_all(
            "all => all.map((one) => [one.textContent, one.getClientRects().length])"
        )

        assert [word for word, _ in boxes] == re.findall(r"☐ \S+", text)
        assert {lines for _, lines in boxes} == {1}


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_the_code_on_screen_and_on_paper_leads_to_the_page(
    opened: Page, tmp_path: Path, lang: str
) -> None:
    for paper in papers(lang).values():
        await show(opened, paper, tmp_path)
        shot = Image.open(io.BytesIO(await opened.screenshot(full_page=True)))
        assert scanned(shot) == [ADDRESS]
        with pypdfium2.PdfDocument(await printed(opened)) as document:
            pictures = [page.render(scale=2).to_pil().copy() for page in document]
        assert [code for picture in pictures for code in scanned(picture)] == [ADDRESS]


async def test_the_code_carries_the_secrets_only_on_her_wish(opened: Page, tmp_path: Path) -> None:
    secrets = Secrets(code=CODE, log_key=KEY, in_qr=True)
    await show(opened, receipt(SCOPE, lang="de", secrets=secrets), tmp_path)
    shot = Image.open(io.BytesIO(await opened.screenshot(full_page=True)))
    assert scanned(shot) == [f"{ADDRESS}#{CODE}.{KEY}"]


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_every_printed_page_names_its_text_and_its_number(
    opened: Page, tmp_path: Path, lang: str
) -> None:
    for paper in papers(lang).values():
        await show(opened, paper, tmp_path)
        with pypdfium2.PdfDocument(await printed(opened)) as document:
            found = [" ".join(page.get_textpage().get_text_range().split()) for page in document]
        for number, text in enumerate(found, 1):
            assert paper.footer in text
            assert f"{paper.words['page']} {number}/{len(found)}" in text


async def test_the_place_to_sign_stands_on_the_page_of_the_declaration(
    opened: Page, tmp_path: Path
) -> None:
    for lang, declared in (("de", "Ich willige freiwillig ein"), ("de-simple", "Ich erlaube das.")):
        await show(opened, papers(lang)["form"], tmp_path)
        with pypdfium2.PdfDocument(await printed(opened)) as document:
            found = [page.get_textpage().get_text_range() for page in document]
        (declaration,) = [place for place, text in enumerate(found) if declared in text]
        (signature,) = [place for place, text in enumerate(found) if "Unterschriften" in text]
        assert declaration == signature


async def test_text_of_others_runs_nothing_and_fetches_nothing(
    opened: Page, tmp_path: Path
) -> None:
    parties = {name: replace(one, name=HOSTILE) for name, one in SCOPE.parties.items()}
    paper = consent_form(CONSENT, replace(SCOPE, parties=parties), Head(name=HOSTILE))
    await show(opened, paper, tmp_path)
    assert await opened.title() == paper.title
    assert await opened.locator("script, img").count() == 0
    assert await opened.get_by_text(HOSTILE, exact=True).count() >= 3


async def test_the_style_of_the_page_is_applied_under_its_own_policy(
    opened: Page, tmp_path: Path
) -> None:
    await show(opened, papers("de")["form"], tmp_path)
    assert (
        await opened.locator("footer").evaluate("one => getComputedStyle(one).borderTopWidth")
        == "1px"
    )
    assert await opened.evaluate("document.styleSheets.length") == 1
