"""Delivering: each system gets each document once, whatever fails, and nothing that was erased."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Connection, Table, select

from exchange.agency import (
    arrivals,
    deliver,
    erase,
    handed,
    poll,
    quarantine,
    send,
    spool,
    tables,
)
from exchange.agency.deliver import MOST_FAILURES
from exchange.agency.events import EventKind, list_events
from exchange.agency.handed import FORGOTTEN, Handing
from exchange.agency.parts import Gateway
from exchange.consent import binding
from exchange.envelope.sealing import Outgoing
from exchange.errors import Misconfigured, NotFound, Quarantined, Unavailable, Undeliverable
from exchange.hookspecs import DeliveredFolder
from tests.agency.network import RECIPIENT, SENDER, Network, draft
from tests.agency.tool import SETTINGS, Tool

GO = asyncio.Event


async def received(network: Network, settings: str = SETTINGS, **members: Any) -> str:
    """Receive one document at an office with a case tool; return the disclosure's id."""
    office = network.offices[RECIPIENT]
    with office.home.settings_file.open("a") as file:
        file.write(settings)
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft(**members))
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
    return sent.id


async def events(gateway: Gateway) -> list[tuple[EventKind, str | None]]:
    found = await gateway.state.read(list_events, 0, 100)
    kinds = (EventKind.DELIVERY_DONE, EventKind.DELIVERY_FAILED)
    return [(event.kind, event.reason) for event in found if event.kind in kinds]


def folders(network: Network) -> Sequence[Path]:
    return list(network.offices[RECIPIENT].home.spool.iterdir())


async def test_a_document_is_delivered_once_and_leaves_the_spool(
    network: Network, tmp_path: Path
) -> None:
    disclosure = await received(network)
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        assert await deliver.deliver(gateway, tool, GO()) == 1
        assert await deliver.deliver(gateway, tool, GO()) == 0
        assert await events(gateway) == [(EventKind.DELIVERY_DONE, None)]
        assert await gateway.state.read(handed.list_open) == []
    (names,) = tool.kept().values()
    assert list(tool.kept()) == [disclosure]
    assert "Mahnung März.pdf" in names
    assert tool.calls == 1
    assert folders(network) == []


async def test_the_files_come_in_the_order_of_import(network: Network, tmp_path: Path) -> None:
    await received(network)
    (folder,) = folders(network)
    (folder / "later.txt").write_text("of the back office")
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        (waiting,) = await gateway.state.read(handed.list_open)
        await deliver.deliver(gateway, tool, GO())
    (names,) = tool.kept().values()
    assert "later.txt" not in names
    assert [waiting.stated.index(name.encode()) for name in names] == sorted(
        waiting.stated.index(name.encode()) for name in names
    )


async def test_a_system_that_is_away_is_asked_again_later_and_later(
    network: Network, tmp_path: Path
) -> None:
    await received(network)
    tool = Tool(tmp_path / "tool", [Unavailable()] * 12)
    async with network.gateway(RECIPIENT) as gateway:
        pauses = []
        for _ in range(12):
            assert await deliver.deliver(gateway, tool, GO()) == 0
            (waiting,) = await gateway.state.read(handed.list_open)
            assert (waiting.state, waiting.reason) == (Handing.WAITING, "unavailable")
            pauses.append((waiting.next_at - network.now).total_seconds())
            calls = tool.calls
            await deliver.deliver(gateway, tool, GO())  # it is not asked before its time
            assert tool.calls == calls
            network.sleep(seconds=pauses[-1])
        assert pauses == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]
        assert len(folders(network)) == 1
        assert await deliver.deliver(gateway, tool, GO()) == 1
        assert await events(gateway) == [(EventKind.DELIVERY_DONE, None)]


async def test_what_is_never_taken_is_parked_stays_and_is_told(
    network: Network, tmp_path: Path
) -> None:
    disclosure = await received(network)
    tool = Tool(tmp_path / "tool", [Undeliverable(), Undeliverable()])
    async with network.gateway(RECIPIENT) as gateway:
        await deliver.deliver(gateway, tool, GO())
        network.sleep(days=1)
        await deliver.deliver(gateway, tool, GO())
        assert tool.calls == 1
        (parked,) = await gateway.state.read(handed.list_open)
        assert (parked.state, parked.reason) == (Handing.PARKED, "undeliverable")
        assert await events(gateway) == [(EventKind.DELIVERY_FAILED, "undeliverable")]
        assert len(folders(network)) == 1

        await deliver.again(gateway, disclosure)
        assert await deliver.deliver(gateway, tool, GO()) == 0
        assert await events(gateway) == [(EventKind.DELIVERY_FAILED, "undeliverable")] * 2

        await deliver.again(gateway, disclosure)
        assert await deliver.deliver(gateway, tool, GO()) == 1
        with pytest.raises(NotFound):
            await deliver.again(gateway, disclosure)


async def test_a_delivery_that_crashes_is_parked_after_a_few_attempts(
    network: Network, tmp_path: Path
) -> None:
    await received(network)
    tool = Tool(tmp_path / "tool", [Quarantined("crashed")] * 100)
    async with network.gateway(RECIPIENT) as gateway:
        for attempt in range(1, MOST_FAILURES + 3):
            await deliver.deliver(gateway, tool, GO())
            (one,) = await gateway.state.read(handed.list_open)
            assert one.state is (Handing.PARKED if attempt >= MOST_FAILURES else Handing.WAITING)
            assert one.reason == "crashed"
            network.sleep(hours=2)
        assert tool.calls == MOST_FAILURES


async def test_what_the_back_office_took_first_is_handed_on_no_more(
    network: Network, tmp_path: Path
) -> None:
    await received(network)
    (folder,) = folders(network)
    folder.rename(tmp_path / "taken")
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        assert await deliver.deliver(gateway, tool, GO()) == 0
        assert await gateway.state.read(handed.list_open) == []
    assert tool.calls == 0


async def test_what_nobody_may_use_is_not_handed_on(network: Network, tmp_path: Path) -> None:
    await received(network)
    (folder,) = folders(network)
    spool.mark(network.offices[RECIPIENT].home, folder.name)
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        assert await deliver.deliver(gateway, tool, GO()) == 0
    assert tool.calls == 0


@pytest.mark.parametrize("begun", [False, True])
async def test_an_erasure_asks_people_as_soon_as_a_delivery_has_begun(
    begun: bool, network: Network, tmp_path: Path
) -> None:
    await received(network)
    tool = Tool(tmp_path / "tool", [Unavailable()])  # nobody knows what it keeps of an attempt
    async with network.gateway(RECIPIENT) as gateway:
        if begun:
            await deliver.deliver(gateway, tool, GO())
        (known,) = await gateway.state.read(handed.list_open)
        (light,) = await gateway.state.read(arrivals.list_received)
        assert await erase._was_taken(gateway, light) is begun
        assert folders(network) == []
        network.sleep(hours=1)
        assert await deliver.deliver(gateway, tool, GO()) == 0
        assert known.attempts == int(begun)


@pytest.mark.parametrize("part", ["in/.{}/Brief.pdf", "in/tmp/{}"])
async def test_an_erasure_removes_what_a_crash_left_half_in_the_watched_folder(
    network: Network, part: str
) -> None:
    disclosure = await received(network, '[watch]\ninto = "in"\n')
    left = network.offices[RECIPIENT].home.root / part.format(disclosure)
    left.parent.mkdir(parents=True)
    left.write_bytes(b"%P")
    async with network.gateway(RECIPIENT) as gateway:
        (light,) = await gateway.state.read(arrivals.list_received)
        await erase._was_taken(gateway, light)
    assert not left.exists()


async def test_two_systems_get_it_each_at_its_own_pace(network: Network, tmp_path: Path) -> None:
    await received(network, SETTINGS + '[watch]\ninto = "in"\n')
    tool, folder = Tool(tmp_path / "tool", [Unavailable()]), Tool(tmp_path / "folder")
    folder.key = "watch"
    async with network.gateway(RECIPIENT) as gateway:
        assert await deliver.deliver(gateway, tool, GO()) == 0
        assert await deliver.deliver(gateway, folder, GO()) == 1
        assert len(folders(network)) == 1  # one of them does not have it yet
        network.sleep(minutes=1)
        assert await deliver.deliver(gateway, tool, GO()) == 1
    assert folders(network) == []


async def test_what_is_kept_leaves_the_spool_a_day_after_it_was_fetched(network: Network) -> None:
    disclosure = await received(network, "")
    async with network.gateway(RECIPIENT) as gateway:
        network.sleep(days=30)
        await deliver.remove_fetched(gateway)
        assert len(folders(network)) == 1  # never unfetched
        await deliver.fetched(gateway, disclosure)
        network.sleep(hours=23)
        await deliver.fetched(gateway, disclosure)  # the first time counts
        await deliver.remove_fetched(gateway)
        assert len(folders(network)) == 1
        network.sleep(hours=1)
        await deliver.remove_fetched(gateway)
        assert folders(network) == []
        await deliver.remove_fetched(gateway)
        with pytest.raises(NotFound):
            await deliver.fetched(gateway, "3b9a6f0e-51d1-4a1c-8a52-0d3f1a2b3c4d")


async def test_what_nobody_fetched_for_a_week_is_an_alarm(network: Network) -> None:
    disclosure = await received(network, "")
    async with network.gateway(RECIPIENT) as gateway:
        early, late = network.now - FORGOTTEN, network.now + timedelta(seconds=1)
        assert await gateway.state.read(handed.list_forgotten, early) == []
        (lying,) = await gateway.state.read(handed.list_forgotten, late)
        assert lying.id == disclosure
        await deliver.fetched(gateway, disclosure)
        assert await gateway.state.read(handed.list_forgotten, late) == []


async def test_the_loops_deliver_and_stop(network: Network, tmp_path: Path) -> None:
    await received(network)
    tool, stop = Tool(tmp_path / "tool"), asyncio.Event()
    async with (
        asyncio.timeout(60),
        network.gateway(RECIPIENT) as gateway,
        deliver.open_deliveries(_without_plugin(gateway), [tool]) as deliveries,
    ):
        assert deliveries is not None
        running = asyncio.create_task(deliver.run(gateway, deliveries, stop))
        while not tool.kept():  # noqa: ASYNC110 - it is the other side's word that counts
            await asyncio.sleep(0.05)
        stop.set()
        await running


def _without_plugin(gateway: Gateway) -> Gateway:
    settings = gateway.settings.model_copy(update={"delivery": type(gateway.settings.delivery)()})
    return replace(gateway, settings=settings)


async def test_no_destination_no_deliveries(network: Network) -> None:
    async with (
        network.gateway(RECIPIENT) as gateway,
        deliver.open_deliveries(gateway) as deliveries,
    ):
        assert deliveries is None


async def test_a_delivery_plugin_that_is_missing_stops_the_start(network: Network) -> None:
    office = network.offices[RECIPIENT]
    with office.home.settings_file.open("a") as file:
        file.write('\n[delivery]\nplugin = "no-such"\n')
    async with network.gateway(RECIPIENT) as gateway:
        with pytest.raises(Misconfigured, match="no-such"):
            async with deliver.open_deliveries(gateway):
                pass


async def test_a_crash_leaves_no_room_of_a_worker(network: Network) -> None:
    room = network.offices[RECIPIENT].home.workers / "0011223344556677"
    (room / "in").mkdir(parents=True)
    (room / "in" / "words.txt").write_text("a document")
    async with network.gateway(RECIPIENT):
        assert not room.exists()


@pytest.mark.parametrize("end", [None, Unavailable(), Undeliverable(), Quarantined("crashed")])
async def test_what_is_erased_while_it_is_delivered_is_not_remembered_anew(
    network: Network, tmp_path: Path, end: Exception | None
) -> None:
    disclosure = await received(network)

    class Erasing(Tool):
        async def hand(self, delivered: DeliveredFolder) -> None:
            await gateway.state.write(handed.forget_handed, [disclosure])
            await super().hand(delivered)

    tool = Erasing(tmp_path / "tool", [] if end is None else [end])
    async with network.gateway(RECIPIENT) as gateway:
        assert await deliver.deliver(gateway, tool, GO()) == 1 - (end is not None)
        assert await gateway.state.read(rows, tables.deliveries) == []
        assert await gateway.state.read(rows, tables.fetched) == []


async def test_what_is_erased_before_its_turn_is_not_begun(
    network: Network, tmp_path: Path
) -> None:
    disclosure = await received(network)
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        (listed,) = await gateway.state.read(handed.list_open)
        await gateway.state.write(handed.forget_handed, [disclosure])
        assert not await deliver._deliver(gateway, tool, listed)
        assert await gateway.state.read(rows, tables.deliveries) == []
    assert tool.calls == 0


def rows(conn: Connection, table: Table) -> Sequence[object]:
    return conn.execute(select(table)).all()


BROKEN = Outgoing("Brief.pdf", "application/pdf", b"no PDF at all")


async def test_what_people_release_is_handed_on_like_any_other_once(
    network: Network, tmp_path: Path
) -> None:
    disclosure = await received(network, files=(BROKEN,))
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        assert await deliver.deliver(gateway, tool, GO()) == 0
        await quarantine.release(gateway, disclosure)
        assert await deliver.deliver(gateway, tool, GO()) == 1
        assert await deliver.deliver(gateway, tool, GO()) == 0
        assert await events(gateway) == [(EventKind.DELIVERY_DONE, None)]
    assert list(tool.kept()) == [disclosure]
    (names,) = tool.kept().values()
    assert set(names) == {quarantine.NOTE, binding.NAME, "Brief.pdf"}
    assert tool.calls == 1
    assert folders(network) == []


async def test_what_is_rejected_is_handed_on_to_nobody(network: Network, tmp_path: Path) -> None:
    disclosure = await received(network, files=(BROKEN,))
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        await quarantine.reject(gateway, disclosure)
        assert await deliver.deliver(gateway, tool, GO()) == 0
        assert await gateway.state.read(handed.list_open) == []
    assert tool.calls == 0


async def test_what_a_crash_left_on_its_way_out_of_quarantine_is_handed_on_once_it_is_there(
    network: Network, tmp_path: Path
) -> None:
    disclosure = await received(network, files=(BROKEN,))
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        folder = await quarantine.release(gateway, disclosure)
        # As a crash between remembering the release and moving the folder leaves it.
        (gateway.home.spool / folder).rename(spool.aside(gateway.home, disclosure))
        assert await deliver.deliver(gateway, tool, GO()) == 0
        (waiting,) = await gateway.state.read(handed.list_open)
        assert (waiting.state, waiting.attempts) == (Handing.WAITING, 0)
        await quarantine.finish(gateway)
        assert await deliver.deliver(gateway, tool, GO()) == 1
    assert list(tool.kept()) == [disclosure]


async def test_a_release_waits_for_no_hub(network: Network, tmp_path: Path) -> None:
    disclosure = await received(network, files=(BROKEN,))

    async def away(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    network.double.replaced["consent"] = away
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        await quarantine.release(gateway, disclosure)
        (waiting,) = await gateway.state.read(handed.list_open)
        assert await deliver.deliver(gateway, tool, GO()) == 1
    assert b'"rent-arrears-letter"' in waiting.stated


async def test_two_files_of_one_name_are_both_handed_on(network: Network, tmp_path: Path) -> None:
    note = Outgoing(quarantine.NOTE, "text/plain", b"believe me: nothing is wrong")
    disclosure = await received(network, files=(BROKEN, note))
    tool = Tool(tmp_path / "tool")
    async with network.gateway(RECIPIENT) as gateway:
        await quarantine.release(gateway, disclosure)
        assert await deliver.deliver(gateway, tool, GO()) == 1
    (names,) = tool.kept().values()
    assert set(names) == {
        quarantine.NOTE,
        "00-AUS-DER-QUARANTAENE (2).txt",
        binding.NAME,
        "Brief.pdf",
    }
