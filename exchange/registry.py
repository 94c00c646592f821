"""Loads the plugins that settings name, and no other; the only module that talks to pluggy.

Installed is not enabled. Every way in which a plugin can be wrong at start-up is one error,
`Misconfigured`, which names the plugin and never quotes its settings or its exception.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from exchange.distributions import points_of
from exchange.errors import Misconfigured
from exchange.hookspecs import (
    AGENCY_GROUP,
    CONTRACT,
    HUB_GROUP,
    PROJECT,
    AgencyHooks,
    Capabilities,
    Channel,
    Declaration,
    Delivery,
    EvidenceVerifier,
    GateVeto,
    HubHooks,
    IntakeFormat,
    OutgoingFormat,
    Secrets,
    Settings,
)
from exchange.values import dataclass, field

if TYPE_CHECKING:
    from pathlib import Path  # for people's settings: a worker gets none

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
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Where its deliveries may connect to: `host:port` by name."""
    secrets: Mapping[str, "Path"] = field(default_factory=dict)
    """Files with the secrets of its deliveries, by name."""
    reads: Mapping[str, "Path"] = field(default_factory=dict)
    """Files and folders its workers may read, such as official schemas, by name."""
    reference: str = ""
    """What its entry point refers to, once that is `located`; empty: it is looked up each time."""

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
    declarations: Mapping[str, Declaration]
    """What each plugin says of itself, by the plugin's name."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry point that some installed distribution offers; installed is not enabled."""

    group: str
    name: str
    distribution: str
    version: str


def named(name: str, table: Settings) -> Named:
    """Return the plugin described by its table `[plugins.<name>]` of the settings.

    Four members are the exchange's: `distribution` says which installed distribution is meant,
    `addresses` and `secrets` what its deliveries get, `reads` what its workers may read. The rest
    is the plugin's own, and `reads` is shown to it.

    Raises:
        Misconfigured: `distribution` is not a text, or another one not a table of texts.
    """
    from pathlib import Path  # noqa: PLC0415 - see above

    distribution = table.get("distribution", "")
    if not isinstance(distribution, str):
        raise Misconfigured(f"plugin {name}: `distribution` is the name of a distribution")
    ours = {"distribution", "addresses", "secrets"}
    return Named(
        name=name,
        distribution=distribution,
        settings={key: value for key, value in table.items() if key not in ours},
        addresses=_texts(name, table, "addresses"),
        secrets={key: Path(path) for key, path in _texts(name, table, "secrets").items()},
        reads={key: Path(path) for key, path in _texts(name, table, "reads").items()},
    )


def _texts(name: str, table: Settings, member: str) -> dict[str, str]:
    found = table.get(member, {})
    if not isinstance(found, Mapping):
        raise Misconfigured(f"plugin {name}: `{member}` is a table")
    texts = {key: value for key, value in found.items() if isinstance(value, str) and value}
    if len(texts) != len(found):
        raise Misconfigured(f"plugin {name}: `{member}` is a table of texts")
    return texts


def installed(group: str) -> tuple[Installed, ...]:
    """Return what is installed for one entry-point group, by name; none of it is imported."""
    from importlib import metadata  # noqa: PLC0415 - for people: see `exchange.distributions`

    found = {
        Installed(group, point.name, distribution.metadata["Name"], distribution.version)
        for distribution in metadata.distributions()
        for point in distribution.entry_points
        if point.group == group
    }
    return tuple(sorted(found, key=lambda offer: (offer.name, offer.distribution, offer.version)))


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution; empty if it is not installed."""
    from importlib import metadata  # noqa: PLC0415 - costs a worker more than its start

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def located(group: str, plugin: Named) -> Named:
    """Return `plugin` with what its entry point refers to: whoever needs it twice looks once.

    Raises:
        Misconfigured: the plugin is not installed exactly once, or has no such entry point.
    """
    return Named(
        name=plugin.name,
        distribution=plugin.distribution,
        settings=plugin.settings,
        addresses=plugin.addresses,
        secrets=plugin.secrets,
        reads=plugin.reads,
        reference=_reference(group, plugin),
    )


def load(group: str, plugins: Sequence[Named]) -> Loaded:
    """Import and register `plugins` of one entry-point group, and no other.

    Args:
        group: `AGENCY_GROUP` or `HUB_GROUP`; code of the other group is never imported.
        plugins: what settings name, in their order.

    Raises:
        Misconfigured: a plugin is named twice, is not installed exactly once, does not provide
            the entry point, fails on import, does not declare itself, is written for another
            contract, implements a hook that does not exist, or is a plugin of the hub that would
            see plaintext, or has settings that are for deliveries and workers.
    """
    registered = pluggy.PluginManager(PROJECT)
    registered.add_hookspecs(HOOKS[group])
    if len({plugin.name for plugin in plugins}) != len(plugins):
        raise Misconfigured(f"a plugin of {group} is named twice")
    declarations = {}
    for plugin in plugins:
        module = _import(_reference(group, plugin), plugin)
        try:
            registered.register(module, name=plugin.name)
        except Exception as cause:
            raise Misconfigured(
                f"plugin {plugin.name}: its hooks do not fit contract {CONTRACT}"
            ) from cause
        declared = _declaration(registered, plugin)
        _refuse_unknown_hooks(registered, plugin)
        if group == HUB_GROUP:
            _refuse_what_needs_walls(plugin, declared)
        declarations[plugin.name] = declared
    return Loaded(registered, tuple(plugins), declarations)


def code_of(group: str, plugin: Named) -> tuple[str, ...]:
    """Return the folders, or the file, of a plugin's own code, without importing any of it.

    Raises:
        Misconfigured: the plugin is not installed exactly once.
    """
    package = _reference(group, plugin).partition(":")[0].partition(".")[0].strip()
    found = None
    for finder in sys.meta_path:  # what importlib.util.find_spec does, which costs an import
        found = found or finder.find_spec(package, None)
    if found is None:
        return ()
    if found.submodule_search_locations is not None:
        return tuple(found.submodule_search_locations)
    return (found.origin,) if found.origin else ()


def hooks_of(loaded: Loaded, name: str) -> frozenset[str]:
    """Return the names of the hooks that the plugin `name` implements."""
    callers = loaded.registered.get_hookcallers(loaded.registered.get_plugin(name)) or []
    return frozenset(caller.name for caller in callers)


def _reference(group: str, plugin: Named) -> str:
    """Return what the plugin's entry point refers to, such as `package.module`.

    Looks into the one named distribution: another that offers the same name is not seen.
    """
    if plugin.reference:
        return plugin.reference
    found = points_of(plugin.distribution)
    if len(found) != 1:
        raise Misconfigured(
            f"plugin {plugin.name}: {plugin.distribution} is not installed exactly once"
        )
    (points,) = found.values()
    references = [of for kind, name, of in points if (kind, name) == (group, plugin.name)]
    if len(references) != 1:
        raise Misconfigured(
            f"plugin {plugin.name}: {plugin.distribution} has no such entry point in {group}"
        )
    return references[0]


def _import(reference: str, plugin: Named) -> object:
    module, _, attributes = reference.partition(":")
    try:
        found: object = importlib.import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as cause:
        raise Misconfigured(
            f"plugin {plugin.name}: the import ended with {type(cause).__name__}"
        ) from cause
    return found


def _declaration(registered: pluggy.PluginManager, plugin: Named) -> Declaration:
    answers = _called(registered, plugin, "declare_plugin", {})
    if not answers:
        raise Misconfigured(f"plugin {plugin.name}: does not declare itself")
    if len(answers) > 1 or not isinstance(answers[0], Declaration):
        raise Misconfigured(f"plugin {plugin.name}: declare_plugin returned something else")
    if answers[0].contract != CONTRACT:
        raise Misconfigured(
            f"plugin {plugin.name}: is written for another contract than {CONTRACT}"
        )
    return answers[0]


def _refuse_unknown_hooks(registered: pluggy.PluginManager, plugin: Named) -> None:
    """Stop at a misspelt hook, also at one marked optional, which pluggy lets pass."""
    callers = registered.get_hookcallers(registered.get_plugin(plugin.name)) or []
    unknown = sorted(caller.name for caller in callers if not caller.has_spec())
    if unknown:
        raise Misconfigured(f"plugin {plugin.name}: there is no hook {', '.join(unknown)}")
    if {caller.name for caller in callers} == {"declare_plugin"}:
        raise Misconfigured(f"plugin {plugin.name}: registers nothing")


def _refuse_what_needs_walls(plugin: Named, declared: Declaration) -> None:
    """Keep plaintext, and what only workers get, out of the hub: no wall stands around it."""
    if declared.sees_plaintext:
        raise Misconfigured(f"plugin {plugin.name}: the hub runs no plugin that sees plaintext")
    if plugin.addresses or plugin.secrets or plugin.reads:
        raise Misconfigured(
            f"plugin {plugin.name}: `addresses`, `secrets` and `reads` are for plugins of an agency"
        )


def intake_formats(loaded: Loaded) -> Mapping[str, IntakeFormat]:
    """Return every registered intake format by profile.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two read one profile.
    """
    return _by_key(
        loaded,
        "register_intake_formats",
        keys=lambda adapter: sorted(adapter.capabilities.profiles),
        has={"capabilities": Capabilities},
        does="convert",
    )


def deliveries(
    loaded: Loaded, secrets: Mapping[str, Secrets] | None = None
) -> Mapping[str, Delivery]:
    """Return every registered delivery by its key.

    Args:
        loaded: plugins of an agency.
        secrets: contents of the files each plugin's `secrets` names, by the plugin's name.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two have one key.
    """
    return _by_key(
        loaded, "register_deliveries", has={"key": str}, does="deliver", secrets=secrets or {}
    )


def outgoing_formats(loaded: Loaded) -> Mapping[str, OutgoingFormat]:
    """Return every registered outgoing format by its key.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two have one key.
    """
    return _by_key(
        loaded,
        "register_outgoing_formats",
        has={"key": str, "media_types": frozenset, "max_size": int},
        does="read",
    )


def evidence_verifiers(loaded: Loaded) -> Mapping[str, EvidenceVerifier]:
    """Return every registered evidence verifier by its key.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two have one key.
    """
    return _by_key(
        loaded,
        "register_evidence_verifiers",
        has={"key": str, "media_types": frozenset},
        does="verify",
    )


def channels(loaded: Loaded) -> Mapping[str, Channel]:
    """Return every registered channel by its key.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two have one key.
    """
    return _by_key(loaded, "register_channels", has={"key": str}, does="send")


def gate_vetoes(loaded: Loaded) -> Mapping[str, GateVeto]:
    """Return every registered veto by its key.

    Raises:
        Misconfigured: a plugin raised, returned something else, or two have one key.
    """
    return _by_key(loaded, "register_gate_vetoes", has={"key": str}, does="forbids")


def _by_key(
    loaded: Loaded,
    hook: str,
    *,
    has: Mapping[str, type],
    does: str,
    keys: Callable[[Any], Sequence[str]] = lambda adapter: [adapter.key],
    secrets: Mapping[str, Secrets] | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for plugin in loaded.plugins:
        given: dict[str, object] = {"settings": plugin.settings}
        if secrets is not None:
            given["secrets"] = secrets.get(plugin.name, {})
        for adapter in _adapters(loaded, plugin, hook, given):
            if not _fits(adapter, has, does):
                raise Misconfigured(f"plugin {plugin.name}: {hook} returned something else")
            for key in keys(adapter):
                if key in found:
                    raise Misconfigured(
                        f"plugins {owner[key]} and {plugin.name} both provide {key}"
                    )
                found[key], owner[key] = adapter, plugin.name
    return found


def _adapters(
    loaded: Loaded, plugin: Named, hook: str, given: Mapping[str, object]
) -> Iterator[object]:
    for answer in _called(loaded.registered, plugin, hook, given):
        if inspect.iscoroutine(answer):
            answer.close()
        if not isinstance(answer, list | tuple):
            raise Misconfigured(f"plugin {plugin.name}: {hook} returned something else")
        yield from answer


def _called(
    registered: pluggy.PluginManager, plugin: Named, hook: str, given: Mapping[str, object]
) -> list[object]:
    """Call the hook of this plugin alone: nobody else sees its settings, or its answer."""
    others = [
        module for name, module in registered.list_name_plugin() if module and name != plugin.name
    ]
    caller = registered.subset_hook_caller(hook, others)
    try:
        return list(caller(**given))
    except Misconfigured as cause:
        raise Misconfigured(f"plugin {plugin.name}: {cause}") from None
    except (Exception, SystemExit) as cause:  # noqa: BLE001 - foreign code may do anything
        raise Misconfigured(
            f"plugin {plugin.name}: {hook} ended with {type(cause).__name__}"
        ) from None  # its text may quote the settings


def _fits(adapter: object, has: Mapping[str, type], does: str) -> bool:
    """Tell whether `adapter` has the constants and the asynchronous method of its Protocol."""
    try:
        constants = {name: getattr(adapter, name, None) for name in has}
        method = getattr(adapter, does, None)
    except Exception:  # noqa: BLE001 - a constant of foreign code may be computed
        return False
    return inspect.iscoroutinefunction(method) and all(
        isinstance(value, has[name]) and bool(value) for name, value in constants.items()
    )
