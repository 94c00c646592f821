"""The whole plugin contract: values, adapters and the hooks that register them.

Hooks are synchronous and only register, once per start; adapters work, one at a time, addressed
by key. Nothing here knows the rest of the exchange, so a change inside cannot break a partner.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import pluggy

from exchange.hookvalues import (
    ASCII_NAMES,
    CONTRACT,
    EVERY_CHARACTER,
    FILES,
    Capabilities,
    ConsentTerms,
    Declaration,
    DeliveredFile,
    DeliveredFolder,
    DisclosureAsked,
    DocumentFile,
    DocumentPackage,
    EvidenceFound,
    ExportedFile,
    IntakeFile,
    Label,
    Notice,
    NoticeKind,
    OutgoingFile,
    OutgoingPackage,
    Proof,
    Secrets,
    Settings,
    Verdict,
)

if TYPE_CHECKING:
    # No worker but that of a delivery has any use for sockets, none for paths before its first
    # document.
    import socket
    from pathlib import Path

__all__ = [  # what plugins may import, and the only module they import it from
    "AGENCY_GROUP",
    "ASCII_NAMES",
    "CONTRACT",
    "EVERY_CHARACTER",
    "FILES",
    "HUB_GROUP",
    "PROJECT",
    "AgencyHooks",
    "Capabilities",
    "Channel",
    "Connections",
    "ConsentTerms",
    "Declaration",
    "DeliveredFile",
    "DeliveredFolder",
    "Delivery",
    "DisclosureAsked",
    "DocumentFile",
    "DocumentPackage",
    "EvidenceFound",
    "EvidenceVerifier",
    "ExportedFile",
    "GateVeto",
    "HubHooks",
    "IntakeFile",
    "IntakeFormat",
    "Label",
    "Notice",
    "NoticeKind",
    "OutgoingFile",
    "OutgoingFormat",
    "OutgoingPackage",
    "Proof",
    "Secrets",
    "Settings",
    "Verdict",
    "hookimpl",
    "hookspec",
]

PROJECT: Final = "exchange"
"""Name that ties the markers below to the manager that reads them."""
AGENCY_GROUP: Final = "exchange.agency"
"""Entry-point group of plugins that run in the agency, where plaintext is."""
HUB_GROUP: Final = "exchange.hub"
"""Entry-point group of plugins that run inside the hub and are trusted like it."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class IntakeFormat(Protocol):
    """Converts document packages of some profiles into what one back office imports."""

    @property
    def capabilities(self) -> Capabilities:
        """What this format takes; constant."""
        ...

    async def convert(self, package: DocumentPackage, target: "Path") -> Sequence[IntakeFile]:
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

    async def connect(self, name: str) -> "socket.socket":
        """Return a connected TCP socket; speak TLS over it yourself, with the name you expect.

        The gateway opens it and hands it over: the worker itself can reach nothing. Close it when
        done; `asyncio.open_connection(sock=...)` takes it as it is.

        Args:
            name: one of the keys of `addresses` in the plugin's table of the settings.

        Raises:
            Unavailable: nobody listens there now.
            Misconfigured: the settings name no such address.
        """
        ...


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

    async def read(self, exported: Sequence[ExportedFile], target: "Path") -> OutgoingPackage:
        """Write the files to be sent into `target` and say what the export says of them.

        Runs where and as intake formats run: without keys, network and other documents.

        Args:
            exported: at least one file, at most `max_size` bytes together.
            target: empty folder; nothing outside it can be written.

        Raises:
            Malformed: it is no such export; nothing is sent.
        """
        ...


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
