"""Intake format `bagit`: one bag per document, for records systems that import RFC 8493.

Nothing is exported here; the entry point is `exchange_plugin_bagit.convert`.
"""
