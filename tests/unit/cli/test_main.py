"""exchange.cli.main: one line for every error, and the exit code that fits."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import pytest
from cyclopts import App

from exchange.agency.advice import NOT_COVERED
from exchange.cli import main as cli
from exchange.consent.decision import Reason
from exchange.errors import (
    ExchangeError,
    Finding,
    Held,
    LintRefused,
    NotCovered,
    NotFound,
    NotPermitted,
    Unavailable,
)


def run(monkeypatch: pytest.MonkeyPatch, command: Callable[[], object]) -> int:
    """Run `exchange demo` with `command` in its place."""

    def stand_in() -> App:
        app = App(name="demo", result_action="return_value")
        app.default(command)
        return app

    monkeypatch.setattr(cli, "_demo", stand_in)
    return cli.main(["demo"])


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def command() -> NoReturn:
        raise error

    return command


def test_a_command_that_returns_nothing_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, lambda: None) == 0


def test_a_command_chooses_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, lambda: 3) == 3


async def test_help_loads_no_side() -> None:
    probe = (
        "import sys; from exchange.cli.main import main; main(['--help']);"
        "sys.exit(any(n.startswith(('exchange.hub', 'exchange.agency')) for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            NotPermitted(),
            "exchange: the hub does not permit it, and never says why; "
            "compare with: exchange consent show, exchange agreement show\n",
        ),
        (NotPermitted("the role does not"), "exchange: the role does not\n"),
        (Unavailable("the hub\nis away"), "exchange: the hub is away\n"),
        (ExchangeError("plain"), "exchange: plain\n"),
        (
            LintRefused(
                "refused",
                findings=(
                    Finding("L01", "refuse", "term"),
                    Finding("L02", "warn", "recipients"),
                    Finding("L01", "refuse", "title"),
                ),
            ),
            'exchange: the record breaks L01 term, title (Name each agency. Groups or "all" are '
            "not possible.); docs/rules.md has every rule\n",
        ),
        (
            Held("key-missing"),
            "exchange: nothing was done (key-missing): the partner has published no document key "
            "yet; its gateway does so when it runs\n",
        ),
        (
            Held("unheard-of"),
            "exchange: nothing was done (unheard-of): an administrator has to look\n",
        ),
        (NotFound(), "exchange: not found, or not for this agency; compare the id\n"),
        (NotFound("no such hub"), "exchange: no such hub\n"),
        (FileNotFoundError(2, "No such file", "x.pdf"), "exchange: No such file: x.pdf\n"),
    ],
)
def test_an_error_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    line: str,
) -> None:
    assert run(monkeypatch, raising(error)) == 1
    assert capsys.readouterr() == ("", line)


def test_the_notes_of_an_error_are_told_on_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Unavailable("the hub is away")
    away.add_note("it waits")
    assert run(monkeypatch, raising(away)) == 1
    assert capsys.readouterr() == ("", "exchange: the hub is away; it waits\n")


def test_a_defect_is_told_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, raising(ValueError("a secret of a document"))) == 1
    shown = capsys.readouterr().err
    assert "secret" not in shown
    assert "ValueError" in shown
    assert shown.count("\n") == 1


def test_an_interrupt_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "explained"),
    [
        (["nonsense"], "exchange --help"),
        (["--nonsense"], "exchange --help"),
        (["demo", "--nonsense"], "exchange demo --help"),
        (["consent", "nonsense"], "exchange consent --help"),
        (["consent", "withdraw", "x", "--by", "me"], "exchange consent withdraw --help"),
    ],
)
def test_a_misspelt_command_line_is_one_line_and_names_its_help(
    capsys: pytest.CaptureFixture[str], arguments: list[str], explained: str
) -> None:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("exchange: ")
    assert err.count("\n") == 1
    assert err.endswith(f"({explained} explains)\n")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip().count(".") >= 1


def test_a_reader_that_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "exchange.cli.main", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode in {1, 141}  # rich ends with 1


def test_help_is_quick() -> None:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "exchange.cli.main", "--help"], capture_output=True, check=True
    )
    assert time.monotonic() - began < 10  # 0.2 s alone; the bound only sees a forgotten import


def test_a_day_that_is_none_is_told_how_one_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["consent", "withdraw", "id", "--by", "subject", "--channel", "phone"]
    given += ["--received", "31.3.2027"]

    assert cli.main(given) == 2

    line = capsys.readouterr().err
    assert "--received: a day is written YYYY-MM-DD, such as 2026-08-31" in line
    assert "31.3.2027" not in line


def test_every_reason_of_a_decision_is_told_in_a_sentence_and_none_asks_the_person_again() -> None:
    assert NOT_COVERED.keys() == set(Reason)
    assert not any("ask" in told.split() for told in NOT_COVERED.values())


def test_a_disclosure_that_is_not_covered_is_refused_with_every_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, raising(NotCovered(("ended", "recipient")))) == 1
    assert capsys.readouterr().err == (
        "exchange: nothing was sent: the consent has ended; nothing more is sent under it (ended); "
        "the consent does not name this recipient (recipient)\n"
    )
