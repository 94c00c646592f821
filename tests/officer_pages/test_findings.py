"""Findings, reminders, proofs and accounts in a browser: what leads where, for everybody."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from exchange.audit.merkle import leaf_hash
from exchange.audit.spelling import write_base64
from exchange.hub.answers.proofs import prove_entry
from tests import needs
from tests.looks import WIDE, faults
from tests.officer_pages.reader import Reader
from tests.officer_pages.scene import Scene
from tests.simulator import RECIPIENT

pytestmark = needs.chromium()


async def test_an_operator_sees_the_accounts_and_no_more(scene: Scene, browser: Browser) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.operator, "en")
        await reader.presses("nav a[href='/officer/accounts']")
        text = await reader.text()
        assert scene.officer.id in text
        assert "with a link" in text
        for path in ("/officer/proofs", "/officer/findings/looks", "/officer/erasures"):
            assert (await reader.opens(path)).status == 404
        reader.console = [said for said in reader.console if "404" not in said]


async def test_an_auditor_proves_an_entry_and_takes_the_proof_away(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.auditor, "en")
        parts = await reader.page.locator("nav a").all_inner_texts()
        assert parts == ["Overview", "Figures", "Agreements", "Proofs", "My account"]
        await reader.presses("nav a[href='/officer/proofs']")
        await reader.page.fill("#index", "1")
        await reader.presses("form.filters button.first >> nth=0")
        assert "Entry 1 stands in the log." in await reader.text()
        async with reader.page.expect_download() as coming:
            await reader.page.click("a[href$='entry-1.tlog-proof']")
        await (await coming.value).save_as(tmp_path / "proof")
    found = await prove_entry(scene.sim.hub, scene.auditor, 1)
    marker, extra, index, *_ = (tmp_path / "proof").read_bytes().splitlines()
    assert (marker, index) == (b"c2sp.org/tlog-proof@v1", b"index 1")
    # The commitment, and that it is not opened.
    assert extra == b"extra " + write_base64(b"\x00" + found.leaf).encode()
    assert leaf_hash(found.leaf) not in (tmp_path / "proof").read_bytes()


async def test_a_finding_leads_to_what_it_means_and_to_the_list_that_proves_it(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.sender, "en")
        await reader.presses("main a[href='/officer/findings/refused']")
        assert await reader.heading() == "Refused disclosures"
        text = await reader.text()
        assert "Nothing was released; that is no breach." in text
        assert "consent has ended" in text
        await reader.presses("td a[href*='/officer/consents/']")
        assert scene.withdrawn.id[:8] in (await reader.heading() or "")


async def test_whoever_owes_an_erasure_is_reminded_by_a_button_and_once_a_day(
    scene: Scene, browser: Browser
) -> None:
    await scene.sim.reach(RECIPIENT)
    scene.sim.now += timedelta(days=1)
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.sender, "en")
        await reader.opens("/officer/erasures")
        button = reader.page.locator("td form[action$='/reminder'] button")
        assert await button.all_inner_texts() == ["Remind jobcentre-a"]
        await reader.presses("td form[action$='/reminder'] button")
        assert "The agency is reminded." in await reader.text()
        assert await button.count() == 0
        assert "last on 4 March 2026" in await reader.text()


async def test_no_page_of_these_has_a_fault(scene: Scene, browser: Browser, tmp_path: Path) -> None:
    """In German, whose words are longer; the pages as such are looked at in both languages."""
    found = dict[str, Any]()
    shown = (
        (scene.sender, "/officer/findings/refused"),
        (scene.sender, "/officer/findings/consents-ending"),
        (scene.sender, "/officer/erasures?reminded=today"),
        (scene.auditor, "/officer/proofs?index=1&old=1"),
    )
    async with Reader.arrives(scene.sim, browser, scripts=True, viewport=WIDE) as reader:
        for officer, path in shown:
            await reader.enters_as(officer, "de")
            assert (await reader.opens(path)).status == 200, path
            found[path] = await faults(reader.page, coloured=False)
            name = path.partition("?")[0].replace("/", "-")
            await reader.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    assert {path: fault for path, fault in found.items() if fault} == {}
