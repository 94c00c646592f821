"""What one replica commits counts at the other: polls wake, streams are cut, callers change."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from exchange.envelope.padme import padme
from exchange.errors import Malformed, Unavailable
from exchange.hub import listen
from exchange.hub.admit import admit, suspend
from exchange.hub.directory import TRUSTED_S, Directory
from exchange.hub.line import LIMIT, Hint, Line, read_hint
from exchange.hub.officers import accounts, keys
from exchange.hub.storage import watching
from exchange.hub.storage.reaches import Reach
from exchange.keyring.ceremony import new_document_key, new_identity, succeed
from exchange.wire import audit_routes, routes
from tests.attacks.parties import COLLECTOR
from tests.auditor import auditor
from tests.replicas.pair import Pair, until, until_found
from tests.simulator import RECIPIENT, SENDER, Office, Simulator, sealed_to

pytestmark = pytest.mark.xdist_group("replicas")


async def test_a_long_poll_at_one_is_woken_by_a_disclosure_at_the_other(two: Pair) -> None:
    polling = asyncio.create_task(two.beside.inbox(query="?wait=30"))
    await until(lambda: RECIPIENT in two.beside.hub.news.waiting())

    letter = await two.sent()

    (entry,) = await polling  # without the hint it would end with nothing
    assert entry["disclosure"]["id"] == letter.id


LISTENERS = "FROM pg_stat_activity WHERE application_name = 'exchange-listen'"


async def test_a_lost_listener_listens_again_and_a_strange_hint_is_passed_over(two: Pair) -> None:
    listening = f"SELECT count(*) {LISTENERS} AND query LIKE 'LISTEN%'"
    await until_found(lambda: two.rows(listening), [(2,)])
    cut = await two.rows(f"SELECT pg_terminate_backend(pid) {LISTENERS}")
    assert cut == [(True,), (True,)]
    polling = asyncio.create_task(two.beside.inbox(query="?wait=30"))
    await until_found(lambda: two.rows(listening), [(2,)])
    await two.hub.db.write(watching.notify, ["CANARY", '{"by":1}'])

    await two.sent()

    assert len(await polling) == 1


def lost(two: Pair, kind: str) -> None:
    """Lose the hints of one kind that the first replica gives, as a broken connection does."""
    setattr(two.hub.line, kind, lambda *_given: None)


async def test_what_no_hint_told_of_is_found_by_the_look_at_the_inboxes(two: Pair) -> None:
    hub = two.beside.hub
    known = await listen.wake_changed(hub, {})
    assert known == {}  # nobody waits
    woken = hub.news.listen(RECIPIENT)
    known = await listen.wake_changed(hub, known)
    assert woken.is_set()  # never looked at before
    # The replica's own loops tell everybody once, as they begin; who is known is not told again.
    async with asyncio.timeout(10):
        while woken.is_set():
            woken.clear()
            known = await listen.wake_changed(hub, known)

    lost(two, "inboxes")
    await two.sent()
    await listen.wake_changed(hub, known)

    assert woken.is_set()


async def test_a_withdrawal_at_one_cuts_the_download_at_the_other(two: Pair) -> None:
    large = sealed_to(RECIPIENT, bytes(padme(40_000_000)))
    consent = await two.consent()
    letter = await two.sent(consent, sealed=large)
    reader, writer = await asyncio.open_connection("127.0.0.1", two.beside.port)
    head = (
        f"GET /v1/disclosures/{letter.id}/payload HTTP/1.1\r\n"
        f"Host: {two.origin.partition('://')[2]}\r\n"
        f"Authorization: Bearer {two.token(RECIPIENT)}\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readexactly(100_000)
    assert consent.digest in two.beside.hub.streams.consents()

    assert (await two.withdraw(consent, COLLECTOR)).status == 200

    await until(lambda: consent.digest not in two.beside.hub.streams.consents())
    received = 100_000
    with suppress(ConnectionError):
        while chunk := await reader.read(1 << 16):
            received += len(chunk)
    writer.close()
    assert received < len(letter.payload) // 2
    assert (await two.beside.collect(letter)).status == 404


async def test_the_end_of_a_consent_is_seen_without_any_hint(two: Pair) -> None:
    consent = await two.consent()
    transport = Cut()
    lost(two, "ends")
    with two.beside.hub.streams.running(consent.digest, transport):
        await two.withdraw(consent, COLLECTOR)
        await until(lambda: transport.aborted)


class Cut(asyncio.Transport):
    """A transport that says whether it was cut."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted


async def test_an_agency_suspended_at_one_can_no_longer_call_the_other(two: Pair) -> None:
    assert await called(two.beside, RECIPIENT) == 200

    await suspend(two.hub, RECIPIENT)

    await until_found(lambda: called(two.beside, RECIPIENT), 401)


async def test_an_agency_admitted_at_one_can_call_the_other_also_without_a_hint(two: Pair) -> None:
    lost(two, "agencies")
    new = Office("clinic-e", new_identity("clinic-e"), new_document_key())
    two.offices[new.agency] = new

    await admit(two.hub, new.identity.card, Reach())

    await until_found(lambda: called(two.beside, new.agency), 200)


async def test_an_identity_succeeded_at_one_may_call_the_other(two: Pair) -> None:
    old, new = two.offices[SENDER], new_identity(SENDER)
    statement = succeed(old.identity, new, now=two.now).decode()
    two.beside.offices = {**two.offices, SENDER: Office(SENDER, new, old.key)}
    assert await called(two.beside, SENDER) == 401

    given = await two.call(SENDER, routes.PUT_SUCCESSION, id=SENDER, json={"statement": statement})

    assert given.status == 200
    await until_found(lambda: called(two.beside, SENDER), 200)


async def called(at: Simulator, agency: str) -> int:
    return (await at.call(agency, routes.INBOX)).status


async def test_a_mirror_that_could_not_be_compared_lets_nobody_in(
    two: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = two.beside.hub.directory
    # As if it had been stopped, or had lost the database, a moment longer than is trusted.
    directory.confirm(directory.ticks() - TRUSTED_S - 0.1)
    monkeypatch.setattr(directory, "confirm", lambda _at: None)

    refused = await two.beside.call(RECIPIENT, routes.INBOX)
    monkeypatch.undo()

    assert refused.status == 503
    assert "Retry-After" in refused.headers
    await until_found(lambda: called(two.beside, RECIPIENT), 200)  # the next look sets it right


def test_a_mirror_is_trusted_from_the_moment_before_it_was_compared() -> None:
    now = [100.0]
    directory = Directory(ticks=lambda: now[0])
    with pytest.raises(KeyError):
        directory.client("kid", now=0)  # nobody else changes agencies: nothing to compare
    directory.confirm(now[0])
    now[0] += TRUSTED_S
    with pytest.raises(KeyError):
        directory.client("kid", now=0)
    now[0] += 0.1
    with pytest.raises(Unavailable):
        directory.client("kid", now=0)


def test_a_hint_names_agencies_and_nothing_else_and_fits_into_a_notification() -> None:
    line = Line()
    names = [f"{'a' * 60}{number:04d}" for number in range(120)]
    line.inboxes(names)
    line.ends()
    hints = line.take()

    assert {name for hint in hints for name in hint.inboxes} == set(names)
    assert all(len(hint.encode()) < LIMIT for hint in hints)
    assert all(hint.ends and not hint.agencies for hint in hints)
    assert [read_hint(hint.encode()) for hint in hints] == hints
    assert line.take() == []


@pytest.mark.parametrize("text", ["", "{}", "[]", "CANARY", '{"by":1,"inboxes":[],"ends":true}'])
def test_what_is_no_hint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_hint(text)


def test_a_replica_knows_its_own_words() -> None:
    mine, other = Line(), Line()
    mine.ends()
    (hint,) = mine.take()
    assert hint == Hint(said_by=mine.name, ends=True)
    assert mine.name != other.name


async def test_an_auditor_s_key_that_is_taken_away_at_one_opens_nothing_at_the_other(
    two: Pair,
) -> None:
    tool = await auditor(two)
    beside = replace(tool, sim=two.beside)
    token = await tool.token()
    assert (await beside.asks(audit_routes.LOG, token=token)).status == 200

    await keys.remove(two.hub, tool.officer.id)

    # At once: nothing is told to the other replica, and nothing has to be.
    assert (await beside.asks(audit_routes.LOG, token=token)).status == 401
    assert (await beside.asks_for_token(tool.assertion())).status == 401
    await keys.put(two.beside.hub, tool.officer.id, tool.key.public)
    await accounts.remove(two.beside.hub, tool.officer.id)
    assert (await tool.asks_for_token()).status == 401


async def test_an_auditor_s_assertion_is_used_once_at_all_replicas(two: Pair) -> None:
    tool = await auditor(two)
    text = tool.assertion()
    assert (await tool.asks_for_token(text)).status == 200
    assert (await replace(tool, sim=two.beside).asks_for_token(text)).status == 401
