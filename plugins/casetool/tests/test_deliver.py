"""Delivery to a case tool: verified by the reference library, once, to the named server only."""

import asyncio
import dataclasses
import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from exchange_plugin_casetool.configure import read
from exchange_plugin_casetool.deliver import register_deliveries
from exchange_plugin_casetool.sent import signature
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from exchange.canonical import Json
from exchange.errors import Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import DeliveredFolder, Delivery
from plugins.casetool.tests.conftest import FORMER, KEY, SERVER, Connected, Tool, folder_of

DeliveryFor = Callable[..., Delivery]


async def test_a_document_arrives_whole_signed_and_described(
    delivery_for: DeliveryFor, connections: Connected, tool: Tool, folder: DeliveredFolder
) -> None:
    await delivery_for().deliver(folder, connections)
    assert tool.documents == {
        folder.disclosure_id: {file.name: file.path.read_bytes() for file in folder.files}
    }
    (event,) = tool.events
    assert event["type"] == "document.delivered"
    assert event["timestamp"] == "2026-03-02T09:30:00Z"
    assert event["data"]["sender"] == {"agency": "jobcentre", "name": folder.sender_name}
    assert event["data"]["secrecy"]["code"] == "social"
    assert [file["sha256"] for file in event["data"]["files"]] == [
        file.sha256 for file in folder.files
    ]


async def test_twice_is_once(
    delivery_for: DeliveryFor, connections: Connected, tool: Tool, folder: DeliveredFolder
) -> None:
    for _ in range(2):
        await delivery_for().deliver(folder, connections)
    assert len(tool.documents) == 1
    assert tool.requests[:4] == tool.requests[4:]


async def test_the_event_comes_last_so_half_a_document_is_none(
    delivery_for: DeliveryFor, connections: Connected, tool: Tool, folder: DeliveredFolder
) -> None:
    tool.answers = [0, 503]
    with pytest.raises(Unavailable):
        await delivery_for().deliver(folder, connections)
    assert tool.documents == {}
    await delivery_for().deliver(folder, connections)
    assert len(tool.documents) == 1
    assert tool.requests[-1] == "POST /exchange"


@pytest.mark.parametrize("known", [[KEY], [FORMER], [FORMER, KEY]])
async def test_a_tool_that_changes_its_key_accepts_us_with_either(
    known: list[str],
    delivery_for: DeliveryFor,
    connections: Connected,
    tool: Tool,
    folder: DeliveredFolder,
) -> None:
    tool.keys = known
    await delivery_for(former_key=FORMER).deliver(folder, connections)
    assert len(tool.documents) == 1


async def test_another_key_is_refused_and_told_to_the_office(
    delivery_for: DeliveryFor, connections: Connected, tool: Tool, folder: DeliveredFolder
) -> None:
    tool.keys = [FORMER]
    with pytest.raises(Undeliverable):
        await delivery_for().deliver(folder, connections)
    assert (tool.refused, tool.documents) == (1, {})


def test_late_changed_and_unsigned_texts_are_not_accepted_by_the_library() -> None:
    now = int(datetime.now(UTC).timestamp())
    raw = b"Kein Geheimnis, nur ein Test!!"
    good = dict(signature([raw], "id", now, "{}"))
    assert Webhook(raw).verify("{}", good) == {}
    for changed, text in (
        (dict(signature([raw], "id", now - 3600, "{}")), "{}"),
        (good, "{ }"),
        ({**good, "Webhook-Id": "other"}, "{}"),
        ({**good, "Webhook-Timestamp": str(now + 1)}, "{}"),
        ({name: value for name, value in good.items() if "Signature" not in name}, "{}"),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(raw).verify(text, changed)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
@pytest.mark.parametrize("before", [0, 3])
async def test_a_tool_in_trouble_is_tried_again_later(
    status: int,
    before: int,
    delivery_for: DeliveryFor,
    connections: Connected,
    tool: Tool,
    folder: DeliveredFolder,
) -> None:
    tool.answers = [0] * before + [status]
    with pytest.raises(Unavailable):
        await delivery_for().deliver(folder, connections)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 409, 413, 422, 451])
async def test_any_other_answer_is_told_to_the_office_and_no_redirect_followed(
    status: int,
    delivery_for: DeliveryFor,
    connections: Connected,
    tool: Tool,
    folder: DeliveredFolder,
) -> None:
    tool.answers = [status]
    with pytest.raises(Undeliverable):
        await delivery_for().deliver(folder, connections)
    assert (connections.opened, len(tool.requests)) == (1, 1)


async def test_nothing_is_said_to_a_server_with_another_name_or_authority(
    delivery_for: DeliveryFor, connections: Connected, tool: Tool, folder: DeliveredFolder
) -> None:
    stranger = trustme.CA().cert_pem.bytes().decode()
    for delivery in (delivery_for({"server": "other.example"}), delivery_for(ca=stranger)):
        with pytest.raises(Unavailable):
            await delivery.deliver(folder, connections)
    assert tool.requests == []


async def test_nobody_listening_is_temporary(
    delivery_for: DeliveryFor, folder: DeliveredFolder
) -> None:
    with socket.socket() as taken:  # nobody listens at its port, and nobody else can take it
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable):
            await delivery_for().deliver(folder, Connected(taken.getsockname()[1]))


async def test_a_file_that_changed_since_is_not_sent_as_another(
    delivery_for: DeliveryFor, connections: Connected, tool: Tool, folder: DeliveredFolder
) -> None:
    for content in (b"<p>more", b"<"):
        folder.files[0].path.write_bytes(content)
        with pytest.raises(Undeliverable):
            await delivery_for().deliver(folder, connections)
    assert tool.aside == {}


async def test_two_hundred_megabytes_pass_in_a_stream(
    delivery_for: DeliveryFor, tmp_path: Path, authority: trustme.CA
) -> None:
    folder = folder_of(tmp_path / "large", {"scan.pdf": b""})
    size = 200_000_000
    with folder.files[0].path.open("r+b") as scan:
        scan.truncate(size)
    large = dataclasses.replace(folder, files=(dataclasses.replace(folder.files[0], size=size),))
    async with Raw(authority) as raw:
        forget_peak()
        before = peak()
        await delivery_for().deliver(large, raw.connections)
        assert peak() - before < 64 << 20
        assert raw.bodies[0] == size


def forget_peak() -> None:
    """Let the kernel count the largest memory of this process anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak() -> int:
    """Return the largest resident memory so far, in bytes."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(line) * 1024


class Raw:
    """A server that answers with given bytes, whatever it is asked."""

    def __init__(
        self,
        authority: trustme.CA,
        answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n",
        *,
        endless: bool = False,
    ) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(SERVER).configure_cert(self._context)
        self._answer = answer
        self._endless = endless
        self.bodies: list[int] = []
        self._serving = set[asyncio.Task[None]]()

    async def __aenter__(self) -> "Raw":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.connections = Connected(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for _turn in range(5):
            await asyncio.sleep(0)  # what was cut is closed in the next turns of the loop

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            (length,) = re.findall(rb"Content-Length: (\d+)", head)
            left = int(length)
            while left and (piece := await reader.read(1 << 16)):
                left -= len(piece)
            self.bodies.append(int(length) - left)
            writer.write(self._answer)
            while self._endless:
                writer.write(b"X-Field: x\r\n" * 1000)
                await writer.drain()
            await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000,
        b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_none(
    answer: bytes, delivery_for: DeliveryFor, folder: DeliveredFolder, authority: trustme.CA
) -> None:
    async with Raw(authority, answer) as raw:
        with pytest.raises(Unavailable):
            await delivery_for({"timeout_s": 1}).deliver(folder, raw.connections)


async def test_an_endless_answer_is_given_up(
    delivery_for: DeliveryFor, folder: DeliveredFolder, authority: trustme.CA
) -> None:
    async with Raw(authority, b"HTTP/1.1 200 OK\r\n", endless=True) as raw:
        with pytest.raises(Unavailable):
            await delivery_for().deliver(folder, raw.connections)


async def test_an_interim_answer_is_passed_over(
    delivery_for: DeliveryFor, folder: DeliveredFolder, authority: trustme.CA
) -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    async with Raw(authority, answer) as raw:
        await delivery_for().deliver(folder, raw.connections)
        assert len(raw.bodies) == 4


class Elsewhere(Connected):
    """Connections whose other end says that it is another machine."""

    async def connect(self, name: str) -> socket.socket:
        """Return a socket that names a far peer."""
        with await super().connect(name) as near:
            return Far(fileno=near.detach())


class Far(socket.socket):
    """A socket with another peer."""

    def getpeername(self) -> Any:
        """Return an address in the agency's network."""
        return ("10.0.0.5", 80)


async def test_without_encryption_it_speaks_to_this_machine_only(folder: DeliveredFolder) -> None:
    (delivery,) = register_deliveries(
        {"server": "localhost", "path": "/exchange", "security": "none"}, {"key": KEY}
    )
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(Misconfigured):
        await delivery.deliver(folder, Elsewhere(listening.getsockname()[1]))


def test_keys_stay_out_of_what_is_said_of_a_case_tool() -> None:
    table: dict[str, Json] = {"server": "localhost", "path": "/exchange", "security": "none"}
    tool = read(table, {"key": KEY, "former_key": FORMER})
    assert "localhost" in repr(tool)
    assert not [key for key in tool.keys if repr(key) in repr(tool)]


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        ({"server": "evil.example/x"}, {}),
        ({"server": "a.example\r\nX: y"}, {}),
        ({"server": ""}, {}),
        ({"path": "/a/../b"}, {}),
        ({"path": "relative"}, {}),
        ({"path": "/a b"}, {}),
        ({"path": "/"}, {}),
        ({"timeout_s": 0}, {}),
        ({"timeout_s": True}, {}),
        ({"security": "maybe"}, {}),
        ({"security": "none"}, {}),
        ({"colour": "blue"}, {}),
        ({}, {"key": "whsec_AAAA"}),
        ({}, {"key": KEY.removeprefix("whsec_")}),
        ({}, {"key": "whsec_***"}),
        ({}, {"former_key": ""}),
        ({}, {"ca": "no certificate"}),
        ({}, {"more": "x"}),
    ],
)
def test_unfit_settings_stop_the_start_and_quote_no_secret(
    settings: dict[str, Json], secrets: dict[str, str], delivery_for: DeliveryFor
) -> None:
    assert delivery_for().key == "casetool"
    with pytest.raises(Misconfigured) as refusal:
        delivery_for(settings, **secrets)
    assert KEY not in str(refusal.value)
