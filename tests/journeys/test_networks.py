"""The five networks that ship with the project, each played by `exchange demo` from its folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.cli.demo_documents import CANARY
from exchange.cli.demo_search import occurrences
from exchange.cli.network_plan import PLAN, read_network
from exchange.errors import Malformed

NETWORKS = Path(__file__).parents[2] / "deploy" / "networks"
STAGED = 3
"""Steps before the story: set up, admitted, agreed; one more ends all processes."""


def played(number: int, folder: Path) -> list[str]:
    """Play a network and return the lines of its report."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "exchange.cli.main", "demo", "--folder", str(folder)),
            *("--network", str(NETWORKS / str(number))),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_network_is_played_from_its_folder_to_its_end(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "network"
    lines = played(number, folder)

    assert lines[-1] == "demo: ok"
    steps = [line for line in lines if re.match(r" +\d+  ok .* \d+\.\d\d s$", line)]
    story = read_network(NETWORKS / str(number)).story
    assert len(steps) == STAGED + len(story) + 1
    unsaid = number != 5 or "XDOMEA_SCHEMAS" in os.environ
    assert any("stand in for the official ones" in line for line in lines) is not unsaid
    assert occurrences(folder / "received", [CANARY]), "documents arrived"
    assert not occurrences(folder / "hub", [CANARY]), "the hub holds what it must not"
    assert not occurrences(folder / "mails", [CANARY])
    assert not occurrences(folder / "logs", [CANARY])


def test_every_network_of_the_project_can_be_read() -> None:
    titles = [read_network(folder).title for folder in sorted(NETWORKS.iterdir())]
    assert [title[0] for title in titles] == list("12345")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "title, needs, stand_in, casetool, agencies and steps"),
        ('title = "x"\nmore = 1\n', "nothing else"),
        ('[[agencies]]\nid = "a1"\n[[steps]]\nsay = "x"\nfly = {}\n', "a step says something"),
        ('[[agencies]]\nid = "a1"\n[[steps]]\nsay = "x"\nnotice = { to = "a1" }\n', "notice lacks"),
        ('[[agencies]]\nname = "a1"\n', "agencies lacks"),
        ("[[agencies\n", "is not TOML"),
    ],
)
def test_a_network_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / PLAN).write_text(text, encoding="utf-8")
    with pytest.raises(Malformed, match=said):
        read_network(tmp_path)


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="describes no network"):
        read_network(tmp_path)
