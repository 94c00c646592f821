"""The settings of the case tool, read strictly: signed and encrypted, or no start."""

import binascii
import re
from collections.abc import Set
from typing import TYPE_CHECKING, Final, NamedTuple

from exchange.errors import Misconfigured
from exchange.hookspecs import Secrets, Settings

if TYPE_CHECKING:
    import ssl  # loaded where there is something to encrypt

_SERVER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", re.ASCII)
"""At least one segment, none of them `.` or `..`."""
_PREFIX: Final = "whsec_"
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
"""Bytes of a key (Standard Webhooks, 1.0.0, signature scheme)."""


class CaseTool(NamedTuple):
    """Where documents go, and what signs them."""

    server: str
    """Name its certificate must have; also the value of `Host`."""
    path: str
    """Of the endpoint, absolute."""
    keys: tuple[bytes, ...]
    """One, or two while the case tool changes from the one to the other."""
    tls: "ssl.SSLContext | None"
    """Verifies the server's certificate and name; None: this machine only."""
    timeout_s: int
    """Seconds without any progress until it is tried again later."""

    def __repr__(self) -> str:
        """Leave the keys out."""
        return f"CaseTool(server={self.server!r}, path={self.path!r})"


def read(settings: Settings, secrets: Secrets) -> CaseTool:
    """Return the case tool that the table `[plugins.casetool]` and its secrets describe.

    Raises:
        Misconfigured: one is missing, unknown or unfit; the text names it, never its value.
    """
    _only(settings.keys(), {"server", "path", "security", "timeout_s"}, "settings")
    _only(secrets.keys(), {"key", "former_key", "ca"}, "secrets")
    security = settings.get("security", "tls")
    if security not in ("tls", "none"):
        raise Misconfigured("`security` is tls or none")
    if (security == "none") == ("ca" in secrets):
        raise Misconfigured("`secrets` names the authorities `ca` with TLS, and only then")
    timeout_s = settings.get("timeout_s", 30)
    if type(timeout_s) is not int or not 0 < timeout_s <= 300:  # noqa: PLR2004 - said in the text
        raise Misconfigured("`timeout_s` is a number from 1 to 300")
    keys = [_key(secrets, "key")]
    if "former_key" in secrets:
        keys.append(_key(secrets, "former_key"))
    return CaseTool(
        server=_matching(settings, "server", _SERVER),
        path=_matching(settings, "path", _PATH),
        keys=tuple(keys),
        tls=_context(secrets["ca"]) if security == "tls" else None,
        timeout_s=timeout_s,
    )


def _only(found: Set[str], known: Set[str], where: str) -> None:
    if unknown := found - known:
        raise Misconfigured(f"unknown {where}: {', '.join(sorted(unknown))}")


def _matching(settings: Settings, name: str, pattern: re.Pattern[str]) -> str:
    found = settings.get(name)
    if not isinstance(found, str) or not pattern.fullmatch(found):
        raise Misconfigured(f"`{name}` is missing or has signs it may not have")
    return found


def _key(secrets: Secrets, name: str) -> bytes:
    """Read a key as case tools show theirs: `whsec_` and Base64."""
    text = secrets.get(name, "").strip()
    try:
        key = binascii.a2b_base64(text.removeprefix(_PREFIX), strict_mode=True)
    except (binascii.Error, ValueError):
        raise Misconfigured(f"`{name}` is no key in Base64") from None
    if not text.startswith(_PREFIX) or not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise Misconfigured(f"`{name}` is whsec_ and 24 to 64 bytes in Base64")
    return key


def _context(authorities: str) -> "ssl.SSLContext":
    """Trust the named authorities and no other: a worker cannot read those of the system."""
    import ssl  # noqa: PLC0415 - only with encryption

    try:
        context = ssl.create_default_context(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise Misconfigured("`ca` holds no certificates in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
