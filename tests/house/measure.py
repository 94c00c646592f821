"""The measured signature of the code: `python -m tests.house.measure` prints one row.

To compare with code we learn from, never a gate: a number here is a reason to look.
"""

import ast
from pathlib import Path
from statistics import median, quantiles

from tests.house.source import ROOT, modules

Function = ast.FunctionDef | ast.AsyncFunctionDef
LONG = 50
"""Lines of a body from which on a reader scrolls."""


def body_lines(function: Function) -> int:
    """Return the lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def annotated(function: Function) -> bool:
    """Tell whether every argument and the result of a function are annotated."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    named = [argument for argument in arguments if argument.arg not in {"self", "cls"}]
    return function.returns is not None and all(argument.annotation for argument in named)


def lines(file: Path) -> int:
    """Return the lines of a file."""
    return len(file.read_text(encoding="utf-8").splitlines())


def main() -> None:
    """Print the figures."""
    nodes = [node for tree in modules().values() for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, Function)]
    public = [
        node
        for node in nodes
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
    ]
    files = [lines(ROOT / path) for path in modules()]
    tests = [lines(file) for file in (ROOT / "tests").rglob("*.py")]
    bodies = [body_lines(function) for function in functions]
    long = sum(body > LONG for body in bodies) / len(bodies)
    typed = sum(map(annotated, functions)) / len(functions)
    told = sum(ast.get_docstring(node) is not None for node in public) / len(public)
    print(f"files {len(files)}, lines {sum(files)}")
    print(
        f"file median {median(files):.0f}, p90 {quantiles(files, n=10)[-1]:.0f}, max {max(files)}"
    )
    print(
        f"body median {median(bodies):.0f}, p75 {quantiles(bodies, n=4)[-1]:.0f}, "
        f"p90 {quantiles(bodies, n=10)[-1]:.0f}, max {max(bodies)}, over {LONG}: {long:.1%}"
    )
    print(f"annotated {typed:.0%}, public with docstring {told:.0%}")
    print(f"tests : code {sum(tests) / sum(files):.2f}")


if __name__ == "__main__":
    main()
