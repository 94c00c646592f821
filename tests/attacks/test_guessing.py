"""A30: guessing tokens. Unknown and wrong look the same, and nobody is locked out by it."""

import secrets
import statistics
import time
from collections.abc import Callable

import pytest

from exchange import canonical
from exchange.canonical import b64u
from exchange.keyring.ceremony import new_identity
from tests.attacks import clients
from tests.attacks.served import Served
from tests.simulator import SENDER

pytestmark = pytest.mark.auth

SAMPLES = 300
LARGEST_RATIO = 1.25
"""Of the lower quartiles of times taken in turns: what else the machine does only adds to them."""


def guesses(hub: Served) -> dict[str, str]:
    head, payload, signature = hub.sim.token(SENDER).split(".")
    return {
        "nothing": "",
        "noise": secrets.token_urlsafe(300),
        "wrong signature": f"{head}.{payload}.{b64u(secrets.token_bytes(32))}",
        "first byte right": f"{head}.{payload}.{signature[:1]}{b64u(secrets.token_bytes(32))[1:]}",
        "all but the last": f"{head}.{payload}.{signature[:-2]}AA",
        "no signature": f"{head}.{payload}.",
        "too long": "a" * 5000,
        "parts": "..",
        "dots": "." * 2000,
    }


def test_every_failed_authentication_has_the_same_face(hub: Served) -> None:
    sent = [
        hub.head("GET /v1/inbox HTTP/1.1", f"Authorization: Bearer {guess}")
        for guess in guesses(hub).values()
    ] + [hub.head("GET /v1/inbox HTTP/1.1")]

    replies = [hub.refused(one, 401) for one in sent]

    faces = {
        (tuple(pair for pair in reply.headers if pair[0] != "Date"), reply.body)
        for reply in replies
    }
    assert len(faces) == 1


def test_a_guess_is_told_nothing_about_what_is_there(hub: Served) -> None:
    """Before a caller is known, routes with and without an object answer alike."""
    letter = hub.do(hub.sim.sent())
    absent = "06060606-0606-4606-8606-06060606060a"

    bodies = {
        hub.refused(hub.head(f"GET /v1/disclosures/{name} HTTP/1.1"), 401).body
        for name in (letter.id, absent, "nonsense")
    }

    assert len(bodies) == 1


def test_no_number_of_guesses_locks_an_agency_out(hub: Served) -> None:
    wrong = guesses(hub)["wrong signature"]
    for _ in range(200):
        sent = hub.head("GET /v1/inbox HTTP/1.1", f"Authorization: Bearer {wrong}")
        assert hub.ask(sent).status == 401
    for _ in range(50):
        assert clients.asked(hub, clients.good(hub, aud="a")).status == 401

    assert hub.ask(hub.head("GET /v1/inbox HTTP/1.1", hub.token())).status == 200
    assert clients.asked(hub, clients.good(hub)).status == 200


def test_a_token_nearly_right_takes_as_long_as_one_all_wrong(hub: Served) -> None:
    found = guesses(hub)

    compare(
        hub,
        lambda: hub.head(
            "GET /v1/inbox HTTP/1.1", f"Authorization: Bearer {found['all but the last']}"
        ),
        lambda: hub.head(
            "GET /v1/inbox HTTP/1.1", f"Authorization: Bearer {found['wrong signature']}"
        ),
    )


def test_a_client_with_the_wrong_key_takes_as_long_as_one_with_another(hub: Served) -> None:
    """Both are signatures that do not verify; nothing else of them is looked at."""
    stranger = new_identity(SENDER)
    head = b64u(canonical.encode(clients.header(hub)))

    def forged(signature: bytes | None) -> bytes:
        text = f"{head}.{b64u(canonical.encode(clients.claims(hub)))}"
        made = stranger.sign("Ed25519", text.encode()) if signature is None else signature
        return clients.posted(hub, clients.form(f"{text}.{b64u(made)}"))

    compare(hub, lambda: forged(None), lambda: forged(b"\x01" + bytes(63)), samples=100)


def compare(
    hub: Served,
    first: Callable[[], bytes],
    second: Callable[[], bytes],
    *,
    samples: int = SAMPLES,
) -> None:
    """Fail if the answers to two requests, asked in turns, differ much in time.

    Everything is made beforehand: making one kind may cost more than making the other.
    """
    sent = [(first, second)[number % 2]() for number in range(2 * samples)]
    took: tuple[list[float], list[float]] = ([], [])
    with hub.line() as line:
        for number, request in enumerate(sent):
            begun = time.perf_counter()
            line.send(request)
            assert line.reply().status == 401
            took[number % 2].append(time.perf_counter() - begun)
    one, other = (statistics.quantiles(times, n=4)[0] for times in took)
    assert max(one, other) / min(one, other) < LARGEST_RATIO
