"""Which workers the settings hire: a plugin's own table, split into what each side reads of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from exchange.agency.home import Home
from exchange.agency.job import Kind
from exchange.agency.leash import Adapter
from exchange.agency.lend import read_addresses
from exchange.agency.private_file import read_private
from exchange.agency.settings import GatewaySettings
from exchange.errors import Misconfigured
from exchange.hookspecs import Settings
from exchange.registry import Named, named


def hirings(settings: GatewaySettings) -> Iterator[tuple[Kind, str]]:
    """Yield what kind of work the settings give to which plugin."""
    for plugin in dict.fromkeys((settings.intake.plugin, *settings.intake.profiles.values())):
        yield Kind.INTAKE, plugin
    if settings.delivery.plugin:
        yield Kind.DELIVERY, settings.delivery.plugin
    for plugin in settings.outgoing.plugins:
        yield Kind.OUTGOING, plugin
    for plugin in settings.evidence.plugins:
        yield Kind.EVIDENCE, plugin


def hired(settings: GatewaySettings, home: Home, plugin: str, kind: Kind) -> Adapter:
    """Return what workers of a plugin run, with its own table and nothing else of the settings.

    Args:
        settings: of the gateway.
        home: that relative paths of the table begin at.
        plugin: its name.
        kind: of adapter; secrets and addresses are for deliveries alone.

    Raises:
        Misconfigured: the table is wrong, or a file with a secret is missing or open to others.
    """
    found = named(plugin, cast("Settings", settings.plugins.get(plugin, {})))
    delivers = kind is Kind.DELIVERY
    return Adapter(
        plugin=found.name,
        distribution=found.distribution,
        kind=kind,
        settings=found.settings,
        reads=tuple(home.root / path for path in found.reads.values()),
        addresses=read_addresses(plugin, found.addresses) if delivers else {},
        secrets=_secrets(found, home) if delivers else {},
    )


def _secrets(plugin: Named, home: Home) -> dict[str, str]:
    return {name: _secret(plugin.name, home.root / path) for name, path in plugin.secrets.items()}


def _secret(plugin: str, path: Path) -> str:
    try:
        return read_private(path).decode("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise Misconfigured(
            f"plugin {plugin}: the file {path.name} of a secret is missing"
        ) from None
    except UnicodeDecodeError:
        raise Misconfigured(
            f"plugin {plugin}: the file {path.name} of a secret is no text"
        ) from None
