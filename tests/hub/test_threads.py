"""What users of other systems complain about, each as a test of the behaviour guaranteed here.

Thread 1: a consent was ended and stayed active for those who read it elsewhere. Thread 3, lists
and counts that tell what single records hide, is in `tests/attacks/test_same_face.py`.
"""

from collections.abc import Awaitable, Callable
from itertools import product

import pytest

from exchange.consent.export import Status, became
from exchange.hub.view_consent import view
from exchange.hub.withdraw_by_person import withdraw_by_code
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR
from tests.person import fresh, page, reissue
from tests.several import Several
from tests.simulator import RECIPIENT, SENDER, Given, Letter


class History:
    """A consent, its code, and what has happened under it."""

    def __init__(self, several: Several, given: Given, code: str) -> None:
        self.several = several
        self.given = given
        self.code = code
        self.letters: list[Letter] = []

    async def store(self) -> None:
        letter = self.several.letter(self.given.digest)
        if (await self.several.send(letter)).status == 201:
            self.letters.append(letter)

    async def collect(self) -> None:
        for letter in self.letters:
            await self.several.collect(letter)

    async def answer(self) -> None:
        for letter in self.letters:
            await self.several.acknowledge(letter, result="rejected", reason="key-lost")

    async def recall(self) -> None:
        for letter in self.letters:
            await self.several.call(SENDER, routes.RECALL, id=letter.id, json={})

    async def reissue(self) -> None:
        code = fresh()
        await reissue(self.several, self.given, COLLECTOR, credential=code.digest)
        self.code = code.text


STEPS = (History.store, History.collect, History.answer, History.recall, History.reissue)
HISTORIES = tuple(product(STEPS, repeat=2))
"""Each after a document was stored."""


async def at_the_collector(history: History) -> None:
    assert (await history.several.withdraw(history.given, COLLECTOR)).status == 200


async def at_the_releaser(history: History) -> None:
    assert (await history.several.withdraw(history.given, SENDER)).status == 200


async def on_her_page(history: History) -> None:
    assert await withdraw_by_code(history.several.hub, history.code) is not None


WAYS: tuple[Callable[[History], Awaitable[None]], ...] = (
    at_the_collector,
    at_the_releaser,
    on_her_page,
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("withdraw", WAYS)
async def test_thread_01_after_a_withdrawal_every_reader_says_ended(
    several: Several, withdraw: Callable[[History], Awaitable[None]]
) -> None:
    for steps in HISTORIES:
        history = await begun(several)
        for step in steps:
            await step(history)

        await withdraw(history)

        await check_every_reader(history)


async def begun(several: Several) -> History:
    given, code = await several.consent(uses=5), fresh()
    await reissue(several, given, COLLECTOR, credential=code.digest)
    history = History(several, given, code.text)
    await history.store()
    return history


async def check_every_reader(history: History) -> None:
    several, given = history.several, history.given
    # The interface, to everybody who may read the record at all.
    for agency in (COLLECTOR, SENDER, RECIPIENT):
        shown = await several.call(agency, routes.GET_CONSENT, id=given.id)
        if shown.status == 200:
            assert shown.json["state"] == "ended"
        else:
            assert (agency, shown.status) == (RECIPIENT, 404)
        listed = await every_consent(several, agency)
        assert listed.get(given.id) == ("ended" if shown.status == 200 else None)
    # The gate.
    assert (await several.ask(SENDER, given.digest)).status == 403
    assert (await several.send(several.letter(given.digest))).status == 403
    for letter in history.letters:
        assert (await several.collect(letter)).status == 404
        sent = await several.call(SENDER, routes.GET_DISCLOSURE, id=letter.id)
        assert sent.json["state"] in {"ended", "acknowledged"}
    waiting = {entry["disclosure"]["id"] for entry in await several.inbox(RECIPIENT)}
    assert waiting.isdisjoint(letter.id for letter in history.letters)
    # The export of the collecting agency, the person's page, and what she takes along.
    shown = await several.call(COLLECTOR, routes.GET_CONSENT, id=given.id)
    since = became(ended=True, why=shown.json["reason"], reason=None, at=None)
    assert since.status is Status.WITHDRAWN
    seen = await view(several.hub, history.code)
    assert seen is not None
    assert (seen.state, seen.reason, seen.may_withdraw) == ("ended", "withdrawn", False)
    taken = await page(several, code=history.code, do="records")
    assert Status.WITHDRAWN.encode() in taken.body


async def every_consent(several: Several, agency: str) -> dict[str, str]:
    """Return the state of every consent in the agency's list, page by page."""
    found: dict[str, str] = {}
    query = "?limit=200"
    while True:
        answer = (await several.call(agency, routes.CONSENTS, query=query)).json
        found |= {one["id"]: one["state"] for one in answer["consents"]}
        if answer["next"] is None:
            return found
        query = f"?limit=200&after={answer['next']}"
