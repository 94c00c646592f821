"""The hop into a thread and back."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from exchange.threads import Loop, Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    two = Threads(2, name="two")
    yield two
    two.close()


async def test_a_result_comes_back_from_a_thread(threads: Threads) -> None:
    name = await threads.ask(lambda: threading.current_thread().name)

    assert name in {"two_0", "two_1"}


async def test_an_error_is_the_callers(threads: Threads) -> None:
    def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await threads.ask(fail)
    with pytest.raises(KeyboardInterrupt):
        await threads.ask(_interrupt)
    assert await threads.ask(lambda: 1) == 1  # the thread goes on


def _interrupt() -> None:
    raise KeyboardInterrupt


async def test_work_that_raises_what_no_future_takes_is_an_error(threads: Threads) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await threads.ask(lambda: next(iter(())))


async def test_what_is_cancelled_before_it_began_is_not_done() -> None:
    one = Threads(1, name="one")
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def hold() -> None:
        begun.set()
        go_on.wait()

    held = one.ask(hold)
    await asyncio.to_thread(begun.wait)
    late = one.ask(lambda: done.append("late"))
    late.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await held
    assert await one.ask(lambda: list(done)) == []
    one.close()


async def test_what_is_cancelled_later_goes_on() -> None:
    one = Threads(1, name="one")
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def hold() -> None:
        begun.set()
        go_on.wait()
        done.append("held")

    held = one.ask(hold)
    await asyncio.to_thread(begun.wait)
    held.cancel()
    go_on.set()
    assert await one.ask(lambda: list(done)) == ["held"]
    assert held.cancelled()
    one.close()


async def test_closing_finishes_what_was_asked_and_takes_nothing_more() -> None:
    threads = Threads(2, name="two")
    asked = [threads.ask(partial(abs, number)) for number in range(100)]

    threads.close()

    assert await asyncio.gather(*asked) == list(range(100))
    with pytest.raises(RuntimeError, match="ended"):
        threads.ask(lambda: None)


def test_a_loop_that_has_closed_is_not_told() -> None:
    threads = Threads(1, name="one")
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait()

    async def leave() -> None:
        threads.ask(hold)
        await asyncio.to_thread(begun.wait)

    asyncio.run(leave())
    go_on.set()

    async def again() -> int:
        return await threads.ask(lambda: 1)

    assert asyncio.run(again()) == 1
    threads.close()


def test_the_loops_own_hops_take_arguments_and_the_callers_context() -> None:
    seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen")

    async def hop() -> tuple[str, str, int]:
        seen.set("of the caller")
        loop = asyncio.get_running_loop()
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        return name, await asyncio.to_thread(seen.get), await asyncio.to_thread(max, 1, 2)

    with asyncio.Runner(loop_factory=Loop) as runner:
        name, context, most = runner.run(hop())

    assert name.startswith("hop_")
    assert (context, most) == ("of the caller", 2)


def test_the_loops_threads_end_with_it() -> None:
    async def hop() -> threading.Thread:
        return await asyncio.to_thread(threading.current_thread)

    with asyncio.Runner(loop_factory=Loop) as runner:
        thread = runner.run(hop())
        assert thread.is_alive()

    assert not thread.is_alive()


def test_an_executor_that_is_named_is_used() -> None:
    async def hop() -> str:
        with ThreadPoolExecutor(1, thread_name_prefix="other") as other:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(other, lambda: threading.current_thread().name)

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(hop()).startswith("other")


def test_the_limit_of_newer_pythons_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def shut_down(_: object, *limits: float) -> None:
        seen.append(limits)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "shutdown_default_executor", shut_down)
    loop = Loop()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.run_until_complete(loop.shutdown_default_executor(300.0))  # from Python 3.12 on
    loop.close()

    assert seen == [(), (300.0,)]
