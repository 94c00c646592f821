"""An evil hub that logs a withdrawal and goes on calling the consent active: its own words convict.

The note and the receipt come in either order, of a withdrawal by this agency or by another one.
"""

import shutil
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exchange.agency import conflict, poll, withdraw
from exchange.agency.app import open_desk
from exchange.agency.awaited import list_awaited
from exchange.agency.evidence import list_withdrawn
from exchange.agency.log_policy import trusted
from exchange.agency.receive import Outcome
from exchange.agency.withdraw import Told
from exchange.audit import event
from exchange.audit.note import ED25519, SigningKey
from exchange.audit.proof import prove, read_receipt
from exchange.audit.status import Lie, lie_in, read_status, withdrawal_of
from exchange.canonical import digest
from exchange.consent.withdrawal import By, Channel
from exchange.errors import Held, Misconfigured
from exchange.wire import shapes
from tests.agency import ledger
from tests.agency.double import answer, body, payload_of
from tests.agency.network import CONSENT_ID, RECIPIENT, Network
from tests.evil_hub.forging import nothing_is_delivered, received, sent
from tests.logs import ORIGIN

TOLD = Told(by=By.SUBJECT, channel=Channel.IN_PERSON)
ERASURE = "30000000-0000-4000-8000-000000000007"


def logged(network: Network, *, by: str, at: datetime) -> str:
    """Log a withdrawal of the consent, and end nothing; return the path of its receipt."""
    consent = network.double.consents[CONSENT_ID].consent
    withdrawn = event.consent_withdrawn(
        at=at, by=by, consent=consent, statement=digest(b"a withdrawal"), via="office"
    )
    return network.double.ledger.event(consent, withdrawn)


def lie_about_withdrawals(network: Network, *, age: timedelta = timedelta()) -> None:
    """Let the double take and log withdrawals, and call the consent active as before."""

    async def take(request: web.Request) -> web.StreamResponse:
        said = payload_of((await body(request))["statement"].encode())
        return answer(
            shapes.Withdrawn(
                id=request.match_info["id"],
                consent=said["consent"],
                state="ended",
                ended_at=network.now,
                receipt=logged(network, by=said["agency"], at=network.now - age),
            )
        )

    network.double.replaced["withdraw"] = take


async def withdrawn(network: Network) -> None:
    """Withdraw at the recipient, beside its gateway."""
    home = network.offices[RECIPIENT].home
    async with open_desk(home.root, clock=lambda: network.now, attempts=1) as desk:
        await withdraw.withdraw(desk, CONSENT_ID, TOLD)


def is_convicted(network: Network, lie: Lie = Lie.SIZE) -> None:
    """The evidence is written, convicts by itself, and a start is refused."""
    home = network.offices[RECIPIENT].home
    (note,) = home.conflict.glob("status-false-*.note")
    believed = trusted(ledger.policy())
    status = read_status(note.read_bytes(), believed.status)
    receipt = note.with_suffix(".tlog-proof").read_bytes()
    proven = prove(read_receipt(receipt), believed.policy)
    withdrawn = withdrawal_of(believed.origin, proven.index, proven.opening)
    assert lie_in(status, withdrawn) is lie
    assert conflict.is_stopped(home)
    with pytest.raises(Misconfigured, match="active after its withdrawal"):
        conflict.check(home)


async def test_a_document_under_a_consent_that_was_withdrawn_here_is_not_opened(
    network: Network,
) -> None:
    lie_about_withdrawals(network)
    await withdrawn(network)
    assert (await received(network)).troubles == []  # a round: the withdrawal is known from here on
    await sent(network)

    with capture_logs() as events, pytest.raises(Held, match="log-status-false"):
        await received(network)

    assert [one["log_level"] for one in events if one["event"] == "status_false"] == ["critical"]
    assert "collect" not in network.double.calls
    nothing_is_delivered(network)
    is_convicted(network)


async def test_a_note_convicts_when_the_receipt_of_the_withdrawal_comes_later(
    network: Network,
) -> None:
    lie_about_withdrawals(network)
    logged(network, by=RECIPIENT, at=network.now)
    await sent(network)
    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}

    await withdrawn(network)  # answered with the entry from before
    done = await received(network)

    assert "log-status-false" in {getattr(one, "reason", None) for one in done.troubles}
    is_convicted(network)


async def test_the_gateway_that_withdraws_itself_sees_the_lie_at_once(network: Network) -> None:
    lie_about_withdrawals(network)
    logged(network, by=RECIPIENT, at=network.now)
    await sent(network)
    await received(network)

    async with network.gateway(RECIPIENT) as gateway:
        ended = await withdraw.withdraw_here(gateway, CONSENT_ID, TOLD)
        assert ended.state == "ended"
        with pytest.raises(Held, match="log-status-false"):
            await gateway.client.inbox()

    is_convicted(network)


async def test_the_withdrawal_behind_an_erasure_convicts(network: Network) -> None:
    path = logged(network, by="youth-c", at=network.now)
    await sent(network)
    await received(network)
    consent = network.double.consents[CONSENT_ID]
    network.double.end_consent(CONSENT_ID, network.withdrawal(consent))
    network.double.consents[CONSENT_ID] = network.double.consents[CONSENT_ID].model_copy(
        update={"withdrawal_receipt": path}
    )
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)

    await received(network)

    is_convicted(network)
    assert network.double.erasures[ERASURE].state == "erased"  # that was asked before, and holds


async def test_a_note_from_after_the_withdrawal_convicts_also_with_an_old_tree(
    network: Network,
) -> None:
    await sent(network)
    await received(network)
    # Logged behind the note, and said to have happened two seconds before it.
    lie_about_withdrawals(network, age=timedelta(seconds=2))
    await withdrawn(network)

    await received(network)

    is_convicted(network, Lie.TIME)


async def test_an_honest_withdrawal_after_a_document_convicts_nobody(network: Network) -> None:
    await sent(network)
    await received(network)
    lie_about_withdrawals(network, age=timedelta(seconds=1))  # clocks of two machines
    await withdrawn(network)

    assert (await received(network)).troubles == []

    assert not conflict.is_stopped(network.offices[RECIPIENT].home)
    async with network.gateway(RECIPIENT) as gateway:
        assert await gateway.state.read(list_awaited) == []
        consent = network.double.consents[CONSENT_ID].consent
        assert await gateway.state.read(list_withdrawn) == {consent}


async def test_once_somebody_has_looked_traffic_goes_on_until_the_next_lie(
    network: Network,
) -> None:
    lie_about_withdrawals(network)
    logged(network, by=RECIPIENT, at=network.now)
    await sent(network)
    await received(network)
    await withdrawn(network)
    await received(network)
    home = network.offices[RECIPIENT].home

    assert conflict.resume(home)
    assert (await received(network)).troubles == []
    assert not conflict.is_stopped(home)
    await sent(network)
    network.sleep(seconds=1)
    with pytest.raises(Held, match="log-status-false"):
        await received(network)
    assert len(list(home.conflict.glob("status-false-*.note"))) == 2


async def test_a_lie_stops_all_traffic_also_where_no_evidence_can_be_written(
    network: Network,
) -> None:
    lie_about_withdrawals(network)
    await withdrawn(network)
    await received(network)
    await sent(network)
    home = network.offices[RECIPIENT].home

    async with network.receiving() as (gateway, reception):
        shutil.rmtree(home.conflict)
        home.conflict.write_bytes(b"")  # no directory can be made here, by nobody
        with pytest.raises(Held, match="log-status-false"):
            await poll.fetch(gateway, reception)
        assert gateway.log.stopped
        nothing_is_delivered(network)


async def test_a_receipt_by_a_key_that_is_no_longer_believed_convicts_nobody(
    network: Network,
) -> None:
    lie_about_withdrawals(network)
    await withdrawn(network)
    await received(network)
    await sent(network)
    network.double.ledger.log_key = SigningKey(ORIGIN, ED25519, b"\x77" * 32)
    believed = ledger.policy(keys=(network.double.ledger.log_key, ledger.STATUS_KEY))
    network.offices[RECIPIENT].home.log_policy.write_bytes(believed)

    done = await received(network)

    assert done.outcomes == {Outcome.ACCEPTED: 1}
    # The round then asked for the receipt under the new key, and that convicts.
    assert "log-status-false" in {getattr(one, "reason", None) for one in done.troubles}
