"""The floor: what nobody can avoid. A bare aiohttp PUT, an fsync, one SQLite FULL commit.

Run as `python -m tests.bench.floor DIRECTORY`; writes its port to the file `port` and
prints `ready`.
"""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from aiohttp import web

CHUNK = 1 << 18


def connect(directory: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        directory / "floor.db", isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS stored (id TEXT PRIMARY KEY, size INTEGER)")
    return connection


def keep(connection: sqlite3.Connection, target: Path, body: bytes) -> None:
    """Write, fsync, commit: one thread hop for all of it."""
    with target.open("xb", buffering=0) as file:
        file.write(body)
        os.fsync(file.fileno())
    commit(connection, target.name, len(body))


def commit(connection: sqlite3.Connection, name: str, size: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO stored VALUES (?, ?)", (name, size))
    connection.execute("COMMIT")


def build(directory: Path) -> web.Application:
    connection = connect(directory)
    thread = ThreadPoolExecutor(1)

    async def in_thread(work: Callable[..., None], *given: object) -> None:
        await asyncio.get_running_loop().run_in_executor(thread, lambda: work(*given))

    async def put(request: web.Request) -> web.Response:
        await in_thread(keep, connection, directory / uuid4().hex, await request.read())
        return web.json_response({"state": "stored"}, status=201)

    async def stream(request: web.Request) -> web.Response:
        target, size = directory / uuid4().hex, 0
        with target.open("xb", buffering=0) as file:
            async for chunk in request.content.iter_chunked(CHUNK):
                await in_thread(_write, file, chunk)
                size += len(chunk)
            await in_thread(os.fsync, file.fileno())
        await in_thread(commit, connection, target.name, size)
        target.unlink()
        return web.json_response({"state": "stored"}, status=201)

    app = web.Application(client_max_size=1 << 21)
    app.add_routes(
        [
            web.put("/small", put),
            web.put("/large", stream),
            web.route("*", "/bytes/{n}", answer),
        ]
    )
    return app


async def answer(request: web.Request) -> web.Response:
    """Read what comes, answer with as many bytes as the path says."""
    await request.read()
    return web.Response(body=bytes(int(request.match_info["n"])))


def _write(file: object, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]  # type: ignore[attr-defined]


async def main(directory: Path) -> None:
    runner = web.AppRunner(build(directory), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (directory / "port").write_text(str(runner.addresses[0][1]))
    print("ready", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
