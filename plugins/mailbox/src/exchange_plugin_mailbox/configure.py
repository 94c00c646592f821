"""The settings of the mailbox, read strictly: encrypted and logged in, or no start."""

import re
import ssl
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Final, Literal

from exchange.errors import Misconfigured
from exchange.hookspecs import Secrets, Settings

MIB: Final = 1 << 20
_LARGEST: Final = 1 << 30
"""Bytes of the files of one document (docs/formats.md, limits)."""
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII
)
"""A plain address: no display name, no quotes, no second address, nothing to inject."""
_OF_INTAKE: Final = frozenset({"sender", "recipient", "max_size_mib"})
_OF_DELIVERY: Final = frozenset({"server", "security", "username", "timeout_s"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """From whom and to whom every message goes."""

    sender: str
    """Plain address; its domain also stands in each Message-ID."""
    recipient: str
    """Plain address of the office's own mailbox."""
    max_size: int
    """Bytes of all files of a document; published, so that senders know before."""

    @property
    def domain(self) -> str:
        """The domain of `sender`."""
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The agency's own mail server, and as whom messages are handed to it."""

    envelope: Envelope
    server: str
    """Name its certificate must have."""
    security: Literal["starttls", "tls", "none"]
    """`none` to this machine itself only."""
    username: str
    password: str = field(repr=False)
    timeout_s: int
    """Seconds without any progress until it is tried again later."""
    tls: ssl.SSLContext | None = field(repr=False)
    """Verifies the server's certificate and name; None without encryption."""


def read_envelope(settings: Settings) -> Envelope:
    """Return who writes to whom, from the table `[plugins.mailbox]`.

    Raises:
        Misconfigured: a setting is missing, unknown, or of another type; the text names the
            setting and never its value.
    """
    _only(settings.keys(), _OF_INTAKE | _OF_DELIVERY, "settings")
    return Envelope(
        sender=_address(settings, "sender"),
        recipient=_address(settings, "recipient"),
        max_size=_number(settings, "max_size_mib", 256, most=_LARGEST // MIB) * MIB,
    )


def read_server(settings: Settings, secrets: Secrets) -> MailServer:
    """Return the mail server, from the same table and its secrets.

    Raises:
        Misconfigured: as in `read_envelope`; also for secrets that are missing.
    """
    envelope = read_envelope(settings)
    _only(secrets.keys(), {"password", "ca"}, "secrets")
    security = settings.get("security", "starttls")
    if security == "none":
        if secrets:
            raise Misconfigured("without encryption no secret may travel: leave `secrets` out")
        return MailServer(
            envelope=envelope,
            server="localhost",
            security="none",
            username="",
            password="",
            timeout_s=_number(settings, "timeout_s", 60, most=300),
            tls=None,
        )
    if security not in ("starttls", "tls"):
        raise Misconfigured("`security` is starttls, tls or none")
    return MailServer(
        envelope=envelope,
        server=_text(settings, "server"),
        security="tls" if security == "tls" else "starttls",
        username=_text(settings, "username"),
        password=_secret(secrets, "password"),
        timeout_s=_number(settings, "timeout_s", 60, most=300),
        tls=_context(_secret(secrets, "ca")),
    )


def _only(found: Set[str], known: Set[str], where: str) -> None:
    if unknown := found - known:
        raise Misconfigured(f"unknown {where}: {', '.join(sorted(unknown))}")


def _text(settings: Settings, name: str) -> str:
    found = settings.get(name)
    if not isinstance(found, str) or not found or not found.isprintable():
        raise Misconfigured(f"`{name}` is missing or no plain text")
    return found


def _address(settings: Settings, name: str) -> str:
    found = _text(settings, name)
    if not _ADDRESS.fullmatch(found):
        raise Misconfigured(f"`{name}` is one plain mail address")
    return found


def _number(settings: Settings, name: str, default: int, *, most: int) -> int:
    found = settings.get(name, default)
    if type(found) is not int or not 0 < found <= most:
        raise Misconfigured(f"`{name}` is a number from 1 to {most}")
    return found


def _secret(secrets: Secrets, name: str) -> str:
    found = secrets.get(name, "").strip("\r\n")
    if not found:
        raise Misconfigured(f"`secrets` names no file `{name}`, or it is empty")
    return found


def _context(authorities: str) -> ssl.SSLContext:
    """Trust the named authorities and no other: a worker cannot read those of the system."""
    try:
        context = ssl.create_default_context(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise Misconfigured("`ca` holds no certificates in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
