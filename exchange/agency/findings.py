"""What `exchange gateway doctor` finds: one line each, with what to do next."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"
    """Works, and somebody should look."""
    FAIL = "fail"
    """Does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look has shown; ids and places, nothing of any document."""

    level: Level
    check: str
    """What was looked at, such as `clock`."""
    says: str
    do: str = ""
    """What to do next; empty where nothing is to do."""


def ok(check: str, says: str) -> Finding:
    """Return that something works."""
    return Finding(Level.OK, check, says)


def warn(check: str, says: str, do: str) -> Finding:
    """Return that somebody should look."""
    return Finding(Level.WARN, check, says, do)


def fail(check: str, says: str, do: str) -> Finding:
    """Return that something does not work."""
    return Finding(Level.FAIL, check, says, do)
