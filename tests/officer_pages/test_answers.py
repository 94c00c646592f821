"""The answers in a browser: one consent with its proof, erasures, a breach, agreements, keys."""

from pathlib import Path

from playwright.async_api import Browser

from exchange.audit.proof import read_receipt
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.follow_log import catch_up
from exchange.hub.officer_files.proof import verified
from exchange.wire import routes
from tests import needs
from tests.looks import WIDE, faults
from tests.officer_pages.reader import Reader
from tests.officer_pages.scene import Scene
from tests.simulator import RECIPIENT, SENDER
from tests.visit import LANGUAGES

pytestmark = needs.chromium()


async def test_a_consent_is_told_in_words_and_proven_on_the_spot(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.sender, "en")
        await reader.opens(f"{CONSENTS}/{scene.given.id}")
        text = await reader.text()
        for said in ("valid", "again and again", "in writing", "Documents collected", "yes"):
            assert said in text, said
        await scene.sim.settled()
        await reader.opens(f"{CONSENTS}/{scene.given.id}")
        await reader.presses("td a[href*='/proofs/'] >> nth=0")
        assert await reader.heading() == "Proof of an entry"
        text = await reader.text()
        for said in ("The entry stands in the log.", "Consent recorded", "women-b"):
            assert said in text, said
        async with reader.page.expect_download() as coming:
            await reader.page.click("form[action$='.tlog-proof'] button")
        await (await coming.value).save_as(tmp_path / "proof")
    assert verified(read_receipt((tmp_path / "proof").read_bytes())) > 0
    reads = await scene.sim.log("officer-read")
    assert scene.sender.id in {one["officer"] for one in reads}
    taken = await scene.sim.log("officer-export")
    assert taken[-1]["officer"] == scene.sender.id


async def test_it_is_asked_whether_a_consent_held_at_a_moment(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.sender, "en")
        await reader.opens(f"{CONSENTS}/{scene.given.id}?day=2020-01-01&hour=10&minute=30")
        text = await reader.text()
        assert "1 January 2020, 10:30: no, it did not hold." in text
        assert "consent is not valid yet" in text
        assert await reader.page.input_value("#day") == "2020-01-01"


async def test_the_withdrawn_one_is_open_at_its_recipient(scene: Scene, browser: Browser) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.officer, "en")
        await reader.opens("/officer/erasures")
        assert "consent withdrawn" in await reader.text()
        await reader.presses("td a[href*='/officer/consents/']")
        assert "ended: withdrawn" in await reader.text()


async def test_a_lost_key_is_answered_with_its_figures(scene: Scene, browser: Browser) -> None:
    await catch_up(scene.sim.hub)
    key = scene.sim.offices[RECIPIENT].key.recipient.fingerprint
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.officer, "en")
        await reader.opens("/officer/breach")
        await reader.page.fill("#key", key)
        await reader.page.fill("#since", "2026-01-01")
        await reader.presses("form.filters button.first")
        text = await reader.text()
        assert "Can be opened with it" in text
        assert "Report by" in text
        async with reader.page.expect_download() as coming:
            await reader.page.click("form[action='/officer/breach.pdf'] button")
        report = await coming.value
        named = f"breach-{RECIPIENT}-{scene.sim.now:%Y-%m-%d}.pdf"
        assert report.suggested_filename == named
        assert Path(await report.path()).read_bytes().startswith(b"%PDF-")


async def test_no_page_of_an_answer_has_a_fault(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    await scene.sim.settled()
    await catch_up(scene.sim.hub)
    found = {}
    runs = {"name": "folder", "distribution": "exchange-plugin-folder", "version": "0.1.0"}
    told = {"max_size": 1000, "plugins": [{**runs, "provides": ["intake", "outgoing"]}]}
    put = await scene.sim.call(SENDER, routes.PUT_CAPABILITIES, id=SENDER, json=told)
    assert put.status == 200, put.body
    query = "SELECT receipt FROM consents WHERE id = :of"
    ((receipt,),) = await scene.sim.rows(query, of=scene.given.id)
    key = scene.sim.offices[RECIPIENT].key.recipient.fingerprint
    async with Reader.arrives(scene.sim, browser, scripts=True, viewport=WIDE) as reader:
        for lang in LANGUAGES:
            await reader.enters_as(scene.officer, lang)
            for name, path in (
                ("consent", f"{CONSENTS}/{scene.given.id}"),
                ("evidence", f"{CONSENTS}/{scene.given.id}/proofs/{receipt}"),
                ("breach", f"/officer/breach?kind=document&key={key}&since=2026-01-01"),
                ("breach-log", "/officer/breach?kind=log&since=2026-01-01"),
                ("breach-code", f"/officer/breach?kind=code&key={scene.given.id}&since=2026-01-01"),
                ("art30", f"/officer/agreements/{scene.sim.agreement_id}"),
                ("processor", "/officer/agreements/processor"),
                ("figures-help", "/officer/figures/help"),
                ("disclosures", "/officer/disclosures?since=2026-01-01&until=2026-12-31"),
            ):
                await reader.opens(path)
                found[name, lang] = await faults(reader.page, coloured=False)
                await reader.page.screenshot(path=tmp_path / f"{name}-{lang}.png", full_page=True)
    assert {name: fault for name, fault in found.items() if fault} == {}
