"""Runs a gateway: one process for one agency or several, each for itself, until told to stop.

What fails at one agency, a damaged key, a plugin that cannot be loaded, a log that shows two
histories, stops that agency and no other. None is left out in silence: its failure is told when it
happens, and at the end the caller learns that there was one.
"""

import asyncio
import hmac
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from exchange.agency import deliver, poll, watch
from exchange.agency.listen import by_address, listening
from exchange.agency.office import Office
from exchange.errors import ExchangeError, Misconfigured, positions

Opening: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Office]]
"""Opens the office of a home."""
Loop: TypeAlias = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Works until the event is set."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told how it goes."""

    ready: Callable[[Sequence[Office]], None]
    """Called once, with the agencies that work, when their local API answers."""
    failed: Callable[[Path, Exception], None]
    """Called with a home and the cause, when its agency cannot start or go on."""


async def serve(roots: Sequence[Path], opening: Opening, stop: asyncio.Event, told: Told) -> bool:
    """Run the agencies whose homes are `roots` until `stop` is set; True when none has failed.

    Ends by itself when no agency is left that works. What is under way is finished first.
    """
    run = _Run(stop, told)
    async with AsyncExitStack() as parts:
        for root in roots:
            await run.open(parts, root, opening)
        await run.listen(parts)
        if run.offices:
            told.ready(tuple(run.offices.values()))
            await run.work()
    return not run.failed


class _Run:
    """The agencies of one process."""

    def __init__(self, stop: asyncio.Event, told: Told) -> None:
        self.offices = dict[Path, Office]()
        self.failed = False
        self._stop = stop
        self._told = told

    async def open(self, parts: AsyncExitStack, root: Path, opening: Opening) -> None:
        """Open one office, or tell why it cannot be."""
        try:
            with structlog.contextvars.bound_contextvars(agency=root.name):
                office = await parts.enter_async_context(opening(root))
            self._refuse_twin(office)
        except Exception as error:  # noqa: BLE001 -- told, and the other agencies work
            self._fail(root, error)
        else:
            self.offices[root] = office

    async def listen(self, parts: AsyncExitStack) -> None:
        """Serve the local API; an agency whose address is taken does not work."""
        for address, present in by_address(tuple(self.offices.values())).items():
            try:
                await parts.enter_async_context(listening(address, present))
            except Misconfigured as error:
                taken = [root for root, office in self.offices.items() if office in present]
                for root in taken:
                    del self.offices[root]
                    self._fail(root, error)

    async def work(self) -> None:
        """Run the loops of every office until `stop` is set, or none is left."""
        await asyncio.gather(*(self._work(root, office) for root, office in self.offices.items()))

    async def _work(self, root: Path, office: Office) -> None:
        with structlog.contextvars.bound_contextvars(agency=office.agency):
            try:
                await together(self._stop, loops(office))
            except Exception as error:  # noqa: BLE001 -- told, and the other agencies go on
                log.error("agency_stopped", code=_code(error), positions=positions(error))
                self._fail(root, error)

    def _refuse_twin(self, office: Office) -> None:
        """Refuse a home that shares with another what keeps two agencies apart.

        The token says for whom a request speaks, the watched folder who sends.
        """
        for other in self.offices.values():
            if hmac.compare_digest(office.token, other.token):
                raise Misconfigured(
                    "its api-token is that of another home as well; remove the file, the next "
                    "start makes a new one"
                )
            if _watched(office) & _watched(other):
                raise Misconfigured("a folder of its [watch] is that of another home as well")

    def _fail(self, root: Path, error: Exception) -> None:
        self.failed = True
        self._told.failed(root, error)


def _watched(office: Office) -> frozenset[Path]:
    root, settings = office.gateway.home.root, office.gateway.settings.watch
    return frozenset((root / path).resolve() for path in (settings.out, settings.into) if path)


def loops(office: Office) -> Mapping[str, Loop]:
    """Return what runs for an office, by name."""
    found: dict[str, Loop] = {
        "rounds": lambda stop: poll.run(office.gateway, office.reception, stop, office.stir)
    }
    if office.gateway.settings.watch.out is not None:
        found["watch"] = lambda stop: watch.run(office, stop)
    if (deliveries := office.deliveries) is not None:
        found["deliveries"] = lambda stop: deliver.run(office.gateway, deliveries, stop)
    return found


async def together(stop: asyncio.Event, named: Mapping[str, Loop]) -> None:
    """Run loops until `stop` is set, or one of them dies: then all end, each in good order.

    What a loop died of is raised here, the first of them.
    """
    ending = asyncio.Event()
    tasks = [asyncio.create_task(loop(ending), name=name) for name, loop in named.items()]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        ending.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
    for died in done:
        if isinstance(died, Exception):
            raise died


def _code(error: Exception) -> str:
    if isinstance(error, ExchangeError):
        return str(getattr(error, "reason", error.code))
    return "internal"
