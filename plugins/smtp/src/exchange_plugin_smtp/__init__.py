"""Channel `smtp`."""
