"""The channel `apprise` against real receivers: words, secrets, hanging services, hostile URLs."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from exchange_plugin_apprise import configure
from exchange_plugin_apprise.channel import THREADS, AppriseChannel

from exchange.canonical import Json
from exchange.errors import Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import Notice, NoticeKind

Send = Callable[..., Awaitable[None]]
SettingsFor = Callable[..., dict[str, Json]]


def under_way() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "apprise"]


def join_all() -> None:
    for thread in under_way():
        thread.join(60)
        assert not thread.is_alive()


async def test_nothing_arrives_but_the_words(
    settings: Mapping[str, Json], receiver: Any, send: Send
) -> None:
    await send(settings)
    (request,) = receiver.requests

    assert request.target == "/inbox"
    assert request.json == {
        "version": "1.0",
        "title": "Prüfung",
        "message": "Nothing but <words> & *signs*.",
        "attachments": [],
        "type": "info",
    }
    assert request.headers["user-agent"] == "consent-exchange"


async def test_a_matrix_room_is_told(
    receiver: Any, settings_for: SettingsFor, send: Send, notice: Callable[..., Notice]
) -> None:
    sent = notice()
    await send(
        settings_for(f"matrixs://hub:password@localhost:{receiver.port}/!room:localhost"), sent
    )
    (message,) = [one for one in receiver.requests if "/send/" in one.target]

    said = str(message.json)
    assert "Prüfung" in said
    assert "Nothing but <words> & *signs*." in said
    assert all(sent.id not in f"{one.target}{one.body!r}" for one in receiver.requests)


@pytest.mark.parametrize("status", [301, 400, 403, 410, 429, 500])
async def test_a_service_that_does_not_take_it_is_asked_again(
    status: int, settings: Mapping[str, Json], receiver: Any, send: Send
) -> None:
    receiver.status = status
    receiver.fields = {"location": f"https://localhost:{receiver.port}/again"}
    with pytest.raises(Unavailable):
        await send(settings)
    assert [request.target for request in receiver.requests] == ["/inbox"]


async def test_a_service_that_hangs_costs_its_time_and_in_the_end_the_channel_only(
    settings: Mapping[str, Json], receiver: Any, notice: Callable[..., Notice]
) -> None:
    channel = AppriseChannel(configure.read({**settings, "timeout_s": 3}))
    receiver.hang.clear()
    ends = await asyncio.gather(
        *(channel.send(notice()) for _ in range(THREADS)), return_exceptions=True
    )
    assert [str(end) for end in ends] == ["the service did not answer in time"] * THREADS
    with pytest.raises(Unavailable, match="too many"):
        await channel.send(notice())

    receiver.hang.set()
    await asyncio.to_thread(join_all)
    await channel.send(notice())


def test_no_thread_is_left_to_be_waited_for(settings: Mapping[str, Json], receiver: Any) -> None:
    async def hang() -> None:
        channel = AppriseChannel(configure.read(settings))
        never = Notice(
            id="", kind=NoticeKind.TASK, language="de", address="office", subject="x", text="x\n"
        )
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await channel.send(never)

    receiver.hang.clear()
    asyncio.run(hang())  # ends while the service hangs, and its thread with the process

    assert all(thread.daemon for thread in under_way())
    receiver.hang.set()
    join_all()


async def test_a_stranger_is_told_nothing(
    settings: Mapping[str, Json], receiver: Any, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(Unavailable):
        await send(settings)
    assert receiver.requests == []


async def test_a_name_that_no_service_has_is_undeliverable(
    settings: Mapping[str, Json], receiver: Any, send: Send, notice: Callable[..., Notice]
) -> None:
    with pytest.raises(Undeliverable):
        await send(settings, notice(address="jsons://localhost/"))
    assert receiver.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "nothing://here",
        "json://localhost/CANARY",
        "mailto://user:CANARY@example.com",
        "ntfy://CANARY",
        "syslog://",
        "jsons://localhost/CANARY?verify=no",
        "jsons://localhost/CANARY?redirect=yes",
        "jsons://localhost/CANARY\njsons://localhost/another",
    ],
)
def test_a_url_that_is_unsafe_stops_the_start(url: str, settings_for: SettingsFor) -> None:
    with pytest.raises(Misconfigured) as refusal:
        configure.read(settings_for(url))
    assert "CANARY" not in str(refusal.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"unknown": 1},
        {"timeout_s": 0},
        {"timeout_s": 301},
        {"timeout_s": True},
        {"url_files": []},
        {"url_files": {"office": 5}},
        {"url_files": {"office": "/nowhere"}},
        {"urls": {"office": "jsons://localhost/"}},
    ],
)
def test_settings_that_are_unsafe_stop_the_start(
    changed: dict[str, Json], settings_for: SettingsFor
) -> None:
    with pytest.raises(Misconfigured):
        configure.read(settings_for("jsons://localhost/") | changed)


def test_a_file_that_is_no_text_stops_the_start(settings_for: SettingsFor, tmp_path: Path) -> None:
    given = settings_for("jsons://localhost/")
    (tmp_path / "url").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured):
        configure.read(given)


def test_secrets_are_never_shown(settings_for: SettingsFor) -> None:
    found = configure.read(settings_for("jsons://user:CANARY@localhost/"))
    assert "CANARY" not in repr(found)
