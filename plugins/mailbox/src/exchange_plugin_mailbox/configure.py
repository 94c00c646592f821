"""The settings of the mailbox, read strictly: from whom and to whom."""

import re
from collections.abc import Set
from typing import Final, NamedTuple

from exchange.errors import Misconfigured
from exchange.hookspecs import Settings

MIB: Final = 1 << 20
_LARGEST: Final = 1 << 30
"""Bytes of the files of one document (docs/formats.md, limits)."""
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII
)
"""A plain address: no display name, no quotes, no second address, nothing to inject."""
_OF_INTAKE: Final = frozenset({"sender", "recipient", "max_size_mib"})
_OF_DELIVERY: Final = frozenset({"server", "security", "username", "timeout_s"})


class Envelope(NamedTuple):
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


def read_envelope(settings: Settings) -> Envelope:
    """Return who writes to whom, from the table `[plugins.mailbox]`.

    Raises:
        Misconfigured: a setting is missing, unknown, or of another type; the text names the
            setting and never its value.
    """
    only(settings.keys(), _OF_INTAKE | _OF_DELIVERY, "settings")
    return Envelope(
        sender=_address(settings, "sender"),
        recipient=_address(settings, "recipient"),
        max_size=number(settings, "max_size_mib", 256, most=_LARGEST // MIB) * MIB,
    )


def only(found: Set[str], known: Set[str], where: str) -> None:
    """Refuse names that are not `known`.

    Raises:
        Misconfigured: there is one; the text names it.
    """
    if unknown := found - known:
        raise Misconfigured(f"unknown {where}: {', '.join(sorted(unknown))}")


def text(settings: Settings, name: str) -> str:
    """Return a setting that is one line of text.

    Raises:
        Misconfigured: it is missing, empty or something else.
    """
    found = settings.get(name)
    if not isinstance(found, str) or not found or not found.isprintable():
        raise Misconfigured(f"`{name}` is missing or no plain text")
    return found


def _address(settings: Settings, name: str) -> str:
    found = text(settings, name)
    if not _ADDRESS.fullmatch(found):
        raise Misconfigured(f"`{name}` is one plain mail address")
    return found


def number(settings: Settings, name: str, default: int, *, most: int) -> int:
    """Return a setting that is a number from 1 to `most`.

    Raises:
        Misconfigured: it is something else.
    """
    found = settings.get(name, default)
    if type(found) is not int or not 0 < found <= most:
        raise Misconfigured(f"`{name}` is a number from 1 to {most}")
    return found
