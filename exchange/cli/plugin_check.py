"""How `exchange plugin check` tries a plugin: behind the walls it will run behind."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final, cast

from exchange import registry
from exchange.agency.hired import hired
from exchange.agency.home import at
from exchange.agency.job import Kind, Offer, Reads
from exchange.agency.leash import Adapter
from exchange.agency.settings import read_settings
from exchange.agency.staff import Staff
from exchange.cli.hub_home import settings_in
from exchange.cli.plugin_records import Said
from exchange.errors import Misconfigured
from exchange.hookspecs import HUB_GROUP, Capabilities, Settings
from exchange.registry import Installed

MEGABYTE: Final = 1_000_000
HOOKS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.INTAKE: "register_intake_formats",
        Kind.DELIVERY: "register_deliveries",
        Kind.OUTGOING: "register_outgoing_formats",
        Kind.EVIDENCE: "register_evidence_verifiers",
    }
)
"""The hook that workers of each kind call."""


def complaints(said: Said, home: Path | None) -> Iterator[str]:
    """Load a plugin, print what it provides, and yield what stops it.

    Args:
        said: what is installed.
        home: whose settings it gets; None: it has none.
    """
    if said.declared is None:
        yield said.complaint
    elif said.offer.group == HUB_GROUP:
        yield from _in_the_hub(said.offer, home)
    else:
        yield from asyncio.run(_in_an_agency(said, home))


def _in_the_hub(offer: Installed, home: Path | None) -> Iterator[str]:
    table = cast("Settings", settings_in(home).plugins.get(offer.name, {})) if home else {}
    try:
        loaded = registry.load(HUB_GROUP, [_named(offer, table)])
        channels, vetoes = registry.channels(loaded), registry.gate_vetoes(loaded)
    except Misconfigured as error:
        yield str(error)
        return
    for key in channels:
        print(f"  channel: {key}")
    for key in vetoes:
        print(f"  gate veto: {key}")


def _named(offer: Installed, table: Settings) -> registry.Named:
    return registry.named(offer.name, {"distribution": offer.distribution, **table})


async def _in_an_agency(said: Said, home: Path | None) -> Sequence[str]:
    adapter = _adapters(said.offer, home)
    stopped, missing = dict[str, Kind](), set[str]()
    for kind in [kind for kind, hook in HOOKS.items() if hook in said.hooks]:
        with TemporaryDirectory() as rooms:
            try:
                async with Staff(adapter(kind), Path(rooms)) as staff:
                    leash = await staff.start()
                    missing |= set(leash.missing)
                    for key, offered in leash.offers.items():
                        print(f"  {kind.value}: {key}{_offered(offered)}")
            except Misconfigured as error:
                stopped[str(error)] = kind
    if missing:
        print(f"  walls that this machine does not have: {', '.join(sorted(missing))}")
    return list(stopped)


def _adapters(offer: Installed, home: Path | None) -> Callable[[Kind], Adapter]:
    if home is None:
        return lambda kind: Adapter(plugin=offer.name, distribution=offer.distribution, kind=kind)
    place = at(home)
    settings = read_settings(place.settings_file)
    return lambda kind: hired(settings, place, offer.name, kind)


def _offered(offered: Offer) -> str:
    if isinstance(offered, Capabilities | Reads):
        kinds = ", ".join(sorted(offered.media_types))
        most = f", up to {offered.max_size / MEGABYTE:,.0f} MB" if offered.max_size else ""
        return f" ({kinds}{most})"
    return ""
