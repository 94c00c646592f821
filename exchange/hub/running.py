"""What a hub runs with: its plugins as they declare themselves, and its settings as a digest.

For the record of processing (Art. 30 GDPR), which is generated and never typed.
"""

from dataclasses import dataclass

from exchange.canonical import sha256_hex
from exchange.hookspecs import Declaration
from exchange.hub.settings import HubSettings
from exchange.registry import Loaded, version_of


@dataclass(frozen=True, slots=True)
class Running:
    """A plugin that is loaded."""

    name: str
    distribution: str
    version: str
    """Of the distribution, as installed when the process started."""
    declared: Declaration


def running(loaded: Loaded) -> tuple[Running, ...]:
    """Return the plugins of a hub, by name."""
    return tuple(
        Running(
            one.name, one.distribution, version_of(one.distribution), loaded.declarations[one.name]
        )
        for one in sorted(loaded.plugins, key=lambda one: one.name)
    )


def settings_digest(settings: HubSettings) -> str:
    """Return the SHA-256 of the settings in hex, of those that hold no secret.

    Passwords count as asterisks, and the tables of plugins by their names alone: a digest must
    not help anybody to guess what is in them.
    """
    members = settings.model_dump_json(exclude={"plugins"})
    return sha256_hex("\n".join([members, *sorted(settings.plugins)]).encode())
