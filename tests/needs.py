"""What some tests need beyond Python, and how to get it: one wording, read by `make test`.

A test that lacks something is skipped with a reason of the form "NEEDED: HOW TO ENABLE".
"""

import shutil
from pathlib import Path

import pytest

FOREIGN = Path(__file__).parent / "foreign" / "node_modules"


def tool(name: str, package: str) -> pytest.MarkDecorator:
    """Skip unless the command `name` is installed; `package` is Debian's name of it."""
    return pytest.mark.skipif(
        shutil.which(name) is None, reason=f"{name} is not installed: apt-get install {package}"
    )


def foreign(package: str) -> pytest.MarkDecorator:
    """Skip unless the npm package `package` of tests/foreign has been fetched."""
    return pytest.mark.skipif(
        not (FOREIGN / package).is_dir(), reason=f"{package} is not fetched: make vectors"
    )


def sqlite() -> pytest.MarkDecorator:
    """Run on SQLite alone what uses the fixture `stored_in`: it is about a file."""
    return pytest.mark.parametrize("stored_in", ["sqlite"], indirect=True)


def both_databases() -> pytest.MarkDecorator:
    """Run on SQLite and on PostgreSQL, where the fixture `stored_in` means SQLite alone."""
    return pytest.mark.parametrize("stored_in", ["sqlite", "postgresql"], indirect=True)


def chromium() -> pytest.MarkDecorator:
    """Skip unless Chromium is installed."""
    return tool("chromium", "chromium")


def node() -> pytest.MarkDecorator:
    """Skip unless node is installed."""
    return tool("node", "nodejs npm, then make vectors")
