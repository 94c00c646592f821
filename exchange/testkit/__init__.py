"""Contract tests and fakes for authors of plugins, offered as `exchange.testing`."""
