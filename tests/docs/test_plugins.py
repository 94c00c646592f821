"""docs/plugins.md: followed to the letter, it ends with a working, tested plugin."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from exchange import registry
from exchange.agency.intake import Intake
from exchange.agency.leash import Adapter, Limits, Reason
from exchange.hookspecs import HUB_GROUP, DisclosureAsked
from exchange.testing import IntakeFormatContract, package_of
from tests.plugins.kitchen import environment, install

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def write_files(page: str, folder: Path) -> None:
    """Write every block that stands below the name of a file."""
    for name, content in re.findall(r"^`(\S+/\S+)`\n\n```\w+\n(.*?)^```$", page, re.M | re.S):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def commands(page: str) -> list[list[str]]:
    return [line[2:].split() for line in re.findall(r"^\$ .*$", page, re.M)]


def run(python: Path, command: list[str], folder: Path) -> str:
    """Run a command of the page with another interpreter; it must succeed."""
    assert command[0] == "python"
    done = subprocess.run(
        [python, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_the_intake_format_of_the_page_is_installed_tested_and_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(page, tmp_path)
    python, _ = environment(tmp_path / "environment")
    install_it, test_it = commands(page)
    run(python, [*install_it[:4], "--no-index", *install_it[4:]], tmp_path)
    tested = run(python, test_it, tmp_path)
    contract = [name for name in dir(IntakeFormatContract) if name.startswith("test_")]
    assert f"{len(contract)} passed" in tested
    assert "inherits six tests" in page
    assert len(contract) == 6

    monkeypatch.setattr(sys, "executable", str(python))
    settings = tomllib.loads(
        next(block for block in re.findall(r"```toml\n(.*?)```", page, re.S) if "[intake]" in block)
    )
    adapter = Adapter(
        plugin=settings["intake"]["plugin"],
        settings=settings["plugins"]["referral"],
    )
    for name in ("workers", "document", "target"):
        (tmp_path / name).mkdir()
    package = package_of(
        tmp_path / "document", {"a.json": ("application/json", b"{}")}, profile="referral/1"
    )
    async with Intake(adapter, tmp_path / "workers") as intake:
        (file,) = await intake.convert(package, tmp_path / "target")
    assert file.name == f"north-{package.disclosure_id}-1.json"
    assert (tmp_path / "target" / file.name).read_bytes() == b"{}"


def test_the_channel_of_the_page_keeps_its_contract(page: str, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    python, site = environment(tmp_path / "environment")
    install(site, "bell", HUB_GROUP, "exchange_plugin_bell.channel")
    (site / "bell.pth").write_text(f"{tmp_path}/bell/src\n")
    assert "4 passed" in run(python, ["python", "-m", "pytest", "bell/tests"], tmp_path)


async def test_the_veto_of_the_page_forbids(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = re.findall(r"^## 4.*?```python\n(.*?)```", page, re.M | re.S)
    (tmp_path / "not_to_ourselves.py").write_text(source)
    install(tmp_path, "not-to-ourselves", HUB_GROUP, "not_to_ourselves")
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = registry.load(HUB_GROUP, [registry.Named(name="not-to-ourselves")])
    (veto,) = registry.gate_vetoes(loaded).values()
    for recipient, forbidden in (("jobcentre", True), ("ngo", False)):
        asked = DisclosureAsked(
            sender="jobcentre",
            recipients=frozenset({recipient}),
            purpose="p",
            category="c",
            secrecy="social",
        )
        assert await veto.forbids(asked) is forbidden


@pytest.mark.parametrize(
    ("row", "limit"),
    [
        ("start of the worker, your import included", f"{Limits().start_s:g} s"),
        ("one conversion", f"{Limits().wall_s:g} s"),
        ("its processor time", f"{Limits().cpu_s} s"),
        ("address space", f"{Limits().memory >> 20:,} MiB"),
        ("open files", f"{Limits().descriptors}"),
        (
            "one written file, and all together",
            f"{Limits().growth} times the input, plus {Limits().allowance >> 20} MiB",
        ),
        ("written files", f"{Limits().files:,}"),
        ("what you print (nobody reads it)", f"{Limits().noise >> 10:,} KiB"),
        ("conversions of one adapter at the same time", f"{Limits().parallel}"),
        ("conversions that wait", f"{Limits().waiting}"),
    ],
)
def test_the_limits_of_the_page_are_those_of_the_code(page: str, row: str, limit: str) -> None:
    assert f"| {row} | {limit} |" in page


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_on_the_page(page: str, reason: Reason) -> None:
    assert f"`{reason}`" in page


def test_the_page_names_the_number_of_documents_of_a_worker(page: str) -> None:
    assert f"after {Limits().documents} documents" in page
