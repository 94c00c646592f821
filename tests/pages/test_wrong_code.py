"""A75: guessing. Whatever opens nothing looks the same, and nobody is locked out."""

import asyncio
import re
from pathlib import Path

import pytest

from exchange.consent.credential import Purpose
from exchange.errors import TooMany
from exchange.hub.http.caller import neighbourhood
from exchange.hub.pages.pace import Pace
from exchange.hub.settings import Person
from tests.pages.sent import post
from tests.pages.visitor import PERSON
from tests.person import WRONG, consent_with_code, draft, fresh, reissue, upload
from tests.simulator import Answer, Simulator, statements

SHOWING = ("show", "ask", "withdraw", "take-back", "receipt", "everything", "records", "proofs")
"""What a code opens; what is not opened looks like the form to type it in."""
ASKING = ("prepare-withdrawal",)


async def nothing(sim: Simulator, do: str, code: str) -> Answer:
    return await post(sim, "/p/", {"do": do, "code": code, "lang": "de"})


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
    for do in (*SHOWING, *ASKING):
        wrong = await nothing(sim, do, WRONG)
        assert wrong.status == 200
        for name, code in codes.items():
            assert (await nothing(sim, do, code)).face == wrong.face, (do, name)


async def test_whatever_opens_nothing_asks_the_database_the_same(sim: Simulator) -> None:
    codes = await opens_nothing(sim)
    async with sim.still():
        for do in (*SHOWING, *ASKING):
            with statements(sim.home) as asked:
                await nothing(sim, do, WRONG)
                wrong = shapes(asked)
                assert wrong
                for name, code in codes.items():
                    await nothing(sim, do, code)
                    assert shapes(asked) == wrong, (do, name)


def shapes(asked: list[str]) -> list[str]:
    """Take the statements that were asked since, without their values."""
    taken, asked[:] = asked[:], []
    return [re.sub(r"'[^']*'|\d+(\.\d+)?", "?", one) for one in taken]


async def test_a_closed_page_looks_like_a_wrong_code(tmp_path: Path) -> None:
    closed = Simulator(tmp_path, person={**PERSON, "open": False, "consenting": False})
    async with closed.running():
        await closed.arrange()
        _, code = await consent_with_code(closed)
        async with closed.still():
            for do in (*SHOWING, *ASKING):
                with statements(closed.home) as asked:
                    wrong = await nothing(closed, do, WRONG)
                with statements(closed.home) as as_well:
                    right = await nothing(closed, do, code)
                assert right.face == wrong.face
                assert shapes(asked) == shapes(as_well)
        assert await closed.log("consent-withdrawn") == []


async def test_an_invitation_withdraws_nothing_and_a_code_signs_nothing(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    _, invitation = await upload(sim, draft(sim))
    wrong = await nothing(sim, "withdraw", WRONG)

    assert (await nothing(sim, "withdraw", invitation)).face == wrong.face
    assert (await nothing(sim, "take-back", code)).face == wrong.face
    assert await sim.log("consent-withdrawn") == []


async def test_signing_with_a_wrong_code_is_refused_as_with_a_wrong_signature(
    sim: Simulator,
) -> None:
    _, invitation = await upload(sim, draft(sim))
    signed = {"do": "sign", "to_sign": "e30.e30", "signature": "A" * 86, "lang": "de"}

    wrong = await post(sim, "/p/", {**signed, "code": WRONG})
    forged = await post(sim, "/p/", {**signed, "code": invitation})

    assert "nicht angenommen" in wrong.body.decode()
    assert forged.body.replace(invitation.encode(), b"") == wrong.body.replace(WRONG.encode(), b"")


async def test_too_many_wrong_codes_slow_the_address_and_never_the_right_one(
    tmp_path: Path,
) -> None:
    slow = Simulator(tmp_path, person={"misses_per_minute": 3, "pause_s": 1})
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        clock = asyncio.get_running_loop().time
        taken = list[float]()
        for _ in range(4):
            begun = clock()
            await nothing(slow, "show", WRONG)
            taken.append(clock() - begun)
        begun = clock()
        right = await nothing(slow, "show", code)

        assert max(taken[:3]) < 1 <= taken[3]
        assert clock() - begun < 1
        assert "Ihre Einwilligung" in right.body.decode()


async def test_nobody_is_locked_out_of_withdrawing_by_who_shares_her_address(
    tmp_path: Path,
) -> None:
    limits = {"misses_per_minute": 1, "misses_per_minute_in_all": 1, "pause_s": 30, "waiting": 1}
    slow = Simulator(tmp_path, person=limits, http={"shutdown_s": 1})
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        await nothing(slow, "show", WRONG)
        waiting = asyncio.create_task(nothing(slow, "show", WRONG))
        await asyncio.sleep(0.2)
        assert (await nothing(slow, "show", WRONG)).status == 429

        async with asyncio.timeout(10):
            withdrawn = await nothing(slow, "withdraw", code)

        assert "Widerruf angekommen" in withdrawn.body.decode()
        waiting.cancel()


async def test_right_codes_are_never_counted(tmp_path: Path) -> None:
    slow = Simulator(tmp_path, person={"misses_per_minute": 1, "pause_s": 30})
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        async with asyncio.timeout(10):
            for _ in range(5):
                assert (await nothing(slow, "show", code)).status == 200


async def test_an_address_with_too_many_slowed_answers_is_told_to_come_back(
    tmp_path: Path,
) -> None:
    limits = {"misses_per_minute": 1, "pause_s": 1, "waiting": 1}
    slow = Simulator(tmp_path, person=limits)
    async with slow.running():
        await nothing(slow, "show", WRONG)
        answers = await asyncio.gather(*(nothing(slow, "show", WRONG) for _ in range(3)))

        refused = [answer for answer in answers if answer.status == 429]
        assert len(refused) == 2
        assert "zu viele Anfragen" in refused[0].body.decode()
        assert refused[0].headers["Retry-After"] == "5"


async def test_the_whole_hub_is_slowed_but_one_address_does_not_use_up_the_waiting_of_another() -> (
    None
):
    ticks = 0.0
    settings = Person(misses_per_minute=100, misses_per_minute_in_all=2, pause_s=0.5, waiting=1)
    pace = Pace(settings, lambda: ticks)
    clock = asyncio.get_running_loop().time

    async def missed(*addresses: str) -> float:
        begun = clock()
        await asyncio.gather(*(pace.missed(address) for address in addresses))
        return clock() - begun

    assert await missed("10.0.0.1", "10.0.0.2") < 0.5
    assert await missed("10.0.1.1", "10.0.1.2") >= 0.5
    ticks = 60.0
    assert await missed("10.0.1.3") < 0.5


async def test_what_waits_for_its_own_address_does_not_slow_the_whole_hub() -> None:
    settings = Person(misses_per_minute=1, misses_per_minute_in_all=2, pause_s=0.5)
    pace = Pace(settings, lambda: 0.0)
    clock = asyncio.get_running_loop().time
    await asyncio.gather(*(pace.missed("10.0.0.1") for _ in range(5)))
    begun = clock()

    await pace.missed("10.0.0.2")

    assert clock() - begun < 0.5


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.8", "192.0.2.8"),
        ("", ""),
    ],
)
def test_a_network_of_one_household_counts_as_one_address(address: str, counted: str) -> None:
    assert neighbourhood(address) == counted


async def test_another_address_of_the_same_household_is_slowed_as_well() -> None:
    pace = Pace(Person(misses_per_minute=1, pause_s=0.01, waiting=1), lambda: 0.0)
    await pace.missed("2001:db8::1")

    guesses = [pace.missed(f"2001:db8::{n}") for n in (2, 3)]
    answers = await asyncio.gather(*guesses, return_exceptions=True)

    assert [type(answer) for answer in answers] == [type(None), TooMany]
    await pace.missed("2001:db8:0:1::1")


async def test_no_code_is_in_any_log_line(
    sim: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    _, code = await consent_with_code(sim)
    for do in (*SHOWING, *ASKING):
        await nothing(sim, do, code)
        await nothing(sim, do, WRONG)

    said = capsys.readouterr()
    text = said.out + said.err
    assert "route=/p/" in text
    assert "withdraw" not in text, "nor what was asked for"
    for secret in (code, WRONG):
        assert secret not in text
        assert secret.replace("-", "") not in text
