"""exchange.cli.demo_foreign: takes a foreign age that knows the format, or says what to install."""

import shutil
from pathlib import Path

import pytest

from exchange.cli import demo_foreign
from exchange.cli.demo_foreign import foreign_tool, open_foreign
from exchange.cli.demo_report import Failed


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the whole PATH, with tar in it; no npm package is fetched."""
    folder = tmp_path / "bin"
    folder.mkdir()
    found = shutil.which("tar")
    assert found is not None
    (folder / "tar").symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(demo_foreign, "_FOREIGN", tmp_path / "nothing")
    return folder


def age(tools: Path, body: str) -> None:
    (tools / "age").write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (tools / "age").chmod(0o755)


def test_without_any_tool_there_is_none(tools: Path) -> None:
    assert foreign_tool() is None


def test_without_tar_nothing_can_be_opened(tools: Path) -> None:
    age(tools, "echo v1.3.1")
    (tools / "tar").unlink()
    assert foreign_tool() is None


@pytest.mark.parametrize(
    ("version", "tool"), [("v1.3.0", "age"), ("1.4.2", "age"), ("v1.2.1", None), ("(devel)", None)]
)
def test_only_an_age_that_knows_hybrid_recipients_is_taken(
    tools: Path, version: str, tool: str | None
) -> None:
    age(tools, f"echo '{version}'")
    assert foreign_tool() == tool


def test_a_tool_that_fails_ends_the_demo(tools: Path, tmp_path: Path) -> None:
    age(tools, "exit 1")
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(Failed, match="age could not open"):
        open_foreign("age", key=tmp_path / "k", sealed=tmp_path / "s", into=into)
