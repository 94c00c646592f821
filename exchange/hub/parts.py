"""The parts of a running hub, as one frozen value that every verb takes first.

Built in `exchange.hub.app`. The keys in it sign for the log; nothing in it opens a document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from exchange.database import Database
from exchange.hookspecs import Channel, GateVeto
from exchange.hub.directory import Directory
from exchange.hub.heads import Heads
from exchange.hub.line import Line
from exchange.hub.news import News
from exchange.hub.records import Records
from exchange.hub.running import Running
from exchange.hub.signer import Signer
from exchange.hub.storage.blobs import Blobs
from exchange.hub.storage.vault import Vault
from exchange.hub.streams import Streams

Clock: TypeAlias = Callable[[], datetime]
"""Returns the present moment, aware; only the composition root owns a real one."""
SWEEP: Final = "sweep"
"""Name of the loop that keeps deadlines; see `Hub.rounds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Figures that verbs decide with; their meaning is documented in `exchange.hub.settings`."""

    max_size: int
    """Bytes of a sealed document."""
    incomplete: timedelta
    reminder: timedelta
    expiry: timedelta
    erasure_due: timedelta
    erasure_reminder: timedelta
    rekey: timedelta
    """Age from which the operator is reminded to change the vault's key."""
    witness_alarm: timedelta
    """How long heads of the log may be without their quorum before it is an alarm."""
    witness_stop: timedelta
    """The same, before nothing new is disclosed."""
    open_uploads: int
    open_requests: int
    """Document requests of one agency whose deadline has not passed."""
    waiting: int
    """Disclosures of one sender that are stored and not acknowledged."""
    stored: int
    """Bytes of payloads of one sender."""
    reserve: int
    """Bytes that stay free on the disk."""
    electronic: bool
    """Whether persons may consent with a key of their own."""
    demo: bool


@dataclass(slots=True)
class Occupied:
    """What a sender occupies, as last read and counted on since."""

    read_at: datetime
    uploads: int
    waiting: int
    stored: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Everything a verb may use."""

    home: Path
    """Directory of the databases and payloads."""
    db: Database
    vault: Vault
    blobs: Blobs
    clock: Clock
    origin: str
    """Scheme, host and port; issuer and audience of tokens."""
    rules: Rules
    directory: Directory
    records: Records
    line: Line
    """To the other replicas."""
    news: News
    streams: Streams
    signer: Signer
    """Of the log."""
    heads: Heads
    channels: Mapping[str, Channel]
    vetoes: Mapping[str, GateVeto]
    plugins: tuple[Running, ...]
    """Those behind channels and vetoes, as they declare themselves."""
    settings_sha256: str
    """Of the settings it runs with, in hex; see `exchange.hub.running`."""
    occupied: dict[str, Occupied] = field(default_factory=dict)
    """By sender; see `exchange.hub.quota`."""
    missing: dict[str, datetime] = field(default_factory=dict)
    """Payloads that a row names and their store does not have, by name; since when."""
    rounds: dict[str, datetime] = field(default_factory=dict)
    """When a loop of this process last ended a round in which nothing failed, by its name."""
