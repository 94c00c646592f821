"""`exchange plugin`: what it writes works as written, and what it says is what plugins say."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.canonical import loads
from exchange.cli.main import main
from exchange.cli.plugin_new import TEMPLATES, Kind, files, write
from exchange.errors import Malformed
from exchange.hookspecs import HUB_GROUP
from tests.house.source import ROOT
from tests.plugins.kitchen import environment, install

BREAKS: dict[Kind, tuple[str, str]] = {
    "intake": ("IntakeFile(name)", "IntakeFile(name + '.x')"),
    "delivery": ('raise Unavailable("the desk does not answer") from None', "return"),
    "outgoing": ('media_type="text/plain"', 'media_type="text"'),
    "channel": ("raise Undeliverable(", "raise Unavailable("),
    "evidence": ('raise Malformed("the signature is not valid") from None', "pass"),
    "gate": ("return not asked", "return asked"),
}
"""What a hurried author might do to each kind of plugin."""
SETTINGS = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHECK = re.compile(r"^exchange plugin check ([^#\n]*)", re.MULTILINE)
OFFERS: dict[Kind, str] = {"gate": "gate veto"}
"""How what it provides is called, where that is not its kind."""


def run_tests(python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    quietly = ("-q", "-rf", "-W", "error", "-p", "no:asyncio", "--import-mode=importlib")
    command = [str(python), "-m", "pytest", *quietly, str(folder)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command, cwd=folder, env=own, capture_output=True, text=True, timeout=250, check=False
    )


def checked(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "exchange.cli.main", "plugin", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def a_home(folder: Path, readme: str) -> Path:
    """Make a home whose settings enable a plugin in the words of its README, with its secret."""
    folder.mkdir()
    (folder / "desk-token").write_text("word\n")
    (folder / "desk-token").chmod(0o600)
    (settings,) = SETTINGS.findall(readme)
    (folder / "hub.toml").write_text(f'origin = "https://hub.example"\n{settings}')
    (folder / "gateway.toml").write_text(
        f'agency = "ngo"\n[hub]\norigin = "https://hub.example"\n{settings}'
    )
    return folder


def bring_cryptography(site: Path) -> None:
    """Copy what the evidence verifier imports: behind its walls it sees its own environment."""
    ours = Path(sysconfig.get_path("purelib"))
    for name in ("cryptography", "cffi"):
        shutil.copytree(ours / name, site / name)
    for file in ours.glob("_cffi_backend*"):
        shutil.copy(file, site)


@pytest.mark.timeout(600)  # a machine may stand still; nothing here is measured
def test_each_new_plugin_is_installed_passes_its_tests_and_fails_them_when_broken(
    tmp_path: Path,
) -> None:
    python, site = environment(tmp_path / "environment")
    bring_cryptography(site)
    written = tmp_path / "written"
    written.mkdir()
    folders = {kind: write(f"new-{kind}", kind, written) for kind in TEMPLATES}
    installed = subprocess.run(
        [
            *(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--disable-pip-version-check"),
            *(part for folder in folders.values() for part in ("-e", folder)),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    whole = run_tests(python, written)
    assert whole.returncode == 0, whole.stdout

    for kind, folder in folders.items():
        readme = (folder / "README.md").read_text(encoding="utf-8")
        (arguments,) = CHECK.findall(readme)
        name, *at = arguments.split()
        assert (name, bool(at)) == (f"new-{kind}", kind in {"channel", "delivery", "evidence"})
        home = ["--home", str(a_home(tmp_path / kind, readme))] if at else []
        settled = checked(python, name, *home)
        assert settled.returncode == 0, settled.stderr
        assert f"  {OFFERS.get(kind, kind)}: {name}" in settled.stdout
        if at:
            alone = checked(python, name)
            assert (alone.returncode, alone.stderr.count("\n")) == (1, 1), alone.stderr
    assert "`secrets` names no file `token`" in checked(python, "new-delivery").stderr

    for kind, (part, instead) in BREAKS.items():
        (module,) = (folders[kind] / "src").rglob(f"{TEMPLATES[kind].module}.py")
        source = module.read_text(encoding="utf-8")
        assert part in source
        module.write_text(source.replace(part, instead), encoding="utf-8")
    broken = run_tests(python, written)
    for kind in TEMPLATES:
        assert f"FAILED new-{kind}/tests/test_contract.py" in broken.stdout, kind


def test_new_plugins_keep_the_style_of_ours(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for kind in TEMPLATES:
        write(f"new-{kind}", kind, tmp_path / "plugins")
    ruff = Path(sys.executable).with_name("ruff")
    for verb in (["format", "--diff"], ["check"]):
        done = subprocess.run(
            [ruff, *verb, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", TEMPLATES)
def test_nothing_of_a_template_is_left_unfilled(kind: Kind) -> None:
    for place, text in files("new-one", kind).items():
        assert "@name@" not in text
        words = {word for word in text.split("@")[1::2] if word.isalpha() and word.islower()}
        assert words.isdisjoint({"package", "distribution", "group", "module", "settings"}), place


@pytest.mark.parametrize(
    "name", ["", "New", "1st", "a_b", "a--b", "-a", "a-", "a/b", "ä", "x" * 60]
)
def test_a_name_that_is_no_name_of_a_package_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        write(name, "intake", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "referral").mkdir()
    (tmp_path / "referral" / "kept").write_text("kept")
    assert main(["plugin", "new", "referral", "--kind", "intake", "--at", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "referral").iterdir()] == ["kept"]


def test_new_says_where_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "new", "referral", "--kind", "gate", "--at", str(tmp_path)]) == 0
    assert str(tmp_path / "referral") in capsys.readouterr().out
    assert (tmp_path / "referral" / "src" / "exchange_plugin_referral" / "py.typed").is_file()


def test_a_kind_that_is_none_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    assert main(["plugin", "new", "referral", "--kind", "oracle", "--at", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


BROKEN = "raise ValueError('a secret')\n"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a plugin that cannot be loaded."""
    (tmp_path / "module_broken.py").write_text(BROKEN)
    install(tmp_path, "broken", HUB_GROUP, "module_broken")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("module_broken", None)


@pytest.mark.usefixtures("broken")
def test_list_says_what_each_plugin_says_and_names_one_that_cannot(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugin", "list"]) == 1
    said = capsys.readouterr()
    assert "folder (exchange-plugin-folder 0.1.0), plugin of the agency" in said.out
    assert "  intake; EUPL-1.2; sees documents; speaks with no system; keeps nothing" in said.out
    assert "smtp (exchange-plugin-smtp 0.1.0), plugin of the hub" in said.out
    assert "speaks with mail server of the hub" in said.out
    assert "broken (exchange-plugin-broken 1)" not in said.out
    assert "broken" in said.err
    assert "the import ended with ValueError" in said.err
    assert "secret" not in said.err


@pytest.mark.usefixtures("broken")
def test_list_writes_the_entries_of_a_record_of_processing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugin", "list", "--json"]) == 1
    entries = {
        entry["name"]: entry for entry in loads(capsys.readouterr().out.encode(), limit=1 << 20)
    }
    assert entries["folder"] == {
        "name": "folder",
        "distribution": "exchange-plugin-folder",
        "version": "0.1.0",
        "side": "agency",
        "provides": ["intake"],
        "sees_plaintext": True,
        "runs_in": "a process of its own, without keys and without network",
        "endpoints": [],
        "stores": "nothing",
        "retention": "",
        "licence": "EUPL-1.2",
    }
    assert entries["smtp"]["side"] == "hub"
    assert entries["smtp"]["provides"] == ["channel"]
    assert entries["mailbox"]["provides"] == ["intake", "delivery"]
    assert entries["smtp"]["runs_in"] == "the process of the hub"
    assert entries["smtp"]["sees_plaintext"] is False
    assert "broken" not in entries


def test_check_loads_a_plugin_of_an_agency_behind_walls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugin", "check", "folder"]) == 0
    assert "intake: files/1 (application/json, application/pdf," in capsys.readouterr().out


CHANNEL = """
from exchange.hookspecs import Declaration, hookimpl
from exchange.errors import Misconfigured


class Adapter:
    key = "pigeon"

    async def send(self, notice):
        pass

    async def forbids(self, asked):
        return True


@hookimpl
def declare_plugin():
    return Declaration(
        contract=1, licence="MIT", sees_plaintext=False, stores="ids of notices", retention="P1D"
    )


@hookimpl
def register_channels(settings):
    if "loft" not in settings:
        raise Misconfigured("`loft` is missing")
    return [Adapter()]


@hookimpl
def register_gate_vetoes():
    return [Adapter()]
"""


@pytest.fixture
def pigeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a plugin of the hub and make a hub; return its home."""
    (tmp_path / "module_pigeon.py").write_text(CHANNEL)
    install(tmp_path, "pigeon", HUB_GROUP, "module_pigeon")
    monkeypatch.syspath_prepend(str(tmp_path))
    home = tmp_path / "hub"
    assert main(["hub", "init", "--home", str(home)]) == 0
    with (home / "hub.toml").open("a") as settings:
        settings.write('\n[plugins.pigeon]\nloft = "roof"\n')
    yield home
    sys.modules.pop("module_pigeon", None)


def test_check_loads_a_plugin_of_the_hub_with_the_settings_of_a_home(
    pigeon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["plugin", "check", "pigeon", "--home", str(pigeon)]) == 0
    said = capsys.readouterr().out
    assert "keeps ids of notices (P1D)" in said
    assert "channel: pigeon" in said
    assert "gate veto: pigeon" in said


@pytest.mark.usefixtures("pigeon")
def test_check_says_why_a_plugin_cannot_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "pigeon"]) == 1
    assert "plugin pigeon: `loft` is missing" in capsys.readouterr().err


@pytest.mark.usefixtures("broken")
def test_check_names_a_plugin_that_cannot_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "broken"]) == 1
    assert "the import ended with ValueError" in capsys.readouterr().err


def test_check_of_a_name_that_nobody_offers_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err
