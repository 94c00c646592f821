"""An electronic consent on the pages: prepared, the person invited, recorded once she signed."""

import re
from dataclasses import dataclass, field
from datetime import timedelta

import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from exchange.agency.sketch import list_sketches
from exchange.canonical import digest
from exchange.consent.credential import Purpose, read
from exchange.consent.draft import fix, read_draft
from exchange.consent.own_key import to_sign
from exchange.errors import NotFound
from exchange.statement import Kind
from exchange.wire import person
from tests import needs
from tests.agency.double import answer, body, payload_of
from tests.agency.network import RECIPIENT, files_below
from tests.gateway_pages.clerk import Clerk
from tests.gateway_pages.scene import Scene
from tests.gateway_pages.test_work import prepared
from tests.person import OwnKey

pytestmark = needs.chromium()


@dataclass
class Page:
    """The person's page of the hub, where one draft waits."""

    scene: Scene
    waiting: dict[str, person.DraftGiven] = field(default_factory=dict)
    signed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What she has signed, and her signature, by draft."""

    @classmethod
    def served(cls, scene: Scene) -> "Page":
        """Let the hub's double take drafts."""
        found = cls(scene)
        for name in ("post_draft", "draft", "delete_draft"):
            scene.network.double.replaced[name] = getattr(found, name)
        return found

    async def post_draft(self, request: web.Request) -> web.StreamResponse:
        given = person.DraftGiven.model_validate(await body(request))
        draft_id = read_draft(given.draft.encode()).id
        self.waiting[draft_id] = given
        self.signed.pop(draft_id, None)
        return answer(self._shape(draft_id), status=201)

    async def draft(self, request: web.Request) -> web.StreamResponse:
        return answer(self._shape(request.match_info["id"]))

    async def delete_draft(self, request: web.Request) -> web.StreamResponse:
        draft_id = request.match_info["id"]
        if self.waiting.pop(draft_id, None) is None:
            raise NotFound
        return answer(person.DraftForgotten(id=draft_id))

    def _shape(self, draft_id: str) -> person.Draft:
        if draft_id not in self.waiting:
            raise NotFound
        until = self.scene.network.now + timedelta(days=14)
        if draft_id not in self.signed:
            return person.Draft(id=draft_id, state="waiting", until=until)
        signed, signature = self.signed[draft_id]
        return person.Draft(
            id=draft_id, state="signed", until=until, signed=signed, signature=signature
        )

    async def sign(self, draft_id: str) -> None:
        """Let the person sign, with a key made in her browser."""
        gateway = self.scene.recipient.office.gateway
        (given,) = [one async for one in gateway.client.every_agreement()]
        known = await gateway.records.agreement(given.agreement, now=gateway.clock())
        assert known is not None
        key, draft = OwnKey(), read_draft(self.waiting[draft_id].draft.encode())
        fixed = fix(draft, known.scope, at=self.scene.network.now, person_key=key.public)
        said = to_sign(Kind.CONSENT_ELECTRONIC, fixed.payload, key.public)
        self.signed[draft_id] = said, key.sign(said)


@pytest_asyncio.fixture(loop_scope="session")
async def page(fresh: Scene) -> Page:
    return Page.served(fresh)


async def invited(clerk: Clerk) -> str:
    """Say who it is, and return the invitation that the page shows."""
    await clerk.page.fill("#family_name", "Muster")
    await clerk.page.fill("#given_name", "Erika")
    await clerk.page.fill("#born", "1990-05-17")
    await clerk.presses("form[action$='/invitation'] button")
    return await clerk.page.locator("code.secret").inner_text()


def digest_of(invitation: str) -> str:
    found = read(invitation, Purpose.INVITATION)
    assert found is not None
    return found.digest


async def test_a_person_is_invited_signs_and_is_recorded(page: Page, browser: Browser) -> None:
    scene = page.scene
    home = scene.network.offices[RECIPIENT].home
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await prepared(clerk, form="electronic")
        assert await clerk.heading() == "Elektronische Unterschrift"
        assert "Laden Sie jetzt die Person ein" in await clerk.note()
        draft = clerk.page.url
        (sketch,) = list_sketches(home, scene.network.now)

        invitation = await invited(clerk)
        given = page.waiting[sketch.id]
        assert digest_of(invitation) == given.invitation
        assert "Muster" not in given.draft, "who it is is sealed"
        assert "/p/" in await clerk.text(), "where she opens it"

        await clerk.page.goto(draft)
        assert invitation not in await clerk.page.content(), "it is shown once"
        await clerk.presses("form[action$='/completion'] button")
        assert "noch nicht unterschrieben" in await clerk.note()

        await page.sign(sketch.id)
        await clerk.page.check("input[name=receipt]")
        await clerk.presses("form[action$='/completion'] button")
        assert await clerk.heading() == "Einwilligung aufgenommen"
        assert await clerk.page.locator("code.secret").count() == 2
    statement = scene.network.double.consents[sketch.id].statement
    assert payload_of(statement.encode())["form"] == "electronic"
    assert digest(statement.encode()) == scene.network.double.consents[sketch.id].consent
    assert list_sketches(home, scene.network.now) == []
    kept = b"".join(files_below(home.root).values())
    assert invitation.encode() not in kept
    assert not re.search(b"1990-05-17", kept), "nor does the gateway keep who it is"


async def test_a_new_invitation_replaces_the_one_before_and_nobody_has_to_sign(
    page: Page, browser: Browser
) -> None:
    scene = page.scene
    home = scene.network.offices[RECIPIENT].home
    async with Clerk.arrives(scene.recipient, browser) as clerk:
        await clerk.signs_in("en")
        await prepared(clerk, form="electronic")
        draft = clerk.page.url
        first = await invited(clerk)
        await clerk.page.goto(draft)
        second = await invited(clerk)
        assert second != first
        (waiting,) = page.waiting.values()
        assert digest_of(second) == waiting.invitation

        await clerk.page.goto(draft)
        page.waiting.clear()  # she has declined, on her page
        await clerk.presses("form[action$='/completion'] button")
        assert "nobody has signed" in await clerk.note()
        assert await clerk.page.locator("form[action$='/completion']").count() == 0

        await invited(clerk)
        await clerk.page.goto(draft)
        await clerk.presses("form[action$='/dropped'] button")
        assert "Nothing was recorded" in await clerk.note()
    assert page.waiting == {}, "the hub has forgotten it too"
    assert list_sketches(home, scene.network.now) == []
    assert not list(home.statements.glob("draft-*"))


async def test_who_is_represented_signs_on_paper(page: Page, browser: Browser) -> None:
    async with Clerk.arrives(page.scene.recipient, browser) as clerk:
        await clerk.signs_in()
        await prepared(clerk, form="electronic", capacity="guardian")
        assert await clerk.page.locator("[role=alert]").count() == 1
        assert await clerk.heading() == "Einwilligung aufnehmen"
    home = page.scene.network.offices[RECIPIENT].home
    assert list_sketches(home, page.scene.network.now) == []
