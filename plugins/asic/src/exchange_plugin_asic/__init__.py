"""Signed containers (ASiC-E): documents packed for them, and signed consent forms looked at.

Nothing is exported here; the entry point is `exchange_plugin_asic.convert`.
"""
