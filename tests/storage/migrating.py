"""A migration of a file, killed again and again: `python -m tests.storage.migrating DIRECTORY`.

A program of its own, with one thread, so that it may fork: each child migrates a fresh copy and
kills itself. What each file is afterwards is printed, one schema a line.
"""

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import event

from exchange.hub.storage import migrate
from exchange.sqlite_file import changer_engine
from tests.storage import older

EVERY = 9
"""Of the statements that are tried: all of them would take a minute."""


def main(directory: Path) -> None:
    """Kill migrations until one comes to its end."""
    older.make_file(directory / "old.sqlite", "0001")
    with closing(sqlite3.connect(directory / "old.sqlite")) as old:
        old.execute("INSERT INTO log_tile VALUES (0, 0, x'00')")
        old.commit()
    at, killed = 1, True
    while killed:
        path = directory / f"{at}.sqlite"
        shutil.copyfile(directory / "old.sqlite", path)
        child = os.fork()
        if child == 0:
            migrate_until(path, at)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        if not killed and os.waitstatus_to_exitcode(status) != 0:
            raise SystemExit("a migration failed")
        print(_found(path), flush=True)
        at += EVERY


def migrate_until(path: Path, last: int) -> None:
    """Migrate, and die before the statement with this number."""
    engine = changer_engine(path)
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    with engine.begin() as conn:
        migrate.upgrade(conn, older.quiet)
    engine.dispose()


def _found(path: Path) -> str:
    with closing(sqlite3.connect(path)) as looked:
        assert looked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert looked.execute("SELECT count(*) FROM log_tile").fetchone() == (1,)
        names = {name for (name,) in looked.execute("SELECT name FROM sqlite_schema")}
    found = migrate.find_in_file(path)
    assert ("credentials" in names) == (found != "0001")
    assert not any(name.startswith("_alembic_tmp") for name in names)
    return found or "none"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
