"""A62: addresses that are spelled so that they lead inside; they stop the start."""

from collections.abc import Callable
from typing import Any

import pytest
from exchange_plugin_webhook import configure

from exchange.canonical import Json
from exchange.errors import Misconfigured

pytestmark = pytest.mark.ssrf


def configured(url: str, settings_for: Callable[..., dict[str, Json]]) -> configure.Endpoints:
    given = settings_for(443)
    endpoints: Any = given["endpoints"]
    endpoints["office"]["url"] = url
    return configure.read(given)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "//hooks.example/",
        "hooks.example",
        "https://",
        "https:///inbox",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://017700000001/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://hooks\u3002example/",
        "https://ho\u00f6ks.example/",
        "https://user@hooks.example/",
        "https://user:password@hooks.example/",
        "https://hooks.example@inside.example/",
        "https://hooks.example\\@inside.example/",
        "https://hooks.example:8443/",
        "https://hooks.example:0/",
        "https://hooks.example:port/",
        "https://hooks.example:443443/",
        "https://hooks.example/?secret=x",
        "https://hooks.example/#there",
        "https://hooks.example/ inbox",
        "https://hooks.example/\r\nX-Injected: yes",
        "https://hooks.example/\x00",
        "https://hooks.example\t/",
        "https://-hooks.example/",
        "https://hooks..example/",
        "https://hooks.example./",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
    ],
)
def test_a_url_that_could_lead_inside_stops_the_start(
    url: str, settings_for: Callable[..., dict[str, Json]]
) -> None:
    with pytest.raises(Misconfigured) as refusal:
        configured(url, settings_for)
    assert url not in str(refusal.value).replace("https://host/path", "")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://hooks.example", ("hooks.example", 443, "/")),
        ("https://Hooks.example:443/in/box", ("hooks.example", 443, "/in/box")),
        ("https://a-1.b2.example/~x,y;z=%20", ("a-1.b2.example", 443, "/~x,y;z=%20")),
        ("https://localhost/", ("localhost", 443, "/")),
        ("https://1and1.example/", ("1and1.example", 443, "/")),
    ],
)
def test_a_url_with_a_name_is_taken(
    url: str, found: tuple[str, int, str], settings_for: Callable[..., dict[str, Json]]
) -> None:
    endpoint = configured(url, settings_for).by_name["office"]

    assert (endpoint.host, endpoint.port, endpoint.path) == found
