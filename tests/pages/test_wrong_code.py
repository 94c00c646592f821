"""A75: guessing. Whatever opens nothing looks the same, and nobody is locked out."""

import asyncio
import re
from pathlib import Path

import pytest

from exchange.consent.credential import Purpose
from exchange.hub.pages.pace import Pace
from exchange.hub.settings import Person
from tests.pages.sent import post
from tests.pages.visitor import PERSON
from tests.person import WRONG, consent_with_code, draft, fresh, reissue, upload
from tests.simulator import Answer, Simulator, statements

SHOWING = ("/p/", "/p/withdraw", "/p/withdrawn", "/p/taken-back", "/p/receipt", "/p/records")
"""Pages that a code opens; what is not opened looks like the form to type it in."""
ASKING = ("/p/withdraw/prepare",)


async def nothing(sim: Simulator, path: str, code: str) -> Answer:
    return await post(sim, path, {"code": code, "lang": "de"})


async def opens_nothing(sim: Simulator) -> dict[str, str]:
    """Return codes that open nothing, each for another reason."""
    given, replaced = await consent_with_code(sim)
    await reissue(sim, given, credential=fresh().digest)
    _, invitation = await upload(sim, draft(sim))
    sim.later(days=15)
    return {
        "replaced": replaced,
        "expired invitation": invitation,
        "log key": fresh(Purpose.LOG_KEY).text,
        "mistyped": WRONG[:-1] + "Z",
        "empty": "",
        "too long": "C" * 3000,
        "markup": "<script>alert(1)</script>",
        "not ASCII": "\N{SNOWMAN}",
    }


async def test_whatever_opens_nothing_gets_the_same_bytes(sim: Simulator) -> None:
    codes = await opens_nothing(sim)
    for path in (*SHOWING, *ASKING):
        wrong = await nothing(sim, path, WRONG)
        assert wrong.status == 200
        for name, code in codes.items():
            assert (await nothing(sim, path, code)).face == wrong.face, (path, name)


async def test_whatever_opens_nothing_asks_the_database_the_same(sim: Simulator) -> None:
    codes = await opens_nothing(sim)
    for path in (*SHOWING, *ASKING):
        with statements() as wrong:
            await nothing(sim, path, WRONG)
        assert wrong
        for name, code in codes.items():
            with statements() as asked:
                await nothing(sim, path, code)
            assert shapes(asked) == shapes(wrong), (path, name)


def shapes(asked: list[str]) -> list[str]:
    """Return statements without their values."""
    return [re.sub(r"'[^']*'|\d+(\.\d+)?", "?", one) for one in asked]


async def test_a_closed_page_looks_like_a_wrong_code(tmp_path: Path) -> None:
    closed = Simulator(tmp_path, person={**PERSON, "open": False, "consenting": False})
    async with closed.running():
        await closed.arrange()
        _, code = await consent_with_code(closed)
        for path in (*SHOWING, *ASKING):
            with statements() as asked:
                wrong = await nothing(closed, path, WRONG)
            with statements() as as_well:
                right = await nothing(closed, path, code)
            assert right.face == wrong.face
            assert shapes(asked) == shapes(as_well)
        assert await closed.log("consent-withdrawn") == []


async def test_an_invitation_withdraws_nothing_and_a_code_signs_nothing(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    _, invitation = await upload(sim, draft(sim))
    wrong = await nothing(sim, "/p/withdrawn", WRONG)

    assert (await nothing(sim, "/p/withdrawn", invitation)).face == wrong.face
    assert (await nothing(sim, "/p/taken-back", code)).face == wrong.face
    assert await sim.log("consent-withdrawn") == []


async def test_signing_with_a_wrong_code_is_refused_as_with_a_wrong_signature(
    sim: Simulator,
) -> None:
    _, invitation = await upload(sim, draft(sim))
    signed = {"to_sign": "e30.e30", "signature": "A" * 86, "lang": "de"}

    wrong = await post(sim, "/p/signed", {**signed, "code": WRONG})
    forged = await post(sim, "/p/signed", {**signed, "code": invitation})

    assert "nicht angenommen" in wrong.body.decode()
    assert forged.body.replace(invitation.encode(), b"") == wrong.body.replace(WRONG.encode(), b"")


async def test_too_many_wrong_codes_slow_the_address_and_the_right_code_still_works(
    tmp_path: Path,
) -> None:
    slow = Simulator(tmp_path, person={"misses_per_minute": 3, "pause_s": 0.2})
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        clock = asyncio.get_running_loop().time
        taken = list[float]()
        for _ in range(4):
            begun = clock()
            await nothing(slow, "/p/", WRONG)
            taken.append(clock() - begun)
        begun = clock()
        right = await nothing(slow, "/p/", code)

        assert max(taken[:3]) < 0.2 <= taken[3]
        assert clock() - begun >= 0.2
        assert "Ihre Einwilligung" in right.body.decode()


async def test_right_codes_are_never_counted(tmp_path: Path) -> None:
    slow = Simulator(tmp_path, person={"misses_per_minute": 1, "pause_s": 20})
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        async with asyncio.timeout(10):
            for _ in range(5):
                assert (await nothing(slow, "/p/", code)).status == 200


async def test_an_address_with_too_many_slowed_answers_is_told_to_come_back(
    tmp_path: Path,
) -> None:
    limits = {"misses_per_minute": 1, "pause_s": 1, "waiting": 1}
    slow = Simulator(tmp_path, person=limits)
    async with slow.running():
        await nothing(slow, "/p/", WRONG)
        answers = await asyncio.gather(*(nothing(slow, "/p/", WRONG) for _ in range(3)))

        refused = [answer for answer in answers if answer.status == 429]
        assert len(refused) == 2
        assert "zu viele Anfragen" in refused[0].body.decode()
        assert refused[0].headers["Retry-After"] == "5"


async def test_the_whole_hub_is_slowed_but_one_address_does_not_use_up_the_waiting_of_another() -> (
    None
):
    ticks = 0.0
    settings = Person(misses_per_minute=100, misses_per_minute_in_all=2, pause_s=0.05, waiting=1)
    pace = Pace(settings, lambda: ticks)
    for number in range(2):
        await pace.keep(f"10.0.0.{number}")
        pace.missed(f"10.0.0.{number}")
    clock = asyncio.get_running_loop().time
    begun = clock()

    await asyncio.gather(pace.keep("10.0.1.1"), pace.keep("10.0.1.2"))

    assert clock() - begun >= 0.05
    ticks = 60.0
    begun = clock()
    await pace.keep("10.0.1.3")
    assert clock() - begun < 0.05


async def test_no_code_is_in_any_log_line(
    sim: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    _, code = await consent_with_code(sim)
    for path in (*SHOWING, *ASKING):
        await nothing(sim, path, code)
        await nothing(sim, path, WRONG)

    said = capsys.readouterr()
    text = said.out + said.err
    assert "/p/withdrawn" in text
    for secret in (code, WRONG):
        assert secret not in text
        assert secret.replace("-", "") not in text
