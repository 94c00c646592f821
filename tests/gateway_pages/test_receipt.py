"""The person's receipt, printed again on the pages: with a new code, or without one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from exchange.canonical import b64u
from exchange.consent.credential import LOG_KEY_SIZE, Purpose, read
from exchange.wire import person
from tests import needs
from tests.agency.double import answer, body
from tests.agency.network import CONSENT_ID, RECIPIENT, files_below
from tests.gateway_pages.clerk import Clerk
from tests.gateway_pages.scene import Scene

pytestmark = needs.chromium()

LOG_KEY = b64u(bytes(range(LOG_KEY_SIZE)))
RECEIPT = f"/consents/{CONSENT_ID}/receipt"


@dataclass
class Codes:
    """The hub's double, which takes new codes."""

    scene: Scene
    given: list[person.CredentialGiven] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.given.append(person.CredentialGiven.model_validate(await body(request)))
        consent = self.scene.network.double.consents[request.match_info["id"]].consent
        return answer(person.CredentialStored(id=CONSENT_ID, consent=consent, log_key=LOG_KEY))


@pytest_asyncio.fixture(loop_scope="session")
async def codes(scene: Scene) -> AsyncIterator[Codes]:
    found = Codes(scene)
    scene.network.double.replaced["post_credential"] = found.take
    yield found
    del scene.network.double.replaced["post_credential"]


async def secrets_on(clerk: Clerk) -> list[str]:
    return await clerk.page.locator(".secrets dd").all_inner_texts()


async def test_a_receipt_with_a_new_code_is_shown_once(codes: Codes, browser: Browser) -> None:
    async with Clerk.arrives(codes.scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens(f"/consents/{CONSENT_ID}")
        await clerk.presses("a[href$='/receipt']")
        assert await clerk.heading() == "Beleg neu drucken"
        assert "CANARY-NAME, CANARY-GIVEN" in await clerk.text()
        await clerk.page.check("input[name=code][value=new]")
        await clerk.presses("main form button.first")

        code, log_key = await secrets_on(clerk)
        made = read(code, Purpose.CODE)
        assert made is not None
        assert [one.credential for one in codes.given] == [made.digest]
        assert read(log_key, Purpose.LOG_KEY) is not None
        assert "CANARY" not in await clerk.page.content(), "others at home may read it"

        await clerk.page.reload()
        assert await clerk.heading() == "Beleg neu drucken"
        assert "schon gezeigt" in await clerk.note()
        assert code not in await clerk.page.content()
    assert len(codes.given) == 1, "looking again makes no other code"
    left = b"".join(files_below(codes.scene.network.offices[RECIPIENT].home.root).values())
    assert code.encode() not in left


async def test_a_receipt_without_a_code_leaves_hers_as_it_is(
    codes: Codes, browser: Browser
) -> None:
    async with Clerk.arrives(codes.scene.recipient, browser) as clerk:
        await clerk.signs_in("en")
        await clerk.opens(RECEIPT)
        await clerk.page.check("input[name=code][value=none]")
        await clerk.page.check("input[name=qr]")
        await clerk.presses("main form button.first")
        assert "can only carry a new one" in await clerk.page.locator("[role=alert]").inner_text()

        await clerk.page.check("input[name=code][value=none]")
        await clerk.presses("main form button.first")
        assert clerk.page.url.endswith("/receipt/paper")
        assert await secrets_on(clerk) == []
        assert "/p/" in await clerk.page.content(), "the address of her page"
    assert codes.given == []


async def test_who_has_not_collected_a_consent_prints_no_receipt_of_it(
    codes: Codes, browser: Browser
) -> None:
    async with Clerk.arrives(codes.scene.sender, browser) as clerk:
        await clerk.signs_in()
        await clerk.opens(f"/consents/{CONSENT_ID}")
        assert await clerk.page.locator("a[href$='/receipt']").count() == 0
        await clerk.opens(RECEIPT)
        assert await clerk.page.locator("input[name=code]").count() == 0
        assert "404" in clerk.console.pop(), "not found, as if there were no such consent"
    assert codes.given == []
