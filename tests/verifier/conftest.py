"""Verifications as tests run them: the command itself, its exit code and what is not good."""

from pathlib import Path

import pytest

from exchange.canonical import loads
from exchange.cli.main import main
from tests.logs import WITNESS_KEY, Check, Verify, policy


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    file = tmp_path / "log-policy"
    file.write_bytes(policy(WITNESS_KEY, quorum="w0"))
    return file


@pytest.fixture
def verify(tmp_path: Path, trusted: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Return a verification of a folder: its exit code, and the checks that are not good."""

    def run(target: Path, *options: object) -> tuple[int, dict[str, Check]]:
        words = ["log", "verify", str(target), "--policy", str(trusted), "--json"]
        ended = main([*words, *map(str, options)])
        said = loads(capsys.readouterr().out.splitlines()[-1].encode(), limit=100_000)
        found = {one["check"]: one for one in said["checks"] if one["outcome"] != "good"}
        assert said["exit"] == ended
        return ended, found

    return run
