"""`exchange hub status`: whether a hub runs here, and how its log is doing."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exchange.cli.hub_home import Home
from exchange.errors import Misconfigured


def status(*, home: Home = Path("hub")) -> None:
    """Say whether a hub runs here and can do its work; exit code 1 if not.

    A hub whose log is behind, stopped, or without its witnesses for too long takes no new
    disclosure: that is exit code 1 too. Withdrawals go on.
    """
    from exchange.hub import control

    try:
        told = control.ask(home, {"do": "status"})
    except ConnectionError:
        raise Misconfigured(f"no hub runs in {home}; start it: exchange hub serve") from None
    print(f"the hub in {home} runs (process {told['pid']})")
    log = told["log"]
    for line in about_log(log):
        print(f"log: {line}")
    if not _discloses(log):
        sys.exit(1)


def about_log(log: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the log is doing, in lines.

    Args:
        log: `exchange.hub.app.log_status`.
    """
    yield f"{log['size']} entries signed"
    if log["pending"]:
        yield f"{log['pending']} entries wait, the first of them for {log['age_s']} s"
    if log["unwitnessed_s"]:
        yield f"its newest heads have waited for a quorum of witnesses for {log['unwitnessed_s']} s"
    if log["stopped"] is not None:
        yield f"nothing is signed ({log['stopped']}); see docs/transparency-log.md"
    if not _discloses(log):
        yield "no new disclosure is taken until that is over; withdrawals go on"


def _discloses(log: Mapping[str, Any]) -> bool:
    """Tell whether new disclosures are taken; a hub from before an update says less."""
    return bool(log.get("discloses", log["stopped"] is None))
