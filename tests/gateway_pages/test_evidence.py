"""A consent recorded on the pages, where somebody looks at the evidence first."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests import certificates, needs, scans
from tests.agency.network import RECIPIENT, Network, files_below
from tests.gateway_pages.clerk import Clerk
from tests.gateway_pages.scene import Scene, played
from tests.gateway_pages.test_work import SCAN, filled_in, letter, prepared

pytestmark = needs.chromium()


@pytest.fixture(scope="module")
def authority() -> certificates.Seal:
    return certificates.authority()


@pytest_asyncio.fixture(loop_scope="session")
async def scene(tmp_path: Path, authority: certificates.Seal) -> AsyncIterator[Scene]:
    """Return two offices, of which the one that collects consents has evidence looked at."""
    network = Network(tmp_path)
    async with network.double.running():
        network.arrange()
        settings = network.offices[RECIPIENT].home.settings_file
        tables = scans.settings(authority) + "\n[api]"
        settings.write_text(settings.read_text().replace("\n[api]", tables))
        async with played(network) as found:
            yield found


async def recorded_with(clerk: Clerk, evidence: Path) -> None:
    await filled_in(clerk, evidence)
    await clerk.page.fill("#pages", "2")
    await clerk.presses("form[enctype] button.first")


async def test_a_forged_form_is_refused_and_a_signed_or_unsigned_one_recorded(
    scene: Scene, browser: Browser, tmp_path: Path, authority: certificates.Seal
) -> None:
    signed = scans.signed(tmp_path, authority)
    home = scene.network.offices[RECIPIENT].home
    before = len(scene.network.double.consents)
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await prepared(clerk)
        await recorded_with(clerk, letter(tmp_path, "form.asice", scans.tampered(signed)))
        assert scans.VERIFIED in await clerk.text()
        assert list(home.statements.glob("consent-*")) == []
        assert len(scene.network.double.consents) == before

        await recorded_with(clerk, letter(tmp_path, "form.asice", signed))
        assert await clerk.heading() == "Einwilligung aufgenommen"
        for evidence in (("form.asice", scans.unsigned(signed)), ("scan.pdf", SCAN)):
            await prepared(clerk)
            await recorded_with(clerk, letter(tmp_path, *evidence))
            assert await clerk.heading() == "Einwilligung aufgenommen"
    left = files_below(home.root)
    assert [name for name, content in left.items() if signed in content] == []
