"""Contract tests for gate vetoes."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from exchange import registry
from exchange.canonical import Json
from exchange.hookspecs import HUB_GROUP, DisclosureAsked, GateVeto
from exchange.testkit.plugin import PluginContract, wait


class GateVetoContract(PluginContract):
    """What every veto keeps. A subclass names the plugin, one disclosure it forbids and one not."""

    group = HUB_GROUP
    key: ClassVar[str]
    """Key of the veto."""
    forbidden: ClassVar[DisclosureAsked]
    """A disclosure that the rule forbids."""
    free: ClassVar[DisclosureAsked]
    """A disclosure that the rule does not concern."""

    @pytest.fixture
    def settings(self) -> Mapping[str, Json]:
        """Return the plugin's table `[plugins.<name>]`; override it where there is one."""
        return {}

    @pytest.fixture
    def adapter(self, loaded: registry.Loaded) -> GateVeto:
        """Return the veto of this key."""
        return registry.gate_vetoes(loaded)[self.key]

    def _forbids(self, adapter: GateVeto, asked: DisclosureAsked) -> object:
        return wait(adapter.forbids(asked))

    def test_it_forbids_what_the_rule_forbids(self, adapter: GateVeto) -> None:
        assert adapter.key == self.key
        assert self._forbids(adapter, self.forbidden) is True

    def test_it_leaves_alone_what_the_rule_does_not_concern(self, adapter: GateVeto) -> None:
        assert self._forbids(adapter, self.free) is False, "anything but False is a no"

    def test_it_says_the_same_when_it_is_asked_again(self, adapter: GateVeto) -> None:
        answers = [self._forbids(adapter, self.forbidden) for _ in range(2)]
        assert answers == [True, True]
