"""Whose certificates count when we connect to somebody."""

import ssl
from pathlib import Path

from exchange.errors import Misconfigured


def trusting(certificates: Path | None) -> ssl.SSLContext:
    """Return the context of a client: TLS 1.2 at least, name and chain are checked.

    Args:
        certificates: authorities to trust besides the system's, PEM.

    Raises:
        Misconfigured: they cannot be read.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificates is not None:
        try:
            context.load_verify_locations(certificates)
        except (OSError, ssl.SSLError):
            raise Misconfigured(f"no certificates can be read from {certificates}") from None
    return context
