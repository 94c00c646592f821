"""What a case worker does on the pages, without a script: read, send, record, withdraw, decide."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser

from exchange.agency import quarantine, state
from exchange.agency.asked import Asked, find_asked
from exchange.agency.events import EventKind
from exchange.agency.pages.rows import list_happened
from exchange.agency.sketch import list_sketches
from exchange.agency.state import Erasing, Sending
from exchange.canonical import sha256_hex
from exchange.errors import Unavailable
from tests import needs
from tests.agency.double import payload_of
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, files_below
from tests.gateway_pages.clerk import Clerk
from tests.gateway_pages.scene import ERASURE, Scene

pytestmark = needs.chromium()

SCAN = b"%PDF-1.7 the signed form"


def letter(folder: Path, name: str = "Mahnung März.pdf", content: bytes = b"%PDF-1.7 x") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


async def kinds(scene: Scene, agency: str) -> list[EventKind]:
    local = scene.sender if agency == SENDER else scene.recipient
    events = await local.office.gateway.state.read(list_happened, 0)
    return [event.kind for event in events]


async def put_together(clerk: Clerk, *files: Path, remark: str = "") -> None:
    await clerk.opens(f"/send?consent={CONSENT_ID}")
    await clerk.page.set_input_files("#file", [str(file) for file in files])
    await clerk.page.fill("#remark", remark)
    await clerk.presses("form[action='/send'] button.first")


async def test_a_document_is_shown_as_a_whole_before_it_is_sent(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    files = letter(tmp_path), letter(tmp_path, "zwei.txt", b"second")
    async with Clerk.arrives(scene.sender, browser) as clerk:
        await clerk.signs_in()
        await put_together(clerk, *files, remark="bitte lesen")

        assert await clerk.heading() == "Prüfen und senden"
        shown = await clerk.text()
        for said in ("Frauenberatung B", "Mahnung März.pdf", "zwei.txt", "bitte lesen", "Hinweis"):
            assert said in shown
        assert "CANARY-NAME" in shown, "about whom it is"
        before = len(scene.network.double.kept)
        await clerk.presses("form[action^='/send/'] button.first")

        assert "Gesendet" in await clerk.note()
        assert len(scene.network.double.kept) == before + 1
    await scene.round_of(scene.recipient)
    spool = files_below(scene.network.offices[RECIPIENT].home.spool)
    assert b"second" in spool.values()
    assert files_below(scene.network.offices[SENDER].home.outgoing) == {}


async def test_going_back_and_sending_again_sends_once(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    async with Clerk.arrives(scene.sender, browser) as clerk:
        await clerk.signs_in()
        await put_together(clerk, letter(tmp_path))
        before = len(scene.network.double.kept)
        await clerk.presses("form[action^='/send/'] button.first")
        await clerk.page.go_back()
        if await clerk.page.locator("form[action^='/send/'] button.first").count():
            await clerk.presses("form[action^='/send/'] button.first")
        clerk.console.clear()  # the browser says itself that the page is gone

        assert len(scene.network.double.kept) == before + 1


async def test_without_the_hub_it_is_sealed_and_goes_out_by_itself(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    async with Clerk.arrives(scene.sender, browser) as clerk:
        await clerk.signs_in()
        await put_together(clerk, letter(tmp_path))
        known = set(await sent(scene))
        scene.network.double.replaced["disclose"] = away
        await clerk.presses("form[action^='/send/'] button.first")

        assert "von allein" in await clerk.note()
        await clerk.opens("/")
        assert "noch nicht bei der Vermittlungsstelle" in await clerk.text()
    del scene.network.double.replaced["disclose"]
    await scene.round_of(scene.sender)
    (fresh,) = set(await sent(scene)) - known
    assert (await sent(scene))[fresh] is Sending.STORED


async def sent(scene: Scene) -> dict[str, Sending]:
    """Return how far each disclosure has come."""
    found = await scene.sender.office.gateway.state.read(state.list_sent)
    return {one.id: one.state for one in found}


async def away(_request: web.Request) -> web.StreamResponse:
    raise Unavailable("away")


async def test_a_no_says_why_and_can_not_be_sent(
    fresh: Scene, browser: Browser, tmp_path: Path
) -> None:
    async with Clerk.arrives(fresh.sender, browser) as clerk:
        await clerk.signs_in()
        await put_together(clerk, letter(tmp_path))
        address = clerk.page.url
        fresh.network.double.end_consent(CONSENT_ID)
        fresh.network.sleep(minutes=2)  # what is known of a consent is a minute old at most
        await clerk.page.goto(address)

        assert await clerk.heading() == "Das darf nicht gesendet werden"
        assert "Die Einwilligung ist beendet" in await clerk.text()
        assert await clerk.page.locator("form[action^='/send/'] button.first").count() == 0
        await clerk.presses("form[action$='/dropped'] button")
        assert "Es wurde nichts gesendet" in await clerk.note()


async def test_what_was_prepared_is_gone_with_the_visit(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    async with Clerk.arrives(scene.sender, browser) as clerk:
        await clerk.signs_in()
        await put_together(clerk, letter(tmp_path))
        address = clerk.page.url
        assert files_below(scene.network.offices[SENDER].home.root / "outgoing") == {}, "no name"
        await clerk.presses("form[action='/leave'] button")
        await clerk.signs_in()
        answer = await clerk.page.goto(address)
        assert answer is not None
        assert answer.status == 404
        clerk.console.clear()


async def test_a_received_file_is_saved_as_it_came_and_then_taken_over(
    scene: Scene, browser: Browser
) -> None:
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens(f"/documents/{scene.sent}")
        name, content = await clerk.saves(".files a:has-text('img src')")
        assert content == b"%PDF-1.7 letter"
        assert "/" not in name
        assert name.endswith(".pdf")

        await clerk.presses("form[action$='/fetched'] button")
        assert "Übernommen" in await clerk.note()
        await clerk.opens(f"/documents/{scene.sent}")
        assert "Ihre Stelle hat das übernommen" in await clerk.text()


async def test_a_document_is_let_out_of_quarantine_or_removed(
    scene: Scene, browser: Browser
) -> None:
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens("/quarantine")
        await clerk.presses(".events a")
        assert "beschädigt" in await clerk.text()
        assert "bitten den Absender" in await clerk.text(), "what to do next"
        assert "the content of a file does not fit its media type" in await clerk.text()
        _, content = await clerk.saves(".files a:has-text('img src')")
        assert content == b"no PDF"
        await clerk.presses("form[action$='/release'] button")

        assert "Freigegeben" in await clerk.note()
        assert "aus der Quarantäne" in await clerk.text() or "freigegeben" in await clerk.text()
        assert await quarantine.list_quarantine(scene.recipient.office.gateway) == []
    assert EventKind.RELEASED in await kinds(scene, RECIPIENT)


async def test_a_document_is_removed_from_quarantine(fresh: Scene, browser: Browser) -> None:
    async with Clerk.arrives(fresh.recipient, browser) as clerk:
        await clerk.signs_in("en")
        await clerk.opens(f"/quarantine/{fresh.aside}")
        await clerk.presses("form[action$='/rejection'] button")
        assert await clerk.note() == "Removed."
        assert "The quarantine is empty." in await clerk.text()
    assert EventKind.REJECTED in await kinds(fresh, RECIPIENT)
    assert files_below(fresh.network.offices[RECIPIENT].home.quarantine) == {}


async def test_an_erasure_is_confirmed(scene: Scene, browser: Browser) -> None:
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens(f"/erasures/{ERASURE}")
        await clerk.page.check("input[value=legal-claims]")
        await clerk.page.fill("#until", "2020-01-01")
        await clerk.presses("button.first")
        assert "Tag in der Zukunft" in await clerk.text()

        await clerk.page.check("input[value=erased]")
        await clerk.presses("button.first")
        assert "Bestätigt" in await clerk.note()
    gateway = scene.recipient.office.gateway
    assert await gateway.state.read(state.list_erasures, Erasing.ASKED) == []
    assert scene.network.double.erasures[ERASURE].state == "erased"


async def test_a_request_is_answered_under_its_consent(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    async with Clerk.arrives(scene.sender, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens("/requests")
        await clerk.presses(".events li:not(:has(.badge)) a")
        assert "CANARY-WHY" in await clerk.text()
        await clerk.presses("main .actions a.first")
        assert await clerk.heading() == "Unterlagen senden"
        await clerk.page.set_input_files("#file", str(letter(tmp_path)))
        await clerk.presses("form[action='/send'] button.first")
        await clerk.presses("form[action^='/send/'] button.first")
        assert "Gesendet" in await clerk.note()


async def wanted(clerk: Clerk) -> None:
    """Say what is needed of `jobcentre-a`, all but whom it is about."""
    page = clerk.page
    await page.check("input[name=to][value=jobcentre-a]")
    await page.check("input[name=category][value=rent-arrears-letter]")
    await page.check("input[name=purpose][value=housing-loss]")
    await page.fill("#needed", "CANARY-NEEDED")
    await page.fill("#why", "CANARY-BECAUSE")


async def asked_of(scene: Scene, request: str) -> Asked:
    """Let `jobcentre-a` make a round; return what it is asked."""
    await scene.round_of(scene.sender)
    return await asyncio.to_thread(find_asked, scene.sender.office.gateway.home, request)


async def test_a_partner_is_asked_under_a_consent(fresh: Scene, browser: Browser) -> None:
    before = set(fresh.network.double.requests)
    async with Clerk.arrives(fresh.recipient, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens(f"/consents/{CONSENT_ID}")
        await clerk.presses("a[href^='/requests/new']")
        assert await clerk.heading() == "Unterlagen anfordern"
        assert await clerk.page.locator("#family_name").count() == 0, "the consent says who it is"
        assert await clerk.page.locator("input[name=category]").count() == 1, "and what may come"
        await wanted(clerk)
        await clerk.page.fill("#until", "2040-01-01")
        await clerk.presses("main form button.first")
        assert "So geht es nicht" in await clerk.text()
        assert await clerk.page.input_value("#needed") == "CANARY-NEEDED", "nothing is typed twice"

        await clerk.page.fill("#until", fresh.network.now.date().isoformat())
        form = await clerk.page.content()
        await clerk.presses("main form button.first")
        assert "Gefragt" in await clerk.note()
        assert await clerk.heading() == "Anfragen"
    (request,) = set(fresh.network.double.requests) - before
    assert request in form, "the number stood in the form: pressed twice, it is asked once"
    found = await asked_of(fresh, request)
    assert (found.agency, found.consent_id) == (RECIPIENT, CONSENT_ID)
    assert found.categories == frozenset({"rent-arrears-letter"})
    assert (found.wanted.needed, found.wanted.why) == ("CANARY-NEEDED", "CANARY-BECAUSE")
    assert found.wanted.subject.family_name
    assert found.wanted.subject.particulars is None, "no more of the consent than who it is"


async def test_a_partner_is_asked_to_seek_a_consent(fresh: Scene, browser: Browser) -> None:
    before = set(fresh.network.double.requests)
    async with Clerk.arrives(fresh.recipient, browser) as clerk:
        await clerk.signs_in("en")
        await clerk.opens("/requests")
        await clerk.presses("main .actions a.first")
        assert "free to say no" in await clerk.text()
        await wanted(clerk)
        await clerk.page.fill("#family_name", "Muster")
        await clerk.page.fill("#given_name", "Erika")
        await clerk.page.fill("#born", "1990-05-17")
        await clerk.presses("main form button.first")
        assert "Asked" in await clerk.note()
    (request,) = set(fresh.network.double.requests) - before
    found = await asked_of(fresh, request)
    assert found.consent_id is None
    assert found.wanted.subject.given_name == "Erika"


async def test_nobody_asks_under_a_consent_that_sends_nothing_here(
    fresh: Scene, browser: Browser
) -> None:
    async with Clerk.arrives(fresh.sender, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens(f"/consents/{CONSENT_ID}")
        assert await clerk.page.locator("a[href^='/requests/new']").count() == 0
        await clerk.opens(f"/requests/new?consent={CONSENT_ID}")
        assert await clerk.page.locator("#needed").count() == 0
        assert "404" in clerk.console.pop(), "not found, as if there were no such consent"


async def test_a_consent_is_withdrawn_at_once(fresh: Scene, browser: Browser) -> None:
    async with Clerk.arrives(fresh.recipient, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens(f"/consents/{CONSENT_ID}")
        await clerk.presses("a[href$='/withdrawal']")
        await clerk.page.check("input[value=subject]")
        await clerk.page.check("input[value=phone]")
        await clerk.page.fill("#received", "2036-03-03T10:00")
        await clerk.presses("main form button.first")
        assert "nicht in der Zukunft" in await clerk.text()

        await clerk.page.check("input[value=subject]")
        await clerk.page.check("input[value=phone]")
        await clerk.presses("main form button.first")
        assert "Widerruf angekommen" in await clerk.note()
        assert "Beendet seit" in await clerk.text()
    assert fresh.network.double.consents[CONSENT_ID].state == "ended"


async def prepared(clerk: Clerk, *, form: str = "written", capacity: str = "self") -> None:
    """Choose what a consent says, as `women-b` collects it."""
    await clerk.opens("/consents/new")
    page = clerk.page
    await page.check("input[name=releaser][value=women-b]")
    await page.check("input[name=recipient][value=jobcentre-a]")
    await page.check("input[name=category][value=rent-arrears-letter]")
    await page.check("input[name=purpose][value=housing-loss]")
    await page.check("input[name=uses][value=once]")
    await page.check(f"input[name=form][value={form}]")
    await page.check(f"input[name=capacity][value={capacity}]")
    await clerk.presses("main form button.first")


async def filled_in(clerk: Clerk, scan: Path) -> None:
    page = clerk.page
    await page.fill("#family_name", "Muster")
    await page.fill("#given_name", "Erika")
    await page.fill("#born", "1990-05-17")
    await page.set_input_files("#evidence", str(scan))
    await page.check("input[name=receipt]")
    await page.check("input[name=as_shown]")


async def test_a_consent_is_prepared_printed_and_recorded(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    home = scene.network.offices[RECIPIENT].home
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await prepared(clerk)
        assert await clerk.heading() == "Text und Unterschrift"
        draft = clerk.page.url
        assert len(list_sketches(home, scene.network.now)) == 1

        await clerk.presses("a[href$='/form']")
        assert "Jobcenter Kreis A" in await clerk.page.locator("body").inner_text()
        assert await clerk.page.locator("body").evaluate("it => getComputedStyle(it).fontFamily")

        await clerk.page.goto(draft)
        await filled_in(clerk, letter(tmp_path, "scan.pdf", SCAN))
        await clerk.page.fill("#pages", "0")
        await clerk.presses("form[enctype] button.first")
        assert "So geht es nicht" in await clerk.text()
        assert await clerk.page.input_value("#family_name") == "Muster"

        await filled_in(clerk, letter(tmp_path, "scan.pdf", SCAN))
        await clerk.page.fill("#pages", "2")
        await clerk.presses("form[enctype] button.first")
        assert await clerk.heading() == "Einwilligung aufgenommen"
        assert await clerk.page.locator("code.secret").count() == 2
        await clerk.presses("main .actions a.first")
        assert "Muster, Erika" in await clerk.text()
        recorded = clerk.page.url.rpartition("/")[2]
    statement = scene.network.double.consents[recorded].statement
    assert sha256_hex(SCAN) in str(_payload(statement))
    assert "Muster" not in str(_payload(statement)), "who it is is sealed"
    assert list_sketches(home, scene.network.now) == []
    assert EventKind.CONSENT_RECORDED in await kinds(scene, RECIPIENT)
    left = await asyncio.to_thread(files_below, home.root)
    assert [name for name, content in left.items() if SCAN in content] == []


def _payload(statement: str) -> dict[str, object]:
    return payload_of(statement.encode())


async def test_what_the_law_forbids_is_said_before_anything_is_printed(
    scene: Scene, browser: Browser
) -> None:
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in("en")
        await clerk.opens("/consents/new")
        page = clerk.page
        await page.check("input[name=releaser][value=women-b]")
        await page.check("input[name=recipient][value=women-b]")
        await page.check("input[name=category][value=rent-arrears-letter]")
        await page.check("input[name=purpose][value=housing-loss]")
        await page.check("input[name=uses][value=recurring]")
        await page.fill("#last", "2040-01-01")
        await page.check("input[name=form][value=written]")
        await clerk.presses("main form button.first")

        assert await clerk.heading() == "Record a consent"
        assert await page.locator("[role=alert] li").count() >= 2
        assert await page.is_checked("input[name=uses][value=recurring]"), "nothing is typed twice"
    home = scene.network.offices[RECIPIENT].home
    assert list_sketches(home, scene.network.now) == []


@pytest.mark.parametrize("lang", ["de", "en"])
async def test_the_withdrawal_form_is_printed(scene: Scene, browser: Browser, lang: str) -> None:
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in(lang)
        await clerk.opens(f"/consents/{CONSENT_ID}")
        await clerk.presses("a[href*='withdrawal-form']")
        assert "Widerruf" in await clerk.page.title()
