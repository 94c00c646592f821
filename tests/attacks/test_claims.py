"""A24: claims about somebody else, somewhere else, some other time."""

from typing import Any

import pytest

from exchange import canonical
from tests.attacks import clients
from tests.attacks.served import CANARY, Served
from tests.simulator import RECIPIENT, SENDER

pytestmark = pytest.mark.auth

WRONG: dict[str, dict[str, Any]] = {
    "issuer of another": {"iss": RECIPIENT},
    "subject of another": {"sub": RECIPIENT},
    "both of another": {"iss": RECIPIENT, "sub": RECIPIENT},
    "unknown": {"iss": CANARY, "sub": CANARY},
    "no issuer": {"iss": clients.DROPPED},
    "no subject": {"sub": clients.DROPPED},
    "neither": {"iss": clients.DROPPED, "sub": clients.DROPPED},
    "null": {"iss": None, "sub": None},
    "list": {"iss": [SENDER], "sub": [SENDER]},
    "case": {"iss": SENDER.upper(), "sub": SENDER.upper()},
    "no audience": {"aud": clients.DROPPED},
    "empty audience": {"aud": ""},
    "audience null": {"aud": None},
    "other audience": {"aud": "https://other.example"},
    "no expiry": {"exp": clients.DROPPED},
    "expiry null": {"exp": None},
    "no issue": {"iat": clients.DROPPED},
    "no jti": {"jti": clients.DROPPED},
    "jti null": {"jti": None},
    "jti number": {"jti": 10**15},
    "jti list": {"jti": ["a" * 22]},
    "short jti": {"jti": "a" * 15},
    "long jti": {"jti": "a" * 129},
}


@pytest.mark.parametrize("members", WRONG.values(), ids=WRONG.keys())
def test_other_claims_are_refused(hub: Served, members: dict[str, Any]) -> None:
    clients.refused(hub, clients.good(hub, **members))


@pytest.mark.parametrize(
    "audience",
    [
        "{origin}/",
        "{origin}/oauth2/token",
        "{upper}",
        "{host}",
        " {origin}",
        "{origin} ",
        "{origin},https://other.example",
    ],
)
def test_the_audience_is_our_issuer_and_nothing_else(hub: Served, audience: str) -> None:
    named = audience.format(origin=hub.sim.origin, upper=hub.sim.origin.upper(), host=hub.host)

    clients.refused(hub, clients.good(hub, aud=named))


def test_a_list_of_audiences_is_refused(hub: Served) -> None:
    for audiences in ([hub.sim.origin], [hub.sim.origin, "https://other.example"], []):
        clients.refused(hub, clients.good(hub, aud=audiences))


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        (0, 61),
        (0, 10**9),
        (0, 0),
        (0, -1),
        (-61, -1),
        (-120, -60),
        (-60, 1),
        (61, 62),
        (61, 121),
        (3600, 3660),
        (-3600, 60),
        (-(10**9), 60),
    ],
)
def test_an_assertion_is_young_and_short_lived(hub: Served, issued: int, expires: int) -> None:
    at = clients.now(hub)

    clients.refused(hub, clients.good(hub, iat=at + issued, exp=at + expires))


@pytest.mark.parametrize(("issued", "expires"), [(0, 60), (-60, 0), (60, 120), (-30, 30), (0, 1)])
def test_clocks_may_differ_by_a_minute(hub: Served, issued: int, expires: int) -> None:
    at = clients.now(hub)

    assert clients.asked(hub, clients.good(hub, iat=at + issued, exp=at + expires)).status == 200


def test_a_time_not_before_is_kept(hub: Served) -> None:
    at = clients.now(hub)

    assert clients.asked(hub, clients.good(hub, nbf=at)).status == 200
    clients.refused(hub, clients.good(hub, nbf=at + 61))
    clients.refused(hub, clients.good(hub, nbf="soon"))


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize("value", ["{at}.0", "{at}.5", '"{at}"', "true", "[{at}]", "1e10", "NaN"])
def test_a_time_is_a_whole_number(hub: Served, name: str, value: str) -> None:
    members = {**clients.claims(hub), "nbf": clients.now(hub), name: 77}
    stated = canonical.encode(members)
    written = value.format(at=clients.now(hub) + (60 if name == "exp" else 0)).encode()
    payload = stated.replace(b'"%b":77' % name.encode(), b'"%b":%b' % (name.encode(), written))
    assert payload != stated

    clients.refused(hub, clients.compact(hub, canonical.encode(clients.header(hub)), payload))


def test_a_claim_twice_is_refused(hub: Served) -> None:
    stated = canonical.encode(clients.claims(hub, aud="https://other.example"))
    doubled = stated[:-1] + b',"aud":"' + hub.sim.origin.encode() + b'"}'

    clients.refused(hub, clients.compact(hub, canonical.encode(clients.header(hub)), doubled))


def test_the_key_of_one_agency_speaks_for_no_other(hub: Served) -> None:
    own_header = clients.assertion(
        hub, clients.header(hub), clients.claims(hub, RECIPIENT), signer=SENDER
    )
    their_header = clients.assertion(
        hub, clients.header(hub, RECIPIENT), clients.claims(hub, RECIPIENT), signer=SENDER
    )

    clients.refused(hub, own_header)
    clients.refused(hub, their_header)


@pytest.mark.parametrize("client", [RECIPIENT, "", "nobody-here", CANARY])
def test_the_client_in_the_form_is_the_one_that_signed(hub: Served, client: str) -> None:
    clients.refused(hub, clients.good(hub), client_id=client)


def test_the_client_in_the_form_may_be_named(hub: Served) -> None:
    assert clients.asked(hub, clients.good(hub), client_id=SENDER).status == 200
