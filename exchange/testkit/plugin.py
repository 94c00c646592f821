"""What every plugin keeps, whatever it provides; and the time an adapter has in a test."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar, TypeVar

import pytest

from exchange import registry
from exchange.canonical import Json
from exchange.hookspecs import AGENCY_GROUP

WITHIN_S = 30.0
"""Seconds an adapter has here; the exchange gives a conversion 120 and a notice less."""

T = TypeVar("T")


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, in a loop of its own.

    Raises:
        TimeoutError: not within `WITHIN_S`.
    """
    return asyncio.run(asyncio.wait_for(work, WITHIN_S))


class PluginContract:
    """What every plugin keeps. It is loaded as the exchange does, from an installed distribution.

    Every contract asks for the fixture `settings`: the plugin's table as an operator writes it.
    """

    group: ClassVar[str]
    """Entry-point group, set by the contract."""
    plugin: ClassVar[str]
    """Name of the entry point."""
    distribution: ClassVar[str] = ""
    """Empty means `exchange-plugin-<plugin>`."""

    @pytest.fixture
    def named(self, settings: Mapping[str, Json]) -> registry.Named:
        """Return the plugin as settings name it."""
        return registry.named(self.plugin, {"distribution": self.distribution, **settings})

    @pytest.fixture
    def loaded(self, named: registry.Named) -> registry.Loaded:
        """Return the plugin as the exchange loads it."""
        return registry.load(self.group, [named])

    def test_it_declares_what_it_sees(self, loaded: registry.Loaded) -> None:
        declared = loaded.declarations[self.plugin]
        assert declared.sees_plaintext == (self.group == AGENCY_GROUP)


class AgencyContract(PluginContract):
    """What every plugin of an agency keeps. Without a fixture `settings` of its own it has none."""

    group = AGENCY_GROUP

    @pytest.fixture
    def settings(self) -> Mapping[str, Json]:
        """Return the plugin's table `[plugins.<name>]`; override it where there is one."""
        return {}
