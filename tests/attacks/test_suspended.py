"""A27: a valid token whose agency may not call any more. Its row counts, not its token."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exchange import canonical
from exchange.hub.admit import suspend
from exchange.keyring.ceremony import new_identity, succeed
from exchange.wire import routes
from exchange.wire.operations import OPERATIONS
from tests.attacks import clients
from tests.attacks.served import Served
from tests.simulator import OUTSIDER, RECIPIENT, SENDER

pytestmark = pytest.mark.auth


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """Serve a hub whose agencies a test may suspend."""
    served = Served(tmp_path)
    with served.running(), served.listening():
        yield served


def inbox(served: Served, agency: str) -> bytes:
    return served.head("GET /v1/inbox HTTP/1.1", served.token(agency))


def test_a_suspended_agency_is_refused_at_its_next_request(own: Served) -> None:
    with own.line() as line:
        line.send(inbox(own, OUTSIDER))
        assert line.reply().status == 200
        own.do(suspend(own.sim.hub, OUTSIDER))
        line.send(inbox(own, OUTSIDER))
        assert line.reply().status == 401

    own.refused(inbox(own, OUTSIDER), 401)
    clients.refused(own, clients.good(own, OUTSIDER))
    assert own.ask(inbox(own, SENDER)).status == 200


def test_a_suspended_agency_is_refused_on_every_route(own: Served) -> None:
    own.do(suspend(own.sim.hub, SENDER))
    identity = "06060606-0606-4606-8606-06060606060a"
    for operation in OPERATIONS:
        if operation.authenticated:
            name = SENDER if "agencies" in operation.path else identity
            path = operation.path.replace("{id}", name).replace("{bundle}", "000")
            path = path.replace("{digest}", "A" * 43).replace("{period}", "2026-03")
            path = path.replace("{finding}", "looks").replace("{index}", "0")
            first = f"{operation.method} {path} HTTP/1.1"
            own.refused(own.head(first, own.token()), 401)


def test_a_request_that_waits_learns_nothing_after_the_suspension(own: Served) -> None:
    waiting = own.head("GET /v1/inbox?wait=2 HTTP/1.1", own.token(RECIPIENT))
    consent = own.do(own.sim.consent())
    with own.line() as line:
        line.send(waiting)
        own.do(suspend(own.sim.hub, RECIPIENT))
        refused = own.do(own.sim.send(own.sim.letter(consent.digest)))
        reply = line.reply()

    assert refused.status == 422  # no key of a suspended recipient counts
    assert reply.status == 401 or reply.json["entries"] == []


def test_an_identity_that_was_replaced_counts_until_its_day_and_no_longer(own: Served) -> None:
    old = own.sim.offices[SENDER].identity
    new = new_identity(SENDER)
    statement = succeed(old, new, now=own.sim.now)
    body = canonical.encode({"statement": statement.decode()})
    path = routes.PUT_SUCCESSION.path.replace("{id}", SENDER)
    lines = (own.token(), "Content-Type: application/json", f"Content-Length: {len(body)}")
    stored = own.ask(own.head(f"PUT {path} HTTP/1.1", *lines) + body)
    assert stored.status == 200, stored.raw

    assert own.ask(inbox(own, SENDER)).status == 200
    own.sim.now += timedelta(days=400)

    own.refused(inbox(own, SENDER), 401)
    clients.refused(own, clients.good(own))


def test_a_token_ends_with_its_life(own: Served) -> None:
    sent = inbox(own, SENDER)
    assert own.ask(sent).status == 200

    own.sim.now += timedelta(seconds=599)
    assert own.ask(sent).status == 200

    own.sim.now += timedelta(seconds=1)
    own.refused(sent, 401)


def test_a_token_of_the_future_is_refused(own: Served) -> None:
    own.sim.now += timedelta(hours=1)
    sent = inbox(own, SENDER)
    own.sim.now -= timedelta(hours=1)

    own.refused(sent, 401)
