"""What a verification says: one line per check, in plain words, and how it ends as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.canonical import Json

GOOD: Final = 0
"""Exit code: every check was made and is good."""
BROKEN: Final = 1
"""Exit code: a check failed."""
UNCHECKED: Final = 2
"""Exit code: no check failed, and at least one could not be made."""


class Outcome(StrEnum):
    """How a check ended."""

    GOOD = "good"
    BROKEN = "broken"
    UNCHECKED = "unchecked"
    """It could not be made: something is missing here, nothing is known to be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check."""

    step: int
    """1 to 7, in the order of docs/verify.md."""
    name: str
    """Short and stable, such as `append-only`; for programs."""
    outcome: Outcome
    said: str
    """One line for a person; no quoted input."""
    span: tuple[int, int] | None = None
    """First and last index of the entries it is about."""

    def payload(self) -> dict[str, Json]:
        """Return the check for `--json`."""
        found: dict[str, Json] = {
            "step": self.step,
            "check": self.name,
            "outcome": self.outcome.value,
            "said": self.said,
        }
        return found if self.span is None else {**found, "span": list(self.span)}


def good(step: int, name: str, said: str) -> Check:
    """Return a check that is good."""
    return Check(step=step, name=name, outcome=Outcome.GOOD, said=said)


def broken(step: int, name: str, said: str, span: tuple[int, int] | None = None) -> Check:
    """Return a check that failed, and which entries it names."""
    return Check(step=step, name=name, outcome=Outcome.BROKEN, said=said, span=span)


def unchecked(step: int, name: str, said: str) -> Check:
    """Return a check that could not be made."""
    return Check(step=step, name=name, outcome=Outcome.UNCHECKED, said=said)


def exit_code(checks: Iterable[Check]) -> int:
    """Return how a verification ends: 0 all good, 1 a check failed, 2 could not check."""
    outcomes = {check.outcome for check in checks}
    if Outcome.BROKEN in outcomes:
        return BROKEN
    return UNCHECKED if Outcome.UNCHECKED in outcomes or not outcomes else GOOD


def numbered(count: int, one: str, many: str) -> str:
    """Return a number with its noun, thousands parted as people write them."""
    return f"{count:,} {one if count == 1 else many}"


def entries(span: tuple[int, int]) -> str:
    """Name one entry, or a run of them."""
    first, last = span
    return f"entry {first}" if first == last else f"entries {first} to {last}"
