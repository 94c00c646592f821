"""Channel `webhook`: a signed request that says that something may be waiting, and nothing else.

Nothing is exported here; the entry point is `exchange_plugin_webhook.channel`.
"""
