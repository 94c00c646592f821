"""Intake format `folder`: the files of a document with a readable index, for an office without IT.

Nothing is exported here; the entry point is `exchange_plugin_folder.convert`.
"""
