"""A hub database on a real file, opened as the hub opens it."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from exchange.hub.storage import schema
from exchange.hub.storage.engine import FILE, open_file
from exchange.sqlite import SqliteDatabase
from exchange.sqlite_file import writer_engine
from tests.storage import rows


def never() -> None:
    """Fail a test in which a commit fails unexpectedly."""
    raise AssertionError("a commit failed")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """The hub's database with its writer."""
    opened = open_file(tmp_path, on_failure=never)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with agencies and an agreement, to be copied."""
    path = tmp_path_factory.mktemp("prepared") / FILE
    engine = writer_engine(path)
    with engine.begin() as connection:
        schema.prepare(connection)
        rows.add_agencies(connection)
        rows.add_agreement(connection)
    engine.dispose()
    return path


@pytest.fixture
def conn(tmp_path: Path, prepared: Path) -> Iterator[Connection]:
    """One transaction on a file of its own, with agencies, an agreement and nothing else."""
    path = tmp_path / FILE
    shutil.copyfile(prepared, path)
    engine = writer_engine(path)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
