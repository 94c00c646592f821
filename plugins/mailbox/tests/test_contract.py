"""The intake format `mailbox` keeps the contract of intake formats."""

from collections.abc import Mapping
from typing import ClassVar

from exchange.canonical import Json
from exchange.testing import IntakeFormatContract


class TestMailbox(IntakeFormatContract):
    plugin = "mailbox"
    media_type = "application/pdf"
    file_name = "Mietschulden.pdf"
    content = b"%PDF-1.7\n%%EOF\n"
    settings: ClassVar[Mapping[str, Json]] = {
        "sender": "austausch@ngo.example",
        "recipient": "post@ngo.example",
    }
