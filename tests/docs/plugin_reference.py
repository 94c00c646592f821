"""docs/plugin-reference.md: every hook, adapter and value of the plugin contract, from the code."""

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import exchange.hookspecs
import exchange.hookvalues

SECTIONS = ("Called", "Returns", "Raises", "Source")
"""What every hook says of itself, in this order."""
GROUPS = {"AgencyHooks": "exchange.agency", "HubHooks": "exchange.hub"}


def reference() -> str:
    """Return the page."""
    hooks, values = tree_of(exchange.hookspecs), tree_of(exchange.hookvalues)
    lines = [
        "# The plugin contract",
        "",
        f"Version {exchange.hookvalues.CONTRACT}. Everything here is imported from",
        "`exchange.hookspecs`; docs/plugins.md is the guide. Read from the code by `make docs`.",
        "",
        "## Hooks",
        "",
        "A hook is marked `@hookimpl`, is an ordinary function, and only registers.",
        "",
    ]
    for cls in (node for node in hooks.body if isinstance(node, ast.ClassDef)):
        if cls.name in GROUPS:
            lines += [f"### Of the group `{GROUPS[cls.name]}`", ""]
            for hook in (node for node in cls.body if isinstance(node, ast.FunctionDef)):
                lines += _hook(hook)
    lines += [
        "## Adapters",
        "",
        "A class of yours with these members; no base class is needed.",
        "",
    ]
    for cls in (node for node in hooks.body if isinstance(node, ast.ClassDef)):
        if cls.name not in GROUPS:
            lines += _adapter(cls)
    lines += ["## Values", "", "Frozen; sizes are bytes, moments are aware datetimes.", ""]
    for cls in (node for node in values.body if isinstance(node, ast.ClassDef)):
        lines += _value(cls)
    lines += ["## Names", "", "| name | what it is |", "|---|---|"]
    for module in (hooks, values):
        lines += [f"| `{name}` | {told} |" for name, told in _explained(module.body)]
    return "\n".join(lines).rstrip() + "\n"


def tree_of(module: ModuleType) -> ast.Module:
    """Return the syntax tree of a module, its types as readers know them: without quotes."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for place in ("annotation", "returns"):
            kind = getattr(node, place, None)
            if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
                setattr(node, place, ast.parse(kind.value, mode="eval").body)
    return tree


def signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return name, arguments and result as a reader of the contract writes them."""
    kept = ast.arguments(**{**vars(function.args), "args": function.args.args[1:]})
    result = ast.unparse(function.returns or ast.Name("None"))
    return f"{function.name}({ast.unparse(kept)}) -> {result}"


def sections(function: ast.FunctionDef) -> dict[str, str]:
    """Return the four sections of a hook's docstring, each on one line."""
    text = ast.get_docstring(function) or ""
    found = re.findall(r"^(\w+): (.*?)(?=^\w+: |\Z)", text, re.M | re.S)
    return {name: " ".join(words.split()) for name, words in found if name in SECTIONS}


def _hook(hook: ast.FunctionDef) -> list[str]:
    summary = (ast.get_docstring(hook) or "").splitlines()[0]
    told = [f"- **{name}**: {words}" for name, words in sections(hook).items()]
    return [f"#### `{signature(hook)}`", "", summary, "", *told, ""]


def _adapter(cls: ast.ClassDef) -> list[str]:
    lines = [f"### `{cls.name}`", "", _words(cls), ""]
    for member in cls.body:
        if isinstance(member, ast.FunctionDef):  # a constant
            kind = ast.unparse(member.returns or ast.Name("None"))
            lines += [f"`{member.name}: {kind}`: {_words(member)}", ""]
        elif isinstance(member, ast.AsyncFunctionDef):
            lines += ["```python", f"async def {signature(member)}", "```", ""]
            lines += ["```text", inspect.cleandoc(ast.get_docstring(member) or ""), "```", ""]
    return lines


def _value(cls: ast.ClassDef) -> list[str]:
    lines = [f"### `{cls.name}`", "", _words(cls), ""]
    explained = dict(_explained(cls.body))
    rows = []
    for field in cls.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            name, kind = field.target.id, ast.unparse(field.annotation)
            given = f" = {ast.unparse(field.value)}" if field.value else ""
            rows.append((name, f"`{kind}{given}`".replace("|", "\\|"), explained.get(name, "")))
        elif isinstance(field, ast.Assign) and isinstance(field.targets[0], ast.Name):
            name = field.targets[0].id
            rows.append((name, f"`{ast.unparse(field.value)}`", explained.get(name, "")))
    table = [f"| `{name}` | {kind} | {told} |" for name, kind, told in rows]
    return [*lines, "| member | type | meaning |", "|---|---|---|", *table, ""]


def _explained(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield each assigned name that a text stands below, with the text on one line."""
    for assigned, text in itertools.pairwise(body):
        if not (isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)):
            continue
        target = (
            assigned.targets[0]
            if isinstance(assigned, ast.Assign)
            else assigned.target
            if isinstance(assigned, ast.AnnAssign)
            else None
        )
        if isinstance(target, ast.Name):
            yield target.id, " ".join(str(text.value.value).split())


def _words(node: ast.ClassDef | ast.FunctionDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split())
