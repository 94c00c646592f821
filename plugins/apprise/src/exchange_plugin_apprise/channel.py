"""Delivers notices through Apprise, each in a thread that cannot hold the hub up."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence

from apprise import Apprise, NotifyFormat

from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import Channel, Declaration, Notice, Settings, hookimpl
from exchange_plugin_apprise import configure
from exchange_plugin_apprise.configure import Services

THREADS = 4
"""Notices under way; a service that hangs holds one, and a fifth notice waits for its turn."""


class AppriseChannel:
    """Sends a notice to one service of the settings. Source: Apprise, its list of services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._free = threading.BoundedSemaphore(THREADS)

    @property
    def key(self) -> str:
        """Name under which agencies choose this channel."""
        return "apprise"

    async def send(self, notice: Notice) -> None:
        """Send `notice` to the service that the settings have under `notice.address`.

        Raises:
            Unavailable: the service did not take it, or not in time, or too many others hang. It
                may have arrived.
            Undeliverable: there is no such service.
        """
        url = self._services.urls.get(notice.address)
        if url is None:
            raise Undeliverable("the settings have no such service")
        try:
            async with asyncio.timeout(self._services.timeout_s):
                taken = await self._in_thread(lambda: _notify(url, notice))
        except TimeoutError:
            raise Unavailable("the service did not answer in time") from None
        if not taken:
            raise Unavailable("the service did not take the notice")

    async def _in_thread(self, work: Callable[[], bool]) -> bool:
        """Return what `work` returns, done in a thread that nobody waits for in the end.

        The threads of a pool would be waited for when the hub stops.
        """
        if not self._free.acquire(blocking=False):
            raise Unavailable("too many services hang")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def tell(taken: bool) -> None:
            if not done.done():
                done.set_result(taken)

        def run() -> None:
            taken = False
            try:
                # Whatever it raises, the notice was not taken, and its text may quote the URL.
                with contextlib.suppress(Exception):
                    taken = work()
            finally:
                self._free.release()
                with contextlib.suppress(RuntimeError):  # the hub has stopped meanwhile
                    loop.call_soon_threadsafe(tell, taken)

        threading.Thread(target=run, name="apprise", daemon=True).start()
        return await done


def _notify(url: str, notice: Notice) -> bool:
    """Send with a service made for this notice: one that hangs shares nothing with the next."""
    sender = Apprise(asset=configure.asset())
    sender.add(url)
    return bool(
        sender.notify(title=notice.subject, body=notice.text, body_format=NotifyFormat.TEXT)
    )


@hookimpl
def declare_plugin() -> Declaration:
    """Say what this plugin is: it sends constant words to services, and keeps nothing."""
    return Declaration(
        contract=1,
        licence="EUPL-1.2",
        sees_plaintext=False,
        endpoints=("services for notifications that the operator names",),
    )


@hookimpl
def register_channels(settings: Settings) -> Sequence[Channel]:
    """Register the one channel of this plugin.

    Raises:
        Misconfigured: a setting is missing or unsafe.
    """
    return [AppriseChannel(configure.read(settings))]
