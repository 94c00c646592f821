"""exchange gateway init: five questions on a terminal, none where the options answer them."""

import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from exchange.agency import api_token
from exchange.agency.home import at
from exchange.agency.settings import read_settings
from exchange.cli.gateway_questions import answered
from exchange.cli.plugin_offers import intake_plugins
from exchange.errors import Misconfigured
from tests.agency import ledger

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def asked(folder: Path, answers: list[str], *options: str) -> tuple[int, str]:
    """Run `gateway init` on a terminal, type `answers`, and return code and what was shown."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange.cli.main", "gateway", "init", "--home", folder, *options],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
    )
    os.close(theirs)
    os.write(terminal, "".join(f"{answer}\n" for answer in answers).encode())
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:  # the terminal of a process that has ended
        pass
    os.close(terminal)
    return process.wait(PATIENCE_S), shown.decode().replace("\r\n", "\n")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "log-policy"
    file.write_bytes(ledger.policy())
    return file


def test_five_answers_make_a_home(tmp_path: Path, policy: Path) -> None:
    answers = [str(policy), "women-b", "https://hub.example", "", "en"]
    code, shown = asked(tmp_path / "home", answers)

    assert code == 0, shown
    settings = read_settings(tmp_path / "home" / "gateway.toml")
    assert (settings.agency, settings.language) == ("women-b", "en")
    assert (settings.hub.origin, settings.intake.plugin) == ("https://hub.example", "folder")
    assert "fingerprint for the annex: " in shown
    assert api_token.read(at(tmp_path / "home"))


def test_what_is_no_answer_is_asked_again(tmp_path: Path, policy: Path) -> None:
    answers = [
        *(str(tmp_path / "nowhere"), str(policy)),
        *("Frauen", "women-b"),
        *("http://hub.example", "hub.example", "https://hub.example"),
        *("paper", "casetool", "folder"),
        *("fr", ""),
    ]
    code, shown = asked(tmp_path / "home", answers)

    assert code == 0, shown
    assert read_settings(tmp_path / "home" / "gateway.toml").language == "de"


def test_only_plugins_that_convert_are_offered_for_received_documents() -> None:
    offered = intake_plugins()
    assert {"asic", "bagit", "fhir", "folder", "mailbox", "xdomea"} <= set(offered)
    assert not {"casetool", "smtp", "webhook"} & set(offered), "these deliver or notify only"
    assert list(offered) == sorted(offered)


def test_no_plugin_is_imported_where_keys_are_made() -> None:
    program = (
        "import sys\n"
        "from exchange.cli.plugin_offers import intake_plugins\n"
        "assert 'folder' in intake_plugins()\n"
        "sys.exit(any(name.startswith('exchange_plugin') for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("said", [b"", b"no list", b"{}"])
def test_plugins_that_cannot_be_asked_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    program = tmp_path / "python"
    (tmp_path / "said").write_bytes(said)
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/said\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(Misconfigured, match="cannot be listed"):
        intake_plugins()


def test_an_answer_on_the_command_line_is_not_asked_for(tmp_path: Path, policy: Path) -> None:
    code, shown = asked(
        tmp_path / "home", ["women-b", ""], "--log-policy", str(policy), "--hub",
        "https://hub.example", "--intake", "folder",
    )  # fmt: skip
    assert code == 0, shown
    assert "Address of the hub" not in shown


@pytest.mark.parametrize(
    ("option", "answer"), [("intake", "nosuch"), ("intake", "casetool"), ("language", "fr")]
)
def test_an_answer_that_is_none_makes_nothing_and_names_those_there_are(
    tmp_path: Path, policy: Path, option: str, answer: str
) -> None:
    known = {"intake": intake_plugins(), "language": ("de", "en", "de-simple")}[option]
    code, shown = asked(
        tmp_path / "home", [], "--log-policy", str(policy), "--hub", "https://hub.example",
        "--agency", "women-b", f"--{option}", answer,
    )  # fmt: skip
    assert code != 0
    assert shown.endswith(f"--{option} is one of {', '.join(known)}\n")
    assert shown.count("\n") == 1
    assert not (tmp_path / "home").exists()


def test_the_settings_explain_themselves(tmp_path: Path, policy: Path) -> None:
    code, shown = asked(
        tmp_path / "home", [], "--log-policy", str(policy), "--hub", "https://hub.example",
        "--agency", "women-b", "--listen", "127.0.0.1:8471",
    )  # fmt: skip
    text = (tmp_path / "home" / "gateway.toml").read_text()

    assert code == 0, shown
    assert "Five questions" not in shown
    assert tomllib.loads(text) == {
        "agency": "women-b",
        "language": "de",
        "hub": {"origin": "https://hub.example"},
        "intake": {"plugin": "folder"},
        "api": {"listen": "127.0.0.1:8471"},
        "watch": {},
    }
    assert "# Who you are" in text


def test_without_a_terminal_what_is_missing_is_named() -> None:
    said = {"log-policy": "p", "agency": None, "hub": "https://hub.example"}
    with pytest.raises(Misconfigured, match="--agency is missing, and nobody can be asked"):
        answered(said)
