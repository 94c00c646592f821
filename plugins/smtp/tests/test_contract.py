"""The channel `smtp` keeps the contract of channels."""

from exchange.testing import ChannelContract


class TestSmtp(ChannelContract):
    plugin = "smtp"
    key = "smtp"
    address = "it@agency.example"
