"""A simulator whose hub is a process of its own: arranged once, then copied for every death."""

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.crashes.hubs import Faults, Hubs
from tests.simulator import Answer, Simulator

PATIENCE = aiohttp.ClientTimeout(total=60)


class Remote(Simulator):
    """A simulator to arrange in process; afterwards `hub` serves the same from another one."""

    def write_settings(self) -> None:
        """Write what `exchange hub serve` reads."""
        lines = [
            f'origin = "{self.origin}"',
            f"[listen]\nport = {self.port}\nconnections_per_address = 1000",
            "[agency]\nrate = 10000\nburst = 100000\ndenials_per_minute = 10000\nparallel = 1000\n"
            "streams = 1000\npolls = 1000",
            "[disk]\nreserve = 1024",
        ]
        (self.home / "hub.toml").write_text("\n".join(lines) + "\n")

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Have connections of our own, none of them kept: a dead hub leaves nothing behind."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as self.http:
            yield


@asynccontextmanager
async def arranged(
    root: Path, prepare: Callable[[Remote], Awaitable[Any]], *, now: datetime | None = None
) -> AsyncIterator[tuple[Remote, Any]]:
    """Yield a simulator whose home lies still after `prepare`, and what that returned."""
    root.mkdir(exist_ok=True)
    remote = Remote(root)
    if now is not None:
        remote.now = now
    async with remote.running():
        await remote.arrange()
        prepared = await prepare(remote)
    remote.write_settings()
    async with remote.connected():
        yield remote, prepared


@dataclass
class Life:
    """One hub's directory, and the processes that serve it one after the other."""

    hubs: Hubs
    home: Path
    faults: Faults
    clock: datetime | None
    resting: bool = False
    """Whether the log rests after each start: no fault meets it in place of a request."""
    pid: int = 0

    @classmethod
    def copied(
        cls,
        hubs: Hubs,
        home: Path,
        folder: Path,
        clock: datetime | None,
        *,
        resting: bool = False,
    ) -> "Life":
        folder.mkdir()
        copy = folder / "hub"
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.sock"))
        return cls(hubs, copy, Faults(folder / "control"), clock, resting)

    async def start_settled(self, *, watched: Path | None = None) -> None:
        """Start, and wait until the first round of the sweeper is over: it touches files, too.

        It shows by what it does at last: it forgets an assertion of long ago, which we put there,
        and empties the WAL. Not after a kill: our own look would do the recovery.
        """
        file, wal = self.home / "hub.sqlite", self.home / "hub.sqlite-wal"
        with sqlite3.connect(file) as rows:
            rows.execute("INSERT INTO used_assertions VALUES ('nobody', 'old', '2000-01-01')")
        rows.close()
        before = file.stat().st_mtime_ns
        await self.start(watched=watched)
        # By looking at the files alone: a reader would keep it from emptying the WAL.
        while file.stat().st_mtime_ns == before or wal.stat().st_size > 0:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def start(self, *, watched: Path | None = None, dying: bool = False) -> None:
        self.pid = await self.hubs.start(
            self.home,
            faults=self.faults,
            clock=self.clock,
            watched=watched,
            dying=dying,
            resting=self.resting,
        )

    async def ended(self) -> int:
        """Wait for the process; return its exit code."""
        code = await self.hubs.ended(self.pid)
        assert code is not None, "the hub goes on"
        return code

    async def stop(self) -> int:
        """Ask the process to stop, as a supervisor does; return its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await self.ended()

    async def alive(self, *, within_s: float) -> bool:
        """Tell whether the process has not ended by itself within so many seconds."""
        code = await self.hubs.ended(self.pid, within_s=within_s)
        assert code in {None, 1}, self.said
        return code is None

    @property
    def said(self) -> str:
        return self.home.with_name("said").read_text()


RECEIPT = re.compile(rb'"/log/receipts/[0-9a-f-]{36}"')


def answered(answer: Answer) -> tuple[bool, Any]:
    """Return whether an answer is a success, and what it says.

    Created and found again are one success: which of both it is shows whether an answer was lost.
    Each run has other names of receipts; that there is one is said.
    """
    assert answer.status < 300, (answer.status, answer.body)
    body = RECEIPT.sub(b'"a receipt"', answer.body)
    return True, json.loads(body) if body else None


QUERIES = {
    "agencies": "SELECT id, state FROM agencies",
    "keys": "SELECT agency, seq, digest, superseded_at FROM key_statements",
    "revoked": "SELECT fingerprint, agency, revoked_at FROM revoked_keys",
    "agreements": "SELECT digest, ended_at FROM agreements",
    "signatures": "SELECT agreement, agency, digest, signed_at FROM agreement_signatures",
    "consents": "SELECT digest, uses, used, ended_at, ended_why, withdrawal FROM consents",
    "parties": "SELECT consent, agency, role FROM consent_parties",
    "disclosures": "SELECT id, digest, sender, state, announced_at, stored_at, ended_at, ended_why,"
    " use_returned, payload_size, payload_sha256 FROM disclosures",
    "recipients": "SELECT disclosure, agency, fingerprint, number, collected_at, acknowledged_at, "
    "result, reason, acknowledgement FROM disclosure_recipients",
    "headers": "SELECT disclosure, header FROM headers",
    "erasures": "SELECT consent, recipient, reason, asked_at, due, answered_at FROM erasures",
    "idempotency": "SELECT agency, key, request FROM idempotency",
    "chains": "SELECT kind, next_n, deferred FROM log_chain",
}


def world(home: Path) -> dict[str, Any]:
    """Return all that a hub at rest knows, but for names that are drawn at random."""
    rows = sqlite3.connect(f"file:{home / 'hub.sqlite'}?mode=ro", uri=True)
    try:
        found: dict[str, Any] = {
            name: sorted(rows.execute(query), key=repr) for name, query in QUERIES.items()
        }
        found["log"] = sorted(
            repr((n, kind, _masked(body), leaves))
            for n, kind, body, leaves in rows.execute(
                "SELECT e.n, e.kind, e.body, (SELECT count(*) FROM log_pending p WHERE "
                "p.rid = e.rid) + (SELECT count(*) FROM log_entry t WHERE t.rid = e.rid) "
                "FROM log_event e WHERE e.kind NOT IN ('opened', 'policy')"
            )
        )
    finally:
        rows.close()
    return found


def _masked(body: bytes) -> object:
    event = json.loads(body)
    return {
        name: value
        for name, value in sorted(event.items())
        if name not in {"id", "erasure", "detail"}
    }
