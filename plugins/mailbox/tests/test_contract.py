"""Intake format and delivery `mailbox` keep the contracts of their kinds."""

import email
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.policy import default

import pytest
import trustme
from aiosmtpd.controller import Controller

from exchange.canonical import Json
from exchange.testing import DeliveryContract, IntakeFormatContract, Receiver
from plugins.mailbox.tests.conftest import INTAKE, PASSWORD, Office

SERVER = "mail.ngo.example"


class TestMailbox(IntakeFormatContract):
    plugin = "mailbox"
    media_type = "application/pdf"
    file_name = "Mietschulden.pdf"
    content = b"%PDF-1.7\n%%EOF\n"

    @pytest.fixture
    def settings(self) -> Mapping[str, Json]:
        return INTAKE


class TestMailDelivery(DeliveryContract):
    plugin = "mailbox"
    key = "mailbox"

    @pytest.fixture
    def settings(self) -> Mapping[str, Json]:
        return {
            **INTAKE,
            "server": SERVER,
            "username": "gateway",
            "timeout_s": 20,
            "addresses": {"mail": "10.0.0.25:587"},
        }

    @pytest.fixture
    def secrets(self, authority: trustme.CA) -> Mapping[str, str]:
        return {"password": PASSWORD, "ca": authority.cert_pem.bytes().decode()}

    @pytest.fixture
    def connections(self, authority: trustme.CA, office: Office) -> Iterator[Receiver]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(SERVER).configure_cert(context)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = Controller(
            office,
            hostname="127.0.0.1",
            port=port,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=office.login,
        )
        server.start()
        with Receiver(at=("127.0.0.1", port)) as receiver:
            yield receiver
        server.stop()

    @pytest.fixture
    def received(self, office: Office) -> Callable[[], Mapping[str, Sequence[bytes]]]:
        def read() -> Mapping[str, Sequence[bytes]]:
            mails = [email.message_from_bytes(raw, policy=default) for raw in office.mails]
            return {
                mail["Message-ID"].strip("<>").partition("@")[0]: [
                    bytes(part.get_content()) for part in mail.iter_attachments()
                ]
                for mail in mails
            }

        return read
