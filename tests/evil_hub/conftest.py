"""The network of tests/agency, whose hub lies."""

from tests.agency.conftest import network

__all__ = ["network"]
