"""A63: addresses that lead inside, also those that Python calls global."""

from ipaddress import ip_address, ip_network

import pytest
from exchange_plugin_webhook.addresses import is_admitted

pytestmark = pytest.mark.ssrf


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",  # metadata of clouds
        "172.16.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:7f00:1",  # translated (RFC 2765)
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata of clouds
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert not is_admitted(ip_address(text), ())


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "193.0.6.139", "2001:4860:4860::8888", "2a02:8071::1", "::ffff:8.8.8.8"]
)
def test_a_public_address_is_admitted(text: str) -> None:
    assert is_admitted(ip_address(text), ())


@pytest.mark.parametrize("text", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_network_that_is_listed_is_admitted_and_no_other(text: str) -> None:
    listed = (ip_network("10.1.2.0/24"), ip_network("fd00:1::/64"))

    assert is_admitted(ip_address(text), listed)
    assert is_admitted(ip_address("fd00:1::5"), listed)
    assert not is_admitted(ip_address("10.1.3.1"), listed)
    assert not is_admitted(ip_address("fd00:2::5"), listed)
