"""The intake format `asic` keeps the contract of intake formats."""

from exchange.testing import IntakeFormatContract


class TestAsic(IntakeFormatContract):
    plugin = "asic"
    media_type = "application/pdf"
    file_name = "Bescheid.pdf"
    content = b"%PDF-1.7\n%%EOF\n"
