"""How the commands that check a log end: lines or JSON, a verdict, an exit code."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from exchange.errors import ExchangeError

if TYPE_CHECKING:
    from exchange.verifier.report import Check

COULD_NOT: Final = 2
"""Exit code: nothing was checked."""


def told(run: "Callable[[], Sequence[Check]]", *, json: bool, live: bool = False) -> int:
    """Run the checks, print them, and return how the command ends.

    Args:
        run: makes the checks.
        json: whether to print JSON instead of lines.
        live: whether `run` has printed its lines itself, with `line`, as they came.
    """
    from exchange.verifier.report import exit_code

    try:
        checks = run()
    except ExchangeError as error:
        return refused(str(error))
    except OSError as error:
        return refused(f"{error.strerror or 'it cannot be read'}: {error.filename}")
    ended = exit_code(checks)
    if json:
        _print_json(checks, ended)
        return ended
    if not live:
        for check in checks:
            print(line(check))
    print(_verdict(checks, ended))
    return ended


def line(check: "Check") -> str:
    """Return one check as people read it."""
    return f"{check.step} {check.name:12} {check.outcome.value:10} {check.said}"


def refused(why: str) -> int:
    """Say why nothing could be checked, and return the exit code for it."""
    print(f"exchange: {' '.join(why.split())}", file=sys.stderr)
    return COULD_NOT


def _verdict(checks: "Sequence[Check]", ended: int) -> str:
    from exchange.verifier.report import BROKEN, GOOD, Outcome

    if ended == GOOD:
        return "all good"
    outcome = Outcome.BROKEN if ended == BROKEN else Outcome.UNCHECKED
    names = ", ".join(dict.fromkeys(one.name for one in checks if one.outcome is outcome))
    return f"NOT GOOD: {names}" if ended == BROKEN else f"not everything was checked: {names}"


def _print_json(checks: "Sequence[Check]", ended: int) -> None:
    from exchange.canonical import encode

    found = [check.payload() for check in checks]
    print(encode({"checks": found, "exit": ended}).decode("utf-8"))
