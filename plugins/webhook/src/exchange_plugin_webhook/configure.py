"""The settings of the endpoints, read strictly: https to a named host, secrets from files."""

import base64
import binascii
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from standardwebhooks import Webhook

from exchange.errors import Misconfigured
from exchange.hookspecs import Settings
from exchange_plugin_webhook.addresses import Network

_KNOWN = frozenset({"endpoints", "ports", "private", "ca_file", "timeout_s"})
_PREFIX = "whsec_"
_SECRET_SIZES = range(24, 65)
"""Bytes of a secret (Standard Webhooks 1.0, signature scheme)."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)*(?=[a-z]){_LABEL}", re.ASCII)
"""A name whose last label begins with a letter: no spelling of an address is one."""
_PLAIN = re.compile(r"[A-Za-z0-9:/._~%!$&'()*+,;=\[\]-]+", re.ASCII)
"""Characters of a URL without user, query and fragment (RFC 3986)."""
_LONGEST_HOST = 253
_LONGEST_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One receiver of notices."""

    host: str
    """A name in lower case; the certificate is for it."""
    port: int
    path: str
    secrets: tuple[Webhook, ...] = field(repr=False)
    """One, or two while the receiver changes from one to the other: each signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where notices go, and how."""

    by_name: Mapping[str, Endpoint] = field(repr=False)
    private: tuple[Network, ...]
    """Networks that may be reached though they are not public."""
    timeout_s: int
    """Seconds for one notice, from the look-up of the name to the head of the answer."""
    tls: ssl.SSLContext = field(repr=False)
    """Verifies the receiver's certificate and name."""


def read(settings: Settings) -> Endpoints:
    """Return the endpoints that the table `[plugins.webhook]` describes.

    Raises:
        Misconfigured: a setting is missing, unknown, unsafe or of another type; the text names
            the setting and never its value.
    """
    unknown = settings.keys() - _KNOWN
    if unknown:
        raise Misconfigured(f"unknown settings: {', '.join(sorted(unknown))}")
    ports = _ports(settings.get("ports", [443]))
    tables = settings.get("endpoints", {})
    if not isinstance(tables, Mapping):
        raise Misconfigured("`endpoints` is a table of tables, one for each receiver")
    return Endpoints(
        by_name={name: _endpoint(table, ports) for name, table in tables.items()},
        private=_networks(settings.get("private", [])),
        timeout_s=_seconds(settings.get("timeout_s", 15)),
        tls=_context(settings.get("ca_file", "")),
    )


def _endpoint(table: object, ports: Sequence[int]) -> Endpoint:
    if not isinstance(table, Mapping) or table.keys() != {"url", "secret_files"}:
        raise Misconfigured("an endpoint has a `url` and `secret_files`")
    url, files = table["url"], table["secret_files"]
    if not isinstance(files, list) or len(files) not in (1, 2):
        raise Misconfigured("`secret_files` names one file, or two while a secret is replaced")
    secrets = tuple(_secret(file) for file in files)
    parts = _parts(url)
    host = parts.hostname if parts else None
    if parts is None or host is None or not _HOST.fullmatch(host) or len(host) > _LONGEST_HOST:
        raise Misconfigured("`url` is https://host/path: a host by its name, no user, no query")
    port = parts.port or 443
    if port not in ports:
        raise Misconfigured("`url` names a port that is not in `ports`")
    return Endpoint(host=host, port=port, path=parts.path or "/", secrets=secrets)


def _parts(url: object) -> SplitResult | None:
    """Return the parts of a URL in which nothing can hide."""
    if not isinstance(url, str) or not url.startswith("https://") or not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        if parts.port == 0:
            return None
    except ValueError:
        return None
    return parts


def _secret(file: object) -> Webhook:
    if not isinstance(file, str):
        raise Misconfigured("`secret_files` is a list of paths")
    try:
        text = Path(file).read_text("ascii").strip()
        octets = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (OSError, ValueError, binascii.Error):
        raise Misconfigured("a file of `secret_files` cannot be read as a secret") from None
    if not text.startswith(_PREFIX) or len(octets) not in _SECRET_SIZES:
        raise Misconfigured("a secret is whsec_ and the base64 of 24 to 64 random bytes")
    return Webhook(octets)


def _ports(found: object) -> tuple[int, ...]:
    if not isinstance(found, list) or not all(type(port) is int for port in found):
        raise Misconfigured("`ports` is a list of port numbers")
    return tuple(found)


def _networks(found: object) -> tuple[Network, ...]:
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise Misconfigured("`private` is a list of networks")
    try:
        return tuple(ip_network(text) for text in found)
    except ValueError:
        raise Misconfigured("`private` holds what is no network, such as 10.1.2.0/24") from None


def _seconds(found: object) -> int:
    if type(found) is not int or not 0 < found <= _LONGEST_S:
        raise Misconfigured(f"`timeout_s` is a number from 1 to {_LONGEST_S}")
    return found


def _context(ca_file: object) -> ssl.SSLContext:
    if not isinstance(ca_file, str):
        raise Misconfigured("`ca_file` is the path of a file")
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError):
        raise Misconfigured("`ca_file` cannot be read as certificates") from None
