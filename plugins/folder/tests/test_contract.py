"""The intake format `folder` keeps the contract of intake formats."""

from exchange.testing import IntakeFormatContract


class TestFolder(IntakeFormatContract):
    plugin = "folder"
    media_type = "application/pdf"
    file_name = "Mietschulden.pdf"
    content = b"%PDF-1.7\n%%EOF\n"
