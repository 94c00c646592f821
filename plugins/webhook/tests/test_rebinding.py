"""A64: a name that leads elsewhere at a second look, or to several places, one of them inside."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from exchange.canonical import Json
from exchange.errors import Unavailable

pytestmark = pytest.mark.ssrf
Send = Callable[..., Awaitable[None]]


class Zone:
    """Answers look-ups one after the other, and the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def settings(receiver: Any, settings_for: Callable[..., dict[str, Json]]) -> dict[str, Json]:
    """The table for a host whose name is looked up in a zone of the test."""
    return settings_for(receiver.port, host="hooks.example")


async def test_the_name_is_looked_up_once_and_the_connection_goes_where_that_led(
    settings: dict[str, Json], receiver: Any, send: Send
) -> None:
    zone = Zone(["127.0.0.1"], ["10.0.0.1"])

    await send(settings, look_up=zone)

    assert zone.asked == [("hooks.example", receiver.port)]
    (request,) = receiver.requests
    assert request.headers["host"] == f"hooks.example:{receiver.port}"


@pytest.mark.parametrize(
    "answer",
    [
        [],
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["2a02::1", "fe80::1"],
    ],
)
async def test_one_address_that_is_not_admitted_refuses_all(
    answer: Sequence[str], settings: dict[str, Json], receiver: Any, send: Send
) -> None:
    with pytest.raises(Unavailable):
        await send(settings | {"private": []}, look_up=Zone(answer))
    assert receiver.requests == []


async def test_a_second_notice_is_looked_at_anew(
    settings: dict[str, Json], receiver: Any, send: Send
) -> None:
    zone = Zone(["127.0.0.1"], ["10.0.0.1"])
    await send(settings, look_up=zone)

    with pytest.raises(Unavailable):
        await send(settings, look_up=zone)
    assert (len(zone.asked), len(receiver.requests)) == (2, 1)


async def test_an_address_that_nobody_listens_at_is_followed_by_the_next(
    settings: dict[str, Json], receiver: Any, send: Send
) -> None:
    await send(settings, look_up=Zone(["127.0.0.2", "127.0.0.1"]))

    assert len(receiver.requests) == 1
