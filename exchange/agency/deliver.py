"""Delivers converted documents to systems of the agency: each until it has it, once for all.

What is to be delivered is remembered with the signed answer (`handed`) and settled once. A crash
anywhere repeats a delivery under the same id, by which the other side drops the second.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Connection

from exchange import canonical
from exchange.agency import arrivals, handed, job_values, spool
from exchange.agency.handed import KEPT_FETCHED, Handing
from exchange.agency.hired import hired
from exchange.agency.job import Kind, only
from exchange.agency.leash import Leash, Limits, Reason
from exchange.agency.parts import Gateway
from exchange.agency.staff import Errand, Staff
from exchange.durable import PIECE
from exchange.envelope.names import distinct
from exchange.errors import (
    ExchangeError,
    Malformed,
    Misconfigured,
    NotFound,
    Quarantined,
    Unavailable,
    Undeliverable,
    positions,
)
from exchange.hookspecs import DeliveredFile, DeliveredFolder

LIMITS: Final = Limits(wall_s=600.0, parallel=1)
"""One document at a time, and time for a large one."""
LOOK_S: Final = 1.0
"""Seconds between two looks at what waits: one row of an index."""
FIRST_PAUSE_S: Final = 10.0
LONGEST_PAUSE_S: Final = 3600.0
MOST_FAILURES: Final = 5
"""Attempts after which a delivery that fails, in whatever way but `Unavailable`, is parked."""

log = structlog.get_logger(__name__)


class Destination(Protocol):
    """One system that documents are handed to: a delivery plugin, or what the gateway has."""

    @property
    def key(self) -> str:
        """Name in the state database; constant."""
        ...

    async def hand(self, delivered: DeliveredFolder) -> None:
        """Hand over one document; return when the system has it for good.

        Raises:
            Unavailable: not now; repeated later.
            Undeliverable: never.
            Quarantined: it failed in some other way, with the reason; repeated a few times.
        """
        ...


class Plugin:
    """A delivery plugin, in a worker of its own."""

    def __init__(self, key: str, adapter: str, staff: Staff) -> None:
        """Hand documents to one adapter of a plugin.

        Args:
            key: name of the plugin.
            adapter: key of its adapter.
            staff: its workers.
        """
        self._key = key
        self._adapter = adapter
        self._staff = staff

    @property
    def key(self) -> str:
        """Name of the plugin."""
        return self._key

    async def hand(self, delivered: DeliveredFolder) -> None:
        """Have one document delivered; see `Destination`."""
        errand = Errand(
            adapter=self._adapter,
            asked=job_values.delivered_json(delivered),
            files=[(file.name, file.path) for file in delivered.files],
            size=sum(file.size for file in delivered.files),
        )
        try:
            await self._staff.send(errand, _nothing)
        except Quarantined as failed:
            if failed.reason == Reason.UNAVAILABLE:
                raise Unavailable("the system of the agency is away") from None
            if failed.reason == Reason.UNDELIVERABLE:
                raise Undeliverable("the system of the agency takes no such document") from None
            raise


async def _nothing(_leash: Leash, result: Mapping[str, Any], _most: int) -> None:
    try:
        only(result, set())
    except Malformed:
        raise Quarantined(Reason.PROTOCOL) from None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Where converted documents are handed to."""

    destinations: Mapping[str, Destination]
    """By key."""


@asynccontextmanager
async def open_deliveries(
    gateway: Gateway, built_in: Sequence[Destination] = ()
) -> AsyncIterator[Deliveries | None]:
    """Yield where documents are handed to; None when the settings name no delivery.

    Args:
        gateway: the parts.
        built_in: destinations that are no plugins, such as a watched folder.

    Raises:
        Misconfigured: the delivery plugin of the settings cannot be loaded.
        Unavailable: the machine cannot start a process now.
    """
    destinations = {destination.key: destination for destination in built_in}
    async with AsyncExitStack() as workers:
        if plugin := gateway.settings.delivery.plugin:
            adapter = hired(gateway.settings, gateway.home, plugin, Kind.DELIVERY)
            staff = Staff(adapter, gateway.home.workers, limits=LIMITS)
            leash = await (await workers.enter_async_context(staff)).start()
            keys = list(leash.offers)
            if plugin not in keys and len(keys) > 1:
                raise Misconfigured(f"plugin {plugin}: no delivery of it has its name")
            destinations[plugin] = Plugin(plugin, plugin if plugin in keys else keys[0], staff)
        yield Deliveries(destinations) if destinations else None


async def run(gateway: Gateway, deliveries: Deliveries, stop: asyncio.Event) -> None:
    """Hand over what waits until `stop` is set; a delivery being made is finished first.

    Each destination has its own pace: one that hangs holds up no other.
    """
    async with asyncio.TaskGroup() as loops:
        for destination in deliveries.destinations.values():
            loops.create_task(_run(gateway, destination, stop), name=f"deliver {destination.key}")


async def _run(gateway: Gateway, destination: Destination, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await deliver(gateway, destination, stop)
        except (ExchangeError, OSError) as trouble:
            # The disk or the state does not answer: what waits still waits.
            log.error("delivery_interrupted", positions=positions(trouble))
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await stop.wait()


async def deliver(gateway: Gateway, destination: Destination, stop: asyncio.Event) -> int:
    """Try once what waits for one destination and is due; return how much was delivered."""
    done = 0
    for waiting in await gateway.state.read(handed.due, [destination.key], gateway.clock()):
        if stop.is_set():
            break
        if await asyncio.to_thread(spool.aside(gateway.home, waiting.id).is_dir):
            continue  # released, and still on its way into the spool
        done += await _deliver(gateway, destination, waiting)
    return done


async def _deliver(gateway: Gateway, destination: Destination, waiting: handed.Delivery) -> bool:
    now = gateway.clock()
    # Remembered before anything leaves: an erasure then asks people about that system too.
    begun = await gateway.state.write(handed.begin, waiting, now + _pause(waiting.attempts))
    if begun is None:
        return False
    delivered = await asyncio.to_thread(_described, gateway, begun)
    if delivered is None:
        # Taken or erased meanwhile: there is nothing to hand on, and nobody to tell.
        await gateway.state.write(handed.settle, begun, Handing.GONE, now)
        return False
    try:
        await destination.hand(delivered)
    except Unavailable as trouble:
        await _put_off(gateway, begun, trouble.code)
        return False
    except Undeliverable:
        await _park(gateway, begun, Reason.UNDELIVERABLE)
        return False
    except Quarantined as failed:
        end = _put_off if begun.attempts < MOST_FAILURES else _park
        await end(gateway, begun, failed.reason)
        return False
    # The system has it. A crash before the commit delivers it again, under the same id.
    last = await gateway.state.write(handed.settle, begun, Handing.DONE, gateway.clock())
    log.info("delivered", disclosure_id=begun.id, plugin=destination.key)
    if last and not gateway.settings.delivery.keep:
        await remove_fetched(gateway)
    return True


def _pause(attempts: int) -> timedelta:
    """Return how long to wait after an attempt that so many have preceded."""
    return timedelta(seconds=min(FIRST_PAUSE_S * 2 ** min(attempts, 20), LONGEST_PAUSE_S))


async def _put_off(gateway: Gateway, begun: handed.Delivery, reason: str) -> None:
    await gateway.state.write(handed.put_off, begun, reason)
    log.warning("delivery_put_off", disclosure_id=begun.id, plugin=begun.destination, code=reason)


async def _park(gateway: Gateway, waiting: handed.Delivery, reason: str) -> None:
    await gateway.state.write(handed.park, waiting, gateway.clock(), reason)
    log.error("delivery_parked", disclosure_id=waiting.id, plugin=waiting.destination, code=reason)


def _described(gateway: Gateway, waiting: handed.Delivery) -> DeliveredFolder | None:
    """Return what is to be handed on; None when it no longer lies in the spool, or is marked."""
    stated: dict[str, Any] = canonical.loads(waiting.stated, limit=len(waiting.stated))
    names = stated.pop("names")
    delivered = job_values.read_delivered({**stated, "files": []}, gateway.home.spool)
    place = gateway.home.spool / delivered.folder
    if (place / spool.MARK).exists():
        return None
    try:
        # Those of a released document lie in a folder of their own; what is handed on is flat.
        flat = distinct(Path(name).name for name in names)
        files = (_file(place / path, name) for path, name in zip(names, flat, strict=True))
        return replace(delivered, files=tuple(files))
    except FileNotFoundError:
        return None


def _file(path: Path, name: str) -> DeliveredFile:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as source:
        while piece := source.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return DeliveredFile(name=name, size=size, sha256=digest.hexdigest(), path=path)


async def fetched(gateway: Gateway, disclosure_id: str) -> None:
    """Note that the back office has a document: its folder goes a day later.

    Raises:
        NotFound: no such document was delivered here.
    """
    await gateway.state.write(_fetched, disclosure_id, gateway)


def _fetched(conn: Connection, disclosure_id: str, gateway: Gateway) -> None:
    found = arrivals.find_received(conn, disclosure_id)
    if not any(received.folder is not None for received in found):
        raise NotFound("no document with this id lies in the spool")
    handed.mark_fetched(conn, disclosure_id, gateway.clock())


async def again(gateway: Gateway, disclosure_id: str) -> None:
    """Try the parked deliveries of a document once more, now.

    Raises:
        NotFound: none of it is parked.
    """
    await gateway.state.write(handed.unpark, disclosure_id, gateway.clock())


async def remove_fetched(gateway: Gateway) -> None:
    """Remove from the spool what the back office has, a day after it got it or at once."""
    kept = KEPT_FETCHED if gateway.settings.delivery.keep else timedelta(0)
    for lying in await gateway.state.read(handed.list_removable, gateway.clock() - kept):
        # A crash in between removes nothing twice: the folder is gone then.
        await asyncio.to_thread(spool.remove_delivered, gateway.home, lying.folder)
        await gateway.state.write(handed.mark_removed, lying.id)
