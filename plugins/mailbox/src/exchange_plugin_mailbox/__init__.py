"""Documents as e-mail inside one agency: a message per document, and its way into a mailbox.

Nothing is exported here; the entry point is `exchange_plugin_mailbox.convert`.
"""
