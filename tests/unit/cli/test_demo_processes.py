"""exchange.cli.demo_processes: nothing is left running, and every failure has a name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.cli import demo_processes
from exchange.cli.demo_processes import Processes, processes, until
from exchange.cli.demo_report import Failed

SLEEPS = ["-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = ["-c", "import signal; signal.signal(15, signal.SIG_IGN); " + SLEEPS[1]]


def wait_until_up(beside: Processes, name: str) -> int:
    for _ in until("it is up"):
        if "up" in beside.log(name):
            break
    return beside.running[name].pid


def gone(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


def test_everything_is_ended_even_after_an_error(tmp_path: Path) -> None:
    numbers = []

    def break_off() -> None:
        with processes(tmp_path) as beside:
            beside.start("one", SLEEPS)
            numbers.append(wait_until_up(beside, "one"))
            assert beside.alive("one")
            raise Failed

    with pytest.raises(Failed):
        break_off()
    assert gone(numbers[0])


def test_a_process_that_does_not_end_when_asked_is_killed_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_processes, "PATIENCE_S", 0.2)
    with processes(tmp_path) as beside:
        beside.start("one", STUBBORN)
        monkeypatch.setattr(demo_processes, "PATIENCE_S", 60.0)
        number = wait_until_up(beside, "one")
        monkeypatch.setattr(demo_processes, "PATIENCE_S", 0.2)
        with pytest.raises(Failed, match="one did not end"):
            beside.stop("one")
        assert gone(number)


def test_a_stubborn_process_does_not_survive_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with processes(tmp_path) as beside:
        beside.start("one", STUBBORN)
        number = wait_until_up(beside, "one")
        monkeypatch.setattr(demo_processes, "PATIENCE_S", 0.2)
    assert gone(number)


def test_a_command_tells_what_it_printed_and_how_it_failed(tmp_path: Path) -> None:
    with processes(tmp_path) as beside:
        assert beside.run("--version").strip()
        with pytest.raises(Failed, match="exchange nonsense"):
            beside.run("nonsense")
        assert beside.run("nonsense", refused=True).startswith("exchange: ")
        with pytest.raises(Failed, match="was not refused"):
            beside.run("--version", refused=True)


def test_the_settings_of_this_machine_do_not_reach_into_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_HUB_ORIGIN", "https://elsewhere.example")
    with processes(tmp_path) as beside:
        assert "EXCHANGE_HUB_ORIGIN" not in beside.environment


def test_waiting_ends_with_what_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_processes, "PATIENCE_S", 0.05)
    with pytest.raises(Failed, match="gave up waiting until pigs fly"):
        for _ in until("pigs fly"):
            pass


def test_a_command_says_only_its_own_words_when_a_script_began_the_demo(tmp_path: Path) -> None:
    script = tmp_path / "began.py"  # imports the program as the script `exchange` does
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from exchange.cli.main import main\n"
        "from exchange.cli.demo_processes import processes\n"
        "if __name__ == '__main__':\n"
        "    with processes(Path(sys.argv[1])) as beside:\n"
        "        print(beside.run('nonsense', refused=True))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, check=True, text=True
    )
    assert done.stdout.startswith("exchange: ")
    assert done.stdout.count("\n") == 1
