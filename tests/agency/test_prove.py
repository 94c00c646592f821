"""Receipts of what an agency did: nothing counts as done before the log shows it."""

import asyncio
import shutil
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exchange.agency import conflict, poll, prove, send, signed, state, withdraw
from exchange.agency.app import open_desk
from exchange.agency.awaited import list_awaited
from exchange.agency.hand_in import hand_in, keep
from exchange.agency.log import judged
from exchange.agency.log_points import RECORDED, STORED, WITHDRAWN, shows
from exchange.agency.log_policy import trusted
from exchange.agency.prove import catch_up, receipt_file
from exchange.agency.state import Sending
from exchange.audit import event
from exchange.audit.opening import EVENT
from exchange.canonical import digest
from exchange.consent.withdrawal import By, Channel
from exchange.errors import Held, HubMisbehaves, Misconfigured
from exchange.wire import routes, shapes
from tests.agency import ledger
from tests.agency.double import answer, body, payload_of
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, draft, files_below

TRUSTED = trusted(ledger.policy())


def put_off(network: Network) -> None:
    """Let the log not grow: no receipt of an event is there yet."""

    async def not_yet(request: web.Request) -> web.StreamResponse:
        index = network.double.ledger.find(request.match_info["id"])
        if index is None or network.double.ledger.entries[index].opening.version != EVENT:
            return await network.double.log_receipt(request)
        return web.Response(status=202)

    network.double.replaced["log_receipt"] = not_yet


async def sent(network: Network) -> state.Sent:
    async with network.gateway(SENDER) as gateway:
        (one,) = await send.send(gateway, draft())
        return one


async def resumed(network: Network) -> list[state.Sent]:
    async with network.gateway(SENDER) as gateway:
        await send.resume(gateway)
        return await gateway.state.read(state.list_sent)


async def test_a_send_is_done_with_its_receipt_beside_it(network: Network) -> None:
    one = await sent(network)

    assert one.state is Sending.STORED
    home = network.offices[SENDER].home
    proven = judged(TRUSTED, receipt_file(home, STORED, one.id).read_bytes())
    assert shows(proven, STORED, one.digest)["by"] == SENDER
    assert receipt_file(home, STORED, one.id).stat().st_mode & 0o077 == 0
    assert files_below(home.outgoing) == {}
    async with network.gateway(SENDER) as gateway:
        assert await gateway.state.read(list_awaited) == []


async def test_without_a_receipt_nothing_is_done_and_the_sealed_file_stays(
    network: Network,
) -> None:
    put_off(network)

    one = await sent(network)

    assert one.state is Sending.LODGED
    home = network.offices[SENDER].home
    assert list(files_below(home.outgoing)) == [f"{one.id}.age"]
    async with network.gateway(SENDER) as gateway:
        await send.sweep_outgoing(gateway)
    assert list(files_below(home.outgoing)) == [f"{one.id}.age"]
    (still,) = await resumed(network)
    assert still.state is Sending.LODGED
    assert network.double.calls.count("disclose") == 1  # it is not sent again

    network.double.replaced.clear()
    (done,) = await resumed(network)

    assert done.state is Sending.STORED
    assert files_below(home.outgoing) == {}


async def test_h22_a_store_without_an_entry_is_told_after_a_minute(network: Network) -> None:
    honest = network.double.disclose

    async def unlogged(request: web.Request) -> web.StreamResponse:
        given: Any = await honest(request)
        stored = shapes.DisclosureStored.model_validate_json(given.body)
        return answer(stored.model_copy(update={"receipt": None}), status=201)

    network.double.replaced["disclose"] = unlogged
    one = await sent(network)
    assert one.state is Sending.LODGED

    with capture_logs() as early:
        network.sleep(seconds=59)
        await round_of(network)
    with capture_logs() as late:
        network.sleep(seconds=1)
        await round_of(network)
        await round_of(network)

    assert not [told for told in early if told["event"] == "not_proved"]
    (told,) = [told for told in late if told["event"] == "not_proved"]
    assert (told["log_level"], told["code"]) == ("error", "log-receipt-missing")
    assert told["disclosure_id"] == one.id


async def round_of(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await catch_up(gateway)


async def test_a_receipt_of_something_else_is_no_receipt(network: Network) -> None:
    async def another(_request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=network.double.ledger.receipt(len(network.double.ledger.entries) - 1),
            content_type=routes.TEXT,
        )

    forged = event.disclosure_stored(
        at=network.now,
        by=RECIPIENT,
        consent=digest(b"consent"),
        manifest=digest(b"manifest"),
        to=[SENDER],
        subject=("housing-loss", "rent-arrears-letter"),
    )
    honest = network.double.disclose

    async def then_lie(request: web.Request) -> web.StreamResponse:
        given = await honest(request)
        network.double.ledger.event("forged", forged)
        network.double.replaced["log_receipt"] = another
        return given

    network.double.replaced["disclose"] = then_lie
    with pytest.raises(Held, match="log-receipt-invalid") as told:
        await sent(network)

    assert "its log does not prove it" in told.value.__notes__[0]
    (one,) = await resumed(network)
    assert one.state is Sending.LODGED
    assert files_below(network.offices[SENDER].home.receipts) == {}


async def test_a_name_of_a_receipt_that_is_none_is_refused(network: Network) -> None:
    async def disclose(request: web.Request) -> web.StreamResponse:
        given: Any = await network.double.disclose(request)
        return web.Response(
            status=201,
            body=given.body.replace(b"/log/receipts/", b"/v1/consents/"),
            content_type=routes.JSON,
        )

    network.double.replaced["disclose"] = disclose

    with pytest.raises(HubMisbehaves):
        await sent(network)


async def test_a_crash_between_receipt_and_state_asks_for_nothing_again(network: Network) -> None:
    one = await sent(network)
    async with network.gateway(SENDER) as gateway:
        change = {"state": Sending.LODGED.value}
        await gateway.state.write(state.change_sent, one.id, change)
    network.double.calls.clear()

    (done,) = await resumed(network)

    assert done.state is Sending.STORED
    assert "log_receipt" not in network.double.calls


async def test_a_split_view_stops_the_sender_too(network: Network) -> None:
    await sent(network)
    network.double.ledger = network.double.ledger.forked(at=0)

    with pytest.raises(Held, match="log-split-view"):
        await sent(network)

    assert conflict.is_stopped(network.offices[SENDER].home)
    with pytest.raises(Misconfigured, match="two histories"):
        await sent(network)


async def test_a_split_view_stops_all_traffic_also_where_no_evidence_can_be_written(
    network: Network,
) -> None:
    await sent(network)
    async with network.gateway(SENDER) as gateway:
        network.double.ledger = network.double.ledger.forked(at=0)
        home = network.offices[SENDER].home
        shutil.rmtree(home.conflict)
        home.conflict.write_bytes(b"")  # no directory can be made here, by nobody
        note = await gateway.log.calls.checkpoint()
        with pytest.raises(OSError, match="Not a directory"):
            await gateway.log.agree(gateway.log.head(note))

        assert gateway.log.stopped
        with pytest.raises(Held, match="log-split-view"):
            await gateway.client.inbox()


async def test_a_running_gateway_ends_when_it_sees_two_histories(network: Network) -> None:
    await sent(network)
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
        network.double.ledger = network.double.ledger.forked(at=0)

        with pytest.raises(Held, match="log-split-view"):
            async with asyncio.timeout(60):
                await poll.run(gateway, reception, asyncio.Event())


# Consents and withdrawals


async def test_a_recorded_consent_has_its_receipt(network: Network) -> None:
    consent = network.double.consents[CONSENT_ID]

    async def record(request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"]
        assert statement == consent.statement
        return answer(
            shapes.ConsentRecorded(
                id=CONSENT_ID,
                consent=consent.consent,
                recorded_at=network.now,
                receipt=network.double.recorded(consent),
            ),
            status=201,
        )

    network.double.replaced["post_consent"] = record
    home = network.offices[RECIPIENT].home
    keep(home, CONSENT_ID, consent.statement.encode())
    async with network.gateway(RECIPIENT) as gateway:
        recorded = await hand_in(gateway, CONSENT_ID)

    assert recorded.receipt is not None
    proven = judged(TRUSTED, receipt_file(home, RECORDED, CONSENT_ID).read_bytes())
    assert shows(proven, RECORDED, consent.consent)["by"] == RECIPIENT


def take_withdrawals(network: Network) -> None:
    """Let the double log withdrawals."""

    async def take(request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"].encode()
        said = payload_of(statement)
        network.double.end_consent(CONSENT_ID, statement)
        logged = event.consent_withdrawn(
            at=network.now,
            by=said["agency"],
            consent=said["consent"],
            statement=digest(statement),
            via="office",
        )
        return answer(
            shapes.Withdrawn(
                id=request.match_info["id"],
                consent=said["consent"],
                state="ended",
                ended_at=network.now,
                receipt=network.double.ledger.event(said["consent"], logged),
            )
        )

    network.double.replaced["withdraw"] = take


async def withdrawn(network: Network) -> None:
    told = withdraw.Told(by=By.SUBJECT, channel=Channel.IN_PERSON)
    home = network.offices[SENDER].home
    async with open_desk(home.root, clock=lambda: network.now, attempts=1) as desk:
        ended = await withdraw.withdraw(desk, CONSENT_ID, told)
    assert ended.state == "ended"


async def test_a_withdrawal_has_its_receipt_at_once(network: Network) -> None:
    take_withdrawals(network)

    await withdrawn(network)

    file = receipt_file(network.offices[SENDER].home, WITHDRAWN, CONSENT_ID)
    consent = network.double.consents[CONSENT_ID].consent
    assert shows(judged(TRUSTED, file.read_bytes()), WITHDRAWN, consent)["via"] == "office"


async def test_a_withdrawal_never_waits_for_its_receipt_and_a_round_fetches_it(
    network: Network,
) -> None:
    take_withdrawals(network)
    put_off(network)
    await withdrawn(network)
    file = receipt_file(network.offices[SENDER].home, WITHDRAWN, CONSENT_ID)
    assert not file.exists()

    del network.double.replaced["log_receipt"]
    async with network.gateway(SENDER) as gateway:
        assert await withdraw.catch_up(gateway) == []
        assert file.exists()
        network.double.calls.clear()
        assert await withdraw.catch_up(gateway) == []
        assert network.double.calls == []  # nothing is owed any more


async def test_a_round_replaces_the_receipt_of_a_withdrawal_by_the_witnessed_one(
    network: Network,
) -> None:
    take_withdrawals(network)
    home = network.offices[SENDER].home
    home.log_policy.write_bytes(ledger.policy(quorum="both"))
    demanding = trusted(ledger.policy(quorum="both"))
    await withdrawn(network)
    file = receipt_file(home, WITHDRAWN, CONSENT_ID)
    assert not judged(demanding, file.read_bytes()).head.quorum

    async with network.gateway(SENDER) as gateway:
        assert await withdraw.catch_up(gateway) == []
        (owed,) = await gateway.state.read(list_awaited)
        assert owed.proved
        network.double.calls.clear()
        assert await withdraw.catch_up(gateway) == []
        assert network.double.calls == []  # from here on it is one of what is owed

        network.double.ledger.witnesses = ledger.WITNESSES
        assert await prove.catch_up(gateway) == []
        assert judged(demanding, file.read_bytes()).head.quorum
        assert await gateway.state.read(list_awaited) == []
        network.double.calls.clear()
        assert await withdraw.catch_up(gateway) == []
        assert network.double.calls == []


async def test_a_withdrawal_goes_out_also_when_the_log_lies_or_nobody_knows_it(
    network: Network,
) -> None:
    take_withdrawals(network)

    async def garbage(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"no receipt", content_type=routes.TEXT)

    network.double.replaced["log_receipt"] = garbage
    await withdrawn(network)
    network.offices[SENDER].home.log_policy.unlink()
    await withdrawn(network)

    assert files_below(network.offices[SENDER].home.receipts) == {}
    assert signed.kept(network.offices[SENDER].home, f"withdrawal-{CONSENT_ID}.jws") is not None


async def test_a_gateway_without_a_policy_of_the_log_says_what_to_do(network: Network) -> None:
    network.offices[SENDER].home.log_policy.unlink()

    with pytest.raises(Misconfigured, match="exchange gateway log-policy FILE"):
        await sent(network)


# Keys


async def test_h7_a_key_statement_without_a_receipt_is_sealed_to_by_nobody(
    network: Network,
) -> None:
    network.double.change_agency(RECIPIENT, key_statement_receipt=None)

    with pytest.raises(Held, match="log-receipt-missing"):
        await sent(network)
    assert files_below(network.offices[SENDER].home.outgoing) == {}


@pytest.mark.parametrize("topic", [f"key-statement/{SENDER}", "policy"])
async def test_h7_a_key_statement_logged_under_another_topic(network: Network, topic: str) -> None:
    statement = network.double.agencies[RECIPIENT].key_statement
    assert statement is not None
    logged = network.double.ledger.document(topic, statement.encode())
    network.double.change_agency(RECIPIENT, key_statement_receipt=logged)

    with pytest.raises(Held, match="log-receipt-invalid"):
        await sent(network)


async def test_h7_a_key_statement_with_the_receipt_of_another(network: Network) -> None:
    logged = network.double.ledger.document(f"key-statement/{RECIPIENT}", b"another")
    network.double.change_agency(RECIPIENT, key_statement_receipt=logged)

    with pytest.raises(Held, match="log-receipt-invalid"):
        await sent(network)


async def test_h7_a_key_statement_with_the_receipt_of_an_event(network: Network) -> None:
    logged = network.double.recorded(network.double.consents[CONSENT_ID])
    network.double.change_agency(RECIPIENT, key_statement_receipt=logged)

    with pytest.raises(Held, match="log-receipt-invalid"):
        await sent(network)


async def test_the_head_of_a_key_statement_counts_as_well(network: Network) -> None:
    await sent(network)
    network.sleep(hours=2)
    network.double.ledger = network.double.ledger.forked(at=0)

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Held, match="log-split-view"):
            await gateway.partners.key_of(RECIPIENT, now=network.now)
