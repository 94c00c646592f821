"""The rules that a record, an agreement, a text, a vocabulary or the settings can break.

Owns their ids, severities and words, all in the file beside this module. Whether one is broken is
asked where the values are: of the linters, the vocabulary, the settings.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from exchange.errors import Finding, LintRefused

LANGUAGES = ("de", "en")
"""Languages every rule is worded in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, as the file words it."""

    id: str
    """Such as `L09`; the letter says what it is about."""
    name: str
    """A short name for people who look it up."""
    severity: Literal["refuse", "warn"]
    when: str
    """What breaks it, for documentation."""
    words: Mapping[str, str]
    """What the person at the desk reads, by language; `{days}` is the only placeholder."""


@cache
def rules() -> Mapping[str, Rule]:
    """Return every rule by its id, in order."""
    text = files("exchange").joinpath("rules.toml").read_text("utf-8")
    return {
        id_: Rule(
            id=id_,
            name=entry["name"],
            severity=entry["severity"],
            when=entry["when"],
            words={lang: entry[lang] for lang in LANGUAGES},
        )
        for id_, entry in tomllib.loads(text).items()
    }


def broken(rule: str, field: str, *, days: int | None = None) -> Finding:
    """Return the finding that `field` breaks `rule`, with the severity of the rule."""
    return Finding(rule, rules()[rule].severity, field, days)


def sentence(finding: Finding, lang: str) -> str:
    """Return what the person at the desk reads about `finding`, in one of `LANGUAGES`."""
    text = rules()[finding.id].words[lang]
    return text if finding.days is None else text.format(days=finding.days)


def refuse(found: Collection[Finding]) -> None:
    """Raise all findings, also the warnings among them, if one of them refuses.

    Raises:
        LintRefused: naming the rules that refuse.
    """
    refusing = [finding.id for finding in found if finding.severity == "refuse"]
    if refusing:
        raise LintRefused(f"it breaks {', '.join(refusing)}", findings=tuple(found))


def refused(rule: str, field: str) -> LintRefused:
    """Return the error that `field` breaks `rule`, where a reader meets it at once."""
    return LintRefused(f"it breaks {rule}", findings=(broken(rule, field),))
