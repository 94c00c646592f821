"""Writes the parts of docs/ that are read from the code: settings, commands, rules, contract.

Also the example settings in deploy/. `make docs` runs it; tests/docs/test_generated.py and
tests/deploy/test_settings.py say whether they are current.
"""

import ast
import io
from pathlib import Path
from types import ModuleType

from cyclopts import App
from pydantic import BaseModel
from rich.console import Console

import exchange.agency.settings
import exchange.hub.settings
from exchange.cli.main import root_app
from exchange.rules import Rule, rules
from tests.docs.examples import examples
from tests.docs.plugin_reference import reference

ROOT = Path(__file__).parents[2]
FAMILIES = {
    "L": "Consents",
    "A": "Agreements",
    "N": "Texts for persons",
    "V": "Vocabularies",
    "S": "Settings of the hub",
}
COMMANDS = tuple(name for name in root_app() if not name.startswith("-"))
WIDTH = 100


def pages() -> dict[str, str]:
    """Return every generated page by its name in docs/."""
    return {
        "settings.md": settings_page(),
        "cli.md": cli_page(),
        "rules.md": rules_page(),
        "plugin-reference.md": reference(),
    }


def rules_page() -> str:
    """Return every rule with what breaks it and what the desk reads."""
    lines = [
        "# Rules",
        "",
        "What a record, an agreement, a text, a vocabulary or the hub's settings can break.",
        "`refuse` stops it; `warn` is told, and kept with a consent for the agency that collected",
        "it. A finding names the rule and the member, never a value. Written by `make docs`.",
        "",
    ]
    for letter, heading in FAMILIES.items():
        lines += [
            f"## {heading}",
            "",
            "| rule | severity | broken by | at the desk |",
            "|---|---|---|---|",
        ]
        lines += [_rule_row(rule) for rule in rules().values() if rule.id.startswith(letter)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _rule_row(rule: Rule) -> str:
    said = "<br>".join(rule.words.values())
    return f"| `{rule.id}` `{rule.name}` | {rule.severity} | {rule.when} | {said} |"


def settings_page() -> str:
    """Return every setting with default and unit."""
    lines = [
        "# Settings",
        "",
        "One TOML file per program; a name nobody reads is an error. Environment variables win",
        "over the file: `EXCHANGE_HUB_DISCLOSURE__MAX_SIZE=1000000`. Times end in `_s` (seconds)",
        "or `_days`, sizes are bytes. Written by `make docs`.",
        "",
    ]
    sides = (
        ("Hub", exchange.hub.settings, exchange.hub.settings.HubSettings),
        ("Gateway", exchange.agency.settings, exchange.agency.settings.GatewaySettings),
    )
    for side, module, settings in sides:
        lines += [f"## {side}", "", "| setting | default | meaning |", "|---|---|---|"]
        lines += _rows(module, settings, "")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _rows(module: ModuleType, settings: type[BaseModel], prefix: str) -> list[str]:
    told = meanings(module)
    rows = []
    for name, field in settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += _rows(module, kind, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        shown = "required" if field.is_required() else f"`{_plain(default)}`"
        meaning = told.get((settings.__name__, name), "")
        rows.append(f"| `{prefix}{name}` | {shown} | {meaning} |")
    return rows


def _plain(default: object) -> str:
    if isinstance(default, Path):
        return str(default)
    return str(default).lower() if isinstance(default, bool) else repr(default)


def meanings(module: ModuleType) -> dict[tuple[str, str], str]:
    """Return the text under each field, by class and field."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    found = {}
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, text in zip(cls.body, cls.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                value = text.value if isinstance(text, ast.Expr) else None
                if isinstance(value, ast.Constant):
                    found[cls.name, field.target.id] = " ".join(str(value.value).split())
    return found


def cli_page() -> str:
    """Return the help of every command."""
    lines = ["# Command line", "", "What `--help` prints. Written by `make docs`.", ""]
    for name in ("", *COMMANDS):
        lines += _helps(root_app(name), [name] if name else [])
    return "\n".join(lines).rstrip() + "\n"


def _helps(app: App, path: list[str]) -> list[str]:
    text = help_of(app, path)
    lines = [f"## `{' '.join(['exchange', *path])}`", "", "```text", text, "```", ""]
    if path:
        inner = app[path[0]]
        for part in path[1:]:
            inner = inner[part]
        for name in sorted(name for name in inner if not name.startswith("-")):
            lines += _helps(app, [*path, name])
    return lines


def help_of(app: App, path: list[str]) -> str:
    """Return what `exchange PATH --help` prints on a terminal of 100 columns."""
    into = io.StringIO()
    app.help_print(path, console=Console(file=into, width=WIDTH, color_system=None))
    return "\n".join(line.rstrip() for line in into.getvalue().strip().splitlines())


if __name__ == "__main__":
    for page, text in pages().items():
        (ROOT / "docs" / page).write_text(text, encoding="utf-8")
    for file, text in examples(meanings).items():
        (ROOT / "deploy" / file).write_text(text, encoding="utf-8")
