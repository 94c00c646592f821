"""docs/ and keys/: every command that is shown exists, with every option that is shown."""

import re
from functools import cache

import pytest

from exchange.cli.main import root_app
from tests.docs.generate import COMMANDS, ROOT, help_of

GROUPS = "|".join(COMMANDS)
SHOWN = re.compile(rf"(?:^|[`(] ?)exchange ((?:{GROUPS})\b[^`|;)\n]*)", re.MULTILINE)
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md"), ROOT / "README.md"]
    if page.name != "cli.md"
)


@cache
def helps(group: str, command: str) -> str:
    app = root_app(group)
    if command and command not in app[group]:
        return ""
    return help_of(app, [group, command] if command else [group])


def commands(page: str) -> list[tuple[str, str, list[str]]]:
    """Return group, command and options of every command that `page` shows."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"^    ", "", text, flags=re.MULTILINE)
    text = re.sub(r"\$\(date [^)]*\)", "DAY", text)  # its options are not ours
    found = []
    for shown in SHOWN.findall(text):
        group, *words = shown.split()
        command = words[0] if words and re.fullmatch(r"[a-z]+(-[a-z]+)*", words[0]) else ""
        found.append((group, command, re.findall(r"(?<!\S)--[a-z-]+", shown)))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_shown_exists(page: str) -> None:
    for group, command, options in commands(page):
        told = helps(group, command)
        assert told, f"exchange {group} {command}"
        for option in set(options) - {"--help"}:
            assert option in told.replace("\n", " "), f"exchange {group} {command} {option}"


def test_the_pages_show_commands_at_all() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 30
