"""The desk in a browser: what each role finds on the first page, and how one comes in."""

from datetime import timedelta

from playwright.async_api import Browser

from exchange.hub.officers import links, sessions
from exchange.hub.officers.sessions import COOKIE
from tests import needs
from tests.officer_pages.reader import Reader
from tests.officer_pages.scene import Scene
from tests.visit import PHONE

pytestmark = needs.chromium()


async def test_an_officer_sees_what_her_office_has_still_to_erase(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.officer, "en")
        assert await reader.heading() == "Overview"
        text = await reader.text()
        assert "Your agency has one erasure still to confirm." in text
        assert "1, of which overdue: 0" in text
        # How often others were refused is for the sender and the collector to know.
        assert "Refused disclosures: 0 in the last 7 days" in text
        assert "in order" in text
        assert "jobcentre-a" in await reader.page.locator("header").inner_text()


async def test_the_sender_s_officer_sees_that_others_have_still_to_erase(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.sender, "en")
        text = await reader.text()
        assert "Your agency has one erasure" not in text
        assert "Erasures others have still to confirm\n1, of which overdue: 0" in text
        usual = "1 in the last 7 days, 0 in all of the four weeks before. That is not unusual."
        assert f"Refused disclosures: {usual}" in text
        assert await reader.page.locator(".attention a[href*='refused']").count() == 0


async def test_an_operator_sees_how_the_log_is_doing_and_nothing_of_any_agency(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.operator, "en")
        text = await reader.text()
        assert "The log" in text
        assert "rasure" not in text
        assert "greement" not in text
        parts = await reader.page.locator("nav a").all_inner_texts()
        assert parts == ["Overview", "Accounts", "My account"]


async def test_the_browser_keeps_the_cookie_for_this_host_alone(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.officer)
        (cookie,) = [one for one in await reader.context.cookies() if one["name"] == COOKIE]
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
        assert (cookie["path"], cookie["domain"]) == ("/", "127.0.0.1")
        assert cookie["expires"] == -1, "gone with the browser"


async def test_a_language_chosen_once_stays(scene: Scene, browser: Browser) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.opens("/officer/login")
        assert await reader.heading() == "Anmelden"
        await reader.presses(".languages button[lang='en']")
        assert await reader.heading() == "Sign in"
        await reader.opens("/officer/accessibility")
        assert await reader.heading() == "Accessibility"


async def test_after_a_while_the_next_click_leads_to_the_login(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.officer, "en")
        scene.sim.now += sessions.IDLE + timedelta(minutes=1)
        await reader.presses("nav a[href='/officer/account']")
        assert await reader.heading() == "Sign in"


async def test_the_account_tells_when_it_was_used(scene: Scene, browser: Browser) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.auditor, "en")
        await reader.opens("/officer/account")
        text = await reader.text()
        assert scene.auditor.id in text
        assert "Signed in" in text
        assert "The operator made a one-time link" in text
        await reader.presses("form[action='/officer/logout-everywhere'] button")
        assert await reader.heading() == "Sign in"


async def test_a_link_opened_twice_says_what_to_do(scene: Scene, browser: Browser) -> None:
    link = await links.make(scene.sim.hub, scene.officer.id)
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.opens(f"/officer/link/{link.secret}?lang=en")
        await reader.presses("form[action='/officer/link'] button.first")
        await reader.opens(f"/officer/link/{link.secret}")
        await reader.presses("form[action='/officer/link'] button.first")
        assert "Ask the operator for a new one." in await reader.text()
        reader.console = [said for said in reader.console if "403" not in said]


async def test_on_paper_a_page_says_whose_it_is_and_its_table_stays_one(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.sender, "en")
        await reader.opens("/officer/log?kind=consent-recorded")
        page = reader.page
        said = f"women-b: page of {scene.sim.origin}, shown on"
        assert not await page.get_by_text(said).is_visible()
        await page.emulate_media(media="print")
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # both sizes
        assert await page.get_by_text(said).is_visible()
        assert await page.get_by_text("Event: Consent recorded").is_visible()
        assert not await page.locator("nav").is_visible()
        assert not await page.get_by_role("heading", name="Take away").is_visible()
        assert not await page.locator("#whole").is_visible()
        shown = "getComputedStyle(document.querySelector('tbody tr')).display"
        assert await page.evaluate(shown) == "table-row"


async def test_an_entry_that_fits_no_field_is_told_before_it_is_sent(
    scene: Scene, browser: Browser
) -> None:
    async with Reader.arrives(scene.sim, browser) as reader:
        await reader.enters_as(scene.sender)
        await reader.opens("/officer/log")
        await reader.page.locator("summary").click()
        consent = reader.page.locator("#consent")
        await consent.fill(scene.given.id[:8])
        assert await consent.evaluate("field => field.matches(':invalid')")
        await consent.fill(scene.given.id)
        assert await consent.evaluate("field => field.matches(':valid')")
        await reader.opens("/officer/log?consent=short")
        assert await reader.heading() == "Das ging nicht"
        await reader.presses("main a.first")
        assert await reader.heading() == "Protokoll"
        reader.console = [said for said in reader.console if "status of 400" not in said]
