"""The intake format `bagit` keeps the contract of intake formats."""

from exchange.testing import IntakeFormatContract


class TestBagit(IntakeFormatContract):
    plugin = "bagit"
    media_type = "application/pdf"
    file_name = "Bescheid.pdf"
    content = b"%PDF-1.7\n%%EOF\n"
