"""Intake format and delivery `mailbox` keep the contracts of their kinds."""

import asyncio
import email
import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.policy import default

import pytest
import trustme

from exchange.canonical import Json
from exchange.hookspecs import DeliveredFolder, Delivery
from exchange.testing import DeliveryContract, IntakeFormatContract, Receiver
from plugins.mailbox.tests.conftest import INTAKE, PASSWORD, SERVER, Office, Servers


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
        servers = Servers(authority, office)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            there = asyncio.run_coroutine_threadsafe(servers(), loop).result()
            with Receiver(at=("127.0.0.1", there.port)) as receiver:
                yield receiver
            asyncio.run_coroutine_threadsafe(servers.stop(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

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

    def test_the_connection_ends_though_the_server_does_not_hang_up(
        self,
        adapter: Delivery,
        delivered: DeliveredFolder,
        connections: Receiver,
        office: Office,
    ) -> None:
        office.freezes = threading.Event()
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(adapter.deliver(delivered, connections))
        finally:
            loop.close()  # it gets no turn beyond the delivery's
            office.freezes.set()
        gc.collect()  # a connection that was left open is reported now
        assert len(office.mails) == 1
