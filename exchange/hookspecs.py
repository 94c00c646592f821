"""The whole plugin contract: values, adapters and the hooks that register them.

Hooks are synchronous and only register, once per start; adapters work, one at a time, addressed
by key. Nothing here knows the rest of the exchange, so a change inside cannot break a partner.
"""

import socket
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

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

CONTRACT = 1
"""Version of this contract. It grows when a plugin written for an earlier one could break; a plugin
says in its `Declaration` which one it was written for, and another number stops the start."""

Settings: TypeAlias = Mapping[str, Json]
"""The plugin's own table of the settings, and no other."""
Secrets: TypeAlias = Mapping[str, str]
"""Contents of the files that `secrets` in the plugin's table names, by the names given there."""

FILES = "files/1"
"""Profile of a package that promises nothing but files a person can read."""
EVERY_CHARACTER = "*"
"""As `name_alphabet`: the back office takes every name the exchange admits (`*` is in none)."""
ASCII_NAMES = string.ascii_letters + string.digits + "-_."
"""As `name_alphabet`: letters, digits and three signs that no file system refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a plugin says of itself; it goes into the records of processing (Art. 30 GDPR)."""

    contract: int
    """The `CONTRACT` it was written for."""
    licence: str
    """SPDX expression."""
    sees_plaintext: bool
    """Whether documents reach it; never, of a plugin of the hub."""
    endpoints: tuple[str, ...] = ()
    """Kinds of systems it speaks with, in words, such as `mail server of the hub`."""
    stores: str = ""
    """What it keeps beyond one call, in words; empty for nothing."""
    retention: str = ""
    """How long it keeps that, in words; empty where it keeps nothing."""

    def __post_init__(self) -> None:
        if not self.licence:
            raise Misconfigured("a declaration names the licence")
        if bool(self.stores) != bool(self.retention):
            raise Misconfigured("a declaration says how long what is stored is kept")


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
    proofs: bool = False
    """Whether `DocumentPackage.proofs` is wanted: the signed statements and log receipts."""
    container: Literal["", "asic-e"] = ""
    """`asic-e`: the gateway packs the written files into one ASiC-E container (ETSI EN 319 162-1)
    and signs it with the X.509 key of its settings; the format never sees that key."""

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
class ConsentTerms:
    """What the person allowed, as far as a format may want to say it; she herself stays unnamed."""

    id: str
    """Of the consent record."""
    agreement: str
    """Id of the cooperation agreement it stands under."""
    subject_ref: str
    """Random reference to the person; only the agencies know who she is."""
    purpose: Label
    purpose_words: str
    """The words of the purpose that the person was shown."""
    categories: tuple[Label, ...]
    releasers: tuple[str, ...]
    """Ids of the agencies that may disclose."""
    recipients: tuple[str, ...]
    form: str
    """`written`, `electronic` or `oral-minuted`."""
    collected_by: str
    """Id of the agency that took the consent down."""
    collected_at: datetime
    valid_from: datetime
    valid_until: datetime
    """First moment at which it is no longer valid."""
    sha256: str
    """Digest of the signed record, 64 lowercase hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A signed statement or a log receipt about the document: text, byte for byte as verified."""

    kind: Literal["manifest", "consent", "stored", "collected"]
    """Signed manifest, signed consent record, receipt of the sending, receipt of the collection."""
    name: str
    """Name for a file of it, such as `manifest.jws` or `stored.tlog-proof`."""
    content: str


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
    consent: ConsentTerms | None = None
    """Under which it came; the gateway always says it, None is for tests of the author's."""
    proofs: tuple[Proof, ...] = ()
    """What proves it; filled only for formats whose capabilities ask for it."""


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


class Connections(Protocol):
    """Opens connections to the addresses that the settings of this plugin name, and no other."""

    async def connect(self, name: str) -> socket.socket:
        """Return a connected TCP socket; speak TLS over it yourself, with the name you expect.

        The gateway opens it and hands it over: the worker itself can reach nothing.

        Args:
            name: one of the keys of `addresses` in the plugin's table of the settings.

        Raises:
            Unavailable: nobody listens there now.
            Misconfigured: the settings name no such address.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One file that intake has made of a document."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    """64 lowercase hex digits."""
    path: Path
    """Where it lies; read only, gone when the delivery ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFolder:
    """What intake has made of one document: what a delivery hands on."""

    disclosure_id: str
    """UUID; the same at every repetition: receivers drop the second by it."""
    folder: str
    """Name of the folder in the spool; says nothing of the content."""
    sender: str
    """Id of the sending agency."""
    sender_name: str
    purpose: Label
    category: Label
    secrecy: Label
    collected_at: datetime
    files: tuple[DeliveredFile, ...]
    """In the order of import."""


class Delivery(Protocol):
    """Hands converted documents to one system of the agency, such as a case tool."""

    @property
    def key(self) -> str:
        """Name under which settings choose it, such as `casetool`; constant."""
        ...

    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        """Hand over one converted document; return when the other system has it for good.

        Runs in a process of its own, behind the walls of intake formats, with the secrets of its
        own table and no other document. Repeated until it returns, also after a crash that it
        cannot know of: hand over under `disclosure_id`, so that twice is once.

        Raises:
            Unavailable: not now; repeated later.
            Undeliverable: never; the document stays in the spool and the office is told.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """One file that a back office has exported, to be sent."""

    name: str
    media_type: str
    """Guessed by its name; the adapter checks for itself."""
    size: int
    """Bytes."""
    path: Path
    """Where the content lies; read only, gone when the reading ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFile:
    """One file to send that an outgoing format has written into its target folder."""

    name: str
    """Name in the target folder, no path."""
    media_type: str
    third_party: bool = False
    """Whether it also tells of other persons, inseparably (§ 67d SGB X)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPackage:
    """What a back office wants to send, as its export says it. Empty: the export does not say."""

    files: tuple[OutgoingFile, ...]
    """At least one, in the order of reading: exactly those that lie in the target folder."""
    profile: str = FILES
    """What the files promise the recipient; `files/1` if he needs no format to read them."""
    category: str = ""
    """Code of the kind of document."""
    reference: str = ""
    """File number of the sender."""
    remark: str = ""
    """Words for the reader."""


class OutgoingFormat(Protocol):
    """Reads what one kind of back office exports, so that it can be sent."""

    @property
    def key(self) -> str:
        """Name under which settings and callers choose it, such as `xdomea`; constant."""
        ...

    @property
    def media_types(self) -> frozenset[str]:
        """Media types of the exported files it reads; constant."""
        ...

    @property
    def max_size(self) -> int:
        """Bytes of all exported files together; constant."""
        ...

    async def read(self, exported: Sequence[ExportedFile], target: Path) -> OutgoingPackage:
        """Write the files to be sent into `target` and say what the export says of them.

        Runs where and as intake formats run: without keys, network and other documents.

        Args:
            exported: at least one file, at most `max_size` bytes together.
            target: empty folder; nothing outside it can be written.

        Raises:
            Malformed: it is no such export; nothing is sent.
        """
        ...


class Verdict(StrEnum):
    """What an evidence verifier has found."""

    SIGNED = "signed"
    """A valid signature over the whole, made with a certificate that the settings trust."""
    UNSIGNED = "unsigned"
    """No signature at all: a scan, for example. People look at it, as at any paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFound:
    """What the evidence of a consent, such as a signed form, shows by itself."""

    verdict: Verdict
    signed_at: datetime | None = None
    """When it says that it was signed, aware; None where it says nothing."""


class EvidenceVerifier(Protocol):
    """Looks at the evidence of a consent before the consent is recorded."""

    @property
    def key(self) -> str:
        """Name under which settings choose it; constant."""
        ...

    @property
    def media_types(self) -> frozenset[str]:
        """Media types it looks at; other evidence passes it by. Constant."""
        ...

    async def verify(self, evidence: ExportedFile) -> EvidenceFound:
        """Say what `evidence` shows.

        Runs where and as intake formats run.

        Raises:
            Malformed: it is broken or forged, or signed with a certificate nobody trusts: no
                consent is recorded on it.
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
    subject: str
    """One line that names the kind, in `language`; the same for every occasion of the kind."""
    text: str
    """Lines, the last one ended, in `language`; the same for every occasion of the kind."""


class Channel(Protocol):
    """Delivers notices in one way, such as e-mail."""

    @property
    def key(self) -> str:
        """Name under which agencies choose this channel, such as `smtp`; constant."""
        ...

    async def send(self, notice: Notice) -> None:
        """Deliver `notice` in its own words, all or none of them, and add nothing to them.

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
    def declare_plugin(self) -> Declaration:  # type: ignore[empty-body]
        """Say for which contract this plugin was written, and what it does with personal data.

        Called: once per start of each process that runs the plugin, before any other hook.
        Returns: one declaration; another contract, or none, stops the start and names the plugin.
        Raises: nothing; any exception stops the start.
        Source: Art. 30(1) GDPR, for what is declared.
        """

    @hookspec
    def register_intake_formats(self, settings: Settings) -> Sequence[IntakeFormat]:  # type: ignore[empty-body]
        """Return the intake formats this plugin provides.

        Called: once per start of each intake worker, before its first package.
        Returns: any number of formats; two formats for one profile stop the start.
        Raises: Misconfigured for settings it cannot work with; any exception stops the start
            and names the plugin.
        Source: the partner's import specification; cite name and version in your class docstring.
        """

    @hookspec
    def register_deliveries(self, settings: Settings, secrets: Secrets) -> Sequence[Delivery]:  # type: ignore[empty-body]
        """Return the deliveries this plugin provides.

        Called: once per start of each delivery worker, before its first document.
        Returns: any number of deliveries; two with one key stop the start.
        Raises: Misconfigured for settings or secrets it cannot work with; any exception stops the
            start and names the plugin.
        Source: the interface of the receiving system; cite it in your class docstring.
        """

    @hookspec
    def register_outgoing_formats(self, settings: Settings) -> Sequence[OutgoingFormat]:  # type: ignore[empty-body]
        """Return the outgoing formats this plugin provides.

        Called: once per start of each worker that reads exports, before its first export.
        Returns: any number of formats; two with one key stop the start.
        Raises: Misconfigured for settings it cannot work with; any exception stops the start
            and names the plugin.
        Source: the export specification of the back office; cite it in your class docstring.
        """

    @hookspec
    def register_evidence_verifiers(self, settings: Settings) -> Sequence[EvidenceVerifier]:  # type: ignore[empty-body]
        """Return the evidence verifiers this plugin provides.

        Called: once per start of each worker that looks at evidence, before its first file.
        Returns: any number of verifiers; two with one key stop the start.
        Raises: Misconfigured for settings it cannot work with; any exception stops the start
            and names the plugin.
        Source: the specification of the signature format; cite it in your class docstring.
        """


class HubHooks:
    """Hooks of the hub, entry-point group ``exchange.hub``. They run inside the hub."""

    @hookspec
    def declare_plugin(self) -> Declaration:  # type: ignore[empty-body]
        """Say for which contract this plugin was written, and what it does with personal data.

        Called: once per start of the hub, before any other hook.
        Returns: one declaration; another contract, none, or `sees_plaintext` stops the start and
            names the plugin.
        Raises: nothing; any exception stops the start.
        Source: Art. 30(2) GDPR, for what is declared.
        """

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
