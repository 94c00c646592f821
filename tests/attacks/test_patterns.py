"""A61: 100 kB of the worst text on every pattern of ours. Linear, or bounded before it is asked."""

import ast
import importlib
import pkgutil
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import exchange
from exchange.wire import shapes

pytestmark = pytest.mark.injection

SIZE = 100_000
LONGEST_S = 0.05
SHAPES = ("Id", "AgencyId", "Digest", "Code", "Sha256", "Cursor", "LogKey", "Statement")
APART = {
    "exchange.agency.worker",
    "exchange.hub.storage.migrations.env",
    "exchange.testing",
}
"""Modules that start something, or belong to tests alone, when they are imported."""

USE = re.compile(
    r"([A-Z][A-Z0-9_]*|_[A-Z0-9_]+)\.(fullmatch|match|search|findall|finditer|sub|split)\b"
)


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(exchange.__path__, "exchange."):
        if found.name not in APART:
            yield importlib.import_module(found.name)


def patterns() -> dict[str, re.Pattern[str] | re.Pattern[bytes]]:
    """Return every pattern that a module keeps, by where it is."""
    return {
        f"{module.__name__}.{name}": value
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


def worst(pattern: re.Pattern[str] | re.Pattern[bytes]) -> Iterator[str]:
    """Yield texts on which a pattern that backtracks would not come to an end."""
    units = ["a", "0", "-", "_", ".", " ", "\t", "\n", "=", "/", "a-", "a.", "0-", "-a", "a/a-"]
    units += ["ab ", " a", "\\", "\x00", "\r\n", "é", "--", "AA", "f", ": ", ";", ",", '"', "(a"]
    literal = re.sub(r"[^ -~]|[\\()\[\]{}?*+|^$.]", "", str(pattern.pattern))
    units += [literal] if literal else []
    for unit in units:
        text = (unit * (SIZE // len(unit) + 1))[:SIZE]
        yield text
        yield text[:-1] + "!"
        yield "a" + text + "\x00"


def uses() -> dict[str, set[str]]:
    """Return how patterns are asked, by the name they are kept under: fullmatch, search, …"""
    found = defaultdict(set)
    for path in Path(exchange.__file__).parent.rglob("*.py"):
        for name, how in USE.findall(path.read_text(encoding="utf-8")):
            found[name].add(how)
    return found


def _way(pattern: Any, how: str) -> Callable[[str | bytes], object]:
    way: Callable[..., object] = getattr(pattern, how)
    return partial(way, "") if how == "sub" else way


def slowest(asked: Iterable[Callable[[str | bytes], object]], text: str | bytes) -> float:
    """Return the seconds that all ways to ask take together, the best of up to three tries."""
    best = float("inf")
    for _ in range(3):
        begun = time.thread_time()  # not of what else the machine does
        for ask in asked:
            ask(text)
        best = min(best, time.thread_time() - begun)
        if best < LONGEST_S / 2:
            break
    return best


@pytest.mark.parametrize("place", sorted(patterns()))
def test_a_pattern_is_linear(place: str) -> None:
    pattern = patterns()[place]
    found = uses()[place.rpartition(".")[2]]
    asked = [_way(pattern, how) for how in found]
    slow = {}
    for text in worst(pattern):
        given = text if isinstance(pattern.pattern, str) else text.encode()
        if (took := slowest(asked, given)) > LONGEST_S:
            slow[text[:12]] = round(took, 3)

    assert asked, "nobody asks this pattern"
    assert slow == {}


def test_patterns_on_input_are_kept_where_the_test_above_finds_them() -> None:
    """One compiled inside a function would escape it; the command line has operators' input."""
    escaped = [
        f"{path.name}:{node.lineno}"
        for path in sorted(Path(exchange.__file__).parent.rglob("*.py"))
        if path.parent.name != "cli"
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.")
    ]

    assert escaped == []


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("text", ["a" * SIZE, "a-" * (SIZE // 2), "a/" * (SIZE // 2), "-" * SIZE])
def test_shapes_refuse_long_text_fast(name: str, text: str) -> None:
    adapter = TypeAdapter[str](getattr(shapes, name))
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        try:
            adapter.validate_python(text)
        except ValidationError:
            pass
        else:
            assert name == "Statement"  # up to 256 KiB of anything; read by `exchange.statement`
        took.append(time.perf_counter() - begun)

    assert min(took) < LONGEST_S
