"""Plugin `webhook`."""
