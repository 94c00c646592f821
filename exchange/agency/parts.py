"""The parts of a gateway, as verbs get them: built once, in `exchange.agency.app`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from exchange.agency.client import HubClient
from exchange.agency.disk_room import DiskRoom
from exchange.agency.home import Home
from exchange.agency.keyfiles import KeyFiles
from exchange.agency.log import Log
from exchange.agency.origins import Origins
from exchange.agency.partners import Partners
from exchange.agency.records import Records
from exchange.agency.rekey import Ring
from exchange.agency.settings import GatewaySettings
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.signing import IdentityKey
from exchange.sqlite import SqliteDatabase

Clock: TypeAlias = Callable[[], datetime]
"""Returns the aware moment of now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What speaks for the agency without its state: it can stand beside a running gateway."""

    settings: GatewaySettings
    home: Home
    files: KeyFiles
    identity: IdentityKey = field(repr=False)
    client: HubClient
    clock: Clock

    @property
    def agency(self) -> str:
        """Id of this agency."""
        return self.settings.agency


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One agency's side of the exchange, ready to work."""

    settings: GatewaySettings
    home: Home
    identity: IdentityKey = field(repr=False)
    document_keys: Mapping[str, DocumentKey] = field(repr=False)
    """By fingerprint: every document key that is still held."""
    ring: Ring
    """The key files, and what this agency has said about its keys."""
    client: HubClient
    state: SqliteDatabase
    partners: Partners
    """Whom this agency trusts, and to which keys it seals."""
    records: Records
    """Consents and agreements, verified."""
    origins: Origins
    """Which files came from other agencies."""
    log: Log
    """What the hub's log has shown here, and the policy that judges it."""
    room: DiskRoom
    """What documents on their way out may take of the disk."""
    clock: Clock
    sending: set[str] = field(default_factory=set)
    """Ids of disclosures being uploaded now: each by one task at a time."""

    @property
    def agency(self) -> str:
        """Id of this agency."""
        return self.settings.agency

    @property
    def desk(self) -> Desk:
        """What speaks for the agency."""
        return Desk(
            settings=self.settings,
            home=self.home,
            files=self.ring.files,
            identity=self.identity,
            client=self.client,
            clock=self.clock,
        )
