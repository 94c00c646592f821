"""Loads the plugins that settings name, and no other; the only module that talks to pluggy.

Installed is not enabled. Every way in which a plugin can be wrong at start-up is one error,
`Misconfigured`, which names the plugin and never quotes its settings or its exception.
"""

import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pluggy

from exchange.errors import Misconfigured
from exchange.hookspecs import (
    AGENCY_GROUP,
    HUB_GROUP,
    PROJECT,
    AgencyHooks,
    Capabilities,
    Channel,
    GateVeto,
    HubHooks,
    IntakeFormat,
    Settings,
)

HOOKS: Mapping[str, type] = {AGENCY_GROUP: AgencyHooks, HUB_GROUP: HubHooks}
"""Which hooks a plugin of each entry-point group may implement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A plugin as settings name it: entry point **and** distribution, so neither can be squatted.

    Raises:
        Misconfigured: the name or the distribution is empty.
    """

    name: str
    """Name of the entry point."""
    distribution: str = ""
    """Name of the installed distribution; empty means `exchange-plugin-<name>`."""
    settings: Settings = field(default_factory=dict, repr=False)
    """The plugin's own table."""

    def __post_init__(self) -> None:
        if not self.name:
            raise Misconfigured("a plugin has no name")
        if not self.distribution:
            object.__setattr__(self, "distribution", f"exchange-plugin-{self.name}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The plugins of one group, registered and checked; adapters are asked for by kind."""

    registered: pluggy.PluginManager
    plugins: tuple[Named, ...]


def named(name: str, table: Settings) -> Named:
    """Return the plugin described by its table `[plugins.<name>]` of the settings.

    The member `distribution` says which installed distribution is meant; the rest is the
    plugin's own.

    Raises:
        Misconfigured: `distribution` is not a text.
    """
    distribution = table.get("distribution", "")
    if not isinstance(distribution, str):
        raise Misconfigured(f"plugin {name}: `distribution` is the name of a distribution")
    rest = {key: value for key, value in table.items() if key != "distribution"}
    return Named(name=name, distribution=distribution, settings=rest)


def load(group: str, plugins: Sequence[Named]) -> Loaded:
    """Import and register `plugins` of one entry-point group, and no other.

    Args:
        group: `AGENCY_GROUP` or `HUB_GROUP`; code of the other group is never imported.
        plugins: what settings name, in their order.

    Raises:
        Misconfigured: a plugin is named twice, is not installed exactly once, does not provide
            the entry point, fails on import, or implements a hook that does not exist.
    """
    registered = pluggy.PluginManager(PROJECT)
    registered.add_hookspecs(HOOKS[group])
    if len({plugin.name for plugin in plugins}) != len(plugins):
        raise Misconfigured(f"a plugin of {group} is named twice")
    for plugin in plugins:
        module = _import(_entry_point(group, plugin), plugin)
        try:
            registered.register(module, name=plugin.name)
        except Exception as cause:
            raise Misconfigured(f"plugin {plugin.name}: its hooks do not fit") from cause
        _refuse_unknown_hooks(registered, plugin)
    return Loaded(registered, tuple(plugins))


def code_of(group: str, plugin: Named) -> tuple[Path, ...]:
    """Return the folders, or the file, of a plugin's own code, without importing any of it.

    Raises:
        Misconfigured: the plugin is not installed exactly once.
    """
    package = _entry_point(group, plugin).module.partition(".")[0]
    found = importlib.util.find_spec(package)
    if found is None:
        return ()
    if found.submodule_search_locations is not None:
        return tuple(map(Path, found.submodule_search_locations))
    return (Path(found.origin),) if found.origin else ()


def _entry_point(group: str, plugin: Named) -> metadata.EntryPoint:
    """Look into the one named distribution: another that offers the same name is not seen."""
    found = {str(dist.locate_file("")): dist for dist in _installed(plugin.distribution)}
    if len(found) != 1:
        raise Misconfigured(
            f"plugin {plugin.name}: {plugin.distribution} is not installed exactly once"
        )
    (distribution,) = found.values()
    points = [
        point
        for point in distribution.entry_points
        if point.group == group and point.name == plugin.name
    ]
    if len(points) != 1:
        raise Misconfigured(
            f"plugin {plugin.name}: {plugin.distribution} has no such entry point in {group}"
        )
    return points[0]


def _installed(distribution: str) -> list[metadata.Distribution]:
    return list(metadata.distributions(name=distribution))


def _import(point: metadata.EntryPoint, plugin: Named) -> object:
    try:
        module: object = point.load()
    except (Exception, SystemExit) as cause:
        raise Misconfigured(
            f"plugin {plugin.name}: the import ended with {type(cause).__name__}"
        ) from cause
    return module


def _refuse_unknown_hooks(registered: pluggy.PluginManager, plugin: Named) -> None:
    """Stop at a misspelt hook, also at one marked optional, which pluggy lets pass."""
    callers = registered.get_hookcallers(registered.get_plugin(plugin.name)) or []
    unknown = sorted(caller.name for caller in callers if not caller.has_spec())
    if unknown:
        raise Misconfigured(f"plugin {plugin.name}: there is no hook {', '.join(unknown)}")
    if not callers:
        raise Misconfigured(f"plugin {plugin.name}: implements no hook")


def intake_formats(loaded: Loaded) -> Mapping[str, IntakeFormat]:
    """Return every registered intake format by profile.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two read one profile.
    """
    return _by_key(
        loaded,
        "register_intake_formats",
        keys=lambda adapter: sorted(adapter.capabilities.profiles),
        fits=lambda adapter: _has(adapter, "capabilities", Capabilities, "convert"),
    )


def channels(loaded: Loaded) -> Mapping[str, Channel]:
    """Return every registered channel by its key.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two have one key.
    """
    return _by_key(
        loaded,
        "register_channels",
        keys=lambda adapter: [adapter.key],
        fits=lambda adapter: _has(adapter, "key", str, "send"),
    )


def gate_vetoes(loaded: Loaded) -> Mapping[str, GateVeto]:
    """Return every registered veto by its key.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two have one key.
    """
    return _by_key(
        loaded,
        "register_gate_vetoes",
        keys=lambda adapter: [adapter.key],
        fits=lambda adapter: _has(adapter, "key", str, "forbids"),
    )


def _by_key(
    loaded: Loaded,
    hook: str,
    *,
    keys: Callable[[Any], Sequence[str]],
    fits: Callable[[object], bool],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for plugin in loaded.plugins:
        for adapter in _ask(loaded, plugin, hook):
            if not fits(adapter):
                raise Misconfigured(f"plugin {plugin.name}: {hook} returned something else")
            for key in keys(adapter):
                if key in found:
                    raise Misconfigured(
                        f"plugins {owner[key]} and {plugin.name} both provide {key}"
                    )
                found[key], owner[key] = adapter, plugin.name
    return found


def _ask(loaded: Loaded, plugin: Named, hook: str) -> list[object]:
    """Call the hook of this plugin alone: nobody else sees its settings."""
    others = [
        loaded.registered.get_plugin(other.name) for other in loaded.plugins if other != plugin
    ]
    caller = loaded.registered.subset_hook_caller(hook, others)
    try:
        answers = caller(settings=plugin.settings)
    except Misconfigured as cause:
        raise Misconfigured(f"plugin {plugin.name}: {cause}") from None
    except (Exception, SystemExit) as cause:  # noqa: BLE001 - foreign code may do anything
        raise Misconfigured(
            f"plugin {plugin.name}: {hook} ended with {type(cause).__name__}"
        ) from None  # its text may quote the settings
    adapters: list[object] = []
    for answer in answers:
        if inspect.iscoroutine(answer):
            answer.close()
        if not isinstance(answer, list | tuple):
            raise Misconfigured(f"plugin {plugin.name}: {hook} returned something else")
        adapters.extend(answer)
    return adapters


def _has(adapter: object, attribute: str, kind: type, method: str) -> bool:
    """Tell whether `adapter` has the constant and the asynchronous method of its Protocol."""
    return isinstance(getattr(adapter, attribute, None), kind) and inspect.iscoroutinefunction(
        getattr(adapter, method, None)
    )
