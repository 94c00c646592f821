"""What is installed: everything the programs read, no key and no test."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.source import ROOT, plugins


def wheel(project: Path, into: Path) -> list[str]:
    """Build the wheel of `project` and return the names in it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", into],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (built,) = into.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_the_exchange_brings_what_its_programs_read(tmp_path: Path) -> None:
    names = wheel(ROOT, tmp_path)
    for needed in (
        "exchange/py.typed",
        "exchange/vocabulary.toml",
        "exchange/consent/export.schema.json",
        "exchange/consent/notices/index.toml",
        "exchange/forms/labels.toml",
        "exchange/forms/paper.css",
        "exchange/forms/paper.html",
        "exchange/forms/paper.typ",
        "exchange/forms/sheet.html",
        "exchange/forms/sheet.typ",
        "exchange/hub/storage/migrations/env.py",
        "exchange/wire/local_openapi.json",
        "exchange/wire/openapi.json",
        "exchange/serving/static/VENDORED.md",
    ):
        assert needed in names
    for folder in (
        "exchange/serving/static",
        "exchange/hub/pages/static",
        "exchange/pages/static",
        "exchange/pages/markup",
        "exchange/hub/desk/static",
        "exchange/hub/desk/templates",
        "exchange/hub/desk/texts/desk",
        "exchange/hub/desk/texts/provider",
        "exchange/agency/pages/templates",
        "exchange/agency/pages/texts",
    ):
        static = {f"{folder}/{file.name}" for file in (ROOT / folder).iterdir()}
        assert static <= set(names)
    revisions = (ROOT / "exchange/hub/storage/migrations/versions").glob("*.py")
    assert {revision.relative_to(ROOT).as_posix() for revision in revisions} <= set(names)
    texts = (ROOT / "exchange/consent/notices").rglob("*.txt")
    assert {text.relative_to(ROOT).as_posix() for text in texts} <= set(names)
    templates = (ROOT / "exchange/cli/plugin_templates").rglob("*.template")
    assert {template.relative_to(ROOT).as_posix() for template in templates} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_exchange_brings_no_key_and_no_test(tmp_path: Path) -> None:
    names = wheel(ROOT, tmp_path)
    outside = [name for name in names if not name.startswith(("exchange/", "consent_exchange-"))]
    assert outside == []
    assert not [name for name in names if name.endswith((".pem", ".key", ".age"))]


@pytest.mark.parametrize("plugin", [plugin.name for plugin in plugins()])
def test_a_plugin_brings_its_package_and_nothing_else(plugin: str, tmp_path: Path) -> None:
    names = wheel(ROOT / "plugins" / plugin, tmp_path)
    package = f"exchange_plugin_{plugin}"
    assert f"{package}/py.typed" in names
    assert not [name for name in names if not name.startswith((package + "/", package + "-"))]
