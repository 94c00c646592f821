"""A20: more of everything. One client cannot hurt another, and a withdrawal always gets through."""

import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from threading import Event

import pytest

from tests.attacks import clients
from tests.attacks.served import PATIENCE_S, Line, Served, constant
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.http

PIPELINED = 2001
PER_ADDRESS = 20
CONNECTIONS = 30
PROMPT_S = 1.0
"""Most of a few withdrawals take less; the machine may stand still during the others."""


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Served]:
    """Serve a hub with the limits of a small network."""
    served = Served(
        tmp_path,
        agency={"rate": 50, "burst": 200, "polls": 4, "denials_per_minute": 60, "decisions": 10},
        token={"rate": 1, "burst": 10, "per_address": 100},
        listen={"connections": CONNECTIONS, "connections_per_address": PER_ADDRESS},
    )
    with served.running(), served.listening():
        yield served
        assert [line for line in served.log if line["event"] == "bug"] == []


def statuses(line: Line, *, count: int, sent: bytes = b"") -> Counter[int]:
    """Count the statuses of so many answers; send `sent` before each of them."""
    found = Counter[int]()
    for _ in range(count):
        line.send(sent)
        found[line.reply().status] += 1
    return found


def test_each_pipelined_request_is_counted(strict: Served) -> None:
    sent = strict.head("GET /v1/agencies/women-b HTTP/1.1", strict.token(OUTSIDER))
    with strict.line() as line, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(line.send, sent * PIPELINED)
        found = statuses(line, count=PIPELINED)
        sending.result()

    assert found[200] <= 200
    assert found == {200: found[200], 429: PIPELINED - found[200]}


def test_a_greedy_agency_is_told_to_come_back_and_nobody_else_is(strict: Served) -> None:
    sent = strict.head("GET /v1/inbox HTTP/1.1", strict.token(OUTSIDER))
    with strict.line() as line:
        assert statuses(line, sent=sent, count=249)[200] == 200
        line.send(sent)
        reply = line.reply()

    assert reply.status == 429
    assert reply.header("Retry-After") == "5"
    assert reply.body != constant(503)
    assert strict.ask(strict.head("GET /v1/inbox HTTP/1.1", strict.token())).status == 200


def test_connections_of_one_address_are_bounded_and_the_next_one_closed(strict: Served) -> None:
    with ExitStack() as stack:
        alive = [_answers(strict, stack) for _ in range(2 * PER_ADDRESS)].count(True)
        # The simulator's own kept connections count as well.
        assert 0 < alive <= PER_ADDRESS

    with ExitStack() as stack:  # again, as soon as the hub has seen that they are closed
        ends = time.monotonic() + PATIENCE_S
        while not _answers(strict, stack):
            assert time.monotonic() < ends
            time.sleep(0.05)


def test_connections_of_many_addresses_are_bounded_in_all(strict: Served) -> None:
    opened = []
    for number in range(2 * CONNECTIONS):
        found = socket.socket()
        found.settimeout(PATIENCE_S)
        found.bind((f"127.0.7.{number + 1}", 0))
        with suppress(ConnectionResetError):  # it may be closed before we know that it was open
            found.connect(("127.0.0.1", strict.sim.port))
        opened.append(found)
    time.sleep(0.1)
    sent = strict.head("GET /healthz HTTP/1.1")
    alive = 0
    for found in opened:
        try:
            found.sendall(sent)
            alive += found.recv(100).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            continue
    for found in opened:
        found.close()

    assert 0 < alive <= CONNECTIONS


def _answers(served: Served, stack: ExitStack) -> bool:
    """Tell whether one more connection, which stays open, is served."""
    try:
        return served.alive(stack.enter_context(served.line()))
    except ConnectionError:
        return False


def test_long_polls_of_one_agency_are_bounded(strict: Served) -> None:
    sent = strict.head("GET /v1/inbox?wait=30 HTTP/1.1", strict.token(OUTSIDER))
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        lines = [stack.enter_context(strict.line(seconds=2 * PATIENCE_S)) for _ in range(8)]
        for line in lines:
            line.send(sent)
        replies = as_completed([pool.submit(line.reply) for line in lines])
        refused = [next(replies).result().status for _ in range(4)]
        strict.do(_end_polls(strict))
        waited = [reply.result().status for reply in replies]

    assert (refused, waited) == (4 * [429], 4 * [200])


async def _end_polls(served: Served) -> None:
    served.sim.hub.news.end()


def test_denials_are_bounded_and_the_rest_unlogged(strict: Served) -> None:
    before = strict.rows("log_event")
    found = Counter(
        strict.do(strict.sim.send(strict.sim.letter("A" * 43), SENDER)).status for _ in range(65)
    )

    assert found == {403: 60, 429: 5}
    assert strict.rows("log_event") - before == 60


def test_tokens_of_one_agency_are_bounded(strict: Served) -> None:
    found = Counter(clients.asked(strict, clients.good(strict)).status for _ in range(15))

    assert found == {200: 10, 429: 5}
    assert clients.asked(strict, clients.good(strict, RECIPIENT)).status == 200


def test_requests_for_tokens_of_one_address_are_bounded(strict: Served) -> None:
    found = Counter(clients.asked(strict, "a").status for _ in range(110))

    assert found == {401: 100, 429: 10}


def test_questions_to_the_gate_are_bounded(strict: Served) -> None:
    consent = strict.do(strict.sim.consent())
    found = Counter(strict.do(strict.sim.ask(SENDER, consent.digest)).status for _ in range(15))

    assert found == {200: 10, 429: 5}


def test_withdrawals_get_through_a_flood(strict: Served) -> None:
    """Of its own agency beyond every rate, of cheap 401s, of half heads, of a waiting crowd.

    It goes on until the last withdrawal is answered.
    """
    given = [strict.do(strict.sim.consent()) for _ in range(5)]
    greedy = strict.head("GET /v1/inbox HTTP/1.1", strict.token(RECIPIENT))
    cheap = strict.head("GET /v1/inbox HTTP/1.1", "Authorization: Bearer a")
    over = Event()
    with ThreadPoolExecutor(2) as pool, ExitStack() as stack:
        stack.callback(over.set)
        silent = [stack.enter_context(strict.line()) for _ in range(PER_ADDRESS - 8)]
        for line in silent:
            line.send(b"GET /v1/inb")
        flooding = [
            pool.submit(_flood, stack.enter_context(strict.line()), sent, over)
            for sent in (greedy, cheap)
        ]
        took = []
        for one in given:
            begun = time.monotonic()
            answer = strict.do(strict.sim.withdraw(one))
            took.append(time.monotonic() - begun)
            assert answer.status == 200
        assert not any(each.done() for each in flooding)
        over.set()
        for each in flooding:
            each.result()

    assert median(took) < PROMPT_S


def _flood(line: Line, sent: bytes, over: Event) -> None:
    while not over.is_set():
        line.send(sent * 20)
        for _ in range(20):
            assert line.reply().status in {200, 401, 429}
