"""The transparency log as values: leaves and events."""
