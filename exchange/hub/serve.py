"""Serves an opened hub: the port, the background loops, the signals, and the end in good order."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from exchange.audit.checkpoint import Checkpoint
from exchange.errors import Misconfigured
from exchange.hub import (
    app,
    ask_witness,
    control,
    keep_up,
    offer,
    publish,
    publish_figures,
    recompute,
    relay,
    sequence,
    sweep,
)
from exchange.hub.metrics.look import Watched
from exchange.hub.metrics.traffic import Traffic
from exchange.hub.parts import Hub
from exchange.hub.resume import accept
from exchange.hub.settings import HubSettings
from exchange.serving.connection import Runner

YOUNG = 50_000
"""Objects made between two collections of the youngest: a request makes some thousands."""
COMPARED_S = 2.0
"""Seconds for which the port stays closed while the log is compared with what others hold."""
ENDING_S = 5.0
"""Seconds a background loop has to come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One of the processes of a hub on this machine."""

    index: int = 0
    """From 0; the first answers the operator's commands."""
    parent: int | None = None
    """Descriptor that becomes readable when the process that started this one has died."""


async def serve(
    settings: HubSettings,
    *,
    ready: Callable[[], None],
    worker: Worker = Worker(),
    accepted: Checkpoint | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT: requests under way are finished, long polls end at once.

    What is not finished after `http.shutdown_s` is cut; a download is then resumed elsewhere. A
    background loop that dies and a COMMIT that fails stop the process as well, with an error:
    it comes back through recovery, and clients repeat by id.

    Args:
        settings: validated.
        ready: called once the port is open.
        worker: which of the hub's processes this is.
        accepted: what the operator says is the newest head of the log; None: nothing.

    Raises:
        Misconfigured: the hub cannot be opened, or it could not go on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if worker.parent is not None:
        loop.add_reader(worker.parent, stop.set)

    def failed() -> None:
        structlog.get_logger("exchange.hub").error("commit-failed")
        loop.call_soon_threadsafe(stop.set)

    async with app.opened(settings, clock=app.now, on_failure=failed) as found:
        app.warn(settings)
        if accepted is not None:
            await accept(found.hub, accepted)
        front = app.front(found.hub, settings)
        runner = Runner(app.site(front, settings), settings.listen, settings.http)
        async with (
            looping(stop, loops(found, settings, stop, accepted=accepted is not None)),
            commanded(found.hub, settings, worker),
            watched(found, front.traffic, settings, worker),
            compared(found.hub),
            served(runner, settings),
        ):
            # What was built so far lives as long as the process: no collection need look at it.
            gc.collect()
            gc.freeze()
            gc.set_threshold(YOUNG)
            ready()
            await stop.wait()
            found.hub.news.end()
            found.hub.heads.end()
        if found.database.failed:
            raise Misconfigured("a commit failed: look at the disk, then start the hub again")


@asynccontextmanager
async def compared(hub: Hub) -> AsyncIterator[None]:
    """Give the log a moment to be compared with what others hold, then let the block run.

    Mostly it takes milliseconds, and nobody is refused for it. Where witnesses are waited for,
    withdrawals need not wait as well.
    """
    await hub.heads.compared(seconds=COMPARED_S)
    yield


@asynccontextmanager
async def served(runner: Runner, settings: HubSettings) -> AsyncIterator[None]:
    """Listen at the address of the settings while the block runs."""
    await runner.setup()
    try:
        site = web.TCPSite(
            runner,
            settings.listen.host,
            settings.listen.port,
            backlog=settings.listen.backlog,
            reuse_port=settings.workers > 1,
        )
        try:
            await site.start()
        except OSError as error:
            raise Misconfigured(f"the port cannot be opened: {error.strerror}") from None
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def commanded(hub: Hub, settings: HubSettings, worker: Worker) -> AsyncIterator[None]:
    """Answer the operator's commands while the block runs, if this worker is the first."""
    if worker.index:
        yield
        return
    async with control.listening(settings.home, app.commands(hub)):
        yield


@asynccontextmanager
async def watched(
    found: app.Opened, traffic: Traffic, settings: HubSettings, worker: Worker
) -> AsyncIterator[None]:
    """Show a monitoring system how this process is doing while the block runs, if it is set up.

    Begins before the public port opens and ends after it has closed: a start that takes long,
    and requests that are still finished, are seen as well.
    """
    if settings.metrics.port is None:
        yield
        return
    # Here and not above: the library takes long to load, and most hubs do without.
    from exchange.hub.metrics import endpoint  # noqa: PLC0415

    page = endpoint.Page(
        Watched(hub=found.hub, database=found.database, traffic=traffic, began=found.hub.clock())
    )
    async with endpoint.listening(page, settings, settings.metrics.port + worker.index):
        yield


Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def loops(
    found: app.Opened, settings: HubSettings, stop: asyncio.Event, *, accepted: bool = False
) -> Mapping[str, Loop]:
    """Return the background loops by name.

    Args:
        found: what is open.
        settings: validated.
        stop: set when the process begins to stop: nothing new is then begun. What keeps this
            replica up to date, and the log, goes on until the last request is answered.
        accepted: whether the operator has said which head of the log is the newest.

    Raises:
        Misconfigured: the policy of the log names an address that could mean several.
    """
    ask_witness.check_addresses(found.hub.signer.policy)
    named: dict[str, Loop] = {
        "relay": lambda _: relay.run(found.hub, settings.notices, stop),
        "sweep": lambda _: sweep.run(found.hub, found.database.erase_from_wal, stop),
        "publish": lambda _: publish.run(found.hub, settings.log, stop),
        "recompute": lambda _: recompute.run(found.hub, stop),
        "sequence": lambda ending: sequence.run(found.hub, settings.log, ending, accepted=accepted),
        "offer": lambda _: offer.run(found.hub, settings.log, stop),
        "figures": lambda _: publish_figures.run(found.hub, stop),
        "keep-up": lambda _: keep_up.run(found.hub, stop),
    }
    if settings.database_url is not None:
        # Here and not above: the driver is installed with the extra only.
        from exchange.hub import listen  # noqa: PLC0415

        address = listen.address(settings.database_url.get_secret_value())
        named |= {
            "say": lambda ending: listen.say(found.hub, ending),
            "hear": lambda ending: listen.hear(found.hub, address, ending),
            "look": lambda ending: listen.look(found.hub, ending),
        }
    return named


@asynccontextmanager
async def looping(stop: asyncio.Event, named: Mapping[str, Loop]) -> AsyncIterator[None]:
    """Run loops while the block runs; one that ends by itself sets `stop`.

    They end by event, between two units of work. One that waits for somebody else, such as a
    mail server, is not waited for longer than `ENDING_S`: what it was doing is done again later.
    What one died of is raised here, so that the process ends with an error.
    """
    ending = asyncio.Event()
    tasks = [asyncio.create_task(loop(ending), name=name) for name, loop in named.items()]
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        ending.set()
        _, late = await asyncio.wait(tasks, timeout=ENDING_S)
        for task in late:
            task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Exception):
                raise done
