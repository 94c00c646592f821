"""exchange.loopback: which hosts are spoken to without encryption."""

import pytest

from exchange.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "hub.example",
        "localhost.example",
        "LOCALHOST",
        "::",
        "10.0.0.1",
        "127.1",
        "1",
    ],
)
def test_every_other_host_is_another_machine(host: str) -> None:
    assert not is_loopback(host)
