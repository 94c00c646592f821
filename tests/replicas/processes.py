"""A hub of several real processes on PostgreSQL: arranged in this one, then served by them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from exchange.hub import app
from tests.crashes.remote import Remote

PATIENCE_S = 120.0
"""Seconds a busy machine may need to start or stop all processes."""
SHUTDOWN_S = 12
"""Seconds a hub that was asked to stop waits for what is under way."""


class Served(Remote):
    """Parties with an agreement; `serving` runs the hub they speak to."""

    def __init__(self, root: Path, url: str, **settings: Any) -> None:
        super().__init__(root, database_url=url, **settings)
        self.now = app.now().replace(microsecond=0)
        self.url = url

    def write_settings(self) -> None:
        """Write what `exchange hub serve` reads: two processes that may be asked a lot."""
        super().write_settings()
        file = self.home / "hub.toml"
        shared = f'database_url = "{self.url}"\nworkers = 2\n'
        file.write_text(shared + file.read_text() + f"[http]\nshutdown_s = {SHUTDOWN_S}\n")

    @asynccontextmanager
    async def serving(self, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run `exchange hub serve` while the block runs; nothing of it is left afterwards.

        In a folder with a file that has the name of a library: no process takes it for that.
        """
        folder = self.home.parent / "shell"
        folder.mkdir(exist_ok=True)
        (folder / "structlog.py").write_text("raise SystemExit(9)\n")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "exchange.cli.main", "hub", "serve"),
            *("--home", str(self.home)),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                assert (await process.stdout.readline()).startswith(b"serving http://")
            yield process
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@asynccontextmanager
async def arranged(root: Path, url: str) -> AsyncIterator[Served]:
    """Yield parties whose hub is not yet served."""
    sim = Served(root, url)
    async with sim.running():
        await sim.arrange()
    sim.write_settings()
    async with sim.connected():
        yield sim


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Tell whether a process is there and is no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
