"""Every attack of the threat model has its file, or says with which part of the system it comes."""

import re

from tests.house.source import ROOT

ATTACKS = ROOT / "tests" / "attacks"
NUMBERS = range(1, 89)

HERE = {
    1: "version", 2: "coding", 3: "framing", 4: "target", 5: "getbody", 6: "path", 7: "query",
    8: "singletons", 9: "volume", 10: "echo", 11: "stream", 12: "bomb", 13: "json", 14: "forms",
    15: "forwarded", 16: "methods", 17: "dribble", 18: "ranges", 19: "splitting", 20: "flood",
    21: "algorithm", 22: "jwtheader", 23: "crossuse", 24: "claims", 25: "jti", 26: "grants",
    27: "suspended", 28: "oidc", 29: "officer_session", 30: "guessing", 31: "allpairs",
    32: "oracles", 33: "timing", 34: "counts", 35: "enumerate", 36: "functions",
    37: "assignment", 38: "deputy",
    40: "replayed", 41: "onceonly", 42: "endraces", 43: "squatting", 44: "times", 45: "oneshot",
    46: "tus", 47: "release", 55: "lookalike", 57: "logs", 59: "sql", 61: "patterns",
    62: "outgoing", 63: "outgoing", 64: "outgoing", 65: "outgoing", 66: "outgoing",
    76: "thief", 77: "twice", 78: "kc", 79: "local_api", 84: "hub_plugins",
    86: "tamper", 87: "config", 88: "exposed",
}  # fmt: skip
"""Rows whose file is tests/attacks/test_<name>.py."""

ELSEWHERE = {
    39: "tests/unit/test_statement.py",
    48: "tests/unit/envelope/test_names.py",
    49: "tests/unit/envelope/test_package.py",
    50: "plugins/xdomea/tests/test_hostile.py",
    51: "plugins/xdomea/tests/test_hostile.py",
    52: "plugins/mailbox/tests/test_letter.py",
    53: "plugins/fhir/tests/test_export.py",
    54: "plugins/folder/tests/test_folder.py",
    58: "tests/unit/test_spreadsheet.py",
    60: "tests/unit/forms/test_page.py",
    67: "tests/pages/test_other_sites.py",
    68: "tests/pages/test_other_sites.py",
    69: "tests/pages/test_markup.py",
    70: "tests/pages/test_other_sites.py",
    71: "tests/attacks/test_officer_session.py",
    72: "tests/pages/test_reading.py",
    73: "tests/pages/test_leftovers.py",
    74: "tests/pages/test_reading.py",
    75: "tests/pages/test_wrong_code.py",
    80: "tests/agency/test_watch.py",
    81: "tests/plugins/test_poison.py",
    82: "tests/plugins/test_poison.py",
    83: "tests/plugins/test_poison.py",
}
"""Rows that are shown where the thing they attack is tested."""

LATER = {
    56: "the scan hook",
    85: "checking an installation at its start",
}  # fmt: skip
"""Rows that attack what is not built yet, and what that is."""


def test_every_row_is_here_or_elsewhere_or_later_and_only_once() -> None:
    assert sorted([*HERE, *ELSEWHERE, *LATER]) == list(NUMBERS)


def test_every_row_that_is_here_has_its_file_and_names_it() -> None:
    missing = {f"A{number}": name for number, name in HERE.items() if not _names(number, name)}

    assert missing == {}


def _names(number: int, name: str) -> bool:
    file = ATTACKS / f"test_{name}.py"
    if not file.is_file():
        return False
    first = file.read_text(encoding="utf-8").splitlines()[0]
    return re.search(rf"\bA{number}\b", first) is not None


def test_every_row_that_is_elsewhere_has_its_file() -> None:
    assert [path for path in ELSEWHERE.values() if not (ROOT / path).is_file()] == []


def test_no_file_is_forgotten_in_the_table() -> None:
    named = {int(found) for file in ATTACKS.glob("test_*.py") for found in _rows(file.read_text())}

    assert named.isdisjoint(LATER)
    assert named <= set(NUMBERS)


def _rows(text: str) -> list[str]:
    return re.findall(r"\bA([0-9]{1,2})\b", text.splitlines()[0])
