"""Findings of the linters on the wire: ids and names of members, never values of a record."""

import re
from collections.abc import Mapping
from typing import Any

from exchange.errors import Finding
from exchange.rules import LANGUAGES, broken, rules, sentence

_FIELD = re.compile(r"[a-z][A-Za-z0-9_./\[\]-]{0,159}", re.ASCII)
"""How a path of members, or the name of a text, looks; what else is sent as one is dropped."""


def finding_payload(finding: Finding) -> dict[str, Any]:
    """Return `finding` with its words, so that a back office can show them as they are."""
    written: dict[str, Any] = {
        "id": finding.id,
        "severity": finding.severity,
        "field": finding.field,
        "words": {lang: sentence(finding, lang) for lang in LANGUAGES},
    }
    return written if finding.days is None else {**written, "days": finding.days}


def read_findings(value: object) -> tuple[Finding, ...]:
    """Return the findings in what a hub sent; what is none of ours is left out, words too."""
    found = [_finding(entry) for entry in value] if isinstance(value, list) else []
    return tuple(finding for finding in found if finding is not None)


def _finding(entry: object) -> Finding | None:
    if not isinstance(entry, Mapping):
        return None
    rule, field, days = entry.get("id"), entry.get("field"), entry.get("days")
    if not isinstance(rule, str) or rule not in rules():
        return None
    if not isinstance(field, str) or _FIELD.fullmatch(field) is None:
        return None
    return broken(rule, field, days=days if type(days) is int else None)
