"""Every error as one line that says what happened and what to do next."""

from collections.abc import Sequence

from exchange.agency.advice import ADVICE, NOT_COVERED, NOT_FOUND, NOT_PERMITTED, UNKNOWN
from exchange.errors import (
    ExchangeError,
    Finding,
    Held,
    LintRefused,
    NotCovered,
    NotFound,
    NotPermitted,
    positions,
)
from exchange.rules import sentence


def in_words(error: Exception) -> str:
    """Return what happened and what to do next, on one line; never a foreign error's text."""
    if isinstance(error, ExchangeError):
        notes = getattr(error, "__notes__", ())
        told = _told(error)
        return "; ".join([told.removesuffix("."), *notes]) if notes else told
    if isinstance(error, OSError):
        named = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or type(error).__name__}{named}"
    return f"this is a defect of the program; please report {' '.join(positions(error))}"


def _told(error: ExchangeError) -> str:
    """Return what happened and what to do next, on one line."""
    if isinstance(error, LintRefused) and error.findings:
        return f"the record breaks {_broken(error.findings)}; docs/rules.md has every rule"
    if isinstance(error, Held):
        return f"nothing was done ({error.reason}): {ADVICE.get(error.reason, UNKNOWN)}"
    if isinstance(error, NotCovered):
        why = (f"{NOT_COVERED.get(reason, UNKNOWN)} ({reason})" for reason in error.reasons)
        return f"nothing was sent: {'; '.join(why)}"
    for kind, told in ((NotFound, NOT_FOUND), (NotPermitted, NOT_PERMITTED)):
        if isinstance(error, kind) and str(error) == str(kind()):
            return told
    return " ".join(str(error).split())


def _broken(findings: Sequence[Finding]) -> str:
    """Return the rules that refuse, each once with all its fields."""
    fields: dict[tuple[str, str], list[str]] = {}
    for one in findings:
        if one.severity == "refuse":
            fields.setdefault((one.id, sentence(one, "en")), []).append(one.field)
    return ", ".join(f"{id_} {', '.join(names)} ({text})" for (id_, text), names in fields.items())
