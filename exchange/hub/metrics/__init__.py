"""Metrics of the hub for a monitoring system: counts and ages, of nobody in particular."""
