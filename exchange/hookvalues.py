"""Values of the plugin contract: what adapters are given, and what they return.

Plugins import them from `exchange.hookspecs`, where the adapters and the hooks stand. Contents of
documents are never in a value: they stay on disk, at a path.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from exchange.canonical import Json
from exchange.errors import Misconfigured
from exchange.values import dataclass

if TYPE_CHECKING:  # a worker is ready before there is a moment or a path: see docs/performance.md
    from datetime import datetime
    from pathlib import Path

CONTRACT: Final = 1
"""Version of this contract. It grows when a plugin written for an earlier one could break; a plugin
says in its `Declaration` which one it was written for, and another number stops the start."""

Settings: TypeAlias = Mapping[str, Json]
"""The plugin's own table of the settings, and no other; with `reads`, if it has that, and without
`distribution`, `addresses` and `secrets`, which are the exchange's."""
Secrets: TypeAlias = Mapping[str, str]
"""Contents of the files that `secrets` in the plugin's table names, by the names given there."""

FILES: Final = "files/1"
"""Profile of a package that promises nothing but files a person can read."""
EVERY_CHARACTER: Final = "*"
"""As `name_alphabet`: the back office takes every name the exchange admits (`*` is in none)."""
ASCII_NAMES: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
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
    """Of the vocabulary, or of an agreement's own."""
    de: str
    """In German."""
    en: str
    """In English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFile:
    """One file of a document package; its content stays on disk."""

    name: str
    """Unique in its package, at most 255 bytes, free of path, control and direction characters."""
    media_type: str
    """What the sender claims; the adapter checks for itself."""
    size: int
    """Bytes; 0 is a size too."""
    sha256: str
    """64 lowercase hex digits, verified by the gateway."""
    path: "Path"
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
    """What the documents are for."""
    purpose_words: str
    """The words of the purpose that the person was shown."""
    categories: tuple[Label, ...]
    """Kinds of documents she allows, at least one."""
    releasers: tuple[str, ...]
    """Ids of the agencies that may disclose."""
    recipients: tuple[str, ...]
    """Ids of the agencies they may be disclosed to."""
    form: str
    """`written`, `electronic` or `oral-minuted`."""
    collected_by: str
    """Id of the agency that took the consent down."""
    collected_at: "datetime"
    """When it did."""
    valid_from: "datetime"
    """First moment at which it is valid."""
    valid_until: "datetime"
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
    """JSON of a JWS, or the text of a C2SP tlog-proof."""


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
    """What it was disclosed for."""
    category: Label
    """Kind of document."""
    secrecy: Label
    """Class: `personal`, `social`, `professional` or `entrusted`."""
    sent_at: "datetime"
    """When the sender signed, aware."""
    collected_at: "datetime"
    """When the recipient was given the key, aware."""
    files: tuple[DocumentFile, ...]
    """From 1 to 1,000, at most 1 GiB together, in the order of the contents list."""
    remark: str = ""
    """Words of the sender for the reader, at most 4,000 characters, perhaps in lines; empty when
    there are none."""
    reference: str = ""
    """The sender's file number, one line of at most 500 characters; empty when there is none."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One file that intake has made of a document."""

    name: str
    """Unique in its folder, at most 255 bytes; no path."""
    size: int
    """Bytes."""
    sha256: str
    """64 lowercase hex digits."""
    path: "Path"
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
    """Public name of the sending office."""
    purpose: Label
    """What it was disclosed for."""
    category: Label
    """Kind of document."""
    secrecy: Label
    """Class: `personal`, `social`, `professional` or `entrusted`."""
    collected_at: "datetime"
    """When this agency was given the key, aware."""
    files: tuple[DeliveredFile, ...]
    """At least one, in the order of import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """One file of the agency itself: exported to be sent, or the evidence of a consent."""

    name: str
    """Unique among the files given together; no path."""
    media_type: str
    """Guessed by its name; the adapter checks for itself."""
    size: int
    """Bytes."""
    path: "Path"
    """Where the content lies; read only, gone when the reading ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFile:
    """One file to send that an outgoing format has written into its target folder."""

    name: str
    """Name in the target folder, no path."""
    media_type: str
    """Lower case, without parameters."""
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
    """File number of the sender, one line of at most 500 characters."""
    remark: str = ""
    """Words for the reader, at most 4,000 characters."""


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
    """What it comes to."""
    signed_at: "datetime | None" = None
    """When it says that it was signed, aware; None where it says nothing."""


class NoticeKind(StrEnum):
    """What a notice says: that somebody should look, never at what."""

    WAITING = "waiting"
    """Something may lie in the inbox."""
    REMINDER = "reminder"
    """It may still lie there."""
    TASK = "task"
    """There is something to do within a time limit, such as an erasure."""
    TECHNICAL = "technical"
    """The connection of the agency needs its IT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification without content, to one address."""

    id: str
    """Random UUID; the same at every repetition, so that a receiver can drop the second."""
    kind: NoticeKind
    """Why somebody should look."""
    language: str
    """`de`, `en` or `de-simple`."""
    address: str
    """Where to, in the words of the channel: for `smtp` a mail address."""
    subject: str
    """One line that names the kind, in `language`; the same for every occasion of the kind."""
    text: str
    """Lines, the last one ended, in `language`; the same for every occasion of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureAsked:
    """A disclosure the gate is about to decide on: codes only, all that the hub knows of it."""

    sender: str
    """Id of the sending agency."""
    recipients: frozenset[str]
    """Ids of the agencies it is addressed to."""
    purpose: str
    """Code of what it is for."""
    category: str
    """Code of the kind of document."""
    secrecy: str
    """Class: `personal`, `social`, `professional` or `entrusted`."""
