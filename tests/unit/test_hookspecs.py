"""exchange.hookspecs: every hook tells when it is called, and values cannot be empty."""

import inspect

import pytest

from exchange import hookspecs, hookvalues
from exchange.errors import Misconfigured
from exchange.hookspecs import AgencyHooks, Capabilities, Declaration, HubHooks

HOOKS = [
    hook
    for group in (AgencyHooks, HubHooks)
    for name, hook in inspect.getmembers(group, inspect.isfunction)
    if not name.startswith("_")
]
NAMES = [hook.__qualname__ for hook in HOOKS]


@pytest.mark.parametrize("hook", HOOKS, ids=NAMES)
def test_every_hook_says_when_it_is_called_and_what_it_returns(hook: object) -> None:
    words = inspect.getdoc(hook) or ""
    assert all(f"\n{part}:" in words for part in ("Called", "Returns", "Raises", "Source"))


@pytest.mark.parametrize("hook", HOOKS, ids=NAMES)
def test_every_hook_declares_or_registers_and_is_not_asynchronous(hook: object) -> None:
    name = getattr(hook, "__name__", "")
    assert name == "declare_plugin" or name.startswith("register_")
    assert not inspect.iscoroutinefunction(hook)


@pytest.mark.parametrize(
    "changed",
    [
        {"profiles": frozenset()},
        {"media_types": frozenset()},
        {"name_alphabet": ""},
        {"max_size": 0},
    ],
)
def test_capabilities_that_name_nothing_are_refused(changed: dict[str, object]) -> None:
    given: dict[str, object] = {
        "profiles": frozenset({"a/1"}),
        "media_types": frozenset({"text/plain"}),
        "max_size": 1,
        "name_alphabet": "a",
    }
    with pytest.raises(Misconfigured):
        Capabilities(**{**given, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [
        {"licence": ""},
        {"licence": "MIT", "stores": "ids of notices"},
        {"licence": "MIT", "retention": "P1D"},
    ],
)
def test_a_declaration_that_leaves_something_out_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        Declaration(contract=1, sees_plaintext=False, **said)  # type: ignore[arg-type]


def test_every_value_is_offered_where_plugins_import_it() -> None:
    own = {
        name
        for name, value in vars(hookvalues).items()
        if getattr(value, "__module__", None) == hookvalues.__name__
    }
    constants = {"ASCII_NAMES", "CONTRACT", "EVERY_CHARACTER", "FILES", "Secrets", "Settings"}
    assert own | constants <= set(hookspecs.__all__)
    assert all(hasattr(hookspecs, name) for name in hookspecs.__all__)
