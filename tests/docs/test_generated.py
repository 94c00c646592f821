"""docs/: what is generated is current, and says something about everything."""

import re

import pytest

from exchange.errors import title
from exchange.wire.local_problems import OURS
from exchange.wire.problems import HTTP_CODES, STATUS
from tests.docs.generate import ROOT, pages

PAGES = ("settings.md", "cli.md", "rules.md", "plugin-reference.md")


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_current(page: str) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == pages()[page], "run: make docs"


def test_every_setting_has_a_meaning() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    silent = re.findall(r"^\| `([\w.]+)` \| .* \|  \|$", page, re.MULTILINE)
    assert silent == []


def codes() -> dict[str, tuple[set[int], set[str]]]:
    """Return statuses and titles of every code that hubs and gateways answer with."""
    found: dict[str, tuple[set[int], set[str]]] = {}
    spoken = [(error.code, status.value, title(error)) for error, status in STATUS.items()]
    spoken += [(code, status, text) for status, (code, text) in HTTP_CODES.items()]
    spoken += [(code, status.value, title(error)) for error, (code, status) in OURS.items()]
    for code, status, text in spoken:
        statuses, titles = found.setdefault(code, (set(), set()))
        statuses.add(status)
        titles.add(text)
    return found


def test_every_error_code_is_explained_with_its_status_and_title() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## `([a-z-]+)`\n\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    )
    assert sections.keys() == codes().keys()
    for code, (statuses, titles) in codes().items():
        stated, _, rest = sections[code].partition(". ")
        assert {int(number) for number in re.findall(r"\d+", stated)} == statuses, code
        assert any(rest.startswith(text) for text in titles), code
        assert "\n\n" in rest.strip(), f"{code}: no advice"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *ROOT.glob("*/README.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
