"""The channel `webhook` against a real receiver: signatures, rotation, content, refusals."""

import re
import ssl
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from exchange_plugin_webhook import configure
from exchange_plugin_webhook.channel import compose
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from exchange.canonical import Json, loads
from exchange.errors import Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import Notice, NoticeKind

Table = dict[str, Json]
Made = Callable[..., Notice]
Send = Callable[..., Awaitable[None]]


async def test_the_reference_library_verifies_what_arrives(
    settings: Table, receiver: Any, send: Send, notice: Made, secrets: Sequence[str]
) -> None:
    sent = notice()
    await send(settings, sent)
    (request,) = receiver.requests

    assert Webhook(secrets[0]).verify(request.body, request.headers)["type"] == "notice.waiting"
    assert request.headers["webhook-id"] == sent.id
    for changed in (
        {"webhook-id": str(uuid.uuid4())},
        {"webhook-timestamp": str(int(request.headers["webhook-timestamp"]) + 1)},
        {"webhook-signature": ""},
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secrets[0]).verify(request.body, request.headers | changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(request.body + " ", request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[1]).verify(request.body, request.headers)


async def test_a_recorded_request_is_too_old_soon(
    settings: Table, receiver: Any, send: Send, secrets: Sequence[str]
) -> None:
    early = (datetime.now(UTC) - timedelta(minutes=6)).timestamp()
    await send(settings, clock=lambda: early)
    (request,) = receiver.requests

    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secrets[0]).verify(request.body, request.headers)


async def test_while_a_secret_is_replaced_both_of_them_verify(
    settings: Table, receiver: Any, tmp_path: Path, send: Send, secrets: Sequence[str]
) -> None:
    endpoints: Any = settings["endpoints"]
    endpoints["office"]["secret_files"] = [str(tmp_path / "secret-1"), str(tmp_path / "secret-0")]
    await send(settings)
    (request,) = receiver.requests

    for secret in secrets:
        Webhook(secret).verify(request.body, request.headers)


async def test_nothing_is_said_but_the_kind_and_the_moment(
    settings: Table, receiver: Any, send: Send, notice: Made
) -> None:
    await send(settings, notice(kind=NoticeKind.TASK))
    (request,) = receiver.requests

    said = loads(request.body.encode(), limit=1000)
    assert isinstance(said, dict)
    assert said.keys() == {"type", "timestamp", "data"}
    assert (said["type"], said["data"]) == ("notice.task", {"kind": "task"})
    assert request.target == "/inbox"
    assert request.headers.keys() == {
        *("host", "connection", "content-type", "content-length", "user-agent"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }
    assert not re.search("CANARY|office|de$", str(request.headers) + request.body)


def test_a_body_has_one_length_per_kind(notice: Made) -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 12, 31, 23, 59, 59, tzinfo=UTC)
    for kind in NoticeKind:
        one, other = compose(notice(kind=kind), early), compose(notice(kind=kind), late)
        assert len(one) == len(other)


async def test_a_repetition_has_the_same_id(
    settings: Table, receiver: Any, send: Send, notice: Made
) -> None:
    sent = notice()
    await send(settings, sent)
    await send(settings, sent)

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == sent.id


@pytest.mark.parametrize("status", [100, 301, 302, 400, 401, 404, 429, 500, 503])
async def test_an_endpoint_that_does_not_take_it_is_asked_again(
    status: int, settings: Table, receiver: Any, send: Send
) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    receiver.answer = lambda caller: caller.sendall(head.encode())
    with pytest.raises(Unavailable):
        await send(settings)


async def test_an_endpoint_that_is_gone_is_asked_no_more(
    settings: Table, receiver: Any, send: Send
) -> None:
    receiver.answer = lambda caller: caller.sendall(
        b"HTTP/1.1 410 CANARY\r\nContent-Length: 6\r\n\r\nCANARY"
    )
    with pytest.raises(Undeliverable) as refusal:
        await send(settings)
    assert "CANARY" not in str(refusal.value)


async def test_a_certificate_of_a_stranger_is_refused(
    settings: Table, receiver: Any, tls: ssl.SSLContext, send: Send
) -> None:
    stranger = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(stranger)
    receiver.tls = stranger
    with pytest.raises(Unavailable):
        await send(settings)
    assert receiver.requests == []


async def test_a_certificate_for_another_name_is_refused(
    settings: Table, receiver: Any, authority: trustme.CA, send: Send
) -> None:
    other = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hooks.example").configure_cert(other)
    receiver.tls = other
    with pytest.raises(Unavailable):
        await send(settings)
    assert receiver.requests == []


@pytest.mark.parametrize("changed", [{"address": "nobody"}, {"id": "case 17/2026"}])
async def test_a_notice_that_cannot_be_sent_is_undeliverable(
    changed: dict[str, str], settings: Table, receiver: Any, send: Send, notice: Made
) -> None:
    with pytest.raises(Undeliverable):
        await send(settings, notice(**changed))
    assert receiver.requests == []


@pytest.mark.parametrize(
    "changed",
    [
        {"unknown": 1},
        {"ports": 443},
        {"ports": ["443"]},
        {"ports": [True]},
        {"private": "10.0.0.0/8"},
        {"private": ["10.0.0.1/8"]},
        {"private": ["nowhere"]},
        {"timeout_s": 0},
        {"timeout_s": 61},
        {"timeout_s": True},
        {"ca_file": "/nowhere"},
        {"ca_file": 5},
        {"endpoints": []},
        {"endpoints": {"office": "https://hooks.example/"}},
        {"endpoints": {"office": {"url": "https://hooks.example/"}}},
        {"endpoints": {"office": {"url": "https://hooks.example/", "secret_files": []}}},
        {"endpoints": {"office": {"url": "https://hooks.example/", "secret_files": [5]}}},
        {"endpoints": {"office": {"url": "https://hooks.example/", "secret": "x"}}},
        {"endpoints": {"office": {"url": 5, "secret_files": ["x"]}}},
    ],
)
def test_settings_that_are_unsafe_stop_the_start(
    changed: Table, settings_for: Callable[..., Table]
) -> None:
    with pytest.raises(Misconfigured):
        configure.read(settings_for(443) | changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",  # without its prefix
        "whsec_c2hvcnQ=",
        "whsec_" + "A" * 96,
        "whsec_!DEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\nwhsec_x",
        "whsec_ü",
    ],
)
def test_a_secret_that_is_none_stops_the_start_and_is_not_quoted(
    text: str, settings_for: Callable[..., Table], tmp_path: Path
) -> None:
    (tmp_path / "secret-0").write_text(text)
    with pytest.raises(Misconfigured) as refusal:
        configure.read(settings_for(443))
    assert text == "" or text not in str(refusal.value)


def test_three_secrets_are_one_too_many(settings_for: Callable[..., Table], tmp_path: Path) -> None:
    given = settings_for(443)
    endpoints: Any = given["endpoints"]
    endpoints["office"]["secret_files"] = [str(tmp_path / "secret-0")] * 3
    with pytest.raises(Misconfigured):
        configure.read(given)


def test_secrets_are_never_shown(settings_for: Callable[..., Table]) -> None:
    found = configure.read(settings_for(443))
    assert not re.search("whsec|0123456789abcdef|secret", repr(found) + repr(found.by_name))
