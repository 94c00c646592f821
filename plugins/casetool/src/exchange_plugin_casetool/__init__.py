"""Delivery of documents into a case tool inside the agency, by signed web requests.

Nothing is exported here; the entry point is `exchange_plugin_casetool.deliver`.
"""
