"""The formats `xdomea` keep the contracts of intake and outgoing formats."""

from collections.abc import Mapping

import pytest

from exchange.canonical import Json
from exchange.testing import IntakeFormatContract, OutgoingFormatContract
from plugins.xdomea.tests.conftest import SCHEMAS, Message


class TestIntake(IntakeFormatContract):
    plugin = "xdomea"
    media_type = "application/pdf"
    file_name = "Mietschulden.pdf"
    content = b"%PDF-1.7\n%%EOF\n"

    @pytest.fixture
    def settings(self) -> Mapping[str, Json]:
        return {"reads": {"schemas": str(SCHEMAS)}}


class TestOutgoing(OutgoingFormatContract):
    plugin = key = "xdomea"
    media_type = "application/xml"

    @pytest.fixture
    def files(self) -> Mapping[str, tuple[str, bytes]]:
        message = ("application/xml", Message().plain())
        return {Message.name: message, Message.file: ("application/pdf", b"%PDF-1.7\n")}
