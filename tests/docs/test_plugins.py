"""docs/plugins.md: followed to the letter, it ends with working, tested plugins."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from exchange import testing
from exchange.agency import deliver, lend
from exchange.agency.intake import Intake
from exchange.agency.leash import Adapter, Limits, Reason
from exchange.agency.settings import GatewaySettings
from exchange.cli.plugin_new import TEMPLATES, Kind, files
from exchange.envelope import contents, names
from exchange.hookspecs import AgencyHooks, HubHooks
from exchange.hub import gate
from exchange.members import TEXT_SIZE
from exchange.testing import package_of
from tests.docs.plugin_reference import SECTIONS
from tests.plugins.kitchen import environment

DOCS = Path(__file__).parents[2] / "docs"
SHOWN: dict[str, Kind] = {
    "referral": "intake",
    "letters": "outgoing",
    "desk": "delivery",
    "signature": "evidence",
    "lamp": "channel",
    "closed": "gate",
}
"""Which plugin of the page is of which kind."""


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "plugins.md").read_text(encoding="utf-8")


def shown(page: str) -> dict[str, str]:
    """Return every block that stands below the name of a file, by that name."""
    return dict(re.findall(r"^`(\S+/\S+)`\n\n```\w+\n(.*?)^```$", page, re.M | re.S))


def blocks(page: str) -> list[str]:
    """Return every block of settings that is no file."""
    return [
        block
        for block in re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
        if "[build-system]" not in block
    ]


def commands(page: str) -> list[list[str]]:
    return [line[2:].split() for line in re.findall(r"^\$ .*$", page, re.M)]


def run(python: Path, command: list[str], folder: Path) -> str:
    """Run a command of the page with another interpreter; it must succeed."""
    if command[0] == "exchange":
        command = ["python", "-m", "exchange.cli.main", *command[1:]]
    if command[1:4] == ["-m", "pip", "install"]:
        command = [*command[:4], "--no-index", *command[4:]]
    done = subprocess.run(
        [python, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_of_the_page_is_what_the_command_writes(page: str) -> None:
    for place, text in shown(page).items():
        name, _, path = place.partition("/")
        assert text == files(name, SHOWN[name])[path], place
    assert {place.partition("/")[0] for place in shown(page)} == SHOWN.keys()
    assert set(SHOWN.values()) == TEMPLATES.keys()


@pytest.mark.timeout(300)
async def test_the_commands_of_the_page_end_with_a_plugin_that_converts(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, _ = environment(tmp_path / "environment")
    new, install, try_, check, *records = commands(page)
    run(python, new, tmp_path)
    run(python, install, tmp_path)
    assert " passed" in run(python, try_, tmp_path)
    assert "intake: referral/1 (application/json, up to 10 MB)" in run(python, check, tmp_path)
    assert [command[:3] for command in records] == [["exchange", "plugin", "list"]] * 2

    monkeypatch.setattr(sys, "executable", str(python))
    settings = tomllib.loads(next(block for block in blocks(page) if "referral/1" in block))
    adapter = Adapter(plugin=settings["intake"]["plugin"], settings=settings["plugins"]["referral"])
    for name in ("workers", "document", "target"):
        (tmp_path / name).mkdir()
    package = package_of(
        tmp_path / "document",
        {"a.json": ("application/json", b"{}")},
        profile=settings["intake"]["profile"],
    )
    async with Intake(adapter, tmp_path / "workers") as intake:
        (file,) = await intake.convert(package, tmp_path / "target")
    assert file.name == f"north-{package.disclosure_id}-1.json"
    assert (tmp_path / "target" / file.name).read_bytes() == b"{}"


def test_every_setting_of_the_page_is_one(page: str) -> None:
    for block in blocks(page):
        table = tomllib.loads(block)
        assert table.keys() <= GatewaySettings.model_fields.keys(), block
        GatewaySettings.model_validate(
            {**table, "agency": "jobcentre", "hub": {"origin": "https://hub.example"}}
        )


@pytest.mark.parametrize(
    ("row", "limit"),
    [
        ("start of the worker, your import included", f"{Limits().start_s:g} s"),
        ("one call", f"{Limits().wall_s:g} s"),
        ("one delivery", f"{deliver.LIMITS.wall_s:g} s"),
        ("its processor time", f"{Limits().cpu_s} s"),
        ("address space", f"{Limits().memory >> 20:,} MiB"),
        ("open files", f"{Limits().descriptors}"),
        ("connections of one delivery", f"{lend.MOST}"),
        (
            "one written file, and all together",
            f"{Limits().growth} times the input, plus {Limits().allowance >> 20} MiB",
        ),
        ("written files", f"{Limits().files:,}"),
        ("what you print (nobody reads it)", f"{Limits().noise >> 10:,} KiB"),
        ("calls of one adapter at the same time", f"{Limits().parallel}"),
        ("calls that wait", f"{Limits().waiting}"),
        ("what a veto may take", f"{gate.VETO_S:g} s"),
    ],
)
def test_the_limits_of_the_page_are_those_of_the_code(page: str, row: str, limit: str) -> None:
    assert f"| {row} | {limit} |" in page


def test_the_page_says_how_a_delivery_is_repeated(page: str) -> None:
    assert (deliver.FIRST_PAUSE_S, deliver.LONGEST_PAUSE_S, deliver.MOST_FAILURES) == (10, 3600, 5)
    words = " ".join(page.split())
    assert "after 10 seconds, then longer, up to an hour" in words
    assert "after five the delivery waits for a person" in words


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_on_the_page(page: str, reason: Reason) -> None:
    assert f"`{reason}`" in page


def test_the_page_names_the_number_of_documents_of_a_worker(page: str) -> None:
    assert f"after {Limits().documents} documents" in page


def test_every_contract_and_every_fake_is_on_the_page(page: str) -> None:
    assert [name for name in testing.__all__ if f"`{name}`" not in page] == []


@pytest.fixture(scope="module")
def reference() -> str:
    return (DOCS / "plugin-reference.md").read_text(encoding="utf-8")


def undocumented(reference: str, *groups: type) -> list[str]:
    """Return what the reference does not say of the hooks: arguments, result, four sections."""
    told = re.findall(r"^#### `(\w+)\((.*?)\) -> \S+`$(.*?)(?=^#|\Z)", reference, re.M | re.S)
    missing = []
    for group in groups:
        for name, hook in inspect.getmembers(group, inspect.isfunction):
            asked = list(inspect.signature(hook).parameters)[1:]
            found = [(given, words) for told_name, given, words in told if told_name == name]
            if not found or any(re.findall(r"(\w+):", given) != asked for given, _ in found):
                missing.append(name)
            missing += [
                f"{name}: {section}"
                for _, words in found
                for section in SECTIONS
                if f"- **{section}**: " not in words
            ]
    return missing


def test_every_hook_is_documented_with_its_arguments_and_sections(reference: str) -> None:
    assert undocumented(reference, AgencyHooks, HubHooks) == []


@pytest.mark.parametrize(
    ("part", "instead", "complaint"),
    [
        ("#### `register_channels(", "#### `register_chanels(", "register_channels"),
        ("(settings: Settings, secrets: Secrets)", "(settings: Settings)", "register_deliveries"),
        (
            "(settings: Settings, secrets: Secrets)",
            "(secrets: Secrets, settings: Settings)",
            "register_deliveries",
        ),
        ("#### `declare_plugin()", "#### `declare_plugin(settings: Settings)", "declare_plugin"),
        (
            "- **Raises**: Misconfigured for settings it",
            "Misconfigured for settings it",
            "register_intake_formats: Raises",
        ),
    ],
    ids=["name", "fewer", "order", "more", "section"],
)
def test_a_changed_reference_is_noticed(
    reference: str, part: str, instead: str, complaint: str
) -> None:
    assert part in reference
    assert complaint in undocumented(reference.replace(part, instead), AgencyHooks, HubHooks)


def test_a_hook_that_nobody_wrote_about_is_noticed(reference: str) -> None:
    class More(AgencyHooks):
        def register_oracles(self, settings: object) -> object:
            """Return oracles."""

    class Other(AgencyHooks):
        def register_deliveries(self, settings: object, keys: object) -> object:  # type: ignore[override]
            """Return deliveries."""

    assert undocumented(reference, More) == ["register_oracles"]
    assert undocumented(reference, Other) == ["register_deliveries"]


def test_every_member_of_every_value_has_a_meaning(reference: str) -> None:
    assert re.findall(r"^\| `(\w+)` \| .* \|  \|$", reference, re.M) == []
    assert len(re.findall(r"^\| `(\w+)` \| ", reference, re.M)) > 80


def test_the_sizes_of_the_reference_are_those_of_the_code(reference: str) -> None:
    assert (names.LARGEST_NAME, contents.MOST_FILES, TEXT_SIZE) == (255, 1000, 500)
    assert (contents.LARGEST_TOTAL, contents.LARGEST_REMARK) == (1 << 30, 4000)
    for size in ("255 bytes", "1 to 1,000", "1 GiB", "500 characters", "4,000 characters"):
        assert size in reference
