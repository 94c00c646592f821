"""Every import contract of pyproject.toml breaks when a forbidden import is added in a copy."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.source import ROOT, plugins

DIRECT = "import {}\n"
LAZY = "def _later() -> None:\n    import {}\n"
TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {}\n"

BREAKS = [
    # contract, module that sins, what it imports, how
    ("layers", "exchange/canonical.py", "exchange.statement", DIRECT),
    ("layers", "exchange/hub/settings.py", "exchange.agency.home", DIRECT),
    ("layers", "exchange/agency/home.py", "exchange.hub.settings", LAZY),
    ("layers", "exchange/consent/words.py", "exchange.agreement.term", TYPES),
    ("hub-inside", "exchange/hub/storage/tables.py", "exchange.hub.gate", DIRECT),
    ("hub-inside", "exchange/hub/withdraw.py", "exchange.hub.http.limits", LAZY),
    ("agency-inside", "exchange/agency/home.py", "exchange.agency.send", DIRECT),
    ("hub-cannot-decrypt", "exchange/hub/gate.py", "exchange.envelope.opening", LAZY),
    # indirect: the hub imports the manifest, and that would import what opens
    ("hub-cannot-decrypt", "exchange/envelope/manifest.py", "exchange.keyring.decryption", DIRECT),
    ("hub-starts-alone", "exchange/cli/hub.py", "exchange.agency.home", LAZY),
    ("private-keys", "exchange/wire/asked.py", "exchange.keyring.decryption", TYPES),
    ("private-keys", "exchange/cli/consent.py", "exchange.envelope.opening", LAZY),
    ("worker", "exchange/agency/worker.py", "cryptography", LAZY),
    ("worker", "exchange/hookspecs.py", "exchange.statement", DIRECT),
    ("pure", "exchange/keyring/directory.py", "asyncio", DIRECT),
    ("pure", "exchange/members.py", "sqlalchemy", TYPES),
    ("pluggy", "exchange/hub/parts.py", "pluggy", LAZY),
    ("pydantic", "exchange/consent/record.py", "pydantic", DIRECT),
    ("joserfc", "exchange/agency/client.py", "joserfc", DIRECT),
    ("test-kit", "exchange/agency/intake.py", "exchange.testing", LAZY),
    ("oracles", "exchange/statement.py", "jwcrypto", LAZY),
    (
        "plugins-know-the-contract",
        "plugins/folder/src/exchange_plugin_folder/__init__.py",
        "exchange.canonical",
        DIRECT,
    ),
    (
        "plugins-know-the-contract",
        "plugins/xdomea/src/exchange_plugin_xdomea/__init__.py",
        "exchange.hookvalues",
        LAZY,
    ),
    (
        "plugins-alone",
        "plugins/folder/src/exchange_plugin_folder/__init__.py",
        "exchange_plugin_smtp",
        DIRECT,
    ),
    ("no-plugin-named", "exchange/registry.py", "exchange_plugin_smtp", LAZY),
    ("templates", "exchange/hub/http/papers.py", "jinja2", LAZY),
    ("templates", "exchange/consent/render.py", "markupsafe", DIRECT),
    ("paper", "exchange/hub/pages/take_along.py", "typst", LAZY),
    ("paper", "exchange/cli/consent_paper.py", "segno", DIRECT),
    ("psycopg", "exchange/hub/storage/engine.py", "psycopg", LAZY),
    ("prometheus", "exchange/hub/metrics/look.py", "prometheus_client", LAZY),
    ("obstore", "exchange/hub/storage/file_blobs.py", "obstore", LAZY),
    ("s3-on-demand", "exchange/hub/app.py", "exchange.hub.storage.object_blobs", LAZY),
    ("no-cycles", "exchange/errors.py", "exchange.canonical", TYPES),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources and the contracts."""
    into = tmp_path_factory.mktemp("copy")
    leave = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(ROOT / "exchange", into / "exchange", ignore=leave)
    for plugin in plugins():
        shutil.copytree(plugin / "src", into / "plugins" / plugin.name / "src", ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", into)
    return into


def lint(copy: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    places = [copy, *(copy / "plugins" / plugin.name / "src" for plugin in plugins())]
    only = [option for contract in contracts for option in ("--contract", contract)]
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", *only],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))},
        capture_output=True,
        text=True,
        check=False,
    )


def contracts() -> dict[str, str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = settings["tool"]["importlinter"]["contracts"]
    assert not [contract for contract in found if "ignore_imports" in contract]
    return {contract["id"]: contract["name"] for contract in found}


def listed() -> dict[str, set[str]]:
    """Return each list of the contracts that names plugins, by where it stands."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    linter = settings["tool"]["importlinter"]
    lists = {"root_packages": linter["root_packages"]}
    for contract in linter["contracts"]:
        for name, value in contract.items():
            if isinstance(value, list):
                lists[f"{contract['id']}.{name}"] = value
    packages = {
        place: {name for name in names if "_plugin_" in name} for place, names in lists.items()
    }
    return {place: names for place, names in packages.items() if names}


def test_every_list_of_plugins_names_the_plugins_that_are_there() -> None:
    there = {f"exchange_plugin_{plugin.name}" for plugin in plugins()}
    assert listed() == dict.fromkeys(
        (
            *(
                "root_packages",
                "oracles.source_modules",
                "plugins-know-the-contract.source_modules",
            ),
            *("plugins-alone.modules", "no-plugin-named.forbidden_modules", "no-cycles.ancestors"),
        ),
        there,
    )


def test_plugins_may_know_the_hooks_and_the_errors_and_nothing_else() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        contract
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["id"] == "plugins-know-the-contract"
    )
    there = {
        f"exchange.{file.stem}"
        for file in (ROOT / "exchange").iterdir()
        if file.suffix == ".py" or (file / "__init__.py").is_file()
    }
    known = {"exchange.hookspecs", "exchange.errors", "exchange.__init__"}
    assert set(contract["forbidden_modules"]) == there - known


def test_every_contract_is_broken_by_a_test() -> None:
    assert {broken[0] for broken in BREAKS} == contracts().keys()


@pytest.mark.xdist_group("contracts")
def test_all_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.xdist_group("contracts")
@pytest.mark.parametrize(("contract", "sinner", "imported", "how"), BREAKS)
def test_a_forbidden_import_breaks_its_contract(
    copy: Path, contract: str, sinner: str, imported: str, how: str
) -> None:
    file = copy / sinner
    before = file.read_text(encoding="utf-8")
    file.write_text(before + "\n\n" + how.format(imported), encoding="utf-8")
    try:
        done = lint(copy, contract)
    finally:
        file.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contracts()[contract]} BROKEN" in done.stdout
