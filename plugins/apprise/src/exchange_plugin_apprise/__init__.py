"""Plugin `apprise`."""
