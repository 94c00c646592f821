"""The channel `smtp` against a real mail server: encryption, login, refusals, hostile addresses."""

import asyncio
import ssl
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from exchange_plugin_smtp import configure
from exchange_plugin_smtp.channel import MailChannel, compose

from exchange.canonical import Json
from exchange.errors import Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import Notice, NoticeKind

ADDRESS = "it@agency.example"
Serve = Callable[..., int]
SettingsFor = Callable[[int], dict[str, Json]]


def notice(**changed: Any) -> Notice:
    given = {
        "id": str(uuid.uuid4()),
        "kind": NoticeKind.WAITING,
        "language": "de",
        "address": ADDRESS,
        "subject": "Anbindung prüfen",
        "text": "Bitte prüfen Sie die Anbindung.\n",
    }
    return Notice(**{**given, **changed})


async def send(settings: Mapping[str, Json], what: Notice | None = None) -> None:
    async with asyncio.timeout(60):
        await MailChannel(configure.read(settings)).send(what or notice())


async def test_a_notice_arrives_encrypted_from_the_hub_to_one_address(
    settings: Mapping[str, Json], mailbox: Any
) -> None:
    await send(settings)
    assert mailbox.envelopes == [("posteingang@hub.example", [ADDRESS])]
    assert mailbox.encrypted == [True]


async def test_tls_from_the_first_byte_works(
    serve: Serve, settings_for: SettingsFor, authority: trustme.CA, mailbox: Any
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    wrapped = {"ssl_context": context, "tls_context": None, "require_starttls": False}
    port = serve(**wrapped, auth_required=False, auth_require_tls=False)
    await send(settings_for(port) | {"security": "tls"})
    assert mailbox.envelopes == [("posteingang@hub.example", [ADDRESS])]


async def test_the_mail_has_no_header_beyond_those_every_mail_has(
    settings: Mapping[str, Json], mailbox: Any
) -> None:
    sent = notice()
    await send(settings, sent)
    (mail,) = mailbox.read()
    assert {name.lower() for name in mail} == {
        *("from", "to", "subject", "date", "message-id", "auto-submitted"),
        *("mime-version", "content-type", "content-transfer-encoding"),
        *("x-peer", "x-mailfrom", "x-rcptto"),  # of the test's server
    } - ({"x-peer", "x-mailfrom", "x-rcptto"} - {name.lower() for name in mail})
    assert mail["Message-ID"] == f"<{sent.id}@hub.example>"
    assert set(mailbox.greetings) == {"hub.example"}


async def test_a_repetition_has_the_same_message_id(
    settings: Mapping[str, Json], mailbox: Any
) -> None:
    sent = notice()
    await send(settings, sent)
    await send(settings, sent)
    first, second = mailbox.read()
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_text_is_plain_and_every_byte_is_seven_bits(
    settings: Mapping[str, Json], mailbox: Any
) -> None:
    await send(settings)
    (mail,) = mailbox.read()
    assert mail["Subject"] == "Anbindung prüfen"
    assert mail.get_content().replace("\r\n", "\n") == "Bitte prüfen Sie die Anbindung.\n"
    assert mail.get_content_type() == "text/plain"
    assert mailbox.mails[0].isascii()


async def test_a_certificate_of_a_stranger_is_refused_before_the_login(
    serve: Serve, settings_for: SettingsFor, mailbox: Any
) -> None:
    with pytest.raises(Unavailable):
        await send(settings_for(serve(authority=trustme.CA())))
    assert mailbox.mails == []


async def test_a_server_without_encryption_gets_no_login(
    serve: Serve, settings_for: SettingsFor, mailbox: Any
) -> None:
    plain = {"tls_context": None, "require_starttls": False}
    port = serve(**plain, auth_required=False, auth_require_tls=False)
    with pytest.raises(Unavailable):
        await send(settings_for(port))
    assert mailbox.mails == []


async def test_a_refused_login_is_temporary(settings: Mapping[str, Json], mailbox: Any) -> None:
    with pytest.raises(Unavailable):
        await send({**settings, "password": "another"})
    assert mailbox.mails == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_reply_of_451_is_temporary(
    command: str, settings: Mapping[str, Json], mailbox: Any
) -> None:
    mailbox.answer[command] = "451 try again later"
    with pytest.raises(Unavailable):
        await send(settings)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
async def test_a_reply_of_550_is_permanent(
    command: str, settings: Mapping[str, Json], mailbox: Any
) -> None:
    mailbox.answer[command] = "550 no such mailbox"
    with pytest.raises(Undeliverable):
        await send(settings)


async def test_a_sender_the_server_refuses_is_ours_to_mend(
    settings: Mapping[str, Json], mailbox: Any
) -> None:
    mailbox.answer["MAIL"] = "550 not your domain"
    with pytest.raises(Unavailable):
        await send(settings)


async def test_the_words_of_the_server_go_nowhere(
    settings: Mapping[str, Json], mailbox: Any
) -> None:
    mailbox.answer["RCPT"] = "550 canary"
    with pytest.raises(Undeliverable) as refusal:
        await send(settings)
    assert "canary" not in str(refusal.value)
    assert refusal.value.__suppress_context__


async def test_a_hanging_server_costs_the_time_limit(
    settings: Mapping[str, Json], mailbox: Any
) -> None:
    mailbox.hang = threading.Event()
    try:
        with pytest.raises(Unavailable):
            await send({**settings, "timeout_s": 1})
    finally:
        mailbox.hang.set()


async def test_a_server_that_never_greets_costs_the_time_limit(settings_for: SettingsFor) -> None:
    callers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, caller: callers.append(caller), "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable):
            await send(settings_for(port) | {"timeout_s": 1})
        for caller in callers:
            caller.close()
            await caller.wait_closed()


@pytest.mark.parametrize(
    "address",
    [
        "it@agency.example\r\nBcc: all@agency.example",
        "it@agency.example\nBcc: all@agency.example",
        "it@agency.example, all@agency.example",
        "<it@agency.example>",
        '"it\\r\\nX"@agency.example',
        "it@agency.example> SIZE=1\r\nRCPT TO:<all@agency.example",
        "it@agency.example\x00",
        "ït@agency.example",
        "it@[127.0.0.1]",
        "it",
        "",
    ],
)
async def test_an_address_that_injects_is_undeliverable(
    address: str, settings: Mapping[str, Json], mailbox: Any
) -> None:
    with pytest.raises(Undeliverable):
        await send(settings, notice(address=address))
    assert mailbox.mails == []


async def test_an_id_that_is_not_random_is_undeliverable(settings: Mapping[str, Json]) -> None:
    with pytest.raises(Undeliverable):
        await send(settings, notice(id="case 17/2026"))


@pytest.mark.parametrize(
    "changed",
    [
        {"security": "none"},
        {"host": ""},
        {"host": 5},
        {"port": 0},
        {"port": True},
        {"port": 70_000},
        {"timeout_s": "soon"},
        {"sender": "Hub <posteingang@hub.example>"},
        {"sender": "posteingang@hub.example\r\nBcc: all@agency.example"},
        {"password_file": "/nowhere"},
        {"password": "", "username": ""},
        {"ca_file": "/nowhere"},
        {"api_key": "x"},
    ],
)
def test_settings_that_are_unsafe_stop_the_start(
    changed: dict[str, Json], settings_for: SettingsFor
) -> None:
    with pytest.raises(Misconfigured) as refusal:
        configure.read(settings_for(25) | changed)
    assert all(str(value) not in str(refusal.value) for value in changed.values() if value)


def test_a_setting_that_is_missing_stops_the_start(settings_for: SettingsFor) -> None:
    for name in ("host", "username", "password", "sender"):
        given = {key: value for key, value in settings_for(25).items() if key != name}
        with pytest.raises(Misconfigured):
            configure.read(given)


def test_the_password_comes_from_a_file(settings_for: SettingsFor, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from the file\n")
    given = settings_for(25) | {"password_file": str(tmp_path / "password")}
    del given["password"]
    server = configure.read(given)
    assert server.password == "from the file"
    assert "from the file" not in repr(server)


def test_a_password_file_that_cannot_be_read_stops_the_start(settings_for: SettingsFor) -> None:
    given = settings_for(25) | {"password_file": "/nowhere/password"}
    del given["password"]
    with pytest.raises(Misconfigured, match="password_file"):
        configure.read(given)


def test_the_default_port_belongs_to_the_kind_of_encryption(settings_for: SettingsFor) -> None:
    for security, port in (("starttls", 587), ("tls", 465)):
        given = settings_for(25) | {"security": security}
        del given["port"]
        assert configure.read(given).port == port


def test_no_part_of_a_mail_can_hold_a_line_break(settings_for: SettingsFor) -> None:
    mail = compose(notice(), configure.read(settings_for(25)))
    with pytest.raises(ValueError, match="linefeed"):
        mail["X"] = "a\r\nBcc: b"
