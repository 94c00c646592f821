"""The settings of the mail server, read strictly: encrypted and logged in, or no start."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exchange.errors import Misconfigured
from exchange.hookspecs import Settings

_PORTS = {"starttls": 587, "tls": 465}
_KNOWN = frozenset(
    {"host", "port", "security", "username", "password", "password_file", "sender"}
    | {"ca_file", "timeout_s"}
)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9.-]{1,189})", re.ASCII)
"""A plain address: no display name, no quotes, no second address, nothing to inject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where notices go, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls"]
    username: str
    password: str = field(repr=False)
    sender: str
    """Plain address; its domain also stands in EHLO and in each Message-ID."""
    timeout_s: int
    """Seconds for one notice, from the connection to the server's answer."""
    tls: ssl.SSLContext = field(repr=False)
    """Verifies the server's certificate and name."""

    @property
    def domain(self) -> str:
        """The domain of `sender`."""
        return self.sender.rpartition("@")[2]


def address(text: str) -> str | None:
    """Return `text` if it is one plain mail address of at most 254 characters (RFC 5321)."""
    return text if _ADDRESS.fullmatch(text) else None


def read(settings: Settings) -> MailServer:
    """Return the mail server that the table `[plugins.smtp]` describes.

    Raises:
        Misconfigured: a setting is missing, unknown, or of another type; the text names the
            setting and never its value.
    """
    unknown = settings.keys() - _KNOWN
    if unknown:
        raise Misconfigured(f"unknown settings: {', '.join(sorted(unknown))}")
    security = _text(settings, "security", "starttls")
    if security not in ("starttls", "tls"):
        raise Misconfigured("`security` is starttls or tls: notices never travel unencrypted")
    sender = address(_text(settings, "sender"))
    if sender is None:
        raise Misconfigured("`sender` is one plain mail address")
    return MailServer(
        host=_text(settings, "host"),
        port=_number(settings, "port", _PORTS[security], most=65535),
        security="tls" if security == "tls" else "starttls",
        username=_text(settings, "username"),
        password=_password(settings),
        sender=sender,
        timeout_s=_number(settings, "timeout_s", 30, most=300),
        tls=_context(_text(settings, "ca_file", "")),
    )


def _text(settings: Settings, name: str, default: str | None = None) -> str:
    found = settings.get(name, default)
    if not isinstance(found, str) or (not found and default is None):
        raise Misconfigured(f"`{name}` is missing or no text")
    if not found.isprintable():
        raise Misconfigured(f"`{name}` holds a control character")
    return found


def _number(settings: Mapping[str, object], name: str, default: int, *, most: int) -> int:
    found = settings.get(name, default)
    if type(found) is not int or not 0 < found <= most:
        raise Misconfigured(f"`{name}` is a number from 1 to {most}")
    return found


def _password(settings: Settings) -> str:
    if ("password" in settings) == ("password_file" in settings):
        raise Misconfigured("give `password_file` (better) or `password`, one of them")
    if "password" in settings:
        return _text(settings, "password")
    try:
        found = Path(_text(settings, "password_file")).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        raise Misconfigured("`password_file` cannot be read") from None
    return _text({"password_file": found}, "password_file")


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError):
        raise Misconfigured("`ca_file` cannot be read as certificates") from None
