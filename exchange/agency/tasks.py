"""What a worker does for each kind of adapter: find them, say what they offer, call one of them.

The code on the worker's side of `job_values`. It imports no event loop and makes no data classes:
both cost more at the start of a worker than most conversions.
"""

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from exchange import registry
from exchange.agency import job, job_values
from exchange.agency.job import Kind, Offer, Reads
from exchange.canonical import Json
from exchange.hookspecs import Connections, Secrets


class Room(NamedTuple):
    """What a call may use."""

    files: Path
    """Where its files lie."""
    target: Path
    """Where it writes."""
    connections: Connections | None
    """Of a delivery."""


class Task(NamedTuple):
    """One kind of adapter; the adapter itself is foreign code and may be anything."""

    adapters: Callable[[registry.Loaded, Secrets], Mapping[str, Any]]
    offer: Callable[[Any], Offer]
    call: Callable[[Any, Mapping[str, Any], Room], Coroutine[object, None, object]]
    result: Callable[[object], Mapping[str, Json]]
    """Raises Malformed for what is no result."""


def _deliveries(loaded: registry.Loaded, secrets: Secrets) -> Mapping[str, Any]:
    return registry.deliveries(loaded, {plugin.name: secrets for plugin in loaded.plugins})


def _convert(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    return adapter.convert(job_values.read_package(asked, room.files), room.target)


def _deliver(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    return adapter.deliver(job_values.read_delivered(asked, room.files), room.connections)


def _read(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    return adapter.read(job_values.read_exported(asked, room.files), room.target)


def _verify(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    (evidence,) = job_values.read_exported(asked, room.files)
    return adapter.verify(evidence)


TASKS: Final[Mapping[Kind, Task]] = MappingProxyType(
    {
        Kind.INTAKE: Task(
            adapters=lambda loaded, _: registry.intake_formats(loaded),
            offer=lambda adapter: adapter.capabilities,
            call=_convert,
            result=job_values.converted_json,
        ),
        Kind.DELIVERY: Task(
            adapters=_deliveries,
            offer=lambda _: None,
            call=_deliver,
            result=job_values.delivery_json,
        ),
        Kind.OUTGOING: Task(
            adapters=lambda loaded, _: registry.outgoing_formats(loaded),
            offer=lambda adapter: Reads(media_types=adapter.media_types, max_size=adapter.max_size),
            call=_read,
            result=job_values.export_json,
        ),
        Kind.EVIDENCE: Task(
            adapters=lambda loaded, _: registry.evidence_verifiers(loaded),
            offer=lambda adapter: Reads(media_types=adapter.media_types),
            call=_verify,
            result=job_values.evidence_json,
        ),
    }
)


def room_of(room: Path, connections: Connections | None) -> Room:
    """Return what a call may use of a worker's room."""
    return Room(job.folder_in(room), job.folder_out(room), connections)
