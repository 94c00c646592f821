"""What a gateway tells of its plugins, for the record of processing (Art. 30 GDPR).

A plugin's code runs in its workers alone, so one of them is asked. Its agency's partners read what
it says: no setting is in it, and no address, should a plugin's author have written one down.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

import structlog
from pydantic import ValidationError

from exchange.agency.hired import hired, hirings
from exchange.agency.home import Home
from exchange.agency.job import Kind
from exchange.agency.settings import GatewaySettings
from exchange.agency.staff import Staff
from exchange.errors import ExchangeError
from exchange.hookspecs import Declaration, Settings
from exchange.registry import named, version_of
from exchange.wire import shapes

MOST_TOLD: Final = 24 * 1024
"""Bytes that all plugins may declare together: the hub takes 64 KiB of an agency in all."""
UNTOLD: Final = "(address)"
_ADDRESS: Final = re.compile(
    r"://|\\\\|@|::|(?<![\w-])[\d-]*+[\w-]++:\d{2}|(?:[0-9A-Fa-f]{1,4}:){3}|\d\.\d{1,3}\.\d{1,3}\.\d|\w\.[^\W\d]{2}"
)
"""In a word of a declaration: a URL, a share, a mailbox, a port, an IP address, a host's name."""

log = structlog.get_logger(__name__)


async def ask_others(
    home: Home, settings: GatewaySettings, known: Mapping[str, Declaration | None]
) -> Mapping[str, Declaration | None]:
    """Return what every plugin of the settings says of itself, `known` included.

    Starts one worker after the other and ends it. A plugin whose worker does not start says
    nothing; whether the gateway works without it is decided where it is used.

    Args:
        home: of the gateway.
        settings: which name the plugins.
        known: what plugins have said whose workers run already.
    """
    found = dict(known)
    for kind, plugin in hirings(settings):
        if plugin not in found:
            found[plugin] = await _asked(home, settings, plugin, kind)
    return found


async def _asked(
    home: Home, settings: GatewaySettings, plugin: str, kind: Kind
) -> Declaration | None:
    try:
        async with Staff(hired(settings, home, plugin, kind), home.workers) as staff:
            return (await staff.start()).declared
    except (ExchangeError, OSError):
        log.error("plugin_failed", plugin=plugin)
        return None


def published(
    settings: GatewaySettings, declared: Mapping[str, Declaration | None]
) -> tuple[shapes.PluginTold, ...]:
    """Return the plugins that settings name, with what they say of themselves.

    Args:
        settings: of the gateway.
        declared: by name; None, or absent: what it says cannot be told.
    """
    kinds: dict[str, set[Kind]] = {}
    for kind, plugin in hirings(settings):
        kinds.setdefault(plugin, set()).add(kind)
    told = {plugin: _told(declared.get(plugin)) for plugin in kinds}
    if _size(told.values()) > MOST_TOLD:
        told = dict.fromkeys(kinds)
    return tuple(_plugin(settings, plugin, kinds[plugin], told[plugin]) for plugin in sorted(kinds))


def _plugin(
    settings: GatewaySettings,
    plugin: str,
    does: Iterable[Kind],
    told: shapes.PluginDeclared | None,
) -> shapes.PluginTold:
    table = cast("Settings", settings.plugins.get(plugin, {}))
    distribution = named(plugin, table).distribution
    return shapes.PluginTold(
        name=plugin,
        distribution=distribution,
        version=version_of(distribution),
        provides=tuple(sorted(kind.value for kind in does)),
        declared=told,
    )


def _told(declared: Declaration | None) -> shapes.PluginDeclared | None:
    """Return what the hub is told: all of what a plugin says, or nothing."""
    if declared is None:
        return None
    try:
        return shapes.PluginDeclared(
            licence=_without_addresses(declared.licence),
            sees_plaintext=declared.sees_plaintext,
            endpoints=tuple(map(_without_addresses, declared.endpoints)),
            stores=_without_addresses(declared.stores),
            retention=_without_addresses(declared.retention),
        )
    except ValidationError:  # too long, or with signs that nobody should be shown
        return None


def _without_addresses(text: str) -> str:
    return " ".join(UNTOLD if _ADDRESS.search(word) else word for word in text.split(" "))


def _size(told: Iterable[shapes.PluginDeclared | None]) -> int:
    return sum(len(one.model_dump_json().encode()) for one in told if one is not None)
