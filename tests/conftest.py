"""Skips are told plainly, and in CI only those of `allowed_skips.txt` pass."""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from _pytest.terminal import TerminalReporter
from hypothesis import settings
from structlog._config import BoundLoggerLazyProxy

from exchange.hub.storage import schema
from tests import postgres, swift

ALLOWED = Path(__file__).parent / "allowed_skips.txt"


def pytest_configure() -> None:
    """Let no example fail for its time: a machine may be busy with other things."""
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Begin each test with the usual umask: commands set a stricter one for their process."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def usual_log() -> Iterator[None]:
    """Leave the log as it was: commands decide for their process what is written, and how."""
    if structlog.get_config()["cache_logger_on_first_use"]:  # a shared fixture ran a command
        structlog.reset_defaults()
        look_again()
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    look_again()


def look_again() -> None:
    """Let every logger ask anew how it writes: what a command has decided, it remembers for good.

    Otherwise the lines of a later test go where an earlier one has sent them.
    """
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] == "exchange":
            for value in tuple(vars(module).values()):
                if isinstance(value, BoundLoggerLazyProxy):
                    vars(value).pop("bind", None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server of this test process; what needs one is skipped where none can run."""
    try:
        with postgres.any_server() as server:
            yield server
    except postgres.Absent as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.Server) -> str:
    """Name of a database with the hub's tables, to be copied."""
    return postgres_server.template(schema.make)


@pytest.fixture
def postgres_url(postgres_server: postgres.Server, postgres_template: str) -> Iterator[str]:
    """URL of a database of one's own with the hub's tables, for `database_url`."""
    with postgres_server.database(postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[swift.Server]:
    """An S3 server of this test process; what asks for it is in the group `s3`, so it is one."""
    with swift.running(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def stored_in(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a hub that say where its records are: what uses this runs on each database."""
    if request.param == "sqlite":
        return {}
    # A busy machine may let a unit wait longer than an operator would.
    return {"database_url": request.getfixturevalue("postgres_url"), "postgres": {"wait_s": 30}}


def allowed_skips() -> set[str]:
    """Return the names of the tests that may be skipped in CI: file::test, without parameters."""
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    return {line.split("#")[0].strip() for line in lines} - {""}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped a test which is not on the list."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not _in_ci():
        return
    if _unexpected(reporter) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """List what was skipped, how often, and how to enable it."""
    skipped = _skipped(terminalreporter)
    if not skipped:
        return
    reasons: dict[str, int] = defaultdict(int)
    for _name, reason in skipped:
        reasons[reason] += 1
    terminalreporter.section("skipped on this machine, and how to enable it")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count:4d}  {reason}")
    if _in_ci():
        for name in _unexpected(terminalreporter):
            terminalreporter.line(f"skipped in CI, and not in tests/allowed_skips.txt: {name}")


def _in_ci() -> bool:
    return os.environ.get("CI", "") not in {"", "0", "false"}


def _unexpected(reporter: TerminalReporter) -> list[str]:
    allowed = allowed_skips()
    return sorted({name for name, _reason in _skipped(reporter)} - allowed)


def _skipped(reporter: TerminalReporter) -> list[tuple[str, str]]:
    found = []
    for report in reporter.stats.get("skipped", []):
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        found.append((report.nodeid.split("[")[0], reason.removeprefix("Skipped: ")))
    return found
