"""`exchange gateway doctor`: whether a gateway works, and what to do where it does not."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exchange.cli.place import HERE, Place

if TYPE_CHECKING:
    from exchange.agency.findings import Finding


def doctor(
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    at: Place = HERE,
) -> int:
    """Look at keys, pins, clock, hub, plugins, disk and what waits; say what to do next.

    Works beside a running gateway and changes nothing. Each line begins with ok, warn or fail. The
    exit code is 1 when something does not work; warnings leave it 0.

    Parameters
    ----------
    as_json
        Print one JSON object per line: level, check, says, do.
    """
    from exchange.agency.doctor import examine
    from exchange.agency.findings import Level

    def clock() -> datetime:
        return datetime.now(UTC)  # noqa: TID251  # a command owns the clock

    unlock = None if at.passphrase_fd is None else at.unlock()
    found = asyncio.run(examine(at.home, clock, unlock=unlock, demo=at.demo))
    for finding in found:
        print(_json(finding) if as_json else _line(finding))
    return 1 if any(finding.level is Level.FAIL for finding in found) else 0


def _line(finding: "Finding") -> str:
    lines = [f"{finding.level.value:4} {finding.check}: {finding.says}"]
    if finding.do:
        lines.append(f"     {finding.do}")
    return "\n".join(lines)


def _json(finding: "Finding") -> str:
    from exchange.canonical import encode

    return encode(
        {
            "level": finding.level.value,
            "check": finding.check,
            "says": finding.says,
            "do": finding.do,
        }
    ).decode()
