"""exchange.hub.officer_files.noted: nothing of a file goes out that the log does not know of."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

from exchange.errors import NotPermitted, Unavailable
from exchange.hub.officer_files import noted as noted_module
from exchange.hub.officer_files.noted import Counted, Source, ahead, count, in_stretches, noted
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from tests.officer import account
from tests.simulator import SENDER, Simulator


@pytest.fixture
def stored_in() -> dict[str, Any]:
    """On SQLite: what a database decides is in the tests of the answers."""
    return {}


@pytest.fixture
async def officer(sim: Simulator) -> Officer:
    return await account(sim, agency=SENDER)


def itself(row: int) -> int:
    return row


def source(
    *times: Sequence[Sequence[int]], index_of: Callable[[int], int] | None = itself
) -> Source[int]:
    """Return a source that has these pages the first time, those the second, and so on."""
    coming = iter(times)

    async def pages(found: Sequence[Sequence[int]]) -> AsyncGenerator[Sequence[int], None]:
        for page in found:
            yield page

    return Source(lambda: pages(next(coming)), index_of)


async def test_what_is_counted_is_noted_once(sim: Simulator, officer: Officer) -> None:
    whole = [[9, 8], [], [7, 3]]
    taken = source(whole, whole)
    counted = await count(taken)
    assert counted == Counted(rows=4, first=3, behind=10)

    pages = await noted(sim.hub, officer, taken, counted)

    (note,) = await sim.log("officer-export")
    assert {name: note[name] for name in ("by", "officer", "from", "until", "count")} == {
        "by": SENDER,
        "officer": officer.id,
        "from": 3,
        "until": 10,
        "count": 4,
    }
    assert [[*page] async for page in pages] == whole
    assert len(await sim.log("officer-export")) == 1


async def test_nothing_notes_the_look(sim: Simulator, officer: Officer) -> None:
    taken = source([[]], [[]])
    pages = await noted(sim.hub, officer, taken, await count(taken))
    assert [[*page] async for page in pages] == [[]]
    assert [one["count"] for one in await sim.log("officer-export")] == [0]


async def test_what_comes_meanwhile_is_left_out(sim: Simulator, officer: Officer) -> None:
    taken = source([[9, 8]], [[11, 10, 9], [8]])
    pages = await noted(sim.hub, officer, taken, await count(taken))
    assert [[*page] async for page in pages] == [[9], [8]]
    assert len(await sim.log("officer-export")) == 1


async def test_what_opens_meanwhile_outside_the_note_is_left_out(
    sim: Simulator, officer: Officer
) -> None:
    taken = source([[9, 8]], [[9], [8, 7], [2]])
    pages = await noted(sim.hub, officer, taken, await count(taken))

    assert [[*page] async for page in pages] == [[9], [8], []]
    assert [one["count"] for one in await sim.log("officer-export")] == [2]


@pytest.mark.parametrize("index_of", [itself, None])
async def test_what_opens_meanwhile_is_noted_before_it_goes_out(
    sim: Simulator, officer: Officer, index_of: Callable[[int], int] | None
) -> None:
    taken = source([[9, 6]], [[9], [8, 7], [6]], index_of=index_of)
    pages = await noted(sim.hub, officer, taken, await count(taken))

    told = [([*page], len(await sim.log("officer-export"))) async for page in pages]

    assert told == [([9], 1), ([8, 7], 2), ([6], 3)]
    assert [one["count"] for one in await sim.log("officer-export")] == [2, 1, 1]


async def test_a_row_that_cannot_be_noted_does_not_go_out(
    sim: Simulator, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = source([[9, 7]], [[9, 7], [8]])
    pages = await noted(sim.hub, officer, taken, await count(taken))

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the vault has not answered")

    monkeypatch.setattr(trace, "record_export", away)
    assert await anext(pages) == [9, 7]
    with pytest.raises(Unavailable):
        await anext(pages)


async def test_a_list_is_noted_stretch_by_stretch_each_before_it_goes_out(
    sim: Simulator, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted_module, "STRETCH", 3)
    taken = source([[9, 8], [], [7, 6], [5, 4, 3], [2]])

    pages = await in_stretches(sim.hub, officer, await ahead(taken))
    told = [([*rows], len(await sim.log("officer-export"))) async for rows in pages]

    assert told == [([9, 8], 1), ([], 1), ([7, 6], 1), ([5, 4, 3], 2), ([2], 3)]
    found = [(one["from"], one["until"], one["count"]) for one in await sim.log("officer-export")]
    assert found == [(6, 10, 4), (3, 6, 3), (2, 3, 1)]


async def test_a_list_that_ends_with_a_stretch_has_no_note_of_nothing(
    sim: Simulator, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted_module, "STRETCH", 2)
    pages = await in_stretches(sim.hub, officer, await ahead(source([[9, 8]])))

    assert [[*rows] async for rows in pages] == [[9, 8]]
    assert len(await sim.log("officer-export")) == 1


async def test_an_empty_list_notes_the_look(sim: Simulator, officer: Officer) -> None:
    pages = await in_stretches(sim.hub, officer, await ahead(source([])))

    assert [[*rows] async for rows in pages] == []
    assert [one["count"] for one in await sim.log("officer-export")] == [0]


async def test_a_stretch_that_cannot_be_noted_does_not_go_out(
    sim: Simulator, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted_module, "STRETCH", 1)
    first = await ahead(source([[9], [8]]))
    pages = await in_stretches(sim.hub, officer, first)

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the vault has not answered")

    monkeypatch.setattr(trace, "record_export", away)
    with pytest.raises(Unavailable):
        await in_stretches(sim.hub, officer, first)
    assert await anext(pages) == [9]
    with pytest.raises(Unavailable):
        await anext(pages)


async def test_counting_ends_after_so_many_pages(sim: Simulator) -> None:
    some = [[5, 4], [3, 2], [1]]
    assert await count(source(some), pages=2) == Counted(rows=4, whole=False, first=2, behind=6)
    assert await count(source(some), pages=3) == Counted(rows=5, first=1, behind=6)


async def test_an_auditor_takes_nothing(sim: Simulator) -> None:
    auditor, taken = await account(sim, "auditor"), source([[1]], [[1]])
    with pytest.raises(NotPermitted):
        await noted(sim.hub, auditor, taken, await count(taken))
    with pytest.raises(NotPermitted):
        await in_stretches(sim.hub, auditor, await ahead(source([[1]])))
