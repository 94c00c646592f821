"""The mail server of the agency, from the settings: encrypted and logged in, or no start."""

import ssl
from dataclasses import dataclass, field
from typing import Literal

from exchange.errors import Misconfigured
from exchange.hookspecs import Secrets, Settings
from exchange_plugin_mailbox.configure import Envelope, number, only, read_envelope, text


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


def read_server(settings: Settings, secrets: Secrets) -> MailServer:
    """Return the mail server, from the same table and its secrets.

    Raises:
        Misconfigured: as in `read_envelope`; also for secrets that are missing.
    """
    envelope = read_envelope(settings)
    only(secrets.keys(), {"password", "ca"}, "secrets")
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
            timeout_s=number(settings, "timeout_s", 60, most=300),
            tls=None,
        )
    if security not in ("starttls", "tls"):
        raise Misconfigured("`security` is starttls, tls or none")
    return MailServer(
        envelope=envelope,
        server=text(settings, "server"),
        security="tls" if security == "tls" else "starttls",
        username=text(settings, "username"),
        password=_secret(secrets, "password"),
        timeout_s=number(settings, "timeout_s", 60, most=300),
        tls=_context(_secret(secrets, "ca")),
    )


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
