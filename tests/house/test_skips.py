"""CI may skip only what is on a short, counted list; everything else is told and fails there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ALLOWED, allowed_skips

ROOT = Path(__file__).parents[2]
LONGEST = 8


def test_the_list_of_allowed_skips_is_short_and_counted() -> None:
    stated = re.search(r"counts them: (\d+)\.", ALLOWED.read_text(encoding="utf-8"))
    assert stated is not None
    assert int(stated[1]) == len(allowed_skips()) <= LONGEST


def test_every_allowed_skip_names_an_existing_test_and_a_reason() -> None:
    for line in ALLOWED.read_text(encoding="utf-8").splitlines():
        name, _, why = line.partition("#")
        if not name.strip():
            continue
        file, _, test = name.strip().partition("::")
        assert why.strip()
        assert f"def {test.rpartition('::')[2]}(" in (ROOT / file).read_text(encoding="utf-8")


def run(tmp_path: Path, *, ci: str, skip: str) -> subprocess.CompletedProcess[str]:
    """Run one skipped test under this repository's conftest in a folder of its own."""
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in ("conftest.py", "allowed_skips.txt"):
        (tests / name).write_bytes((ALLOWED.parent / name).read_bytes())
    (tests / "test_some.py").write_text(
        f"import pytest\n\ndef test_runs():\n    pass\n\n{skip}\n", encoding="utf-8"
    )
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "tests"],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )


SKIPPED = "@pytest.mark.skip(reason='a tool is missing: install it')\ndef test_tool():\n    pass"
MODULE = "pytest.skip('a tool is missing: install it', allow_module_level=True)"


def test_a_skip_is_told_with_the_way_to_enable_it(tmp_path: Path) -> None:
    done = run(tmp_path, ci="", skip=SKIPPED)
    assert done.returncode == 0
    assert "   1  a tool is missing: install it" in done.stdout


def test_a_skip_outside_the_list_fails_in_ci(tmp_path: Path) -> None:
    done = run(tmp_path, ci="true", skip=SKIPPED)
    assert done.returncode == 1
    assert "not in tests/allowed_skips.txt: tests/test_some.py::test_tool" in done.stdout


def test_a_skipped_module_fails_in_ci(tmp_path: Path) -> None:
    assert run(tmp_path, ci="true", skip=MODULE).returncode in {1, 5}


def test_a_run_without_skips_passes_in_ci(tmp_path: Path) -> None:
    assert run(tmp_path, ci="true", skip="").returncode == 0
