"""A15: headers that claim an address, a host, a scheme or a method."""

from collections.abc import Iterator

import pytest

from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http

FORM = "Content-Type: application/x-www-form-urlencoded"
ADDRESS = "203.0.113.9"


@pytest.mark.parametrize(
    "line",
    [
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X_Forwarded_For: 10.0.0.1",
        "X-Forwarded_For: 10.0.0.1",
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
        "Authorization_: Bearer a",
        "X-Original-URL: /v1/inbox",
        "X-Rewrite-URL: /v1/inbox",
    ],
)
def test_what_would_make_it_another_request_is_refused_and_closes(hub: Served, line: str) -> None:
    hub.refused(hub.head("GET /healthz HTTP/1.1", f"X-Mark: {CANARY}", line), 400, closed=True)


@pytest.mark.parametrize(
    "line",
    [
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-For: nonsense",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Prefix: /evil",
        "X-Real-IP: 10.0.0.1",
        "Forwarded: for=10.0.0.1;host=evil.example;proto=http",
    ],
)
def test_what_a_stranger_forwards_changes_nothing(hub: Served, line: str) -> None:
    plain = hub.ask(hub.head("GET /readyz HTTP/1.1"))

    found = hub.ask(hub.head("GET /readyz HTTP/1.1", line))

    assert (found.status, found.body) == (plain.status, plain.body)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a hub that takes three requests for tokens of one address, and knows no proxy."""
    served = Served(
        tmp_path_factory.mktemp("counted"), arranged=False, token={"rate": 1, "per_address": 3}
    )
    with served.running():
        yield served


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the same hub behind a proxy on loopback."""
    served = Served(
        tmp_path_factory.mktemp("proxied"),
        arranged=False,
        token={"rate": 1, "per_address": 3},
        http={"trusted_proxies": ["127.0.0.0/8"]},
    )
    with served.running():
        yield served


def statuses(served: Served, *lines: str) -> list[int]:
    return [
        served.ask(served.post("/oauth2/token", b"", FORM, line.replace("{n}", str(number)))).status
        for number, line in enumerate(lines)
    ]


def test_without_a_proxy_nobody_chooses_the_address_that_is_counted(counted: Served) -> None:
    found = statuses(counted, *["X-Forwarded-For: 203.0.113.{n}"] * 5)

    assert found == [400, 400, 400, 429, 429]


def test_behind_a_proxy_the_last_entry_is_counted(proxied: Served) -> None:
    claimed = f"X-Forwarded-For: 198.51.100.{{n}}, {ADDRESS}"

    assert statuses(proxied, *[claimed] * 5) == [400, 400, 400, 429, 429]
    assert statuses(proxied, "X-Forwarded-For: 203.0.113.77") == [400]


def test_behind_a_proxy_of_several_lines_the_last_one_is_counted(proxied: Served) -> None:
    claimed = "X-Forwarded-For: 198.51.100.{n}\r\nX-Forwarded-For: 203.0.113.10"

    assert statuses(proxied, *[claimed] * 4) == [400, 400, 400, 429]


def test_an_address_a_proxy_cannot_mean_counts_as_the_proxy(proxied: Served) -> None:
    assert statuses(proxied, *["X-Forwarded-For: not-an-address-{n}"] * 4) == [400, 400, 400, 429]
