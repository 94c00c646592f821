"""Addresses in settings, policies and answers: what may be connected to, and is written plainly.

Says nothing about what a name leads to: `exchange.hub.resolve` looks at that.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.?", re.ASCII)
"""A name as resolvers take it; everything that could be a number in disguise is refused."""
NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)
VISIBLE: Final = re.compile(r"[!-~]+")
"""No blank and no line end: some readers of URLs skip them, others do not."""
TRANSLATED: Final = tuple(
    ip_network(text)
    for text in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "::/96",
        "::ffff:0:0/96",
        "fec0::/10",
    )
)
"""Networks of addresses with an IPv4 address inside, or without a meaning any more."""


def is_plain(url: str) -> bool:
    """Tell whether an address can mean only one thing to every resolver and client.

    It is https, or http to this machine; without user, query and fragment.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if VISIBLE.fullmatch(url) is None:
        return False
    if "@" in parts.netloc or parts.query or parts.fragment or port == 0:
        return False
    literal = _literal(host)
    if literal is None and (
        HOST.fullmatch(host) is None or NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2])
    ):
        return False
    if parts.scheme == "http":
        return literal.is_loopback if literal is not None else host == "localhost"
    return parts.scheme == "https" and (literal is None or not leads_back(literal))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def leads_back(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is this machine, its platform, nobody, or another one in disguise.

    Networks of offices are not refused: that is where witnesses stand.
    """
    if isinstance(address, IPv6Address) and any(address in network for network in TRANSLATED):
        return True
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address == IPv4Address("255.255.255.255")
    )
