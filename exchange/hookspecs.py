"""The whole plugin contract: values, adapters and the hooks that register them.

Hooks are synchronous and only register, once per start; adapters work, one at a time, addressed
by key. Nothing here knows the rest of the exchange, so a change inside cannot break a partner.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

import pluggy

from exchange.canonical import Json
from exchange.errors import Misconfigured

PROJECT = "exchange"
"""Name that ties the markers below to the manager that reads them."""
AGENCY_GROUP = "exchange.agency"
"""Entry-point group of plugins that run in the agency, where plaintext is."""
HUB_GROUP = "exchange.hub"
"""Entry-point group of plugins that run inside the hub and are trusted like it."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Settings: TypeAlias = Mapping[str, Json]
"""The plugin's own table of the settings, and no other: it may hold the plugin's secrets."""

FILES = "files/1"
"""Profile of a package that promises nothing but files a person can read."""
EVERY_CHARACTER = "*"
"""As `name_alphabet`: the back office takes every name the exchange admits (`*` is in none)."""
ASCII_NAMES = string.ascii_letters + string.digits + "-_."
"""As `name_alphabet`: letters, digits and three signs that no file system refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an intake format takes; published in the directory, so that senders know before."""

    profiles: frozenset[str]
    """Names of what a package promises, such as `files/1`; each read by one format only."""
    media_types: frozenset[str]
    """Media types of single files, lower case, without parameters."""
    max_size: int
    """Bytes of all files of a package together."""
    name_alphabet: str
    """Characters that names of written files may have, or `EVERY_CHARACTER`."""

    def __post_init__(self) -> None:
        if not self.profiles or not self.media_types or not self.name_alphabet:
            raise Misconfigured("capabilities name a profile, a media type and an alphabet")
        if self.max_size <= 0:
            raise Misconfigured("capabilities name a largest size above zero")


@dataclass(frozen=True, slots=True)
class Label:
    """A code of a controlled vocabulary with the words people read."""

    code: str
    de: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFile:
    """One file of a document package; its content stays on disk."""

    name: str
    """Unique in its package and free of path, control and direction characters."""
    media_type: str
    """What the sender claims; the adapter checks for itself."""
    size: int
    """Bytes."""
    sha256: str
    """64 lowercase hex digits, verified by the gateway."""
    path: Path
    """Where the content lies; read only, gone when the conversion ends."""
    third_party: bool = False
    """Whether it also tells of other persons, inseparably: nobody may use that (§ 67d SGB X)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPackage:
    """What one disclosure brought: verified, opened, not yet converted."""

    disclosure_id: str
    """UUID in lower case; random, safe in names of files."""
    profile: str
    """What the content promises, one of the format's `capabilities.profiles`."""
    sender: str
    """Id of the sending agency: a-z, 0-9 and "-"."""
    sender_name: str
    """Public name of the sending office."""
    purpose: Label
    category: Label
    secrecy: Label
    sent_at: datetime
    """When the sender signed, aware."""
    collected_at: datetime
    """When the recipient was given the key, aware."""
    files: tuple[DocumentFile, ...]
    """At least one, in the order of the contents list."""
    remark: str = ""
    """Words of the sender for the reader; empty when there are none."""
    reference: str = ""
    """The sender's file number; empty when there is none."""
    notice: str = ""
    """Notice on purpose and secrecy that the law puts before the documents (§ 78 SGB X), in lines;
    empty when none is due. Show it first. The gateway lays it beside what `convert` has written."""


@dataclass(frozen=True, slots=True)
class IntakeFile:
    """One file an intake format has written into its target folder."""

    name: str
    """Name in the target folder, no path."""


class IntakeFormat(Protocol):
    """Converts document packages of some profiles into what one back office imports."""

    @property
    def capabilities(self) -> Capabilities:
        """What this format takes; constant."""
        ...

    async def convert(self, package: DocumentPackage, target: Path) -> Sequence[IntakeFile]:
        """Write the files the back office imports into `target`.

        Runs in a process without keys, network and other documents, with limits on time,
        memory and file size; threads and child processes are refused. The process is kept for
        the next document when this returns or raises `Malformed`, and replaced after anything
        else; so keep nothing of a document between two calls.

        Args:
            package: at most `capabilities.max_size` bytes in total.
            target: empty folder; nothing outside it can be written.

        Returns:
            At least one file, in the order of import: exactly those that lie in `target`;
            names are unique and free of personal data beyond the names the package brought.

        Raises:
            Malformed: the content is not what the profile promises. The package goes to
                quarantine and the sender is told so, without its content.
        """
        ...


class NoticeKind(StrEnum):
    """What a notice says: that somebody should look, never at what."""

    WAITING = "waiting"
    REMINDER = "reminder"
    TASK = "task"
    TECHNICAL = "technical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification without content, to one address."""

    id: str
    """Random UUID; the same at every repetition, so that a receiver can drop the second."""
    kind: NoticeKind
    language: str
    """`de`, `en` or `de-simple`."""
    address: str
    """Where to, in the words of the channel: for `smtp` a mail address."""


class Channel(Protocol):
    """Delivers notices in one way, such as e-mail."""

    @property
    def key(self) -> str:
        """Name under which agencies choose this channel, such as `smtp`; constant."""
        ...

    async def send(self, notice: Notice) -> None:
        """Deliver `notice`, with constant words that depend on its kind and language only.

        Returns when the next system has taken responsibility. Must end by itself: the relay
        gives up on an attempt after its own time limit and tries again later.

        Raises:
            Unavailable: not now; the relay repeats it later under the same id.
            Undeliverable: never, however often it is repeated.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureAsked:
    """A disclosure the gate is about to decide on; what the hub itself knows of it."""

    sender: str
    recipients: frozenset[str]
    purpose: str
    category: str
    secrecy: str


class GateVeto(Protocol):
    """Says no where the operator's own rules say no. It can never permit."""

    @property
    def key(self) -> str:
        """Name of the rule; constant."""
        ...

    async def forbids(self, asked: DisclosureAsked) -> bool:
        """Tell whether the operator's rules forbid `asked`.

        Asked before the transaction that decides. Anything but a timely False is a no: an
        exception, another value, silence.
        """
        ...


class AgencyHooks:
    """Hooks of the gateway, entry-point group ``exchange.agency``. They run where plaintext is."""

    @hookspec
    def register_intake_formats(self, settings: Settings) -> Sequence[IntakeFormat]:  # type: ignore[empty-body]
        """Return the intake formats this plugin provides.

        Called: once per start of each intake worker, before its first package.
        Returns: any number of formats; two formats for one profile stop the start.
        Raises: Misconfigured for settings it cannot work with; any exception stops the start
            and names the plugin.
        Source: the partner's import specification; cite name and version in your class docstring.
        """


class HubHooks:
    """Hooks of the hub, entry-point group ``exchange.hub``. They run inside the hub."""

    @hookspec
    def register_channels(self, settings: Settings) -> Sequence[Channel]:  # type: ignore[empty-body]
        """Return the channels this plugin provides.

        Called: once per start of the hub, before the first notice.
        Returns: any number of channels; two channels with one key stop the start.
        Raises: Misconfigured for settings it cannot work with; any exception stops the start
            and names the plugin.
        Source: the specification of the channel's protocol; cite it in your class docstring.
        """

    @hookspec
    def register_gate_vetoes(self, settings: Settings) -> Sequence[GateVeto]:  # type: ignore[empty-body]
        """Return the vetoes this plugin provides.

        Called: once per start of the hub, before the first request.
        Returns: any number of vetoes; two vetoes with one key stop the start.
        Raises: Misconfigured for settings it cannot work with; any exception stops the start
            and names the plugin.
        Source: the operator's rule; cite it in your class docstring.
        """
