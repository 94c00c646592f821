"""Reading the log to its end: what is said in this agency's name, and what the hub hides."""

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exchange.agency import poll, tail
from exchange.agency.tail import DIFFERENT, FOREIGN, UNEXPLAINED, Finding, list_findings
from exchange.errors import Held, NotFound
from exchange.keyring.ceremony import new_identity
from exchange.wire import routes
from tests.agency.ledger import Ledger
from tests.agency.network import RECIPIENT, SENDER, Network
from tests.evil_hub.forging import key_statement


async def tailed(network: Network, rounds: int = 1) -> list[Finding]:
    """Let the sender's gateway read the log; return what it has found."""
    async with network.gateway(SENDER) as gateway:
        for _ in range(rounds):
            await tail.tail(gateway)
        return await gateway.state.read(list_findings)


async def test_an_honest_log_is_read_to_its_end_and_nothing_is_found(network: Network) -> None:
    assert await tailed(network) == []

    calls = network.double.calls
    assert calls.count("log_entries") == 1
    calls.clear()
    assert await tailed(network) == []
    assert calls.count("log_entries") == 0  # where it stopped, it goes on


@pytest.mark.parametrize("count", [3, 255, 256, 257, 600])
async def test_it_goes_on_in_the_middle_of_a_bundle(network: Network, count: int) -> None:
    fill(network.double.ledger, 3)
    await tailed(network)
    fill(network.double.ledger, count)

    assert await tailed(network, rounds=2) == []
    forged(network)
    (found,) = await tailed(network)
    assert found.index == len(network.double.ledger.entries) - 1


def fill(ledger: Ledger, count: int) -> None:
    for number in range(count):
        ledger.document("something", f"{len(ledger.entries)} {number}".encode())


def forged(network: Network, agency: str = SENDER) -> None:
    """Log a key statement in an agency's name, signed with its own key by a thief."""
    statement = key_statement(network, agency, seq=2, previous="x" * 42 + "w")
    network.double.ledger.document(f"key-statement/{agency}", statement)


async def test_a_statement_in_our_name_that_was_not_made_here_is_an_alarm(
    network: Network,
) -> None:
    forged(network)

    with capture_logs() as events:
        (found,) = await tailed(network)

    assert (found.index, found.code) == (2, FOREIGN)
    (told,) = [one for one in events if one["event"] == "log_finding"]
    assert (told["log_level"], told["code"]) == ("critical", FOREIGN)


async def test_what_this_agency_said_itself_is_none(network: Network) -> None:
    office = network.offices[SENDER]
    network.sleep(days=8)
    reissued = office.ring.announce(now=network.now)
    network.double.change_agency(SENDER, key_statement=reissued.statement.decode())
    succession = office.ring.succeed(now=network.now)
    network.double.ledger.document(f"key-statement/{SENDER}", succession)

    assert await tailed(network) == []  # while it is under way

    office.ring.install(now=network.now)
    office.ring.conclude()
    assert succession in office.ring.said()  # and when it is over


async def test_a_document_of_a_partner_that_the_hub_does_not_show(network: Network) -> None:
    forged(network, RECIPIENT)
    index = len(network.double.ledger.entries) - 1
    (hidden,) = list(network.double.ledger.documents)[-1:]
    del network.double.ledger.documents[hidden]

    (found,) = await tailed(network)

    assert (found.index, found.code) == (index, UNEXPLAINED)


async def test_a_document_of_a_partner_that_is_another_one(network: Network) -> None:
    forged(network, RECIPIENT)
    (name,) = list(network.double.ledger.documents)[-1:]
    network.double.ledger.documents[name] = b"another"

    (found,) = await tailed(network)

    assert found.code == UNEXPLAINED


async def test_documents_of_strangers_are_not_asked_for(network: Network) -> None:
    stranger = new_identity("youth-c")
    network.double.ledger.document("key-statement/youth-c", stranger.kid.encode())
    network.double.ledger.documents.clear()
    network.double.calls.clear()
    pins = network.offices[SENDER].home.pins
    (pins / f"{RECIPIENT}.json").unlink()

    assert await tailed(network) == []
    assert "log_document" not in network.double.calls


def hide(network: Network) -> None:
    """Let the double show other entries than those it has signed."""

    async def entries(request: web.Request) -> web.StreamResponse:
        honest = await network.double.log_entries(request)
        assert isinstance(honest, web.Response)
        assert isinstance(honest.body, bytes)
        hidden = honest.body[:-49] + b"\x01" + bytes(48)
        return web.Response(body=hidden, content_type=routes.PAYLOAD)

    network.double.replaced["log_entries"] = entries


async def test_a_hub_that_shows_other_entries_is_found_out(network: Network) -> None:
    forged(network)
    hide(network)

    with capture_logs() as events, pytest.raises(Held, match="log-receipt-invalid"):
        await tailed(network)

    assert [one["code"] for one in events if one["event"] == "log_finding"] == [DIFFERENT]
    network.double.replaced.clear()
    found = await tailed(network)  # anew, from the beginning
    assert {one.code for one in found} == {FOREIGN, DIFFERENT}


@pytest.mark.parametrize("entries", [b"", b"\x00\x31" + bytes(49), bytes(51 * 2)])
async def test_entries_of_another_form_are_no_log(network: Network, entries: bytes) -> None:
    async def wrong(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=entries, content_type=routes.PAYLOAD)

    network.double.replaced["log_entries"] = wrong

    with pytest.raises(Held, match="log-receipt-invalid"):
        await tailed(network)


async def test_entries_that_are_withheld_are_no_log(network: Network) -> None:
    async def nothing(_request: web.Request) -> web.StreamResponse:
        raise NotFound

    network.double.replaced["log_entries"] = nothing

    with pytest.raises(Held, match="log-receipt-invalid"):
        await tailed(network)


async def test_a_log_that_has_published_nothing_yet_is_waited_for(network: Network) -> None:
    async def nothing(_request: web.Request) -> web.StreamResponse:
        raise NotFound

    network.double.replaced["log_checkpoint"] = nothing

    assert await tailed(network) == []


async def test_a_round_reads_a_bounded_number_of_entries(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MOST_BUNDLES", 1)
    fill(network.double.ledger, 600)
    forged(network)

    assert await tailed(network) == []
    assert await tailed(network) == []
    (found,) = await tailed(network)
    assert found.code == FOREIGN


async def test_what_a_round_finds_does_not_keep_documents_from_crossing(
    network: Network,
) -> None:
    hide(network)

    async with network.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)

    (trouble,) = done.troubles
    assert isinstance(trouble, Held)
