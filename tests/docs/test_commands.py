"""docs/ and keys/: every command that is shown exists, with every option that is shown."""

import re
from functools import cache
from itertools import takewhile

import pytest

from exchange.cli.main import root_app
from tests.docs.generate import COMMANDS, ROOT, help_of

GROUPS = "|".join(COMMANDS)
SHOWN = re.compile(rf"(?:^|[`(] ?)exchange ((?:{GROUPS})\b[^`|;)\n]*)", re.MULTILINE)
WORD = re.compile(r"[a-z]+(-[a-z]+)*")
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md"), ROOT / "README.md"]
    if page.name != "cli.md"
)


@cache
def helps(group: str, *words: str) -> str:
    """Return the help of a command, its name in one word or two; empty where there is none."""
    app, at = root_app(group), [group]
    for word in words:
        found = app
        for name in at:
            found = found[name]
        if word in found:
            at.append(word)
        elif len(at) == 1:
            return ""
    return help_of(app, at)


def commands(page: str) -> list[tuple[str, list[str], list[str]]]:
    """Return group, first words and options of every command that `page` shows."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"^    ", "", text, flags=re.MULTILINE)
    text = re.sub(r"\$\(date [^)]*\)", "DAY", text)  # its options are not ours
    found = []
    for shown in SHOWN.findall(text):
        group, *words = shown.split()
        named = list(takewhile(WORD.fullmatch, words[:2]))
        found.append((group, named, re.findall(r"(?<!\S)--[a-z-]+", shown)))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_shown_exists(page: str) -> None:
    for group, words, options in commands(page):
        told = helps(group, *words)
        assert told, f"exchange {group} {words}"
        for option in set(options) - {"--help"}:
            assert option in told.replace("\n", " "), f"exchange {group} {words} {option}"


def test_the_pages_show_commands_at_all() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 30
