"""The server that cannot read."""
