"""docs/api.md: every example runs, in order, against a real hub with two gateways."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exchange import canonical
from exchange.cli import demo_crossing, demo_setting
from exchange.cli.demo_processes import processes
from exchange.cli.demo_report import Report
from exchange.cli.demo_scene import RECIPIENT, SENDER, Scene
from tests import needs
from tests.docs.generate import ROOT
from tests.ports import free_port

BLOCK = re.compile(r"^```(bash|python|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "..."


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[Scene, demo_crossing.Consent]]:
    """Yield a hub and two gateways in an agreement, with one consent."""
    now = datetime.now(UTC)
    logs = tmp_path / "logs"
    logs.mkdir()
    with processes(logs) as beside:
        made = Scene(
            folder=tmp_path,
            report=Report(Console(file=io.StringIO())),
            processes=beside,
            origin=f"http://127.0.0.1:{free_port()}",
            exp=int((now + timedelta(days=7)).timestamp()),
            keys=(),
        )
        demo_setting.set_up(made)
        demo_setting.agree(made, today=(now - timedelta(days=1)).date().isoformat())
        refusal = demo_crossing.refuse_without_consent(made)
        until = (now + timedelta(days=90)).date().isoformat()
        yield made, demo_crossing.record_consent(made, refusal, until_day=until)


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield language and text of every block of a page."""
    for found in BLOCK.finditer((ROOT / "docs" / page).read_text(encoding="utf-8")):
        yield found[1], found[2]


def run(
    language: str, text: str, environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run one block; what a shell exports is kept for the next ones."""
    kept = folder / "exported"
    if language == "python":
        text = f"{sys.executable} - <<'PYTHON'\n{text}\nPYTHON"
    script = f"[ ! -e {kept} ] || . {kept}\n{text}\nexport -p > {kept}\n"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )


def same_shape(shown: Any, found: Any) -> bool:
    """Tell whether an answer has the members that the page shows, and the values it names."""
    if shown in (ANYTHING, [ANYTHING], {ANYTHING: ANYTHING}):
        return True
    if isinstance(shown, dict):
        return (
            isinstance(found, dict)
            and shown.keys() == found.keys()
            and all(same_shape(shown[name], found[name]) for name in shown)
        )
    if isinstance(shown, list):
        return isinstance(found, list) and (
            not shown or (bool(found) and same_shape(shown[0], found[0]))
        )
    return type(shown) is type(found) and (isinstance(shown, int) or bool(shown == found))


@needs.tool("curl", "curl")
@pytest.mark.timeout(240)
def test_every_example_of_the_api_guide_runs(
    scene: tuple[Scene, demo_crossing.Consent], tmp_path: Path
) -> None:
    made, consent = scene
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HUB": made.origin,
        "GATEWAY": str(made.home(SENDER)),
        "PARTNER": str(made.home(RECIPIENT)),
        "CONSENT": consent.id,
        "DIGEST": consent.digest,
    }
    work = tmp_path / "work"
    work.mkdir()
    said, ran = "", 0
    for language, text in blocks("api.md"):
        if language == "json":
            shown = canonical.loads(text.encode(), limit=10_000)
            found = canonical.loads(said.encode(), limit=1_000_000)
            assert same_shape(shown, found), f"the page shows\n{text}\nthe hub says\n{said}"
            continue
        done = run(language, text, environment, work)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        said, ran = done.stdout, ran + 1
    assert ran >= 15


@pytest.mark.parametrize(
    ("shown", "found", "same"),
    [
        ({"a": "..."}, {"a": 1}, True),
        ({"a": "x"}, {"a": "y"}, False),
        ({"a": "..."}, {"a": 1, "b": 2}, False),
        ({"a": 0}, {"a": 7}, True),
        ({"a": [{"b": "..."}]}, {"a": []}, False),
        ({"a": [{"b": "..."}]}, {"a": [{"c": 1}]}, False),
        ({"a": []}, {"a": []}, True),
        ({"a": None}, {"a": "x"}, False),
    ],
    ids=[str(number) for number in range(8)],
)
def test_a_shown_answer_is_compared_with_the_real_one(shown: Any, found: Any, same: bool) -> None:
    assert same_shape(shown, found) is same
