"""The channel `webhook` keeps the contract of channels."""

from exchange.testing import ChannelContract


class TestWebhook(ChannelContract):
    plugin = "webhook"
    key = "webhook"
    address = "office"
    languages = ("de",)  # a machine reads it: there are no words
