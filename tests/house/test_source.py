"""Rules about the source that no linter knows."""

import ast
import re
import subprocess
import sys

import pytest

from tests.house.source import ROOT, calls, makers, modules, plugins

AVOIDED = {
    *("manager", "service", "helper", "helpers", "util", "utils", "item", "message", "transfer"),
    *("common", "misc"),
}
"""Words the vocabulary avoids: each stands for something that has a better name."""
SPOKEN_BY_OTHERS = {
    "exchange/cli/demo_casetool.py": {"log_message"},
    "exchange/serving/connection.py": {"manager", "message"},
}
"""Names in signatures that are aiohttp's, or the standard library's."""
BROAD_EXCEPTS = {
    "exchange/agency/serve.py": "one agency's defect is told and ends that agency alone",
    "exchange/agency/work.py": "the boundary to an adapter",
    "exchange/cli/main.py": "the outermost line of a command",
    "exchange/hub/gate.py": "a veto that fails is a no",
    "exchange/serving/middleware.py": "the outermost middleware",
    "exchange/hub/relay.py": "the boundary to a channel",
    "exchange/hub/storage/postgres_session.py": "a session answers whoever waits",
    "exchange/keyring/selftest.py": "whatever a broken library raises, nothing starts",
    "exchange/registry.py": "the boundary to a plugin",
    "exchange/sqlite.py": "the writer answers whoever waits",
    "exchange/threads.py": "a thread answers whoever waits",
}
"""Where `except Exception` may end an error, and why; what raises it again may stand anywhere."""
STORES_OR_RELEASES = {
    "exchange/hub/storage/consents.py": {"consume_use"},
    "exchange/hub/storage/disclosures.py": {"announce", "store", "collect"},
    "exchange/hub/storage/headers.py": {"keep", "release"},
}
"""Functions that store a disclosure, count a use or release a header."""


def test_only_decide_makes_permits() -> None:
    assert makers("Permit") == {"exchange/consent/decision.py"}


def test_whatever_stores_or_releases_takes_a_permit() -> None:
    for path, names in STORES_OR_RELEASES.items():
        defined = {
            node.name: node
            for node in ast.walk(modules()[path])
            if isinstance(node, ast.FunctionDef)
        }
        for name in names:
            arguments = [
                ast.unparse(arg.annotation or ast.Name("")) for arg in defined[name].args.args
            ]
            assert "Permit" in arguments, f"{path}: {name}"


def test_only_the_engine_begins_and_ends_transactions() -> None:
    assert makers("begin", "begin_nested", "commit", "rollback") <= {
        "exchange/sqlite.py",
        "exchange/hub/storage/migrate.py",  # before any hub starts
        "exchange/hub/storage/snapshot_file.py",  # a database that is brought back, likewise
        "exchange/hub/storage/snapshot_server.py",  # one snapshot of every table
    }


def test_nothing_is_imported_by_name_at_run_time_but_the_plugins_that_settings_name() -> None:
    assert makers("import_module", "__import__", "exec", "eval") == {"exchange/registry.py"}


def test_packages_export_nothing() -> None:
    for path, tree in modules().items():
        # A plugin's package is what its entry point names: it is a module like any other.
        if path.endswith("/__init__.py") and path.startswith("exchange/"):
            assert len(tree.body) == 1, path
            assert ast.get_docstring(tree), path


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        (
            "exchange.hub.app",
            {
                "exchange.envelope.opening",
                "exchange.envelope.sealing",
                "exchange.envelope.age.decrypt",
                "exchange.envelope.age.passphrase",
                "exchange.keyring.decryption",
                "exchange.agency",
                "alembic",  # a new hub on SQLite begins without it
                "psycopg",
            },
        ),
        (
            "exchange.cli.hub",
            {"exchange.envelope.opening", "exchange.keyring.decryption", "exchange.agency"},
        ),
        (
            "exchange.agency.worker",
            {
                "exchange.keyring",
                "exchange.statement",
                "exchange.envelope",
                "exchange.wire",
                "cryptography",
            },
        ),
        ("exchange.agency.app", {"exchange.hub"}),
    ],
)
def test_a_running_side_holds_nothing_of_the_other(module: str, forbidden: set[str]) -> None:
    probe = f"import sys, {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", probe], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert module in loaded
    for name in forbidden:
        assert not [found for found in loaded if found == name or found.startswith(name + ".")]


def test_broad_excepts_stand_only_where_they_are_listed() -> None:
    found = set()
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _passes_on(node):
                found.add(path)
    assert found == BROAD_EXCEPTS.keys()


def _passes_on(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _catches_all(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
    return not names.isdisjoint({"Exception", "BaseException"})


def test_every_silenced_rule_has_a_code_and_a_reason() -> None:
    bare = []
    for path in modules():
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"#\s*(noqa(?!: [A-Z]+\d+)|type: ignore(?!\[))", line):
                bare.append(f"{path}:{number}")
    assert bare == []


def test_avoided_words_are_in_no_name() -> None:
    found = []
    for path, tree in modules().items():
        for node in ast.walk(tree):
            for name in _names(node):
                spoken = SPOKEN_BY_OTHERS.get(path, set())
                if name not in spoken and not AVOIDED.isdisjoint(_words(name)):
                    found.append(f"{path}: {name}")
    assert found == []


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    return []


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_no_module_is_named_after_nothing() -> None:
    stems = {word for path in modules() for word in path.removesuffix(".py").split("/")}
    assert stems.isdisjoint(AVOIDED | {"base", "core", "handlers", "process", "data"})


def test_files_stay_small_enough_to_read() -> None:
    long = {
        path: lines
        for path in modules()
        if (lines := len((ROOT / path).read_text(encoding="utf-8").splitlines())) > 500
    }
    assert long == {}


def test_everything_public_is_explained() -> None:
    silent = [path for path, tree in modules().items() if not ast.get_docstring(tree)]
    assert silent == []


def test_every_plugin_is_typed_and_tested_by_its_contract() -> None:
    assert plugins()
    for plugin in plugins():
        package = f"exchange_plugin_{plugin.name}"
        assert (plugin / "src" / package / "py.typed").is_file()
        contract = (plugin / "tests" / "test_contract.py").read_text(encoding="utf-8")
        assert "exchange.testing" in contract


def test_log_calls_use_listed_fields_only() -> None:
    from exchange.cli.events import FIELDS

    for path, call in calls("debug", "info", "warning", "error", "critical"):
        if not (isinstance(call.func, ast.Attribute) and _is_log(call.func.value)):
            continue
        assert all(isinstance(given, ast.Constant) for given in call.args), path
        for keyword in call.keywords:
            assert keyword.arg in FIELDS, f"{path}: {keyword.arg}"


def _is_log(node: ast.expr) -> bool:
    return ast.unparse(node) in {"log", "self.log", "self._log", "hub.log", "_log"}
