"""Uses of a consent, asked for by many at once over HTTP, on every way a document can come.

One hub process; three processes on one database race in `test_three_processes`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from exchange.wire import routes
from tests.attacks.parties import COLLECTOR
from tests.several import BOTH, Several
from tests.simulator import GENEROUS, SENDER, Answer, Given, Letter

MANY = 100
FIFTY = 50


@pytest.fixture
async def several(tmp_path: Path) -> AsyncIterator[Several]:
    """Return a hub where nothing but the gate refuses."""
    limits = {**GENEROUS, "parallel": 2 * MANY, "streams": 2 * MANY}
    listen = {"connections_per_address": 2 * MANY}
    simulator = Several(tmp_path, agency=limits, listen=listen)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


async def used(several: Several, given: Given) -> int:
    found = await several.call(COLLECTOR, routes.GET_CONSENT, id=given.id)
    count: int = found.json["used"]
    return count


def faces(answers: list[Answer]) -> set[object]:
    """Return what the refused were told; a hub that gives nothing away has one."""
    return {answer.face for answer in answers if answer.status == 403}


async def test_of_a_hundred_at_once_on_a_single_use_exactly_one_is_stored(
    several: Several,
) -> None:
    consent = await several.consent(uses="once")
    letters = [several.letter(consent.digest) for _ in range(MANY)]

    answers = await asyncio.gather(*(several.send(letter) for letter in letters))

    assert sorted(answer.status for answer in answers) == [201] + [403] * (MANY - 1)
    assert len(faces(answers)) == 1
    assert await used(several, consent) == 1
    (stored,) = [one for one, said in zip(letters, answers, strict=True) if said.status == 201]
    assert await several.rows("SELECT disclosure FROM headers") == [(stored.id,)]
    assert len(await several.log("disclosure-stored")) == 1
    assert len(await several.log("disclosure-refused")) == MANY - 1


@pytest.mark.parametrize(("uses", "expected"), [("once", 1), (7, 7)])
async def test_in_pieces_and_in_one_go_share_the_uses(
    several: Several, uses: object, expected: int
) -> None:
    consent = await several.consent(uses=uses)
    letters = [several.letter(consent.digest) for _ in range(FIFTY)]

    async def in_pieces(letter: Letter) -> bool:
        if (await several.announce(letter)).status != 201:
            return False
        half = len(letter.sealed) // 2
        first = await several.patch(letter, 0, letter.sealed[:half])
        last = await several.patch(letter, half, letter.sealed[half:])
        return (first.status, last.status) == (204, 204)

    async def in_one_go(letter: Letter) -> bool:
        return (await several.send(letter)).status == 201

    stored = await asyncio.gather(
        *map(in_pieces, letters[::2]),
        *map(in_one_go, letters[1::2]),
    )

    assert sum(stored) == await used(several, consent) == expected
    assert await several.count("headers") == expected


async def test_a_document_for_two_recipients_is_one_use(several: Several) -> None:
    consent = await several.consent(uses=7, recipients=list(BOTH))
    letters = [
        several.joint_letter(consent.digest)
        if number % 2
        else several.letter(consent.digest, recipient=BOTH[number % 4 // 2])
        for number in range(FIFTY)
    ]

    answers = await asyncio.gather(*map(several.send, letters))

    assert [answer.status for answer in answers].count(201) == 7
    assert len(faces(answers)) == 1
    assert await used(several, consent) == 7


@pytest.mark.parametrize(("uses", "limit"), [("once", 1), (7, 7), ("recurring", FIFTY)])
async def test_a_withdrawal_among_fifty_ends_them_all_and_gives_every_use_back(
    several: Several, uses: object, limit: int
) -> None:
    consent = await several.consent(uses=uses)
    letters = [several.letter(consent.digest) for _ in range(FIFTY)]
    answers: list[Answer] = []
    acknowledged = asyncio.Event()

    async def send(letter: Letter) -> None:
        late = acknowledged.is_set()
        with suppress(aiohttp.ClientConnectionError):  # the withdrawal has cut a running upload
            answer = await several.send(letter)
            answers.append(answer)
            assert not (late and answer.status == 201)

    async def withdraw() -> None:
        assert (await several.withdraw(consent, COLLECTOR)).status == 200
        acknowledged.set()

    sending = [send(letter) for letter in letters]
    await asyncio.gather(*sending[: FIFTY // 2], withdraw(), *sending[FIFTY // 2 :])
    after = await several.send(several.letter(consent.digest))

    stored = [answer for answer in answers if answer.status == 201]
    assert {answer.status for answer in answers} <= {201, 403}
    assert len(stored) <= limit
    assert faces(answers) <= faces([after])
    kinds = [event["kind"] for event in await several.log()]
    assert "disclosure-stored" not in kinds[kinds.index("consent-withdrawn") :]
    assert kinds.count("disclosure-stored") <= limit
    assert await several.count("headers") == 0
    assert await used(several, consent) == 0


async def test_a_use_given_back_among_fifty_is_used_once_more_and_no_oftener(
    several: Several,
) -> None:
    consent = await several.consent(uses="once")
    first = several.letter(consent.digest)
    assert (await several.send(first)).status == 201
    letters = [several.letter(consent.digest) for _ in range(FIFTY)]

    recalled, *answers = await asyncio.gather(
        several.call(SENDER, routes.RECALL, id=first.id, json={}), *map(several.send, letters)
    )
    again = await several.send(several.letter(consent.digest))

    assert recalled.status == 200
    stored = [answer.status for answer in (*answers, again)].count(201)
    assert stored == await used(several, consent) == 1
