"""The repository as syntax trees: what the house tests ask about it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the product, by its path from the root; plugins included."""
    files = [
        *(ROOT / "exchange").rglob("*.py"),
        *(file for plugin in plugins() for file in (plugin / "src").rglob("*.py")),
    ]
    return {
        file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(files)
    }


def plugins() -> list[Path]:
    """Return the folder of every plugin in this repository."""
    return sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml"))


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of one of `names`, as a name or as an attribute, with its module."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) in names:
                yield path, node


def called(node: ast.Call) -> str:
    """Return the last word of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def makers(*names: str) -> set[str]:
    """Return the modules that call one of `names`."""
    return {path for path, _call in calls(*names)}


def committed() -> list[Path]:
    """Return every file of the repository that is not built, fetched or ignored.

    Works without git: a fresh copy may have no metadata.
    """
    left_out = {"node_modules", "__pycache__", "mutants", "dist", "build"}
    hidden = {".ci", ".gitignore", ".gitattributes"}
    found = []
    for file in sorted(ROOT.rglob("*")):
        parts = file.relative_to(ROOT).parts
        own = {part for part in parts if not part.startswith(".")} | hidden
        if left_out.isdisjoint(parts) and own.issuperset(parts):
            found.append(file)
    return [file for file in found if file.is_file() and not file.is_symlink()]
