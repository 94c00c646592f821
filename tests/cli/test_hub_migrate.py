"""`exchange hub migrate`: what an operator runs after an update, and what a start refuses."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from exchange.cli.main import main
from exchange.hub.storage import migrate
from exchange.hub.storage.engine import FILE
from exchange.hub.storage.schema import HEAD
from exchange.sqlite_file import lock_file
from tests.postgres import Server
from tests.storage import older


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The home of a hub with a database of the first schema."""
    home = tmp_path / "hub"
    assert main(["hub", "init", "--home", str(home)]) == 0
    older.make_file(home / FILE, "0001")
    capsys.readouterr()
    return home


def files(home: Path) -> dict[str, str]:
    """Return a digest of each file; what SQLite needs for reading is none."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.iterdir()
        if path.is_file() and not path.name.endswith(("-shm", "-wal", ".lock"))
    }


def test_it_copies_migrates_and_says_so_and_then_has_nothing_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hub", "migrate", "--home", str(home)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"schema of the database: 0001; of this program: {HEAD}"
    assert told[1].startswith("0002: ")
    assert f"is in {home / 'hub-0001.sqlite'}. Delete it" in " ".join(told)
    assert migrate.find_in_file(home / "hub-0001.sqlite") == "0001"
    assert migrate.find_in_file(home / FILE) == HEAD

    before = files(home)
    assert main(["hub", "migrate", "--home", str(home)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main(["hub", "migrate", "--check", "--home", str(home)]) == 0
    assert files(home) == before


def test_a_check_says_what_would_be_done_and_changes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(home)
    assert main(["hub", "migrate", "--check", "--home", str(home)]) == 1
    told = capsys.readouterr()
    assert "0001" in told.out
    assert told.err.count("\n") == 1
    assert "exchange hub migrate" in told.err
    assert files(home) == before


def test_a_copy_is_not_made_when_it_is_not_wanted(home: Path) -> None:
    assert main(["hub", "migrate", "--no-copy", "--home", str(home)]) == 0
    assert not (home / "hub-0001.sqlite").exists()
    assert migrate.find_in_file(home / FILE) == HEAD


def test_beside_a_running_hub_it_refuses_in_one_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock, before = lock_file(home / FILE), files(home)
    assert main(["hub", "migrate", "--home", str(home)]) == 1
    os.close(lock)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "another process uses" in told
    assert files(home) == before


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_a_later_schema_is_left_to_the_program_that_made_it(
    home: Path, capsys: pytest.CaptureFixture[str], check: tuple[str, ...]
) -> None:
    assert main(["hub", "migrate", "--home", str(home), "--no-copy"]) == 0
    with closing(sqlite3.connect(home / FILE)) as later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
        later.commit()
    before = files(home)
    assert main(["hub", "migrate", *check, "--home", str(home)]) == 1
    assert "run the version of the program that made it" in capsys.readouterr().err
    assert files(home) == before


def test_a_start_refuses_another_schema_in_one_line_and_writes_nothing(home: Path) -> None:
    before = files(home)
    done = subprocess.run(
        [sys.executable, "-m", "exchange.cli.main", "hub", "serve", "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "schema 0001" in done.stderr
    assert "run exchange hub migrate" in done.stderr
    assert {name: digest for name, digest in files(home).items() if name in before} == before


def test_an_empty_server_gets_its_tables_and_an_older_one_is_led_on(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres_server: Server,
) -> None:
    with postgres_server.database() as url:
        monkeypatch.setenv("EXCHANGE_HUB_DATABASE_URL", url)
        assert main(["hub", "migrate", "--check", "--home", str(home)]) == 1
        assert "make its tables with exchange hub migrate" in capsys.readouterr().err
        assert main(["hub", "migrate", "--home", str(home)]) == 0
        assert f"none, it is empty; of this program: {HEAD}" in capsys.readouterr().out
        assert main(["hub", "migrate", "--check", "--home", str(home)]) == 0
    assert migrate.find_in_file(home / FILE) == "0001"  # nobody touched it


def test_a_server_that_does_not_answer_is_said_in_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql+psycopg://hub:secret@/hub?host={home}"
    monkeypatch.setenv("EXCHANGE_HUB_DATABASE_URL", url)
    assert main(["hub", "migrate", "--home", str(home)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "secret" not in told
