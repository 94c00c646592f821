"""`exchange hub backup`, `hub restore`, `log import`, `log succeed`: what an operator types."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from exchange.cli.hub_home import settings_in
from exchange.cli.main import main
from exchange.hub import app
from exchange.hub.open_vault import VAULT
from exchange.hub.storage import migrate
from exchange.hub.storage.engine import FILE
from exchange.hub.storage.schema import HEAD
from exchange.hub.storage.snapshot import NOTE
from exchange.sqlite_file import lock_file
from tests.storage import older

KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from exchange.cli.hub_home import settings_in
from exchange.hub.back_up import back_up

def die(done, total):
    os.kill(os.getpid(), signal.SIGKILL)

now = datetime(2026, 3, 3, tzinfo=UTC)
back_up(settings_in(Path(sys.argv[1])), Path(sys.argv[2]), now=now, progress=die)
"""
"""Dies in the middle of a backup."""


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The home of a hub that has run once."""
    home = tmp_path / "hub"
    assert main(["hub", "init", "--home", str(home)]) == 0
    asyncio.run(_open(home))
    capsys.readouterr()
    return home


async def _open(home: Path) -> None:
    async with app.opened(settings_in(home), clock=app.now, on_failure=lambda: None):
        pass


def emptied(home: Path, root: Path) -> Path:
    """Return a home with the settings and the keys of another, as an operator makes it."""
    again = root / "again"
    shutil.copytree(home, again)
    for file in (again / FILE, again / VAULT / "vault.sqlite"):
        for part in file.parent.glob(f"{file.name}*"):
            part.unlink()
    return again


def count(home: Path, query: str) -> int:
    with closing(sqlite3.connect(home / FILE)) as conn:
        return int(conn.execute(query).fetchone()[0])


def test_records_and_vault_are_backed_up_and_brought_back(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, vault = tmp_path / "r" / "one", tmp_path / "v" / "one"
    assert main(["hub", "backup", str(records), "--vault", str(vault), "--home", str(home)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"{records}: records, 0 entries, schema {HEAD}")
    assert told[1].startswith(f"{vault}: vault, schema ")

    again = emptied(home, tmp_path)
    for backup in (vault, records):
        assert main(["hub", "restore", str(backup), "--home", str(again)]) == 0
    assert "Next: exchange hub serve" in capsys.readouterr().out
    assert count(again, "SELECT count(*) FROM restorations WHERE ready_at IS NULL") == 1
    asyncio.run(_open(again))
    assert count(again, "SELECT count(*) FROM restorations WHERE ready_at IS NULL") == 0
    for backup, file in ((records, FILE), (vault, "vault.sqlite")):
        assert main(["hub", "restore", str(backup), "--home", str(again)]) == 1
        assert f"{file} exists" in capsys.readouterr().err


def test_nothing_is_overwritten_and_nothing_lies_beside_the_vault(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "b" / "one"
    beside = tmp_path / "b" / "two"
    assert main(["hub", "backup", str(target), "--vault", str(beside), "--home", str(home)]) == 1
    assert "must not lie beside" in capsys.readouterr().err
    assert not target.exists()
    assert main(["hub", "backup", str(target), "--home", str(home)]) == 0
    before = (target / NOTE).read_bytes()
    assert main(["hub", "backup", str(target), "--home", str(home)]) == 1
    assert "never overwrites" in capsys.readouterr().err
    assert (target / NOTE).read_bytes() == before


def test_a_killed_backup_leaves_nothing_half_and_the_next_one_clears_up(
    home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "b" / "one"
    command = [sys.executable, "-c", KILLED, str(home), str(target)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    died = subprocess.run(command, env=environment, check=False, timeout=60)
    assert died.returncode == -9
    assert [path.name[0] for path in target.parent.iterdir()] == ["."]
    assert main(["hub", "backup", str(target), "--home", str(home)]) == 0
    assert [path.name for path in target.parent.iterdir()] == ["one"]


def test_an_older_backup_is_led_to_the_schema_of_this_program(home: Path, tmp_path: Path) -> None:
    for part in home.glob(f"{FILE}*"):
        part.unlink()
    older.make_file(home / FILE, "0003")
    assert main(["hub", "backup", str(tmp_path / "b"), "--home", str(home)]) == 0
    again = emptied(home, tmp_path)
    assert main(["hub", "restore", str(tmp_path / "b"), "--home", str(again)]) == 0
    assert migrate.find_in_file(again / FILE) == HEAD
    assert count(again, "SELECT count(*) FROM restorations") == 1


@pytest.mark.parametrize(
    ("said", "instead", "why"),
    [
        (f'"schema":"{HEAD}"', '"schema":"9999"', "this program knows up to"),
        ('"store":"sqlite"', '"store":"postgresql"', "the settings name sqlite"),
        ('"v":1', '"v":2', "not the note of a backup"),
        ('"name":"hub.sqlite"', '"name":"../hub.sqlite"', "not the note of a backup"),
        ('"kind":"records"', '"kind":"payloads"', "not the note of a backup"),
        ('"size":0', '"size":0,"more":1', "not the note of a backup"),
        ("{", "", "not the note of a backup"),
    ],
)
def test_what_is_no_backup_for_this_place_is_refused_in_one_line(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    said: str,
    instead: str,
    why: str,
) -> None:
    target = tmp_path / "b"
    assert main(["hub", "backup", str(target), "--home", str(home)]) == 0
    note = (target / NOTE).read_text(encoding="utf-8")
    assert said in note
    (target / NOTE).write_text(note.replace(said, instead, 1), encoding="utf-8")
    again = emptied(home, tmp_path)
    capsys.readouterr()
    assert main(["hub", "restore", str(target), "--home", str(again)]) == 1
    told = capsys.readouterr().err.strip()
    assert why in told
    assert "\n" not in told
    assert not (again / FILE).exists()


def test_a_restoration_wants_a_backup_or_the_word_that_there_is_none(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hub", "restore", "--home", str(home)]) == 1
    assert "--in-place" in capsys.readouterr().err
    assert main(["hub", "restore", str(tmp_path), "--in-place", "--home", str(home)]) == 1
    capsys.readouterr()
    assert main(["hub", "restore", str(tmp_path / "none"), "--home", str(home)]) == 1
    assert "there is no backup" in capsys.readouterr().err
    assert main(["hub", "restore", "--in-place", "--home", str(home)]) == 0
    assert count(home, "SELECT count(*) FROM restorations WHERE made_at IS NULL") == 1
    (home / FILE).unlink()
    assert main(["hub", "restore", "--in-place", "--home", str(home)]) == 1
    assert "there is no database" in capsys.readouterr().err
    assert main(["hub", "backup", str(tmp_path / "b"), "--home", str(home)]) == 1
    assert "there is no database" in capsys.readouterr().err
    assert list(tmp_path.glob(".exchange-backup*")) == []


def test_nothing_is_restored_under_a_hub_that_runs(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hub", "backup", str(tmp_path / "b"), "--home", str(home)]) == 0
    again = emptied(home, tmp_path)
    lock = lock_file(again / FILE)
    try:
        assert main(["hub", "restore", str(tmp_path / "b"), "--home", str(again)]) == 1
    finally:
        os.close(lock)
    assert "another process uses" in capsys.readouterr().err


def test_a_log_is_closed_only_on_a_clear_word(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["log", "succeed", "--reason", "entries-lost", "--home", str(home)]
    assert main(command) == 1
    told = capsys.readouterr().out
    assert "Every consent ends" in told
    assert "begins 127.0.0.1:8700/log/e2" in told
    assert main([*command, "--yes"]) == 1
    assert "signed nothing" in capsys.readouterr().err


def test_an_import_without_a_copy_says_so(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "import", "--from", str(tmp_path / "none"), "--home", str(home)]) == 1
    told = capsys.readouterr().err.strip()
    assert "neither a folder, nor a tar, nor an address" in told
    assert "\n" not in told
