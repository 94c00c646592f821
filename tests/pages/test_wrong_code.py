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
SHORT_END = {"shutdown_s": 1}
"""Of a hub that is stopped while slowed answers still wait."""


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
    slow = Simulator(tmp_path, person={"misses_per_minute": 3, "pause_s": 30}, http=SHORT_END)
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        async with asyncio.timeout(25):  # less than one pause
            for _ in range(3):
                await nothing(slow, "show", WRONG)
        fourth = asyncio.create_task(nothing(slow, "show", WRONG))
        await asyncio.wait({fourth}, timeout=1)

        right = await nothing(slow, "show", code)

        assert not fourth.done()
        assert "Ihre Einwilligung" in right.body.decode()
        fourth.cancel()


async def test_a_slowed_answer_comes_after_its_pause_and_is_the_same(tmp_path: Path) -> None:
    slow = Simulator(tmp_path, person={"misses_per_minute": 1, "pause_s": 0.5})
    async with slow.running():
        at_once = await nothing(slow, "show", WRONG)
        clock = asyncio.get_running_loop().time
        begun = clock()

        assert (await nothing(slow, "show", WRONG)).face == at_once.face
        assert clock() - begun >= 0.5


async def test_nobody_is_locked_out_of_withdrawing_by_who_shares_her_address(
    tmp_path: Path,
) -> None:
    limits = {"misses_per_minute": 1, "misses_per_minute_in_all": 1, "pause_s": 30, "waiting": 1}
    slow = Simulator(tmp_path, person=limits, http=SHORT_END)
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        await nothing(slow, "show", WRONG)
        guesses = {asyncio.create_task(nothing(slow, "show", WRONG)) for _ in range(2)}
        (refused,), (waiting,) = await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
        assert refused.result().status == 429

        withdrawn = await nothing(slow, "withdraw", code)

        assert not waiting.done()
        assert "Widerruf angekommen" in withdrawn.body.decode()
        waiting.cancel()


async def test_right_codes_are_never_counted(tmp_path: Path) -> None:
    slow = Simulator(tmp_path, person={"misses_per_minute": 1, "pause_s": 30})
    async with slow.running():
        await slow.arrange()
        _, code = await consent_with_code(slow)
        async with asyncio.timeout(25):  # less than one pause
            for _ in range(5):
                assert (await nothing(slow, "show", code)).status == 200


async def test_an_address_with_too_many_slowed_answers_is_told_to_come_back(
    tmp_path: Path,
) -> None:
    limits = {"misses_per_minute": 1, "pause_s": 30, "waiting": 1}
    slow = Simulator(tmp_path, person=limits, http=SHORT_END)
    async with slow.running():
        await nothing(slow, "show", WRONG)
        guesses = [asyncio.create_task(nothing(slow, "show", WRONG)) for _ in range(3)]
        answers = asyncio.as_completed(guesses)

        for refused in [await next(answers), await next(answers)]:
            assert refused.status == 429
            assert "zu viele Anfragen" in refused.body.decode()
            assert refused.headers["Retry-After"] == "5"
        assert [guess.done() for guess in guesses].count(False) == 1
        for guess in guesses:
            guess.cancel()


async def slowed(pace: Pace, *addresses: str) -> int:
    """Return how many entries that opened nothing have to wait; here nobody waits for them."""
    entries = [asyncio.create_task(pace.missed(address)) for address in addresses]
    await asyncio.sleep(0)
    waiting = [entry for entry in entries if not entry.done()]
    for entry in waiting:
        entry.cancel()
    await asyncio.gather(*(entry for entry in entries if entry not in waiting))
    await asyncio.gather(*waiting, return_exceptions=True)
    return len(waiting)


async def test_the_whole_hub_is_slowed_but_one_address_does_not_use_up_the_waiting_of_another() -> (
    None
):
    ticks = 0.0
    settings = Person(misses_per_minute=100, misses_per_minute_in_all=2, pause_s=30, waiting=1)
    pace = Pace(settings, lambda: ticks)

    assert await slowed(pace, "10.0.0.1", "10.0.0.2") == 0
    assert await slowed(pace, "10.0.1.1", "10.0.1.2") == 2
    ticks = 60.0
    assert await slowed(pace, "10.0.1.3") == 0


async def test_what_waits_for_its_own_address_does_not_slow_the_whole_hub() -> None:
    pace = Pace(Person(misses_per_minute=1, misses_per_minute_in_all=2, pause_s=30), lambda: 0.0)

    assert await slowed(pace, *(["10.0.0.1"] * 5)) == 4
    assert await slowed(pace, "10.0.0.2") == 0


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
