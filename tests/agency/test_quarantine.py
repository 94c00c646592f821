"""Quarantine: people look at what was set aside, and let it in or remove it; once each."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from exchange.agency import arrivals, erase, quarantine, spool
from exchange.agency.parts import Gateway
from exchange.agency.quarantine import NOTE
from exchange.agency.state import Receiving
from exchange.consent import binding
from exchange.envelope.sealing import Outgoing
from exchange.errors import Conflict, NotFound
from tests.agency.network import RECIPIENT, SENDER, Network, files_below
from tests.agency.test_receive import result, round_of, sent

BROKEN = b"no PDF at all"


async def set_aside(network: Network) -> str:
    """Let a document arrive that nobody can convert; return its id."""
    kept = await sent(network, files=(Outgoing("Brief.pdf", "application/pdf", BROKEN),))
    await round_of(network)
    assert result(kept) == ("quarantined", "malformed")
    return str(next(iter(network.double.kept)))


async def test_people_see_why_it_lies_there_and_what_the_sender_says_is_in_it(
    network: Network,
) -> None:
    disclosure_id = await set_aside(network)

    async with network.gateway(RECIPIENT) as gateway:
        (aside,) = await quarantine.list_quarantine(gateway)
        place = quarantine.file_of(gateway, aside, 1)
        with pytest.raises(NotFound):
            quarantine.file_of(gateway, aside, 2)

    assert (aside.id, aside.reason, aside.may_be_released) == (disclosure_id, "malformed", True)
    assert [file.name for file in aside.contents.files] == [binding.NAME, "Brief.pdf"]
    assert place.read_bytes() == BROKEN
    assert aside.until == aside.received.seen_at + arrivals.KEPT_ASIDE


async def test_what_is_released_lies_in_the_spool_as_it_came_with_the_reason_beside(
    network: Network,
) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home

    async with network.gateway(RECIPIENT) as gateway:
        folder = await quarantine.release(gateway, disclosure_id)
        assert await quarantine.list_quarantine(gateway) == []
        with pytest.raises(NotFound):
            await quarantine.release(gateway, disclosure_id)

    found = files_below(home.spool)
    assert found.keys() == {
        f"{folder}/{NOTE}",
        f"{folder}/document/{binding.NAME}",
        f"{folder}/document/Brief.pdf",
        f"{folder}/reason.txt",
    }
    assert found[f"{folder}/document/Brief.pdf"] == BROKEN
    assert found[f"{folder}/reason.txt"].startswith(b"malformed\r\n")
    assert b"malformed" in found[f"{folder}/{NOTE}"]
    assert files_below(home.quarantine) == {}


async def test_the_sender_learns_nothing_of_what_people_decide(network: Network) -> None:
    disclosure_id = await set_aside(network)
    kept = network.double.kept[disclosure_id]
    before = dict(kept.answers)

    async with network.gateway(RECIPIENT) as gateway:
        await quarantine.release(gateway, disclosure_id)
    await round_of(network)

    assert kept.answers == before


async def test_what_was_released_and_is_sent_on_has_to_be_said_so(network: Network) -> None:
    disclosure_id = await set_aside(network)

    async with network.gateway(RECIPIENT) as gateway:
        await quarantine.release(gateway, disclosure_id)
        known = await gateway.state.read(arrivals.accepted, disclosure_id)
        sizes = await gateway.state.read(arrivals.sizes_delivered)

    assert known is not None
    assert known.sender == SENDER
    assert len(BROKEN) in sizes


async def test_what_is_rejected_is_gone_and_nothing_of_its_contents_is_known(
    network: Network,
) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home

    async with network.gateway(RECIPIENT) as gateway:
        await quarantine.reject(gateway, disclosure_id)
        with pytest.raises(NotFound):
            await quarantine.reject(gateway, disclosure_id)
        (left,) = await gateway.state.read(arrivals.find_received, disclosure_id)
        whole = await gateway.state.read(arrivals.whole, left)

    assert files_below(home.quarantine) == files_below(home.spool) == {}
    assert left.state is Receiving.ERASED
    assert whole.contents is None
    assert whole.acknowledgement is not None, "what was answered stays proven"


@pytest.mark.parametrize("reason", sorted(quarantine.FORBIDDEN))
async def test_what_nobody_may_use_is_never_released(network: Network, reason: str) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home
    (spool.aside(home, disclosure_id) / "reason.txt").write_text(f"{reason}\n")

    async with network.gateway(RECIPIENT) as gateway:
        with pytest.raises(Conflict):
            await quarantine.release(gateway, disclosure_id)
        assert files_below(home.spool) == {}
        await quarantine.reject(gateway, disclosure_id)

    assert files_below(home.quarantine) == {}


async def test_nobody_decides_before_the_sender_was_answered(network: Network) -> None:
    disclosure_id = await set_aside(network)

    async with network.gateway(RECIPIENT) as gateway:
        await gateway.state.write(unanswered, disclosure_id)
        for decide in (quarantine.release, quarantine.reject):
            with pytest.raises(Conflict):
                await decide(gateway, disclosure_id)
        assert len(await quarantine.list_quarantine(gateway)) == 1


def unanswered(conn: Connection, disclosure_id: str) -> None:
    (received,) = arrivals.find_received(conn, disclosure_id)
    arrivals.put_received(conn, replace(received, state=Receiving.DECIDED))


async def test_a_crash_before_the_move_lets_it_in_at_the_next_round(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home
    with monkeypatch.context() as crashing:
        crashing.setattr(quarantine, "move_durably", killed)
        async with network.gateway(RECIPIENT) as gateway:
            with pytest.raises(OSError, match="killed"):
                await quarantine.release(gateway, disclosure_id)
    assert files_below(home.spool) == {}

    await round_of(network)
    (folder,) = home.spool.iterdir()
    assert (folder / "document" / "Brief.pdf").read_bytes() == BROKEN

    spool.remove_delivered(home, folder.name)  # the back office takes it
    await round_of(network)
    assert list(home.spool.iterdir()) == [], "it is let in once"


def killed(_source: Path, _target: Path) -> None:
    raise OSError("killed")


async def test_a_crash_while_it_is_removed_leaves_nothing_to_find(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home
    with monkeypatch.context() as crashing:
        crashing.setattr(spool, "remove", lambda *_, **__: killed(home.root, home.root))
        async with network.gateway(RECIPIENT) as gateway:
            with pytest.raises(OSError, match="killed"):
                await quarantine.reject(gateway, disclosure_id)
            assert await quarantine.list_quarantine(gateway) == []

    await round_of(network)

    assert files_below(home.quarantine) == {}


async def test_a_withdrawal_removes_what_was_released(network: Network) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home
    (consent,) = network.double.consents.values()
    async with network.gateway(RECIPIENT) as gateway:
        await quarantine.release(gateway, disclosure_id)
    network.double.end_consent(consent.id, network.withdrawal(consent))
    network.double.ask_erasure("8b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a08", consent.id, RECIPIENT)

    await round_of(network)

    assert files_below(home.spool) == {}


@pytest.mark.parametrize("first", [quarantine.release, quarantine.reject])
@pytest.mark.parametrize("second", [quarantine.release, quarantine.reject])
async def test_of_two_people_who_decide_at_once_the_first_one_counts(
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
    first: Callable[[Gateway, str], Awaitable[object]],
    second: Callable[[Gateway, str], Awaitable[object]],
) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home
    async with network.gateway(RECIPIENT) as gateway:
        seen = await quarantine.find_aside(gateway, disclosure_id)
        await first(gateway, disclosure_id)
        before = files_below(home.spool)

        async def seen_by_both(*_: object) -> quarantine.Aside:
            return seen

        monkeypatch.setattr(quarantine, "find_aside", seen_by_both)
        with pytest.raises(NotFound):
            await second(gateway, disclosure_id)
        (left,) = await gateway.state.read(arrivals.find_received, disclosure_id)

    assert files_below(home.spool) == before
    assert (before == {}) is (left.state is Receiving.ERASED) is (first is quarantine.reject)


@pytest.mark.parametrize("decide", [quarantine.release, quarantine.reject])
async def test_a_decision_that_is_slow_does_not_undo_another(
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
    decide: Callable[[Gateway, str], Awaitable[object]],
) -> None:
    """The other decision comes after the look at the files and before the commit."""
    disclosure_id = await set_aside(network)
    async with network.gateway(RECIPIENT) as gateway:
        (known,) = await gateway.state.read(arrivals.find_received, disclosure_id)
        seen = await quarantine.find_aside(gateway, disclosure_id)
        await gateway.state.write(arrivals.mark_erased, known.consent)

        async def seen_before(*_: object) -> quarantine.Aside:
            return seen

        monkeypatch.setattr(quarantine, "find_aside", seen_before)
        with pytest.raises(NotFound):
            await decide(gateway, disclosure_id)
        (left,) = await gateway.state.read(arrivals.find_received, disclosure_id)
    assert (left.state, left.folder) == (Receiving.ERASED, None)


async def test_what_is_released_while_it_is_erased_is_erased(network: Network) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home
    async with network.gateway(RECIPIENT) as gateway:
        (listed,) = await gateway.state.read(arrivals.list_received)
        await quarantine.release(gateway, disclosure_id)
        await erase._was_taken(gateway, listed)
    assert files_below(home.spool) == files_below(home.quarantine) == {}


@pytest.mark.parametrize("function", ["unlink", "rmdir"])
async def test_two_may_remove_one_document_at_the_same_time(
    network: Network, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    disclosure_id = await set_aside(network)
    home = network.offices[RECIPIENT].home
    remove = getattr(os, function)

    def second(name: str, **where: Any) -> None:
        remove(name, **where)
        remove(name, **where)

    monkeypatch.setattr(os, function, second)
    await asyncio.to_thread(spool.remove, home, disclosure_id, opened=True)
    assert files_below(home.quarantine) == {}
