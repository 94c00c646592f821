"""An evil hub whose log lies to a recipient: nothing is opened, and nobody else is blamed for it.

Each row ends with its own code (H18 to H21 of the threat model); nothing is answered.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Connection, delete
from structlog.testing import capture_logs

from exchange.agency import arrivals, conflict, poll, send, state, tail
from exchange.agency.app import open_desk
from exchange.agency.awaited import list_awaited
from exchange.agency.evidence import RECEIPT, find_evidence
from exchange.agency.hand_over import open_reception
from exchange.agency.log import judged
from exchange.agency.log_policy import trusted
from exchange.agency.receive import Outcome
from exchange.agency.tables import evidence
from exchange.audit import event
from exchange.audit.note import ED25519, SigningKey
from exchange.audit.spelling import write_base64
from exchange.canonical import digest
from exchange.errors import ClockWrong, Held, Misconfigured, NotFound
from exchange.statement import seconds
from exchange.wire import routes
from tests.agency import ledger
from tests.agency.double import Kept, text
from tests.agency.ledger import Ledger
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, files_below
from tests.evil_hub.forging import held, nothing_is_delivered, received, sent
from tests.logs import LOG_KEY, ORIGIN

EVIL_KEY = SigningKey(ORIGIN, ED25519, b"\x66" * 32)
ANOTHER = digest(b"another statement")
DISCLOSURE, CONSENT = "disclosure-stored", "consent-recorded"


async def waits(network: Network) -> str:
    """Make a round in which the one document waits; return why."""
    (reason,) = await held(network)
    assert nothing_is_answered(network)
    return reason


def nothing_is_answered(network: Network) -> bool:
    return all(not kept.answers for kept in network.double.kept.values())


def entry(network: Network, kind: str) -> int:
    """Return the index of the newest entry of a kind."""
    entries = network.double.ledger.entries
    wanted = f'"kind":"{kind}"'.encode()
    return max(at for at, one in enumerate(entries) if wanted in one.opening.body)


def serve(network: Network, kind: str, receipt: Callable[[Ledger, int], bytes | None]) -> None:
    """Let the double answer with another receipt for entries of one kind."""
    honest = network.double.log_receipt

    async def lying(request: web.Request) -> web.StreamResponse:
        book = network.double.ledger
        index = book.find(request.match_info["id"])
        if index is None or f'"kind":"{kind}"'.encode() not in book.entries[index].opening.body:
            return await honest(request)
        given = receipt(book, index)
        return web.Response(status=202) if given is None else text(given)

    network.double.replaced["log_receipt"] = lying


def of_a_false_signature(book: Ledger, index: int) -> bytes:
    book.log_key = EVIL_KEY
    try:
        return book.receipt(index)
    finally:
        book.log_key = LOG_KEY


def of_another_leaf(book: Ledger, _index: int) -> bytes:
    return book.receipt(0)


def of_another_index(book: Ledger, index: int) -> bytes:
    return book.receipt(index).replace(b"index %d\n" % index, b"index %d\n" % (index - 1))


def of_a_log_by_the_status_key(book: Ledger, index: int) -> bytes:
    book.log_key = ledger.STATUS_KEY
    try:
        return book.receipt(index)
    finally:
        book.log_key = LOG_KEY


def of_garbage(_book: Ledger, _index: int) -> bytes:
    return b"c2sp.org/tlog-proof@v1\n"


@pytest.mark.parametrize("kind", [DISCLOSURE, CONSENT])
@pytest.mark.parametrize(
    "receipt",
    [
        *(of_a_false_signature, of_another_leaf, of_another_index),
        *(of_a_log_by_the_status_key, of_garbage),
    ],
)
async def test_h18_a_receipt_that_proves_something_else(
    network: Network, kind: str, receipt: Callable[[Ledger, int], bytes]
) -> None:
    await sent(network)
    serve(network, kind, receipt)

    assert await waits(network) == "log-receipt-invalid"
    assert "payload" not in network.double.calls


@pytest.mark.parametrize(
    "members",
    [
        {"manifest": ANOTHER},
        {"by": "youth-c"},
        {"consent": ANOTHER},
        {"to": ["youth-c"]},
        {"subject": ("debt-relief", "rent-arrears-letter")},
        {"subject": ("housing-loss", "tenancy-termination")},
    ],
)
async def test_h18_an_entry_about_another_disclosure(
    network: Network, members: dict[str, Any]
) -> None:
    kept = await sent(network)
    book = network.double.ledger
    consent = network.double.consents[CONSENT_ID].consent
    shown = network.double.shown(kept)
    honest = {
        "at": network.now,
        "by": SENDER,
        "consent": consent,
        "manifest": shown.manifest,
        "to": [RECIPIENT],
        "subject": ("housing-loss", "rent-arrears-letter"),
    }
    book.event("forged", event.disclosure_stored(**{**honest, **members}))
    serve(network, DISCLOSURE, lambda book, _index: book.receipt(entry(network, DISCLOSURE)))

    assert await waits(network) == "log-receipt-invalid"


@pytest.mark.parametrize("members", [{"consent": ANOTHER}, {"by": SENDER}])
async def test_h18_an_entry_about_another_consent(
    network: Network, members: dict[str, Any]
) -> None:
    consent = network.double.consents[CONSENT_ID].consent
    honest = {"at": network.now, "by": RECIPIENT, "agreement": ANOTHER, "consent": consent}
    forged = event.consent_recorded(**{**honest, **members})
    network.double.ledger.event("forged", forged)
    index = entry(network, CONSENT)
    await sent(network)
    serve(network, CONSENT, lambda book, _index: book.receipt(index))

    assert await waits(network) == "log-receipt-invalid"


async def test_h18_a_consent_that_came_into_the_log_after_the_disclosure(
    network: Network,
) -> None:
    await sent(network)
    consent = network.double.consents[CONSENT_ID].consent
    late = event.consent_recorded(at=network.now, by=RECIPIENT, agreement=ANOTHER, consent=consent)
    network.double.ledger.event("late", late)
    serve(network, CONSENT, lambda book, _index: book.receipt(len(book.entries) - 1))

    assert await waits(network) == "log-receipt-invalid"


@pytest.mark.parametrize("kind", [DISCLOSURE, CONSENT])
async def test_a_receipt_that_is_not_there_yet_is_waited_for(network: Network, kind: str) -> None:
    await sent(network)
    serve(network, kind, lambda _book, _index: None)

    assert await waits(network) == "log-receipt-missing"
    with capture_logs() as events:
        network.sleep(minutes=9)
        assert await waits(network) == "log-receipt-missing"
    assert not [one for one in events if one["event"] == "held_long"]
    with capture_logs() as events:
        network.sleep(minutes=2)
        assert await waits(network) == "log-receipt-missing"
    assert [one["log_level"] for one in events if one["event"] == "held_long"] == ["error"]
    del network.double.replaced["log_receipt"]

    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}


@pytest.mark.parametrize("name", ["receipt", "consent_receipt"])
async def test_h7_a_document_without_a_receipt_is_not_opened(network: Network, name: str) -> None:
    kept = await sent(network)
    offering(network, kept, **{name: None})

    assert await waits(network) == "log-receipt-missing"


def offering(network: Network, kept: Kept, **members: object) -> None:
    """Let the inbox say something else about a disclosure."""
    honest = network.double.shown

    def shown(one: Kept) -> Any:
        return honest(one).model_copy(update=members if one is kept else {})

    network.double.shown = shown  # type: ignore[method-assign, assignment]


# Status notes


def vouching(network: Network, *places: str, **members: object) -> None:
    """Let the double give another word about consents, at the routes of these names."""
    for place in places:
        honest = getattr(network.double, place)
        network.double.replaced[place] = _with_note(network, honest, members)


def _with_note(network: Network, honest: Any, members: dict[str, object]) -> Any:
    async def lying(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await honest(request)
        consent = network.double.consents[CONSENT_ID].consent
        response.headers.pop(routes.CONSENT_STATUS, None)
        if members.get("status") != "none":
            note = network.double.ledger.status(
                str(members.get("consent", consent)),
                **{
                    name: value for name, value in members.items() if name not in {"consent", "raw"}
                },
            )
            response.headers[routes.CONSENT_STATUS] = str(members.get("raw", write_base64(note)))
        return response

    return lying


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"status": "none"}, "log-receipt-missing"),
        ({"at": -361}, "log-receipt-invalid"),
        ({"at": +61}, "log-receipt-invalid"),
        ({"consent": ANOTHER}, "log-receipt-invalid"),
        ({"size": 3}, "log-receipt-invalid"),
        ({"raw": "bm8gbm90ZQ=="}, "log-receipt-invalid"),
        ({"raw": "not base64"}, "log-receipt-invalid"),
    ],
)
@pytest.mark.parametrize("place", ["consent", "collect"])
async def test_h21_a_word_about_the_consent_that_is_worth_nothing(
    network: Network, place: str, members: dict[str, Any], code: str
) -> None:
    await sent(network)
    if isinstance(at := members.get("at"), int):
        members = {"at": seconds(network.now) + at}
    if members.get("size") == 3:
        members["root"] = network.double.ledger.log(3).root()
    vouching(network, place, **members)

    assert await waits(network) == code
    # Nothing of the header was kept: honest again, the hub releases it again.
    network.double.replaced.clear()
    network.double.calls.clear()
    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}
    assert "collect" in network.double.calls


async def test_h21_a_status_note_by_the_key_of_the_log_is_none(network: Network) -> None:
    await sent(network)
    network.double.ledger.status_key = SigningKey(f"{ORIGIN}/status", ED25519, LOG_KEY.seed)

    assert await waits(network) == "log-receipt-invalid"


async def test_h21_without_a_word_at_the_end_what_was_opened_is_removed(network: Network) -> None:
    await sent(network)
    honest = network.double.collect

    async def collect(request: web.Request) -> web.StreamResponse:
        vouching(network, "consent", status="none")
        return await honest(request)

    network.double.replaced["collect"] = collect

    assert await waits(network) == "log-receipt-missing"
    assert files_below(network.offices[RECIPIENT].home.quarantine) == {}
    network.double.replaced.clear()
    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}


# Two histories


def everything_has_stopped(network: Network, agency: str = RECIPIENT) -> None:
    """Evidence is written, and a start is refused."""
    home = network.offices[agency].home
    (evidence,) = home.conflict.glob("split-view-*.txt")
    assert (
        evidence.read_text().count(f"{ORIGIN}\n") + evidence.read_text().count(f"{ORIGIN}/status\n")
        == 2
    )
    assert conflict.is_stopped(home)
    with pytest.raises(Misconfigured, match="two histories"):
        conflict.check(home)


async def first_received(network: Network) -> None:
    """Let the recipient receive one document, and know the log from then on."""
    await sent(network)
    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}


async def split(network: Network) -> None:
    """Make a round that ends with a split view."""
    with capture_logs() as events, pytest.raises(Held, match="log-split-view"):
        await received(network)
    assert [one["log_level"] for one in events if one["event"] == "split_view"] == ["critical"]
    everything_has_stopped(network)


@pytest.mark.parametrize("later", [0, 1, 2])
async def test_h19_another_history_of_the_same_log(network: Network, later: int) -> None:
    await first_received(network)
    for _ in range(later):
        await sent(network)
    spooled = files_below(network.offices[RECIPIENT].home.spool)
    await sent(network)
    network.double.ledger = network.double.ledger.forked(at=0)
    network.double.calls.clear()

    await split(network)

    assert files_below(network.offices[RECIPIENT].home.spool) == spooled
    assert "collect" not in network.double.calls
    # After the evidence was shown to the hub nothing more was asked of it.
    assert network.double.calls[-1] == "log_cosignatures"
    (shown,) = network.double.ledger.handed_in
    assert shown.startswith(ORIGIN.encode())
    with pytest.raises(Misconfigured, match="two histories"):
        await received(network)


async def test_h19_two_heads_to_two_agencies(network: Network) -> None:
    await first_received(network)
    honest = network.double.ledger
    # The recipient alone is shown a history of its own from here on.
    network.double.ledger = honest.forked(at=len(honest.entries))
    await received(network)
    assert not conflict.is_stopped(network.offices[RECIPIENT].home)

    # Then what everybody else is shown reaches it: here by a document, else by a witness.
    network.double.ledger = honest
    await sent(network)

    await split(network)
    async with network.gateway(SENDER) as gateway:
        assert await send.resume(gateway) == []  # the other agency has seen one history only


async def test_h19_another_root_where_a_head_was_proven_before(network: Network) -> None:
    await first_received(network)
    book = network.double.ledger
    other = book.forked(at=0)
    async with network.gateway(RECIPIENT) as gateway:
        known = gateway.log.proven(book.receipt(0, 2)).head
        for _ in range(2):  # the second time it is recognised
            await gateway.log.agree(known)

        with pytest.raises(Held, match="log-split-view"):
            await gateway.log.agree(gateway.log.proven(other.receipt(0, 2)).head)
    everything_has_stopped(network)


async def test_h19_a_smaller_head_of_the_same_history_is_none(network: Network) -> None:
    await first_received(network)
    await sent(network)
    index = entry(network, DISCLOSURE)
    serve(network, DISCLOSURE, lambda book, at: book.receipt(at, at + 1))

    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}

    async with network.gateway(RECIPIENT) as gateway:
        assert gateway.log.heads.largest is not None
        assert gateway.log.heads.largest.size > index + 1


async def test_h19_a_hub_whose_newest_head_is_smaller_than_long_ago(network: Network) -> None:
    await first_received(network)
    await sent(network)
    network.double.ledger.document("something", b"else")
    size = len(network.double.ledger.entries)
    async with network.gateway(RECIPIENT) as gateway:
        await tail.tail(gateway)
        assert gateway.log.heads.largest is not None
        assert gateway.log.heads.largest.size == size
    root = network.double.ledger.log(size - 1).root()
    network.sleep(minutes=6)
    vouching(network, "consent", size=size - 1, root=root, at=seconds(network.now))

    await split(network)


async def test_hashes_that_are_withheld_are_waited_for(network: Network) -> None:
    await first_received(network)
    await sent(network)

    async def nothing(_request: web.Request) -> web.StreamResponse:
        raise NotFound

    network.double.replaced |= {"log_tile": nothing, "log_checkpoint": nothing}

    async with network.gateway(RECIPIENT) as gateway, open_reception(gateway) as reception:
        done = await poll.fetch(gateway, reception)
        held_back = await gateway.state.read(state.list_held)
    assert done.outcomes == {Outcome.HELD: 1}
    assert [reason for _, reason, _ in held_back] == ["log-receipt-missing"]
    assert not conflict.is_stopped(network.offices[RECIPIENT].home)
    # A hub that was set back to a backup learns so what it has signed before.
    (shown,) = network.double.ledger.handed_in
    assert shown.startswith(ORIGIN.encode())


async def test_hashes_that_prove_nothing_are_asked_for_again_and_then_stop_everything(
    network: Network,
) -> None:
    await first_received(network)
    await sent(network)

    async def zeros(request: web.Request) -> web.StreamResponse:
        honest: Any = await network.double.log_tile(request)
        return web.Response(body=bytes(len(honest.body)), content_type=routes.PAYLOAD)

    network.double.replaced["log_tile"] = zeros

    await split(network)


async def test_a_withdrawal_goes_out_also_while_everything_else_has_stopped(
    network: Network,
) -> None:
    await first_received(network)
    home = network.offices[RECIPIENT].home
    conflict.stop(home, (b"one", b"two"), network.now)

    async with open_desk(home.root, clock=lambda: network.now, attempts=1) as desk:
        assert (await desk.client.consent(CONSENT_ID)).state == "valid"
    with pytest.raises(Misconfigured):
        async with network.gateway(RECIPIENT):
            pass


# Witnesses


def demand_witnesses(network: Network) -> None:
    for office in network.offices.values():
        office.home.log_policy.write_bytes(ledger.policy(quorum="both"))


async def test_h20_no_quorum_is_borne_for_hours_and_not_longer(network: Network) -> None:
    demand_witnesses(network)
    await sent(network)
    never_taken(network)
    assert await waits(network) == "payload-damaged"  # first seen here, and accepted by the log

    network.sleep(hours=3, minutes=59)
    assert await waits(network) == "payload-damaged"
    network.sleep(minutes=2)
    assert await waits(network) == "log-not-witnessed"

    network.double.replaced.clear()
    network.double.ledger.witnesses = ledger.WITNESSES
    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}


def never_taken(network: Network) -> None:
    """Let the payload be damaged for now: the document waits at the hub."""

    async def damaged(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"", content_type=routes.PAYLOAD)

    network.double.replaced["payload"] = damaged


async def test_one_witness_of_two_is_no_quorum(network: Network) -> None:
    demand_witnesses(network)
    network.double.ledger.witnesses = ledger.WITNESSES[:1]
    await sent(network)
    never_taken(network)
    await waits(network)
    network.sleep(hours=4)

    assert await waits(network) == "log-not-witnessed"


async def test_the_witnessed_receipt_takes_the_place_of_the_first(network: Network) -> None:
    demand_witnesses(network)
    await first_received(network)
    async with network.gateway(RECIPIENT) as gateway:
        owed = await gateway.state.read(list_awaited)
    assert {one.kind for one in owed} == {
        *(CONSENT, DISCLOSURE, "disclosure-collected", "disclosure-acknowledged")
    }
    assert all(one.proved for one in owed)

    network.double.ledger.witnesses = ledger.WITNESSES
    await received(network)

    everybody = trusted(ledger.policy(quorum="both"))
    async with network.gateway(RECIPIENT) as gateway:
        assert await gateway.state.read(list_awaited) == []
        (light,) = await gateway.state.read(arrivals.list_received)
        whole = await gateway.state.read(arrivals.whole, light)
        consent = await gateway.state.read(find_evidence, whole.consent, RECEIPT)
    for kept in (whole.receipt, whole.collected, whole.acknowledged, consent):
        assert judged(everybody, kept or b"").head.quorum


async def test_a_quorum_that_does_not_come_is_told_once(network: Network) -> None:
    demand_witnesses(network)
    await first_received(network)

    network.sleep(hours=4)
    with capture_logs() as events:
        await received(network)
        await received(network)

    told = [one for one in events if one["event"] == "not_proved"]
    assert {one["code"] for one in told} == {"log-not-witnessed"}
    assert len(told) == 4


async def test_a_witness_from_the_future_means_that_this_clock_is_wrong(network: Network) -> None:
    demand_witnesses(network)
    await sent(network)
    honest = network.double.ledger.clock
    network.double.ledger.witnesses = ledger.WITNESSES
    network.double.ledger.clock = lambda: honest() + timedelta(minutes=6)
    vouching(network, "consent", at=seconds(network.now))

    with pytest.raises(ClockWrong):
        await received(network)
    nothing_is_delivered(network)


async def test_a_receipt_that_comes_again_is_held_to_the_clock_again(network: Network) -> None:
    await sent(network)
    network.double.ledger.witnesses = ledger.WITNESSES
    receipt = network.double.ledger.receipt(0)
    async with network.gateway(RECIPIENT) as gateway:
        assert gateway.log.proven(receipt) == gateway.log.proven(receipt)
        network.sleep(minutes=-6)

        with pytest.raises(ClockWrong):
            gateway.log.proven(receipt)


async def test_what_was_refused_is_refused_again(network: Network) -> None:
    await sent(network)
    false = _spoiled(network.double.ledger.receipt(0))
    async with network.gateway(RECIPIENT) as gateway:
        for _ in range(2):
            with pytest.raises(Held, match="log-receipt-invalid"):
                gateway.log.proven(false)
            with pytest.raises(Held, match="log-receipt-invalid"):
                gateway.log.status(false)


async def test_a_cosignature_that_is_false_spoils_the_whole_note(network: Network) -> None:
    demand_witnesses(network)
    await sent(network)
    network.double.ledger.witnesses = ledger.WITNESSES
    serve(network, DISCLOSURE, lambda book, index: _spoiled(book.receipt(index)))

    assert await waits(network) == "log-receipt-invalid"


def _spoiled(receipt: bytes) -> bytes:
    """Change one character in the middle of the last signature."""
    at = receipt.rindex(b" ") + 40
    other = b"A" if receipt[at : at + 1] != b"A" else b"B"
    return receipt[:at] + other + receipt[at + 1 :]


async def test_what_was_collected_before_the_log_was_asked_is_asked_about_before_it_is_opened(
    network: Network,
) -> None:
    await sent(network)
    honest = network.double.collect

    async def collect(request: web.Request) -> web.StreamResponse:
        vouching(network, "consent", status="none")
        return await honest(request)

    network.double.replaced["collect"] = collect
    await waits(network)
    network.double.replaced.clear()
    async with network.gateway(RECIPIENT) as gateway:  # as an earlier version has left it
        await gateway.state.write(_without_receipts)

    serve(network, DISCLOSURE, of_another_leaf)
    assert set((await received(network)).outcomes) == {Outcome.HELD}
    async with network.gateway(RECIPIENT) as gateway:
        ((_, reason, _),) = await gateway.state.read(state.list_held)
    assert reason == "log-receipt-invalid"
    assert nothing_is_answered(network)
    nothing_is_delivered(network)
    network.double.replaced.clear()
    assert (await received(network)).outcomes == {Outcome.ACCEPTED: 1}
    async with network.gateway(RECIPIENT) as gateway:
        (light,) = await gateway.state.read(arrivals.list_received)
        assert (await gateway.state.read(arrivals.whole, light)).receipt is not None


def _without_receipts(conn: Connection) -> None:
    conn.execute(delete(evidence).where(evidence.c.kind.in_(["receipt", "status"])))
