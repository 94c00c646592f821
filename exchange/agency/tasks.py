"""What a worker does for each kind of adapter until it is ready: find them, say what they offer.

What it does with a document stands in `work`, which is not loaded before the first.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from exchange import registry
from exchange.agency.job import Kind, Offer, Reads
from exchange.hookspecs import Secrets


class Task(NamedTuple):
    """One kind of adapter; the adapter itself is foreign code and may be anything."""

    adapters: Callable[[registry.Loaded, Secrets], Mapping[str, Any]]
    offer: Callable[[Any], Offer]


def _deliveries(loaded: registry.Loaded, secrets: Secrets) -> Mapping[str, Any]:
    return registry.deliveries(loaded, {plugin.name: secrets for plugin in loaded.plugins})


TASKS: Final[Mapping[Kind, Task]] = MappingProxyType(
    {
        Kind.INTAKE: Task(
            adapters=lambda loaded, _: registry.intake_formats(loaded),
            offer=lambda adapter: adapter.capabilities,
        ),
        Kind.DELIVERY: Task(adapters=_deliveries, offer=lambda _: None),
        Kind.OUTGOING: Task(
            adapters=lambda loaded, _: registry.outgoing_formats(loaded),
            offer=lambda adapter: Reads(media_types=adapter.media_types, max_size=adapter.max_size),
        ),
        Kind.EVIDENCE: Task(
            adapters=lambda loaded, _: registry.evidence_verifiers(loaded),
            offer=lambda adapter: Reads(media_types=adapter.media_types),
        ),
    }
)
