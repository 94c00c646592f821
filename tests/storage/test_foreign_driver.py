"""Another driver beside the writer: aiosqlite, through SQLAlchemy, in the role of a stranger.

The hub itself reads in threads (decision 9). What a stranger's connection sees is the oracle for
what COMMIT and snapshot mean here.
"""

import asyncio
import threading
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from exchange.sqlite import Schema, SqliteDatabase

metadata = MetaData()
pairs = Table("pairs", metadata, Column("number", Integer, primary_key=True))
SCHEMA = Schema(metadata=metadata, version=1)


def never() -> None:
    raise AssertionError("a commit failed")


async def counted(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.count()).select_from(pairs))).scalar_one())


async def test_a_stranger_sees_a_unit_of_work_whole_or_not_at_all(tmp_path: Path) -> None:
    half_way, go_on = threading.Event(), threading.Event()

    def add_pair(conn: Connection) -> None:
        conn.execute(insert(pairs), {"number": 1})
        half_way.set()
        assert go_on.wait(20)
        conn.execute(insert(pairs), {"number": 2})

    database = SqliteDatabase(tmp_path / "pairs.sqlite", SCHEMA.prepare, on_failure=never)
    stranger = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'pairs.sqlite'}")
    writing = asyncio.ensure_future(database.write(add_pair))
    await asyncio.to_thread(half_way.wait, 20)

    async with stranger.connect() as connection:
        before = await counted(connection)
    go_on.set()
    await writing
    async with stranger.connect() as connection:
        after = await counted(connection)

    assert (before, after) == (0, 2)
    await stranger.dispose()
    await database.close()


async def test_a_snapshot_of_a_stranger_stands_while_the_writer_goes_on(tmp_path: Path) -> None:
    def add(conn: Connection, number: int) -> None:
        conn.execute(insert(pairs), {"number": number})

    database = SqliteDatabase(tmp_path / "pairs.sqlite", SCHEMA.prepare, on_failure=never)
    stranger = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'pairs.sqlite'}")
    await database.write(add, 1)

    async with stranger.connect() as connection:
        await connection.exec_driver_sql("BEGIN")
        first = await counted(connection)
        await database.write(add, 2)
        again = await counted(connection)
    async with stranger.connect() as connection:
        afresh = await counted(connection)

    assert (first, again, afresh) == (1, 1, 2)
    await stranger.dispose()
    await database.close()
