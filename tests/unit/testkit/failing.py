"""Runs a contract against an adapter that a test made, and says which of its checks fail."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pluggy
import pytest

from exchange.hookspecs import Declaration
from exchange.registry import Loaded, Named

Brings = Callable[[Path], Mapping[str, Any]]
"""Returns fixtures by name, for a folder that exists and is empty."""


def loaded(plugin: str, *, sees_plaintext: bool) -> Loaded:
    """Return a plugin as if it had been loaded, with what it declares."""
    declared = Declaration(contract=1, licence="MIT", sees_plaintext=sees_plaintext)
    return Loaded(pluggy.PluginManager("exchange"), (Named(name=plugin),), {plugin: declared})


def checks(contract: type) -> set[str]:
    """Return the names of the contract's tests."""
    return {name for name, _ in inspect.getmembers(contract) if name.startswith("test_")}


def failing(contract: type, brings: Brings, tmp_path: Path) -> set[str]:
    """Return the names of those of the contract's tests that fail, each in a folder of its own."""
    failed = set()
    for name in sorted(checks(contract)):
        home = tmp_path / name
        home.mkdir()
        check = getattr(contract(), name)
        fixtures = {"tmp_path": home, **brings(home)}
        try:
            check(**{wanted: fixtures[wanted] for wanted in inspect.signature(check).parameters})
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever pytest would report
            failed.add(name)
    return failed
