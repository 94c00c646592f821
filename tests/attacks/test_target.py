"""A4: a request for another host. No URL is ever built from what a request calls us."""

import pytest

from exchange.wire import routes
from tests.attacks.served import Served
from tests.simulator import SENDER

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:80",
        "user@{host}",
        "{host}@evil.example",
        "{host}.evil.example",
        "{host},evil.example",
        "{host} ",
        "{host}:80",
        "127.0.0.1",
        "localhost",
        "127.1:{port}",
        "2130706433:{port}",
        "[::1]:{port}",
        "127.0.0.1:0{port}",
        "\xb127.0.0.1",
    ],
)
def test_another_host_is_misdirected(hub: Served, host: str) -> None:
    named = host.replace("{host}", hub.host).replace("{port}", str(hub.sim.port))
    if named.strip() == hub.host:
        named = f"{hub.host} evil.example"  # white space around a value is no part of it

    hub.refused(hub.head("GET /healthz HTTP/1.1", host=named), 421)


@pytest.mark.parametrize(
    "target",
    ["http://evil.example/healthz", "http://{host}/healthz", "https://{host}/", "ftp://{host}/"],
)
def test_a_whole_url_is_misdirected(hub: Served, target: str) -> None:
    hub.refused(hub.head(f"GET {target.replace('{host}', hub.host)} HTTP/1.1"), 421)


def test_a_path_that_names_a_host_does_not_exist(hub: Served) -> None:
    hub.refused(hub.head("GET //evil.example/healthz HTTP/1.1"), 404)


@pytest.mark.parametrize("target", ["*", "?a", "healthz", "evil.example:80"])
def test_what_is_neither_path_nor_url_is_refused_and_closes(hub: Served, target: str) -> None:
    hub.refused(hub.head(f"GET {target} HTTP/1.1"), 400, closed=True)


def test_the_name_of_our_host_is_read_without_case(hub: Served) -> None:
    assert hub.ask(hub.head("GET /healthz HTTP/1.1", host=hub.host.upper())).status == 200


def test_urls_are_built_from_the_origin(hub: Served) -> None:
    letter = hub.sim.letter(hub.do(hub.sim.consent()).digest)
    headers = {
        "Content-Type": routes.MANIFEST,
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
    }

    announced = hub.do(hub.sim.call(SENDER, routes.DISCLOSE, body=letter.manifest, headers=headers))

    assert announced.status == 201
    assert announced.json["upload"].startswith(hub.sim.origin + "/")
