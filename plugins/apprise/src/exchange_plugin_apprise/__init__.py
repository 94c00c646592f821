"""Channel `apprise`: a notice through any service that Apprise knows, and nothing else in it.

Nothing is exported here; the entry point is `exchange_plugin_apprise.channel`.
"""
