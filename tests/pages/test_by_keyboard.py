"""From the invitation to the way out without a mouse; the focus is seen at every step.

`Visitor.reaches` looks at the focus wherever it stands.
"""

from tests import needs
from tests.pages.test_signing import invited, recorded, signs
from tests.pages.visitor import NEUTRAL, Visitor
from tests.person import fresh, reissue
from tests.simulator import Simulator

pytestmark = needs.chromium()


async def test_a_person_signs_reads_takes_along_withdraws_and_leaves_by_keyboard(
    sim: Simulator, scripted: Visitor
) -> None:
    id, invitation = await invited(sim)  # noqa: A001
    page = scripted.page

    await signs(scripted, invitation)
    given, code = await recorded(sim, id), fresh()
    await reissue(sim, given, credential=code.digest)
    await sim.sent(given)

    await scripted.enters(code.text)
    await scripted.reaches(page.get_by_role("button", name="Volle Namen und Text zeigen"))
    await scripted.sends()
    await scripted.reaches(scripted.button("records"))
    async with page.expect_download() as arriving:
        await page.keyboard.press("Enter")
    assert (await arriving.value).suggested_filename == "auskunft.jsonld"
    await scripted.enters(code.text)
    await scripted.presses("ask")
    await scripted.presses("withdraw")
    assert await scripted.heading() == "Widerruf angekommen"
    await scripted.presses("")
    await scripted.reaches(page.locator(".leave"))
    await page.keyboard.press("Enter")
    await page.wait_for_url(NEUTRAL)

    assert len(await sim.log("consent-withdrawn")) == 1
