"""Which hosts are this machine: the only ones that are spoken to without encryption."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether a host, as it stands in a URL, is this machine itself.

    A name is not looked up: whoever answers for names must not decide what goes unencrypted.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
