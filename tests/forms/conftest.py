"""The browser in which papers are opened and printed."""

from pathlib import Path

import pytest

from tests.browser import browser, playwright, share_loop

__all__ = ["browser", "playwright"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_loop(items, Path(__file__).parent)
