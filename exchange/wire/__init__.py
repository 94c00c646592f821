"""The HTTP API as values; hub and agency both use it."""
