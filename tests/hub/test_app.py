"""The composition root: loops, the control socket, and what stops the process."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exchange.canonical import Json
from exchange.errors import Malformed, Misconfigured, NotFound, Unavailable
from exchange.hub import app, control
from exchange.hub.app import command
from exchange.hub.line import Line
from exchange.hub.news import News
from exchange.hub.serve import looping
from exchange.hub.settings import HubSettings
from exchange.sqlite import SqliteDatabase
from tests import needs
from tests.simulator import SENDER, Simulator

URL: Any = "postgresql+psycopg://hub@127.0.0.1/hub"


async def test_a_loop_that_dies_stops_the_process_with_its_error() -> None:
    stop = asyncio.Event()

    async def dies(_stop: asyncio.Event) -> None:
        raise ValueError("a defect")

    async def lives(ending: asyncio.Event) -> None:
        await ending.wait()

    async def serve() -> None:
        async with looping(stop, {"dies": dies, "lives": lives}), asyncio.timeout(30):
            await stop.wait()

    with pytest.raises(ValueError, match="a defect"):
        await serve()


async def test_loops_end_by_event_between_two_units() -> None:
    done = []

    async def lives(ending: asyncio.Event) -> None:
        await ending.wait()
        done.append("ended by itself")

    async with looping(asyncio.Event(), {"lives": lives}):
        await asyncio.sleep(0)

    assert done == ["ended by itself"]


async def test_the_control_socket_answers_and_names_what_it_refuses(tmp_path: Path) -> None:
    async def answer(asked: Mapping[str, Any]) -> Json:
        if asked == {"do": "ask"}:
            return {"told": 1}
        raise NotFound("no such thing")

    async with control.listening(tmp_path, answer):
        told = await asyncio.to_thread(control.ask, tmp_path, {"do": "ask"})
        with pytest.raises(NotFound, match="no such thing"):
            await asyncio.to_thread(control.ask, tmp_path, {"do": "else"})
        with pytest.raises(Malformed):
            await asyncio.to_thread(control.ask, tmp_path, {"do": "x" * 100_000})
    with pytest.raises(ConnectionError):
        control.ask(tmp_path, {"do": "ask"})

    assert told == {"told": 1}


async def test_a_socket_that_a_crash_has_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / control.SOCKET).write_bytes(b"")

    async def answer(_asked: Mapping[str, Any]) -> Json:
        return "here"

    with pytest.raises(ConnectionError):
        control.ask(tmp_path, {})
    async with control.listening(tmp_path, answer):
        assert await asyncio.to_thread(control.ask, tmp_path, {}) == "here"


async def test_a_home_deeper_than_a_socket_address_can_say_works(tmp_path: Path) -> None:
    home = tmp_path / ("d" * 100) / ("e" * 100)
    home.mkdir(parents=True)

    async def answer(_asked: Mapping[str, Any]) -> Json:
        return "here"

    async with control.listening(home, answer):
        assert await asyncio.to_thread(control.ask, home, {}) == "here"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"do": "everything"},
        {"do": "admit", "card": {}, "reach": {}},
        {"do": "admit", "card": "x"},
        {"do": "suspend", "agency": 5},
    ],
)
async def test_a_command_that_is_none_is_malformed(sim: Simulator, asked: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        await command(sim.hub, asked)


async def test_commands_do_what_they_say(sim: Simulator) -> None:
    assert await command(sim.hub, {"do": "suspend", "agency": SENDER}) == {"first": True}
    status = await command(sim.hub, {"do": "status"})

    assert isinstance(status, dict)


async def test_a_place_without_a_hub_is_not_opened(tmp_path: Path) -> None:
    sim = Simulator(tmp_path)

    with pytest.raises(Misconfigured, match="exchange hub init"):
        async with app.opened(sim.settings, clock=app.now, on_failure=lambda: None):
            pass


@needs.sqlite()
async def test_a_hub_whose_database_is_closed_is_not_ready(sim: Simulator) -> None:
    from exchange.hub.ready import ready

    await ready(sim.hub)
    assert isinstance(sim.database, SqliteDatabase)
    sim.database.failed = True

    with pytest.raises(Unavailable):
        await ready(sim.hub)
    sim.database.failed = False


async def test_news_wakes_whom_it_is_for_and_ends_for_everybody() -> None:
    news = News(Line())
    mine, other = news.listen("mine"), news.listen("other")

    news.tell(["mine", "nobody"])
    assert await news.until(mine, seconds=1)
    assert not await news.until(other, seconds=0.01)
    news.leave("other", other)
    news.leave("other", other)
    news.end()

    assert not await news.until(mine, seconds=1)
    assert not await news.until(news.listen("late"), seconds=1)


def test_a_start_without_contacts_for_barriers_is_told_in_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app.warn(HubSettings())
    app.warn(HubSettings(person={"contact": "0123 456", "enforcement": "Stelle des Landes"}))

    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "person-contact-missing" in line] == said[:1]
    assert [line for line in said if "person-enforcement-missing" in line] == said[1:]


@pytest.mark.parametrize(("workers", "here", "in_all"), [(1, 10, 100), (2, 5, 50), (16, 1, 7)])
def test_workers_share_the_wrong_codes_that_one_machine_puts_up_with(
    workers: int, here: int, in_all: int
) -> None:
    shared = app.share(HubSettings(workers=workers, database_url=URL))
    assert (shared.misses_per_minute, shared.misses_per_minute_in_all) == (here, in_all)


def test_several_workers_need_postgresql() -> None:
    with pytest.raises(ValueError, match="workers above 1 need PostgreSQL: set database_url"):
        HubSettings(workers=2)
    assert HubSettings(workers=2, database_url=URL).workers == 2
