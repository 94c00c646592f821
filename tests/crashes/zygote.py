"""A program that dies where it is told: the gateway's verbs, counted behind every durable step.

Imports once, then forks one child per command, so that many deaths take little time. A point lies
behind each sync, rename, link, removal, commit and answered call, which is before the next one; at
the asked one the child ends like a process that was killed: nothing is flushed, closed or said.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import structlog

from exchange import sqlite
from exchange.agency import calls, deliver, deposit, poll, send, watch
from exchange.agency.app import open_gateway
from exchange.agency.hand_over import open_reception
from exchange.agency.office import Office
from exchange.agency.parts import Gateway
from exchange.hookspecs import DeliveredFile, DeliveredFolder, Label
from tests.agency.network import draft
from tests.agency.tool import Tool

KILLED = 77


class Points:
    """Counts points and ends the process at one of them."""

    def __init__(self, last: int) -> None:
        self.seen = 0
        self._last = last

    def reached(self) -> None:
        self.seen += 1
        if self.seen == self._last:
            os._exit(KILLED)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.reached()
            return function(*args, **kwargs)

        return counted

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self.reached()
            return result

        return counted

    def after_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(*args: Any, **kwargs: Any) -> Any:
            result = await function(*args, **kwargs)
            self.reached()
            return result

        return counted


def plant(points: Points) -> None:
    """Put points behind everything that is meant to last, and behind what the hub answers."""
    for name in ("fsync", "rename", "link", "unlink", "rmdir"):
        setattr(os, name, points.after(getattr(os, name)))
    tell = "tell"  # a commit's point is behind it and before anybody goes on because of it
    setattr(sqlite, tell, points.before(getattr(sqlite, tell)))
    for name in ("call", "once"):
        setattr(calls.Calls, name, points.after_async(getattr(calls.Calls, name)))


async def look_twice(gateway: Gateway) -> None:
    """Do what a running gateway does with a watched folder: the second look finds it complete."""
    office = Office(
        gateway=gateway,
        reception=cast("Any", None),  # nothing is received here
        readers=cast("Any", None),
        deliveries=None,
        stir=asyncio.Event(),
        token=b"",
    )
    await send.resume(gateway)
    watched = watch.Watch(office, gateway.home.root / (gateway.settings.watch.out or ""))
    for _ in range(2):
        await watched.look()


def delivered(spool: Path) -> DeliveredFolder:
    """Return the one folder of a spool as a delivery gets it."""
    (folder,) = spool.iterdir()
    label = Label("x", "x", "x")
    files = tuple(
        DeliveredFile(
            name=path.name,
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            path=path,
        )
        for path in sorted(folder.iterdir())
    )
    return DeliveredFolder(
        disclosure_id="3b9a6f0e-51d1-4a1c-8a52-0d3f1a2b3c4d",
        folder=folder.name,
        sender="women-b",
        sender_name="Frauenberatung",
        purpose=label,
        category=label,
        secrecy=label,
        collected_at=datetime(2026, 3, 3, 10, tzinfo=UTC),
        files=files,
    )


async def work(verb: str, root: Path, now: datetime) -> None:
    """Do what a command of the gateway does."""
    async with open_gateway(root, clock=lambda: now, attempts=1) as gateway:
        await send.sweep_outgoing(gateway)
        if verb == "watch":
            await look_twice(gateway)
            return
        if verb == "deposit":
            (folder,) = deposit.folders(gateway)
            await folder.hand(delivered(gateway.home.spool))
            return
        if verb == "send":
            await send.send(gateway, draft())
        elif verb == "resume":
            await send.resume(gateway)
        elif verb == "deliver":
            await deliver.deliver(gateway, Tool(root.parent / "tool"), asyncio.Event())
            await deliver.remove_fetched(gateway)
        else:
            async with open_reception(gateway) as reception:
                done = await poll.fetch(gateway, reception)
                if done.troubles:
                    raise done.troubles[0]


def run(command: dict[str, Any]) -> tuple[int, int]:
    """Run one command in a child; return its exit code and how many points it saw."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        points = Points(command["die"])
        plant(points)
        code = 1
        try:
            asyncio.run(
                work(
                    command["verb"],
                    Path(command["root"]),
                    datetime.fromisoformat(command["now"]),
                )
            )
            code = 0
        except BaseException as error:  # noqa: BLE001 -- told to the test, and then the child ends
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
        os.write(writing, str(points.seen).encode())
        os._exit(code)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    seen = os.read(reading, 32)
    os.close(reading)
    return os.waitstatus_to_exitcode(status), int(seen or b"0")


def main() -> None:
    """Answer commands, one line of JSON each, until the input ends."""
    # An event that a child dies in the middle of would run into the answer's line.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for line in sys.stdin:
        code, seen = run(json.loads(line))
        print(json.dumps({"code": code, "seen": seen}), flush=True)


if __name__ == "__main__":
    main()
