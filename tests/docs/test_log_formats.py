"""docs/log-formats.md names what the code tells of a log that does not verify."""

import re
from pathlib import Path

from tests.house.source import ROOT

PAGE = (ROOT / "docs" / "log-formats.md").read_text("utf-8")
CODE = re.compile(r'what="([a-z-]+)"')


def codes(file: Path) -> set[str]:
    return set(CODE.findall(file.read_text("utf-8")))


def test_every_code_of_a_fault_is_explained() -> None:
    found = set[str]().union(*map(codes, (ROOT / "exchange").rglob("*.py")))
    assert len(found) > 10
    table = PAGE.partition("## Codes of faults")[2].partition("## Vectors")[0]
    assert [code for code in sorted(found) if f"`{code}`" not in table] == []
