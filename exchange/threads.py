"""The cheapest hop from an event loop into a thread and back; and asyncio's loop with it.

An executor of the standard library makes a future with a lock and a condition for every call, and
ties another one to it for the loop: three times what the hop itself costs. The hub makes
a few hops for every document. Its results and errors are those of an executor.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_Asked: TypeAlias = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Threads:
    """A few threads that do what they are asked, one thing after the other."""

    def __init__(self, count: int, *, name: str) -> None:
        """Start them.

        Args:
            count: how many.
            name: of the threads, which are numbered.
        """
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._closed = False
        self._threads = [
            Thread(target=_work, args=(self._asked,), name=f"{name}_{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Let a thread do some work, and return what its result comes in; in a running loop.

        Cancelled before a thread has begun, the work is not done; later, it goes on.

        Raises:
            RuntimeError: the threads have ended.
        """
        if self._closed:
            raise RuntimeError("the threads have ended")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._asked.put((work, done, loop))
        return done

    def close(self) -> None:
        """Finish what was asked, then end the threads, and wait for that."""
        self._closed = True
        for _ in self._threads:
            self._asked.put(None)
        for thread in self._threads:
            thread.join()


class Loop(asyncio.SelectorEventLoop):
    """asyncio's loop whose own hops, such as those of `asyncio.to_thread`, are the cheap ones."""

    _hands: Threads | None = None

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> "asyncio.Future[T]":
        """See `asyncio.loop.run_in_executor`."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        if self._hands is None:
            # As many as the standard library would start.
            self._hands = Threads(min(32, (os.cpu_count() or 1) + 4), name="hop")
        return self._hands.ask(partial(func, *args))

    async def shutdown_default_executor(self, *limits: float | None) -> None:
        """See `asyncio.loop.shutdown_default_executor`; nobody else runs in this loop by then.

        Args:
            limits: from Python 3.12 on, the seconds that an executor's threads have to end.
        """
        await super().shutdown_default_executor(*limits)
        if self._hands is not None:
            self._hands.close()


def _work(asked: SimpleQueue[_Asked | None]) -> None:
    while (one := asked.get()) is not None:
        work, done, loop = one
        result: Any = None
        failure: BaseException | None = None
        if not done.cancelled():
            try:
                result = work()
            except StopIteration:  # no future takes it, and its caller would wait for ever
                failure = RuntimeError("work in a thread raised StopIteration")
            except BaseException as error:  # noqa: BLE001 - handed to the caller as it is
                failure = error
        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, done, result, failure)
        del one, work, done, loop, result, failure  # nothing outlives its caller here


def _tell(done: "asyncio.Future[Any]", result: Any, failure: BaseException | None) -> None:
    if done.cancelled():
        return
    if failure is not None:
        done.set_exception(failure)
    else:
        done.set_result(result)
