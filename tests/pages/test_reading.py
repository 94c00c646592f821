"""A person reads and withdraws: by keyboard alone, without a script, on a small phone.

A72, A73, A74: nothing is left behind, and the way out is always there.
"""

import asyncio
from datetime import timedelta

import pytest
from playwright.async_api import Browser

from exchange.consent.credential import Purpose
from exchange.hub.view_consent import PAGE
from tests import needs
from tests.pages.visitor import LANGUAGES, NEUTRAL, Visitor
from tests.person import WRONG, consent_with_code, fresh
from tests.simulator import Simulator

pytestmark = needs.chromium()

CLICKS_TO_CONSENT = 3
"""Show, tick that she has read it, consent: counted in tests/pages/test_signing.py."""


async def happened(sim: Simulator) -> str:
    """Let documents be sent, collected, acknowledged, refused; return the code."""
    given, code = await consent_with_code(sim)
    letter = await sim.sent(given)
    sim.later(minutes=5)
    await sim.collect(letter)
    await sim.acknowledge(letter)
    await sim.send(sim.letter(given.digest, category="energy-bill"))
    sim.later(minutes=5)
    await sim.sent(given)
    return code


async def test_she_reads_what_she_allowed_and_what_happened_newest_first(
    sim: Simulator, visitor: Visitor
) -> None:
    code = await happened(sim)

    await visitor.enters(code)

    assert await visitor.heading() == "Ihre Einwilligung"
    told = [
        text.splitlines() for text in await visitor.page.locator(".events > li").all_inner_texts()
    ]
    assert [lines[0] for lines in told] == [
        "Eine Unterlage ist zum Abholen bereitgelegt worden.",
        "Eine Weitergabe ist abgelehnt worden. Es ging nichts weiter.",
        "Der Empfang einer Unterlage ist bestätigt worden.",
        "Eine Unterlage ist abgeholt worden.",
        "Eine Unterlage ist zum Abholen bereitgelegt worden.",
        "Ihre Einwilligung ist eingetragen worden.",
    ]
    assert "Heute: Amt 1: liegt bereit" in told[0]
    assert "Grund: diese Art von Unterlage ist nicht erlaubt" in told[1]
    assert "Heute: Amt 1: angenommen" in told[4]
    text = await visitor.text()
    assert "Die Einwilligung gilt, bis einschließlich 31.08.2026." in text
    assert "Frauenberatung" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_she_withdraws_with_one_button_and_one_confirmation(
    sim: Simulator, visitor: Visitor, lang: str
) -> None:
    code = await happened(sim)
    clicks = 1
    await visitor.enters(code, lang)

    for do in ("ask", "withdraw"):
        assert await visitor.page.locator("input:visible").count() == 0, "no reason, no field"
        await visitor.presses(do)
        clicks += 1

    heading = {"de": "Widerruf angekommen", "en": "Withdrawal received"}
    assert await visitor.heading() == heading.get(lang, "Ihre Erlaubnis ist zurück-genommen")
    text = await visitor.text()
    assert "03.03.2026, 11:10 Uhr" in text or "3 March 2026, 11:10" in text
    (withdrawn,) = await sim.log("consent-withdrawn")
    assert (withdrawn["by"], withdrawn["via"]) == ("person", "page")
    assert clicks <= CLICKS_TO_CONSENT

    await visitor.presses("")
    assert await visitor.page.locator("input[name=do][value=ask]").count() == 0
    stand = await visitor.text()
    assert any(
        word in stand for word in ("Antwort steht aus", "outstanding", "noch nicht geantwortet")
    )


async def test_going_back_from_the_question_changes_nothing(
    sim: Simulator, visitor: Visitor
) -> None:
    code = await happened(sim)
    await visitor.enters(code)
    await visitor.presses("ask")

    await visitor.presses("")

    assert await visitor.heading() == "Ihre Einwilligung"
    assert await sim.log("consent-withdrawn") == []


async def test_names_and_text_come_with_a_second_button_and_go_again(
    sim: Simulator, visitor: Visitor
) -> None:
    _, code = await consent_with_code(sim)
    await visitor.enters(code)
    show = visitor.page.locator("form:has(input[name=names][value=yes]) button").first

    await visitor.reaches(show)
    await visitor.sends()

    text = await visitor.text()
    assert "Frauenberatung B, Nebenweg 2, 00000 Musterstadt" in text
    assert "Einwilligung in die Weitergabe von Unterlagen" in text
    hide = visitor.page.get_by_role("button", name="Namen und Text ausblenden")
    await visitor.reaches(hide)
    await visitor.sends()
    assert "Frauenberatung B" not in await visitor.text()


async def test_she_changes_the_language_wherever_she_is(sim: Simulator, visitor: Visitor) -> None:
    code = await happened(sim)
    await visitor.enters(code)
    pages = {
        "": ("Your consent", "Ihre Erlaubnis"),
        "ask": ("Do you want to withdraw?", "Wollen Sie die Erlaubnis zurück-nehmen?"),
        "withdraw": ("Your consent", "Ihre Erlaubnis"),  # never withdraws a second time
    }
    for action, headings in pages.items():
        if action:
            await visitor.presses(action)
        for button, lang, heading in zip(
            ("English", "Leichte Sprache"), ("en", "de-simple"), headings, strict=True
        ):
            await visitor.reaches(visitor.page.get_by_role("button", name=button))
            await visitor.sends()
            assert await visitor.heading() == heading
            assert await visitor.page.locator("html").get_attribute("lang") == lang
    assert len(await sim.log("consent-withdrawn")) == 1


async def test_older_events_are_on_the_next_page(sim: Simulator, visitor: Visitor) -> None:
    given, code = await consent_with_code(sim)
    for _ in range(PAGE + 2):
        await sim.send(sim.letter(given.digest, category="energy-bill"))
    await visitor.enters(code)
    events = visitor.page.locator(".events > li")
    assert await events.count() == PAGE

    await visitor.reaches(visitor.page.get_by_role("button", name="Älteres"))
    await visitor.sends()

    assert await events.count() == 3
    assert "Ihre Einwilligung ist eingetragen worden." in await events.last.inner_text()
    await visitor.reaches(visitor.page.get_by_role("button", name="Zurück zum Neuesten"))
    await visitor.sends()
    assert await events.count() == PAGE


async def test_a_wrong_code_shows_nothing_and_the_form_again(
    sim: Simulator, visitor: Visitor
) -> None:
    await visitor.enters(WRONG)

    assert "Zu dieser Eingabe gibt es nichts anzuzeigen." in await visitor.text()
    assert await visitor.page.locator("#code").input_value() == ""


async def test_she_takes_her_receipt_and_her_record_along(sim: Simulator, visitor: Visitor) -> None:
    given, code = await consent_with_code(sim)
    await visitor.enters(code)
    names = {}
    for do in ("receipt", "records"):
        await visitor.reaches(visitor.button(do))
        async with visitor.page.expect_download() as arriving:
            await visitor.page.keyboard.press("Enter")
        found = await arriving.value
        names[do] = found.suggested_filename
        content = (await found.path()).read_bytes()
        if do == "records":
            assert given.id.encode() in content
        else:
            assert content.startswith((b"%PDF-", b"<!DOCTYPE html>", b"<!doctype html>"))

    assert names["records"] == "auskunft.jsonld"
    assert names["receipt"] in {"auskunft.pdf", "auskunft.html"}


async def test_the_way_out_is_a_plain_link_that_tells_nobody_where_she_was(
    sim: Simulator, visitor: Visitor
) -> None:
    code = await happened(sim)
    link = visitor.page.locator(".leave")
    for do in (None, "ask", "withdraw"):
        if do is None:
            await visitor.enters(code)
        else:
            await visitor.presses(do)
        assert await link.is_visible()
        assert await link.get_attribute("rel") == "noreferrer noopener nofollow"
    await visitor.page.mouse.wheel(0, 3000)
    assert await link.is_visible()

    async with visitor.page.expect_request(NEUTRAL) as leaving:
        await link.click()

    asked = await leaving.value
    assert "referer" not in asked.headers
    assert visitor.page.url == NEUTRAL


@pytest.mark.parametrize("scripts", [False, True])
async def test_the_back_button_shows_nothing(
    sim: Simulator, usual_browser: Browser, *, scripts: bool
) -> None:
    """The page came by POST and must not be stored: the browser has nothing to show.

    Nothing is intercepted here: that would make the browser send the form again.
    """
    code = await happened(sim)
    context = await usual_browser.new_context(java_script_enabled=scripts)
    page = await context.new_page()
    await page.goto(f"{sim.origin}/p/?lang=de")
    await page.fill("#code", code)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "Einwilligung" in await page.content()

    await page.goto(f"{sim.origin}/healthz")
    # As the button does it; a script's way back would race with the page that runs the script.
    button = await context.new_cdp_session(page)
    history = await button.send("Page.getNavigationHistory")
    before = history["entries"][history["currentIndex"] - 1]
    await button.send("Page.navigateToHistoryEntry", {"entryId": before["id"]})
    async with asyncio.timeout(30):  # until the browser's own page, without the form's answer
        while not page.url.startswith("chrome-error:"):
            assert page.url == f"{sim.origin}/healthz", "where she went, never where she was"
            await page.wait_for_timeout(50)

    await context.close()


async def test_leaving_quickly_takes_the_place_of_the_page_in_the_history(
    sim: Simulator, scripted: Visitor
) -> None:
    code = await happened(sim)
    await scripted.enters(code)

    await scripted.page.locator(".leave").click()
    await scripted.page.wait_for_url(NEUTRAL)

    await scripted.page.go_back()
    assert scripted.page.url == f"{sim.origin}/p/?lang=de"
    assert "Einwilligung" not in await scripted.page.content()


async def test_escape_three_times_leaves_from_every_page(sim: Simulator, scripted: Visitor) -> None:
    code = await happened(sim)
    await scripted.page.clock.set_fixed_time(sim.now)  # presses that are slow here count as quick
    for do in (None, "ask", "withdraw"):
        await scripted.enters(code)
        if do is not None:
            await scripted.presses("ask")
        if do == "withdraw":
            await scripted.presses("withdraw")
        for _ in range(2):
            await scripted.page.keyboard.press("Escape")
        assert scripted.page.url != NEUTRAL
        await scripted.page.keyboard.press("Escape")
        await scripted.page.wait_for_url(NEUTRAL)
        if do == "withdraw":
            break


async def test_escape_pressed_now_and_then_leaves_nothing(
    sim: Simulator, scripted: Visitor
) -> None:
    await scripted.opens()
    for seconds in (0, 2, 4, 6):
        await scripted.page.clock.set_fixed_time(sim.now + timedelta(seconds=seconds))
        await scripted.page.keyboard.press("Escape")

    assert await scripted.heading() == "Auskunft"


async def test_the_page_warns_after_five_minutes_and_empties_after_six(
    sim: Simulator, scripted: Visitor
) -> None:
    _, code = await consent_with_code(sim)
    await scripted.page.clock.install()
    await scripted.enters(code)
    warning = scripted.page.locator("#warning")

    show = scripted.page.get_by_role("button", name="Volle Namen")
    await show.focus()

    await scripted.page.clock.run_for(299_000)
    assert not await warning.is_visible()
    await scripted.page.clock.run_for(2_000)
    assert await warning.is_visible()
    await scripted.page.keyboard.press("Enter")
    assert not await warning.is_visible()
    assert await show.evaluate("it => it === document.activeElement"), "she goes on where she was"
    await scripted.page.clock.run_for(301_000)
    assert await warning.is_visible()
    await scripted.page.clock.run_for(60_000)

    await scripted.page.wait_for_url("**/p/end?lang=de")
    assert await scripted.heading() == "Beendet"
    await scripted.page.go_back()
    assert "Einwilligung" not in await scripted.page.content()


async def test_the_first_page_never_empties(sim: Simulator, scripted: Visitor) -> None:
    await scripted.page.clock.install()
    await scripted.opens()

    await scripted.page.clock.run_for(3_600_000)

    assert await scripted.heading() == "Auskunft"


async def test_the_code_is_in_no_address(sim: Simulator, visitor: Visitor) -> None:
    code = await happened(sim)
    await visitor.enters(code)
    await visitor.presses("ask")
    await visitor.presses("withdraw")

    assert visitor.addresses
    for address in visitor.addresses:
        assert code not in address
        assert "#" not in address


async def test_a_code_from_a_receipt_on_her_own_phone_leaves_the_address_at_once(
    sim: Simulator, scripted: Visitor
) -> None:
    code = await happened(sim)
    log_key = fresh(Purpose.LOG_KEY).text

    await scripted.page.goto(f"{sim.origin}/p/?lang=de#{code}.{log_key}")
    await scripted.page.wait_for_function("document.getElementById('code').value")

    assert scripted.page.url == f"{sim.origin}/p/?lang=de"
    assert await scripted.page.locator("#code").input_value() == code
    await scripted.page.locator("#code").focus()
    await scripted.sends()
    assert await scripted.heading() == "Ihre Einwilligung"
