"""`exchange gateway log-policy` and `resume`: what people decide about the hub's log."""

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from exchange.agency import conflict
from exchange.agency import home as homes
from exchange.agency.advice import ADVICE, UNKNOWN
from exchange.agency.awaited import list_awaited
from exchange.agency.home import Home
from exchange.agency.log_heads import forget_head as forget_largest
from exchange.agency.log_policy import MISSING, Trusted, given, put_trusted, read_trusted
from exchange.agency.prove import LATE
from exchange.agency.settings import GatewaySettings
from exchange.agency.tables import schema
from exchange.agency.tail import forget_findings, list_findings
from exchange.errors import Misconfigured
from exchange.sqlite import SqliteDatabase


def put(root: Path, file: Path) -> None:
    """Let the gateway at `root` believe the log of a policy file from its next start on.

    Raises:
        Malformed: the file is no policy of one log.
        Misconfigured: there is no gateway.
    """
    home = homes.at(root)
    homes.check(home)
    chosen = given(file)
    before = _before(home)
    put_trusted(home, chosen)
    if before is not None and before.raw == chosen.raw:
        print("this is the policy already; nothing has changed")
    describe(chosen)
    print("restart a gateway that is running")


def describe(chosen: Trusted) -> None:
    """Print whose signatures are believed, as people compare it."""
    print(f"log: {chosen.origin}")
    for fingerprint in chosen.fingerprints:
        print(f"fingerprint of its key: {fingerprint}")
    names = [witness.name for witness in chosen.policy.witnesses]
    if chosen.is_witnessed:
        print(f"witnesses: {', '.join(names)}; quorum {chosen.policy.quorum}")
    else:
        print("witnesses: none are demanded; the hub could show you a history of your own")


def show(home: Home) -> None:
    """Print which log the gateway believes, and whether it has stopped all traffic."""
    try:
        chosen = read_trusted(home)
        conflict.check(home)
    except Misconfigured as stopped:
        print(stopped)
        return
    print(MISSING if chosen is None else f"log {chosen.origin}")


def show_findings(connection: Connection, settings: GatewaySettings, now: datetime) -> None:
    """Print what the log owes for too long, and what somebody has to look at."""
    grace = timedelta(seconds=settings.log.receipt_grace_s)
    for owed in list_awaited(connection):
        if now - owed.since >= (grace if owed.proved else LATE):
            what = "no quorum of witnesses" if owed.proved else "no receipt"
            since = f"{owed.since:%Y-%m-%d %H:%M}"
            print(f"  the log has {what} for {owed.kind} {owed.about} since {since}")
            print("    tell the hub's operator")
    for finding in list_findings(connection):
        print(f"  entry {finding.index} of the log, since {finding.since:%Y-%m-%d %H:%M}:")
        print(f"    {ADVICE.get(finding.code, UNKNOWN)}; then run: exchange gateway resume")


def resume(root: Path, *, forget_head: bool) -> None:
    """Let traffic with the hub begin again, and forget the findings about its log.

    Raises:
        Misconfigured: there is no gateway, it knows no log, or another process uses it.
    """
    home = homes.at(root)
    homes.check(home)
    chosen = read_trusted(home)
    if chosen is None:
        raise Misconfigured(MISSING)

    async def forget() -> None:
        state = SqliteDatabase(home.state_file, schema.prepare, on_failure=_stop)
        try:
            await state.write(forget_findings)
            if forget_head:
                await state.write(forget_largest, chosen.origin)
        finally:
            await state.close()

    asyncio.run(forget())
    # Last: a crash before it leaves everything stopped, and the same command goes on.
    was_stopped = conflict.resume(home)
    print("traffic with the hub begins again" if was_stopped else "traffic was not stopped")
    print("findings about the log are forgotten; the evidence stays in", home.conflict)
    if forget_head:
        print(f"the next head of {chosen.origin} counts as the first")


def _before(home: Home) -> Trusted | None:
    try:
        return read_trusted(home)
    except Misconfigured:
        return None  # what cannot be read is replaced


def _stop() -> None:
    os._exit(75)  # a commit failed and may have happened: only another start finds out
