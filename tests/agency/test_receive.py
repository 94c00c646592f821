"""Receiving: each step that can go wrong, and going on after an interruption."""

import asyncio
import errno

import pytest
from aiohttp import web

from exchange.agency import arrivals, follow, poll, send, spool, state
from exchange.agency.awaited import list_awaited
from exchange.agency.evidence import RECEIPT, find_evidence
from exchange.agency.hand_over import open_reception
from exchange.agency.log import judged
from exchange.agency.log_points import shows
from exchange.agency.log_policy import trusted
from exchange.agency.receive import Outcome
from exchange.agency.state import Receiving, Sending
from exchange.audit.status import read_status
from exchange.envelope.sealing import Outgoing
from exchange.errors import Misconfigured, NotFound, Unavailable
from tests.agency import ledger
from tests.agency.double import Kept, payload_of
from tests.agency.network import (
    CONSENT_ID,
    LETTER,
    RECIPIENT,
    SENDER,
    SUBJECT,
    Network,
    draft,
    files_below,
)

TRUSTED = trusted(ledger.policy())


async def sent(network: Network, **members: object) -> Kept:
    """Send honestly."""
    async with network.gateway(SENDER) as gateway:
        (one,) = await send.send(gateway, draft(**members))
    return network.double.kept[one.id]


async def round_of(network: Network) -> poll.Round:
    async with network.receiving() as (gateway, reception):
        return await poll.fetch(gateway, reception)


def result(kept: Kept) -> tuple[str, str | None]:
    answer = payload_of(kept.answers[RECIPIENT][1])
    return answer["result"], answer.get("reason")


async def stored(network: Network) -> state.Received:
    async with network.gateway(RECIPIENT) as gateway:
        (light,) = await gateway.state.read(arrivals.list_received)
        return await gateway.state.read(arrivals.whole, light)


async def test_the_evidence_holds_what_the_log_has_shown(network: Network) -> None:
    await sent(network)
    await round_of(network)

    received = await stored(network)

    assert received.log == "entry 3 of hub.example/log"
    assert judged(TRUSTED, received.receipt or b"").index == 3
    assert read_status(received.status or b"", TRUSTED.status).consent == received.consent
    for kept, kind in (
        (received.collected, "disclosure-collected"),
        (received.acknowledged, "disclosure-acknowledged"),
    ):
        assert shows(judged(TRUSTED, kept or b""), kind, received.digest)["by"] == RECIPIENT
    async with network.gateway(RECIPIENT) as gateway:
        consent = await gateway.state.read(find_evidence, received.consent, RECEIPT)
        assert await gateway.state.read(list_awaited) == []
    shows(judged(TRUSTED, consent or b""), "consent-recorded", received.consent)
    assert received.contents is not None
    assert b"CANARY-REFERENCE" in received.contents
    assert received.acknowledgement is not None


async def test_the_subject_is_opened_when_the_consent_is_first_seen(network: Network) -> None:
    kept = await sent(network)
    await round_of(network)

    async with network.gateway(RECIPIENT) as gateway:
        consent = network.double.consents[kept.consent_id].consent
        block = await gateway.records.subject(consent)

    assert block is not None
    assert block["subject"] == SUBJECT


async def test_a_document_nobody_can_convert_is_set_aside_and_said_so(network: Network) -> None:
    kept = await sent(network, files=(Outgoing("x.pdf", "application/pdf", b"no PDF at all"),))

    done = await round_of(network)

    home = network.offices[RECIPIENT].home
    assert done.outcomes == {Outcome.QUARANTINED: 1}
    assert result(kept) == ("quarantined", "malformed")
    assert files_below(home.spool) == {}
    aside = files_below(home.quarantine)
    assert b"no PDF at all" in aside.values()
    (paper,) = (content for name, content in aside.items() if name.endswith("/reason.txt"))
    assert paper.startswith(b"malformed\r\n")
    assert "the content of a file does not fit its media type" in paper.decode()


async def test_a_name_without_an_ending_opens_at_the_recipient(network: Network) -> None:
    """A sender may say the media type itself and name the file as it likes."""
    kept = await sent(network, files=(Outgoing("Mahnung 3. März", "application/pdf", LETTER),))

    done = await round_of(network)

    assert done.outcomes == {Outcome.ACCEPTED: 1}
    assert result(kept) == ("accepted", None)
    spool_of = files_below(network.offices[RECIPIENT].home.spool)
    (name,) = (name for name, content in spool_of.items() if content == LETTER)
    assert name.endswith("/Mahnung 3. März.pdf")


async def test_a_type_outside_the_published_capabilities_is_set_aside(network: Network) -> None:
    kept = await sent(network, files=(Outgoing("x.bin", "application/x-unheard-of", b"?"),))

    done = await round_of(network)

    assert done.outcomes == {Outcome.QUARANTINED: 1}
    assert result(kept) == ("quarantined", "not-accepted")


async def test_a_lost_document_key_is_answered(network: Network) -> None:
    kept = await sent(network)
    ring = network.offices[RECIPIENT].ring
    lost = ring.current()
    network.double.change_agency(
        RECIPIENT,
        key_statement=ring.revoke(lost.key.fingerprint, now=network.now).statement.decode(),
    )
    lost.path.unlink()

    done = await round_of(network)

    assert done.outcomes == {Outcome.REJECTED: 1}
    assert result(kept) == ("rejected", "key-lost")
    assert "collect" not in network.double.calls


async def test_an_expired_disclosure_is_answered(network: Network) -> None:
    kept = await sent(network)
    network.sleep(days=14)

    await round_of(network)

    assert result(kept) == ("rejected", "expired")


async def test_withdrawn_between_payload_and_collection_nothing_is_released(
    network: Network,
) -> None:
    kept = await sent(network)
    honest = network.double.payload

    async def then_withdrawn(request: web.Request) -> web.StreamResponse:
        network.double.end_consent(CONSENT_ID)
        return await honest(request)

    network.double.replaced["payload"] = then_withdrawn

    done = await round_of(network)

    assert done.outcomes == {Outcome.ENDED: 1}
    assert kept.collected == {}
    assert files_below(network.offices[RECIPIENT].home.incoming) == {}


async def test_withdrawn_between_collection_and_hand_over_it_is_removed(network: Network) -> None:
    kept = await sent(network)
    honest = network.double.collect

    async def then_withdrawn(request: web.Request) -> web.StreamResponse:
        released = await honest(request)
        network.double.end_consent(CONSENT_ID)
        return released

    network.double.replaced["collect"] = then_withdrawn

    done = await round_of(network)

    home = network.offices[RECIPIENT].home
    assert done.outcomes == {Outcome.ENDED: 1}
    assert kept.answers == {}
    for folder in (home.spool, home.quarantine, home.incoming):
        assert files_below(folder) == {}
    received = await stored(network)
    assert (received.state, received.header, received.contents) == (Receiving.ENDED, None, None)


async def test_a_recalled_document_ends_quietly(network: Network) -> None:
    await sent(network)

    async def gone(_request: web.Request) -> web.StreamResponse:
        raise NotFound

    network.double.replaced["payload"] = gone

    assert (await round_of(network)).outcomes == {Outcome.ENDED: 1}


async def test_a_damaged_download_is_repeated_once_and_then_accepted(network: Network) -> None:
    await sent(network)
    honest = network.double.payload
    asked: list[str] = []

    async def damaged_first(request: web.Request) -> web.StreamResponse:
        response = await honest(request)
        assert isinstance(response, web.Response)
        if not asked and isinstance(response.body, bytes):
            response.body = b"\0" + response.body[1:]
        asked.append("payload")
        return response

    network.double.replaced["payload"] = damaged_first

    assert (await round_of(network)).outcomes == {Outcome.ACCEPTED: 1}
    assert len(asked) == 2


async def test_a_broken_download_goes_on_behind_what_is_here(network: Network) -> None:
    content = b"%PDF-1.7 " + bytes(3 * 1024 * 1024)
    kept = await sent(network, files=(Outgoing("scan.pdf", "application/pdf", content),))
    honest = network.double.payload
    ranges: list[str | None] = []

    async def breaking(request: web.Request) -> web.StreamResponse:
        ranges.append(request.headers.get("Range"))
        if len(ranges) > 1:
            return await honest(request)
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = len(kept.split[1])
        await response.prepare(request)
        await response.write(kept.split[1][:1_000_000])
        assert request.transport is not None
        request.transport.close()
        return response

    network.double.replaced["payload"] = breaking

    assert (await round_of(network)).outcomes == {Outcome.ACCEPTED: 1}
    first, second = ranges
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 1_000_000


async def test_a_full_disk_costs_nothing_but_time(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(network)

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "make_room", full)
    first = await round_of(network)
    monkeypatch.undo()
    second = await round_of(network)

    assert first.outcomes == {}
    assert [trouble.code for trouble in first.troubles] == ["storage-full"]
    assert second.outcomes[Outcome.ACCEPTED] == 1
    assert len(list(network.offices[RECIPIENT].home.spool.iterdir())) == 1


async def test_a_lost_answer_to_the_acknowledgement_is_repeated_with_the_same_bytes(
    network: Network,
) -> None:
    kept = await sent(network)
    honest = network.double.acknowledge
    lost: list[bool] = []

    async def losing(request: web.Request) -> web.StreamResponse:
        answered = await honest(request)
        if not lost:
            lost.append(True)
            raise Unavailable
        return answered

    network.double.replaced["acknowledge"] = losing
    with pytest.raises(Unavailable):
        await round_of(network)
    first = kept.answers[RECIPIENT]

    done = await round_of(network)

    assert done.outcomes == {Outcome.ACCEPTED: 1}
    assert kept.answers[RECIPIENT] == first
    assert (await stored(network)).acknowledgement == first[1]
    assert len(list(network.offices[RECIPIENT].home.spool.iterdir())) == 1


async def test_what_the_back_office_took_before_a_restart_is_not_delivered_again(
    network: Network,
) -> None:
    await sent(network)

    async def away(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    network.double.replaced["acknowledge"] = away
    with pytest.raises(Unavailable):
        await round_of(network)
    home = network.offices[RECIPIENT].home
    (folder,) = home.spool.iterdir()
    folder.rename(home.root.parent / "taken")
    del network.double.replaced["acknowledge"]

    assert (await round_of(network)).outcomes == {Outcome.ACCEPTED: 1}
    assert list(home.spool.iterdir()) == []


async def test_a_document_from_somebody_not_pinned_waits_until_he_is(network: Network) -> None:
    await sent(network)
    pins = network.offices[RECIPIENT].home.pins / f"{SENDER}.json"
    pinned = pins.read_bytes()
    pins.unlink()

    first = await round_of(network)
    pins.write_bytes(pinned)
    second = await round_of(network)

    assert first.outcomes == {Outcome.HELD: 1}
    assert second.outcomes == {Outcome.ACCEPTED: 1}
    async with network.gateway(RECIPIENT) as gateway:
        assert await gateway.state.read(state.list_held) == []


async def test_what_the_hub_no_longer_offers_is_no_longer_held(network: Network) -> None:
    kept = await sent(network)
    network.double.end_consent(CONSENT_ID)
    await round_of(network)
    kept.offered_to = set()

    await round_of(network)

    async with network.gateway(RECIPIENT) as gateway:
        assert await gateway.state.read(state.list_held) == []


async def test_the_sender_sees_a_rejection_with_its_reason(network: Network) -> None:
    await sent(network)
    network.sleep(days=13, hours=23)
    network.double.agreements = [network.double.agreements[0].model_copy(update={"state": "ended"})]
    await round_of(network)

    async with network.gateway(SENDER) as gateway:
        await follow.follow(gateway)
        (known,) = await gateway.state.read(state.list_sent)

    assert (known.state, known.result, known.reason) == (
        Sending.ACKNOWLEDGED,
        "rejected",
        "not-permitted",
    )


async def test_run_receives_what_arrives_and_stops_when_told(network: Network) -> None:
    stop, answered = asyncio.Event(), asyncio.Event()
    honest = network.double.acknowledge

    async def noticed(request: web.Request) -> web.StreamResponse:
        response = await honest(request)
        answered.set()
        return response

    network.double.replaced["acknowledge"] = noticed
    async with network.receiving() as (gateway, reception):
        running = asyncio.create_task(poll.run(gateway, reception, stop))
        async with network.gateway(SENDER) as sender:
            await send.send(sender, draft())
        home = network.offices[RECIPIENT].home
        async with asyncio.timeout(30):
            await answered.wait()
        stop.set()
        async with asyncio.timeout(10):
            await running

    assert LETTER in files_below(home.spool).values()


async def test_run_goes_on_while_the_hub_is_away(network: Network) -> None:
    stop = asyncio.Event()
    asked: list[str] = []

    async def away(_request: web.Request) -> web.StreamResponse:
        asked.append("inbox")
        if len(asked) == 2:
            stop.set()
        raise Unavailable

    network.double.replaced["inbox"] = away
    async with network.receiving() as (gateway, reception):
        async with asyncio.timeout(30):
            await poll.run(gateway, reception, stop)

    assert len(asked) == 2


async def test_run_goes_on_when_the_disk_was_full(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of several agencies nobody would start this one again."""
    stop = asyncio.Event()
    rounds: list[str] = []

    async def full(*_: object) -> None:
        rounds.append("round")
        if len(rounds) == 2:
            stop.set()
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(poll, "fetch", full)
    async with network.receiving() as (gateway, reception):
        async with asyncio.timeout(30):
            await poll.run(gateway, reception, stop)

    assert len(rounds) == 2


async def test_a_second_process_is_refused_by_the_lock(network: Network) -> None:
    async with network.gateway(RECIPIENT):
        with pytest.raises(Misconfigured, match="another process"):
            async with network.gateway(RECIPIENT):
                pass


async def test_an_intake_plugin_that_is_not_installed_stops_the_start(network: Network) -> None:
    settings = network.offices[RECIPIENT].home.settings_file
    settings.write_text(settings.read_text() + '[intake]\nplugin = "no-such"\n')

    async with network.gateway(RECIPIENT) as gateway:
        with pytest.raises(Misconfigured, match="no-such"):
            async with open_reception(gateway):
                pass


async def test_every_document_is_in_exactly_one_place(network: Network) -> None:
    good = await sent(network)
    bad = await sent(network, files=(Outgoing("x.pdf", "application/pdf", b"no PDF"),))
    await round_of(network)

    home = network.offices[RECIPIENT].home
    spooled = [folder for folder in home.spool.iterdir() if not folder.name.startswith(".")]
    aside = [folder for folder in home.quarantine.iterdir() if not folder.name.startswith(".")]
    ids = {payload_of(kept.manifest)["context"] for kept in (good, bad)}
    assert (len(spooled), len(aside), len(ids)) == (1, 1, 2)


async def test_leftovers_of_a_crash_are_swept_and_quarantine_is_kept(network: Network) -> None:
    await sent(network, files=(Outgoing("x.pdf", "application/pdf", b"no PDF"),))
    await round_of(network)
    home = network.offices[RECIPIENT].home
    before = files_below(home.quarantine)
    lost = "9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09"
    (home.incoming / f"{lost}.payload").write_bytes(b"x")
    spool.make_room(home, lost)
    spool.make_target(home, lost)

    await round_of(network)

    assert files_below(home.quarantine) == before
    assert files_below(home.incoming) == {}
    assert list(home.spool.iterdir()) == []
