"""Delivery of the mail to the agency's own server: encrypted, in a stream, one Message-ID."""

import dataclasses
import email
import socket
from collections.abc import Awaitable, Callable
from email.policy import default
from pathlib import Path

import pytest
import trustme
from exchange_plugin_mailbox.convert import register_deliveries

from exchange.canonical import Json
from exchange.errors import Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import DeliveredFolder, Delivery
from exchange.testing import package_of
from plugins.mailbox.tests.conftest import INTAKE, PASSWORD, Connected, Office, delivered, folder_of

Serve = Callable[..., Awaitable[Connected]]
DeliveryFor = Callable[..., Delivery]
PLAIN = {"tls_context": None, "require_starttls": False, "auth_required": False}


@pytest.fixture
async def letter(tmp_path: Path) -> DeliveredFolder:
    (tmp_path / "source").mkdir()
    content = b"%PDF-1.7\n.\n..\n\r\n.\r\n"
    package = package_of(tmp_path / "source", {"Bescheid.pdf": ("application/pdf", content)})
    return await delivered(package, tmp_path / "target")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_the_mail_arrives_as_intake_wrote_it_encrypted_and_logged_in(
    security: str, serve: Serve, delivery_for: DeliveryFor, office: Office, letter: DeliveredFolder
) -> None:
    connections = await serve(tls=security == "tls")
    await delivery_for({"security": security}).deliver(letter, connections)
    assert office.mails == [letter.files[0].path.read_bytes()]
    assert office.envelopes == [("austausch@ngo.example", ["post@ngo.example"])]
    assert office.encrypted == [True] or security == "tls"
    assert office.logins == 1


async def test_twice_is_the_same_message(
    serve: Serve, delivery_for: DeliveryFor, office: Office, letter: DeliveredFolder
) -> None:
    connections = await serve()
    for _ in range(2):
        await delivery_for().deliver(letter, connections)
    first, second = (email.message_from_bytes(mail, policy=default) for mail in office.mails)
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_dot_at_the_start_of_a_line_does_not_end_the_mail(
    serve: Serve, delivery_for: DeliveryFor, office: Office, letter: DeliveredFolder
) -> None:
    letter.files[0].path.write_bytes(b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n")
    await delivery_for().deliver(letter, await serve())
    assert office.mails == [b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n"]


@pytest.mark.parametrize(
    "content", [b"a\nb\r\n", b"a\r\n.\nQUIT\r\n", b"a\rb\r\n", b"a", b"x" * 1200 + b"\r\n"]
)
async def test_a_line_that_could_end_the_mail_early_is_never_sent(
    content: bytes,
    serve: Serve,
    delivery_for: DeliveryFor,
    office: Office,
    letter: DeliveredFolder,
) -> None:
    letter.files[0].path.write_bytes(content)
    with pytest.raises(Undeliverable):
        await delivery_for().deliver(letter, await serve())
    assert office.mails == []


async def test_what_another_format_wrote_is_attached_never_sent_as_the_mail(
    tmp_path: Path,
    delivery_for: DeliveryFor,
    serve: Serve,
    office: Office,
    letter: DeliveredFolder,
) -> None:
    """Not even a mail that a stranger sent, or the mail of another document."""
    evil = b"From: boss@ngo.example\r\nTo: everybody@ngo.example\r\n\r\nbody\r\n"
    files = {"Weiterleitung.eml": ("message/rfc822", evil), "liste.csv": ("text/csv", b"a;b")}
    package = package_of(tmp_path, files)
    stranger = folder_of(package, [file.path for file in package.files])
    other = dataclasses.replace(letter, disclosure_id="00000000-0000-4000-8000-000000000000")
    connections = await serve()
    for folder in (stranger, other):
        await delivery_for().deliver(folder, connections)
    for folder, raw in zip((stranger, other), office.mails, strict=True):
        mail = email.message_from_bytes(raw, policy=default)
        assert mail["To"] == "post@ngo.example"
        assert mail["Message-ID"] == f"<{folder.disclosure_id}@ngo.example>"
        attached = {part.get_filename(): part for part in mail.iter_attachments()}
        assert {name: part.get_payload(decode=True) for name, part in attached.items()} == {
            file.name: file.path.read_bytes() for file in folder.files
        }
        body = mail.get_body(("plain",))
        assert body is not None
        assert "Jobcenter (jobcentre)" in body.get_content()
        assert attached.popitem()[1].get_content_type() in {"text/csv", "application/octet-stream"}


async def test_a_file_that_changed_since_is_not_sent_as_another(
    tmp_path: Path, delivery_for: DeliveryFor, serve: Serve, office: Office
) -> None:
    package = package_of(tmp_path, {"a.pdf": ("application/pdf", b"%PDF-")})
    folder = folder_of(package, [package.files[0].path])
    folder.files[0].path.write_bytes(b"%PDF-more")
    with pytest.raises(Undeliverable):
        await delivery_for().deliver(folder, await serve())
    assert office.mails == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_temporary_no_is_tried_again_later(
    command: str,
    serve: Serve,
    delivery_for: DeliveryFor,
    office: Office,
    letter: DeliveredFolder,
) -> None:
    office.answer[command] = "451 not now"
    with pytest.raises(Unavailable):
        await delivery_for().deliver(letter, await serve())


@pytest.mark.parametrize(
    ("command", "reply"),
    [("RCPT", "550 unknown"), ("DATA", "554 no"), ("MAIL", "552 too large")],
)
async def test_a_permanent_no_is_told_to_the_office(
    command: str,
    reply: str,
    serve: Serve,
    delivery_for: DeliveryFor,
    office: Office,
    letter: DeliveredFolder,
) -> None:
    office.answer[command] = reply
    with pytest.raises(Undeliverable):
        await delivery_for().deliver(letter, await serve())


async def test_a_mail_larger_than_the_server_takes_is_not_even_begun(
    serve: Serve, delivery_for: DeliveryFor, letter: DeliveredFolder
) -> None:
    with pytest.raises(Undeliverable):
        await delivery_for().deliver(letter, await serve(data_size_limit=100))


async def test_a_refused_sender_is_ours_to_mend(
    serve: Serve, delivery_for: DeliveryFor, office: Office, letter: DeliveredFolder
) -> None:
    office.answer["MAIL"] = "550 who are you"
    with pytest.raises(Unavailable):
        await delivery_for().deliver(letter, await serve())


async def test_nothing_is_said_to_a_server_with_another_name_or_authority(
    serve: Serve, delivery_for: DeliveryFor, office: Office, letter: DeliveredFolder
) -> None:
    other = trustme.CA().cert_pem.bytes().decode()
    connections = await serve()
    for delivery in (delivery_for({"server": "other.ngo.example"}), delivery_for(ca=other)):
        with pytest.raises(Unavailable):
            await delivery.deliver(letter, connections)
    assert office.envelopes == []


async def test_a_server_without_encryption_gets_no_password(
    serve: Serve, delivery_for: DeliveryFor, office: Office, letter: DeliveredFolder
) -> None:
    connections = await serve(**PLAIN, auth_require_tls=False)
    with pytest.raises(Unavailable):
        await delivery_for().deliver(letter, connections)
    assert office.logins == 0
    assert office.envelopes == []


async def test_a_wrong_password_is_temporary(
    serve: Serve, delivery_for: DeliveryFor, letter: DeliveredFolder
) -> None:
    with pytest.raises(Unavailable):
        await delivery_for(password="wrong").deliver(letter, await serve())


async def test_a_server_that_falls_silent_is_given_up(
    serve: Serve, office: Office, letter: DeliveredFolder
) -> None:
    office.silent = True
    (delivery,) = register_deliveries({**INTAKE, "security": "none", "timeout_s": 1}, {})
    with pytest.raises(Unavailable):
        await delivery.deliver(letter, await serve(**PLAIN))


async def test_without_encryption_it_speaks_to_this_machine_only(
    serve: Serve, office: Office, letter: DeliveredFolder
) -> None:
    (delivery,) = register_deliveries({**INTAKE, "security": "none"}, {})
    connections = await serve(**PLAIN)
    await delivery.deliver(letter, connections)
    assert len(office.mails) == 1
    with pytest.raises(Misconfigured):
        await delivery.deliver(letter, Elsewhere(connections))
    assert len(office.mails) == 1


class Elsewhere:
    """Connections whose other end says that it is another machine."""

    def __init__(self, there: Connected) -> None:
        self._there = there

    async def connect(self, name: str) -> "Far":
        """Return a socket that names a far peer."""
        with await self._there.connect(name) as near:
            return Far(fileno=near.detach())


class Far(socket.socket):
    """A socket with another peer."""

    def getpeername(self) -> tuple[str, int]:
        """Return an address in the agency's network."""
        return ("10.0.0.5", 25)


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        ({"security": "plain"}, None),
        ({"server": ""}, None),
        ({"username": None}, None),
        ({"timeout_s": 0}, None),
        ({}, {"password": PASSWORD}),
        ({}, {"ca": "no certificate", "password": PASSWORD}),
        ({}, {"ca": "", "password": PASSWORD}),
        ({"security": "none"}, {"password": PASSWORD}),
        ({}, {"password": PASSWORD, "more": "x"}),
    ],
)
def test_unfit_settings_stop_the_start(
    settings: dict[str, Json], secrets: dict[str, str] | None, authority: trustme.CA
) -> None:
    good = {"password": PASSWORD, "ca": authority.cert_pem.bytes().decode()}
    table: dict[str, Json] = {**INTAKE, "server": "mail.ngo.example", "username": "gateway"}
    assert register_deliveries(table, good)
    with pytest.raises(Misconfigured) as refusal:
        register_deliveries({**table, **settings}, good if secrets is None else secrets)
    assert PASSWORD not in str(refusal.value)
