"""The settings of the plugin: whose signatures on consent forms count."""

from exchange.errors import Misconfigured
from exchange.hookspecs import Settings


def check_names(settings: Settings) -> None:
    """Refuse settings this plugin does not have.

    Raises:
        Misconfigured: there is one.
    """
    if unknown := settings.keys() - {"trusted"}:
        raise Misconfigured(f"unknown settings: {', '.join(sorted(unknown))}")


def trusted(settings: Settings) -> bytes:
    """Return the certificates of the authorities whose signers are believed, PEM.

    Raises:
        Misconfigured: none is given.
    """
    check_names(settings)
    found = settings.get("trusted")
    if not isinstance(found, str) or not found:
        raise Misconfigured("`trusted` holds the certificates of authorities, PEM")
    return found.encode()
