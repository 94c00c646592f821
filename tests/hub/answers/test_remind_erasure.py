"""An officer's button: whoever owes her agency an erasure is reminded, once a day."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from exchange.errors import Conflict, NotFound, NotPermitted
from exchange.hub import sweep
from exchange.hub.officers.accounts import Officer
from exchange.hub.remind_erasure import Reminded, remind_erasure
from exchange.wire import officer_routes, routes
from tests import needs
from tests.attacks.parties import COLLECTOR, PARTY, Parties, World
from tests.officer import logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

ERASURES = "/officer/erasures"


@pytest.fixture
async def parties(parties: Parties) -> Parties:
    """Return the same hub; the recipient has a way for notices."""
    await parties.reach(RECIPIENT)
    return parties


def officer_of(agency: str | None) -> Officer:
    return Officer(str(uuid4()), "auditor" if agency is None else "officer", agency)


async def remind(parties: Parties, world: World, agency: str | None = SENDER) -> Reminded:
    return await remind_erasure(parties.hub, officer_of(agency), world.erasure)


async def reminders(parties: Parties) -> int:
    kinds = [notice.kind for notice in await parties.notices()]
    return kinds.count("erasure-reminder")


async def seen(parties: Parties, agency: str = SENDER) -> Any:
    """Return the one erasure as an officer is told of it."""
    (one,) = (await parties.call(agency, officer_routes.ERASURES)).json["answer"]
    return one


@needs.both_databases()
async def test_it_is_sent_once_a_day_by_whomever_and_the_hub_s_own_comes_all_the_same(
    parties: Parties,
) -> None:
    world = await parties.world("withdrawn, collected")
    assert (await remind(parties, world)).outcome == "today"
    assert (await seen(parties))["remindable"] is False
    parties.later(days=1)
    assert (await seen(parties))["remindable"] is True

    found = await asyncio.gather(*(remind(parties, world, one) for one in (SENDER, COLLECTOR) * 2))

    assert sorted(one.outcome for one in found) == ["queued", "today", "today", "today"]
    assert {(one.recipient, one.reminded_at) for one in found} == {(RECIPIENT, parties.now)}
    assert await reminders(parties) == 1
    told = await seen(parties)
    assert (told["reminded"], told["remindable"]) == (1, False)
    assert told["reminded_at"] is not None
    parties.now += parties.hub.rules.erasure_reminder
    await sweep.sweep(parties.hub, leftovers=False)
    assert await reminders(parties) == 2
    assert (await remind(parties, world)).outcome == "today"
    parties.later(days=1)
    assert (await remind(parties, world)).outcome == "queued"
    await sweep.sweep(parties.hub, leftovers=False)
    assert await reminders(parties) == 3


async def test_only_those_to_whom_it_is_owed_may_remind(parties: Parties) -> None:
    world = await parties.world("withdrawn, collected")
    parties.later(days=1)
    # Her own agency has to erase; the others have nothing to do with it; the last is nothing.
    for agency in (RECIPIENT, PARTY, OUTSIDER):
        with pytest.raises(NotFound):
            await remind(parties, world, agency)
    with pytest.raises(NotFound):
        await remind(parties, parties.absent(world))
    with pytest.raises(NotPermitted):
        await remind(parties, world, None)
    assert (await seen(parties, RECIPIENT))["remindable"] is False
    assert await reminders(parties) == 0


async def test_what_is_answered_is_not_reminded_of(parties: Parties) -> None:
    world = await parties.world("withdrawn, collected")
    parties.later(days=1)
    (erasure,) = (await parties.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert (await parties.confirm(erasure)).status == 200

    with pytest.raises(Conflict):
        await remind(parties, world)
    answer = await parties.call(SENDER, officer_routes.REMIND, id=world.erasure)
    assert answer.status == 409
    assert await reminders(parties) == 0


async def test_an_agency_without_a_way_for_notices_is_said_to_have_none(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    async with parties.running():
        await parties.arrange()
        world = await parties.world("withdrawn, collected")
        parties.later(days=1)
        answer = await parties.call(SENDER, officer_routes.REMIND, id=world.erasure)
        assert answer.status == 200
        assert (answer.json["outcome"], answer.json["reminded_at"]) == ("no-channel", None)
        assert (await seen(parties))["remindable"] is True


async def test_the_button_is_of_our_own_page_and_says_what_became_of_it(parties: Parties) -> None:
    world = await parties.world("withdrawn, collected")
    parties.later(days=1)
    desk, _ = await logged_in(parties, agency=SENDER)
    path = f"{ERASURES}/{world.erasure}/reminder"
    assert f'action="{path}"'.encode() in (await desk.get(ERASURES)).body

    for headers in ({"Sec-Fetch-Site": "cross-site"}, {}):
        assert (await desk.post(path, headers)).status == 403
    assert (await desk.get(path)).status == 405
    assert await reminders(parties) == 0
    pressed = await desk.post(path)
    assert (pressed.status, pressed.headers["Location"]) == (303, f"{ERASURES}?reminded=queued")
    page = await desk.get(pressed.headers["Location"])
    assert b"The agency is reminded." in page.body
    assert path.encode() not in page.body
    again = await desk.post(path)
    assert again.headers["Location"] == f"{ERASURES}?reminded=today"
    assert await reminders(parties) == 1
    recipient, _ = await logged_in(parties, agency=RECIPIENT)
    auditor, _ = await logged_in(parties, "auditor")
    for other in (recipient, auditor):
        assert (await other.post(path)).status == 404
