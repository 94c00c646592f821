"""The channel `apprise` keeps the contract of channels."""

from exchange.testing import ChannelContract


class TestApprise(ChannelContract):
    plugin = "apprise"
    key = "apprise"
    address = "office"
