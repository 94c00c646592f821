"""What a worker does with a document: have one adapter called, say what became of it.

The code on the worker's side of `job_values`. It is loaded when the worker is ready, and imports no
event loop: that costs more than most conversions.
"""

import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from exchange.agency import job, job_values
from exchange.agency.job import Kind
from exchange.agency.plugin_words import LONGEST_SAID
from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.hookspecs import Connections


class Room(NamedTuple):
    """What a call may use."""

    files: Path
    """Where its files lie."""
    target: Path
    """Where it writes."""
    connections: Connections | None
    """Of a delivery."""


class Work(NamedTuple):
    """One kind of call; the adapter itself is foreign code and may be anything."""

    call: Callable[[Any, Mapping[str, Any], Room], Coroutine[object, None, object]]
    result: Callable[[object], Mapping[str, Json]]
    """Raises Malformed for what is no result."""


def _convert(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    return adapter.convert(job_values.read_package(asked, room.files), room.target)


def _deliver(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    return adapter.deliver(job_values.read_delivered(asked, room.files), room.connections)


def _read(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    return adapter.read(job_values.read_exported(asked, room.files), room.target)


def _verify(adapter: Any, asked: Mapping[str, Any], room: Room) -> Any:
    (evidence,) = job_values.read_exported(asked, room.files)
    return adapter.verify(evidence)


WORK: Final[Mapping[Kind, Work]] = MappingProxyType(
    {
        Kind.INTAKE: Work(_convert, job_values.converted_json),
        Kind.DELIVERY: Work(_deliver, job_values.delivery_json),
        Kind.OUTGOING: Work(_read, job_values.export_json),
        Kind.EVIDENCE: Work(_verify, job_values.evidence_json),
    }
)


def room_of(room: str, connections: Connections | None) -> Room:
    """Return what a call may use of a worker's room."""
    folder = Path(room)
    return Room(job.folder_in(folder), job.folder_out(folder), connections)


def worked(kind: Kind, adapter: Any, request: job.Request, room: Room) -> bytes:
    """Have `adapter` do what is asked, and return the line that answers it."""
    work = WORK[kind]
    try:
        result = _finished(lambda: work.call(adapter, request.asked, room))
    except Exception as cause:  # noqa: BLE001 - foreign code may raise anything
        return job.failed_line(request.token, cause, _words(cause))
    try:
        return job.done_line(request.token, work.result(result))
    except Malformed:  # what it returned is none, or cannot be said
        return job.failed_line(request.token, None)


def _words(error: Exception) -> str:
    """Return what an error says, in a form that a line can carry; it may be anything."""
    try:
        said = str(error)
        if type(said) is not str:
            return ""
        return said[:LONGEST_SAID].encode("utf-8", "replace").decode("utf-8")
    except Exception:  # noqa: BLE001 - foreign code says it, and may raise anything
        return ""


def _finished(call: Callable[[], Coroutine[object, None, object]]) -> object:
    """Return what a call of an adapter returns.

    A plugin that never imports asyncio waits for nothing and needs no loop; importing one takes
    longer than starting the interpreter.
    """
    if "asyncio" not in sys.modules:
        try:
            return _stepped(call())
        except RuntimeError:
            if "asyncio" not in sys.modules:
                raise
            # Imported while it ran: it begins again, this time on a loop.
    import asyncio  # noqa: PLC0415 - only where a plugin needs it: see above

    # A loop of its own for every call: what a plugin leaves running ends with it.
    return asyncio.run(call())


def _stepped(call: Coroutine[object, None, object]) -> object:
    while True:
        try:
            call.send(None)
        except StopIteration as end:
            return end.value
