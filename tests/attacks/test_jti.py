"""A25: an assertion used twice. It is remembered last, so strangers cannot fill the table."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.hub.sweep import forget_rows
from tests.attacks import clients
from tests.attacks.served import Served
from tests.simulator import RECIPIENT

pytestmark = pytest.mark.auth

USED = "used_assertions"


def test_an_assertion_is_good_for_one_token(hub: Served) -> None:
    text = clients.good(hub)

    assert clients.asked(hub, text).status == 200
    clients.refused(hub, text)


def test_another_assertion_with_the_same_jti_is_refused(hub: Served) -> None:
    jti = secrets.token_urlsafe(16)

    assert clients.asked(hub, clients.good(hub, jti=jti)).status == 200
    clients.refused(hub, clients.good(hub, jti=jti, exp=clients.now(hub) + 30))


def test_the_same_jti_of_another_agency_is_its_own(hub: Served) -> None:
    jti = secrets.token_urlsafe(16)

    assert clients.asked(hub, clients.good(hub, jti=jti)).status == 200
    assert clients.asked(hub, clients.good(hub, RECIPIENT, jti=jti)).status == 200


def test_of_twenty_at_the_same_time_one_gets_a_token(hub: Served) -> None:
    sent = clients.posted(hub, clients.form(clients.good(hub)))

    with ThreadPoolExecutor(20) as pool:
        found = [reply.status for reply in pool.map(hub.ask, [sent] * 20)]

    assert sorted(found) == [200] + [401] * 19


@pytest.mark.parametrize("jti", ["", "a", "a" * 15, "a" * 129, "a" * 2000])
def test_a_jti_that_could_be_guessed_or_fill_rows_is_refused(hub: Served, jti: str) -> None:
    clients.refused(hub, clients.good(hub, jti=jti))


def test_strangers_fill_no_row(hub: Served) -> None:
    before = hub.rows(USED)

    for _ in range(50):
        text = clients.assertion(hub, clients.header(hub), clients.claims(hub), signer=RECIPIENT)
        assert clients.asked(hub, text).status == 401
    clients.refused(hub, clients.good(hub, aud="https://other.example"))

    assert hub.rows(USED) == before


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    first = Served(tmp_path)
    with first.running():
        text = clients.good(first)
        assert clients.asked(first, text).status == 200
    second = Served(tmp_path, arranged=False)
    second.sim.settings = first.sim.settings  # same origin, same port
    second.sim.port = first.sim.port

    with second.running():
        clients.refused(second, text)


def test_what_is_remembered_outlives_the_assertion(tmp_path: Path) -> None:
    with Served(tmp_path).running() as served:
        text = clients.good(served)
        assert clients.asked(served, text).status == 200
        served.sim.now += timedelta(seconds=119)
        served.do(forget_rows(served.sim.hub))

        clients.refused(served, text)
        assert served.rows(USED) == 1

        served.sim.now += timedelta(seconds=1)
        served.do(forget_rows(served.sim.hub))

        assert served.rows(USED) == 0
