"""Login with a provider in a browser: there by a link, back with the cookie, refused in words."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from exchange.hub.officers.sessions import COOKIE
from tests import needs
from tests.login import Logins, asked, provided
from tests.looks import faults
from tests.officer_pages.reader import Reader

pytestmark = needs.chromium()

TO_PROVIDER = "a.button.first[href^='/officer/login/start']"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Logins]:
    async with provided(tmp_path_factory.mktemp("provider")) as found:
        yield found


@pytest.fixture
def logins(opened: Logins) -> Logins:
    """Return the hub; its provider is honest again."""
    opened.provider.reset()
    return opened


def was_led_there(reader: Reader, logins: Logins) -> dict[str, str]:
    """Return with what the browser came to the provider, the one foreign host it went to."""
    (there,) = reader.foreign
    assert there.startswith(f"{logins.provider.issuer}/authorize?")
    reader.foreign.clear()
    return asked(there)


async def test_a_link_leads_to_the_provider_and_back_into_the_pages(
    logins: Logins, browser: Browser
) -> None:
    async with Reader.arrives(logins.sim, browser, locale="en-GB") as reader:
        await reader.opens("/officer/login")
        await reader.presses(TO_PROVIDER)

        assert await reader.heading() == "Overview"
        assert "prompt" not in was_led_there(reader, logins)
        (cookie,) = await reader.context.cookies()
        assert cookie["name"] == COOKIE
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")

        await reader.opens("/officer/proof")
        await reader.presses(TO_PROVIDER)

        assert was_led_there(reader, logins)["prompt"] == "login"
        (renewed,) = await reader.context.cookies()
        assert renewed["name"] == COOKIE
        assert renewed["value"] != cookie["value"]


@pytest.mark.parametrize(
    ("locale", "heading"), [("de-DE", "Nicht angemeldet"), ("en-GB", "Not signed in")]
)
async def test_whoever_has_no_account_is_told_whom_to_ask(
    logins: Logins, browser: Browser, tmp_path: Path, locale: str, heading: str
) -> None:
    logins.provider.claims = {"sub": "somebody"}
    async with Reader.arrives(logins.sim, browser, scripts=True, locale=locale) as reader:
        await reader.opens("/officer/login")
        await reader.presses(TO_PROVIDER)

        assert await reader.heading() == heading
        assert await reader.context.cookies() == []
        assert "somebody" not in await reader.page.content()
        assert not any((await faults(reader.page, coloured=False)).values())
        await reader.page.screenshot(path=tmp_path / "refused.png", full_page=True)
        was_led_there(reader, logins)
        reader.console = [said for said in reader.console if "status of 403" not in said]
        await reader.presses("a.button.first")
        assert reader.page.url == f"{logins.sim.origin}/officer/login"
