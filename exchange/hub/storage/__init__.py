"""Rows and blobs of the hub."""
