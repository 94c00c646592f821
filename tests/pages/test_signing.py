"""A person signs in a real browser, with a key made there; what comes of it verifies here."""

from playwright.async_api import Browser

from exchange.canonical import digest, sha256_hex
from exchange.consent.credential import Purpose
from exchange.hub.pages import site
from exchange.hub.view_consent import view
from exchange.statement import Kind, verify
from exchange.wire import routes
from tests import needs
from tests.pages.sent import post
from tests.pages.test_reading import CLICKS_TO_CONSENT
from tests.pages.visitor import LANGUAGES, Visitor
from tests.person import completed, draft, fresh, reissue, upload
from tests.simulator import SENDER, Given, Simulator

pytestmark = needs.chromium()


KEPT = """async () => {
  const opening = indexedDB.open("keys", 1);
  await new Promise((resolve) => (opening.onsuccess = resolve));
  const all = opening.result.transaction("keys").objectStore("keys").getAll();
  await new Promise((resolve) => (all.onsuccess = resolve));
  opening.result.close();
  const [key] = all.result;
  return { extractable: key.extractable, type: key.type, usages: key.usages };
}"""
"""What a script finds in the browser's store."""
LINES = """shown => {
  const line = (one) => (one.matches("li") ? "- " : "") + one.textContent;
  const lines = (block) => [...block.querySelectorAll("h2, h3, p, li")].map(line).join("\\n");
  const bare = (text) => text.replaceAll(/\\s/g, "");
  const blocks = [...shown.children].map(lines).join("\\n\\n") + "\\n";
  const drawn = bare(shown.textContent) === bare(blocks.replaceAll(/^- /gm, ""));
  return drawn ? blocks : "there is more on the page than headings, paragraphs and lists";
}"""
"""The text that headings, paragraphs and lists of the page draw, and nothing else beside them."""


async def invited(sim: Simulator) -> tuple[str, str]:
    """Upload a draft; return its id and the invitation."""
    payload = draft(sim)
    _, invitation = await upload(sim, payload)
    return payload["id"], invitation


async def state(sim: Simulator, id: str) -> str:  # noqa: A002
    found = (await sim.call(SENDER, routes.GET_DRAFT, id=id)).json
    return str(found["state"])


async def signs(visitor: Visitor, invitation: str, *, keeps: bool = False) -> int:
    """Sign by keyboard; return how often something had to be pressed."""
    await visitor.enters(invitation)
    page = visitor.page
    await page.locator("#sign").wait_for(state="visible")
    for tick in [page.get_by_label("Ich habe den Text gelesen"), page.locator("#keep")][
        : 1 + keeps
    ]:
        await visitor.reaches(tick)
        await page.keyboard.press("Space")
    await visitor.reaches(page.get_by_role("button", name="Ich willige ein"))
    await visitor.sends()
    return CLICKS_TO_CONSENT + keeps


async def recorded(sim: Simulator, id: str) -> Given:  # noqa: A002
    """Complete and record what the person has signed, as her agency does."""
    given = completed(sim, (await sim.call(SENDER, routes.GET_DRAFT, id=id)).json)
    answer = await sim.record(given)
    assert answer.status == 201, answer.body
    return given


async def test_her_browsers_signature_becomes_a_recorded_consent(
    sim: Simulator, scripted: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001

    await signs(scripted, invitation)

    assert await scripted.heading() == "Unterschrift angekommen"
    given = await recorded(sim, id)
    card = sim.offices[SENDER].identity.card
    kinds = (Kind.CONSENT_ELECTRONIC,)
    verified = verify(given.statement, kinds, {card.kid: card}, now=sim.now)
    assert verified.digest == digest(given.statement)
    assert (await sim.send(sim.letter(given.digest))).status == 201


async def test_she_reads_exactly_the_text_whose_digest_she_signs(
    sim: Simulator, scripted: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    await scripted.enters(invitation)
    shown = await scripted.page.locator(".shown").evaluate(LINES)
    number = await scripted.page.locator("code").inner_text()
    await scripted.page.locator("#sign").wait_for(state="visible")
    await scripted.page.get_by_label("Ich habe den Text gelesen").check()
    async with scripted.page.expect_navigation():
        await scripted.page.get_by_role("button", name="Ich willige ein").click()

    given = await recorded(sim, id)
    text = await sim.call(SENDER, routes.CONSENT_NOTICE, id=given.id)

    assert shown == text.body.decode()
    assert number == sha256_hex(text.body)


async def test_the_text_has_headings_paragraphs_and_lists(sim: Simulator, visitor: Visitor) -> None:
    _, invitation = await invited(sim)
    await visitor.enters(invitation)
    shown = visitor.page.locator(".shown")

    assert await shown.locator("h2").all_text_contents() == [
        "Einwilligung in die Weitergabe von Unterlagen"
    ]
    assert "Wie Sie die Einwilligung widerrufen" in await shown.locator("h3").all_text_contents()
    assert await shown.locator("ul").count() == 3
    assert "Schreiben über Mietschulden" in await shown.locator("li").all_text_contents()


async def test_nothing_is_ticked_and_nothing_goes_unread(sim: Simulator, scripted: Visitor) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    await scripted.enters(invitation)
    await scripted.page.locator("#sign").wait_for(state="visible")

    ticks = scripted.page.locator("input[type=checkbox]")
    assert [await tick.is_checked() for tick in await ticks.all()] == [False, False]
    await scripted.page.get_by_role("button", name="Ich willige ein").click()

    assert scripted.page.url.endswith("/p/")
    assert await state(sim, id) == "waiting"


async def test_the_key_is_gone_after_signing_unless_she_keeps_it(
    sim: Simulator, scripted: Visitor
) -> None:
    _, invitation = await invited(sim)

    await signs(scripted, invitation)

    assert await scripted.page.evaluate("indexedDB.databases()") == []


async def test_a_kept_key_cannot_be_taken_out_and_withdraws(
    sim: Simulator, scripted: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    await signs(scripted, invitation, keeps=True)
    scripted.stores = True
    given, code = await recorded(sim, id), fresh()
    await reissue(sim, given, credential=code.digest)
    kept = await scripted.page.evaluate(KEPT)
    assert kept == {"extractable": False, "type": "private", "usages": ["sign"]}

    await scripted.enters(code.text)
    await scripted.presses("ask")
    with_key = scripted.page.get_by_role("button", name="Mit dem Schlüssel widerrufen")
    await scripted.reaches(with_key)
    await scripted.sends()

    assert await scripted.heading() == "Widerruf angekommen"
    (withdrawn,) = await sim.log("consent-withdrawn")
    assert (withdrawn["by"], withdrawn["via"]) == ("person", "page")
    (row,) = await sim.rows("SELECT withdrawal FROM consents WHERE ended_at IS NOT NULL")
    seen = await view(sim.hub, code.text)
    assert seen is not None
    kinds = (Kind.WITHDRAWAL_ELECTRONIC,)
    verified = verify(row.withdrawal, kinds, {}, now=sim.now, person=seen.record.person_key)
    assert verified.payload["consent"] == given.digest
    assert await scripted.page.evaluate("indexedDB.databases()") == []


async def test_she_deletes_the_key_from_her_device_and_withdraws_with_the_code(
    sim: Simulator, scripted: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    await signs(scripted, invitation, keeps=True)
    given, code = await recorded(sim, id), fresh()
    await reissue(sim, given, credential=code.digest)
    await scripted.enters(code.text)
    await scripted.presses("ask")

    await scripted.page.get_by_role("button", name="Schlüssel von diesem Gerät löschen").click()
    await scripted.page.locator("#kept").wait_for(state="hidden")

    assert await scripted.page.evaluate("indexedDB.databases()") == []
    await scripted.presses("withdraw")
    assert await scripted.heading() == "Widerruf angekommen"


async def test_on_another_device_nobody_speaks_of_a_key(
    sim: Simulator, scripted: Visitor, browser: Browser
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    await signs(scripted, invitation, keeps=True)
    scripted.stores = True
    given, code = await recorded(sim, id), fresh()
    await reissue(sim, given, credential=code.digest)

    async with Visitor.arrives(sim, browser, scripts=True) as other:
        await other.enters(code.text)
        await other.presses("ask")
        assert "Schlüssel" not in await other.text()
        assert await other.page.evaluate("indexedDB.databases()") == []


async def test_without_a_script_the_page_shows_the_paper_way(
    sim: Simulator, visitor: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    for lang in LANGUAGES:
        await visitor.enters(invitation, lang)

        assert not await visitor.page.locator("#sign").is_visible()
        assert "Frauenberatung B, Nebenweg 2" in await visitor.page.locator("#paper").inner_text()
    assert await state(sim, id) == "waiting"


async def test_a_browser_without_this_signature_shows_the_paper_way(
    sim: Simulator, scripted: Visitor
) -> None:
    _, invitation = await invited(sim)
    await scripted.page.add_init_script(
        "crypto.subtle.generateKey = () => Promise.reject(new Error('NotSupported'))"
    )

    await scripted.enters(invitation)
    await scripted.page.wait_for_load_state("networkidle")

    assert not await scripted.page.locator("#sign").is_visible()
    assert await scripted.page.locator("#paper").is_visible()


async def test_not_now_leaves_no_trace(sim: Simulator, visitor: Visitor) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    before = (await sim.call(SENDER, routes.GET_DRAFT, id=id)).face
    events = await sim.log()
    await visitor.enters(invitation)

    await visitor.reaches(visitor.page.get_by_role("link", name="Jetzt nicht"))
    await visitor.sends()

    assert await visitor.heading() == "Beendet"
    assert (await sim.call(SENDER, routes.GET_DRAFT, id=id)).face == before
    assert await sim.log() == events


async def test_she_takes_her_signature_back_before_it_is_fetched(
    sim: Simulator, scripted: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    await signs(scripted, invitation)
    await scripted.enters(invitation)
    assert await scripted.heading() == "Unterschrift angekommen"

    await scripted.presses("take-back")

    assert await scripted.heading() == "Unterschrift zurückgenommen"
    assert await state(sim, id) == "waiting"


async def test_a_page_open_for_too_long_signs_nothing_and_says_so(
    sim: Simulator, scripted: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    await scripted.enters(invitation)
    await scripted.page.locator("#sign").wait_for(state="visible")
    sim.later(hours=3)

    await scripted.page.get_by_label("Ich habe den Text gelesen").check()
    await scripted.page.get_by_role("button", name="Ich willige ein").click()
    await scripted.page.locator("#failed").wait_for(state="visible")

    assert "Es ist nichts unterschrieben" in await scripted.text()
    assert await state(sim, id) == "waiting"


async def test_a_forged_signature_is_not_accepted_whatever_is_wrong_with_it(
    sim: Simulator,
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    forged = [
        {},
        {"to_sign": "e30.e30"},
        {"to_sign": "e30.e30", "signature": "A" * 86},
        {"to_sign": "\N{SNOWMAN}", "signature": "!"},
        {"to_sign": "x" * 100_000, "signature": "A" * 86},
    ]
    faces = []
    for fields in forged:
        answer = await post(sim, "/p/", {"do": "sign", "code": invitation, "lang": "de", **fields})
        faces.append(answer.face)

    assert faces == faces[:1] * len(forged), "nobody is told what was wrong"
    assert "Die Unterschrift ist nicht angenommen worden." in faces[0][2].decode()
    assert await state(sim, id) == "waiting"


async def test_what_no_page_of_ours_asks_to_sign_is_refused(sim: Simulator) -> None:
    _, invitation = await invited(sim)
    asked = [
        {},
        {"at": "2026-03-03T10:00:00Z"},
        {"at": "yesterday", "key": "A" * 43},
        {"at": "2026-03-03T10:00:00Z", "key": "A"},
    ]
    for fields in asked:
        answer = await post(sim, "/p/", {"do": "prepare-signature", "code": invitation, **fields})

        assert answer.status == 400, fields


async def test_a_log_key_and_a_code_open_no_draft(sim: Simulator) -> None:
    for purpose in (Purpose.LOG_KEY, Purpose.CODE):
        answer = await post(sim, "/p/", {"code": fresh(purpose).text, "lang": "de"})
        assert "Zu dieser Eingabe gibt es nichts anzuzeigen." in answer.body.decode()


def test_no_address_of_the_pages_has_a_place_for_an_id() -> None:
    assert [path for _, path, _ in site.PAGES if "{" in path] == []
